"""How each contact ends, decided beforehand: the same seed, campaign, run and number always end the same way.

Standard library only. What a call costs is the sandbox's own rule; TingTing publishes none: a credit for every 30
seconds begun of an answered call, twice that with a premium voice, and a credit for each part of an SMS.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass

#: The share of each ending when nothing else is asked for.
USUAL_SHARES: Mapping[str, float] = {"completed": 0.55, "hungup": 0.15, "unanswered": 0.22, "failed": 0.08}

SECONDS_A_CREDIT = 30


@dataclass(frozen=True)
class Plan:
    """One call or SMS from dialling to its end; the times are seconds after dialling.

    :param status: the contact's status in the end.
    :param rings_after: when it rings; None when it never does.
    :param answered_after: when it is answered; None when it never is.
    :param ends_after: when it is over.
    :param duration: seconds talked.
    :param playback: percent of the message heard; None when not answered or not a call.
    """

    status: str
    rings_after: float | None
    answered_after: float | None
    ends_after: float
    duration: int = 0
    playback: int | None = None


class Outcomes:
    """Decides how contacts end.

    :param seed: another seed gives other endings.
    :param shares: weight of each ending, such as `{"completed": 3, "failed": 1}`; None means the usual.
    :raises ValueError: an ending that does not exist, or weights that add up to nothing.
    """

    def __init__(self, seed: int, shares: Mapping[str, float] | None = None) -> None:
        self.seed = seed
        self.shares = dict(USUAL_SHARES if shares is None else shares)
        strangers = sorted(set(self.shares) - set(USUAL_SHARES))
        if strangers:
            raise ValueError(f"no such ending: {', '.join(strangers)}; there are {', '.join(USUAL_SHARES)}")
        weights = self.shares.values()
        if not all(math.isfinite(weight) and weight >= 0 for weight in weights) or sum(weights) <= 0:
            raise ValueError("the shares must be numbers of at least 0, one of them above 0")
        self._scripted: dict[str, str] = {}

    def script(self, number: str, status: str) -> None:
        """Make every later call to a number end with this status.

        :raises ValueError: there is no such ending.
        """
        if status not in USUAL_SHARES:
            raise ValueError(f"no such ending: {status!r}; there are {', '.join(USUAL_SHARES)}")
        self._scripted[number] = status

    def plan_call(self, campaign_id: int, run: int, number: str, speech_seconds: int) -> Plan:
        """Plan a call that would take so long to say its message."""
        ending, dialling, ringing, share = self._draws(campaign_id, run, number)
        status = self._scripted.get(number) or self._choose(ending)
        if status == "failed":
            return Plan(status, None, None, 1 + 2 * dialling)
        rings = 1 + 2 * dialling
        if status == "unanswered":
            return Plan(status, rings, None, rings + 20 + 10 * ringing)
        answered = rings + 2 + 10 * ringing
        heard = 1.0 if status == "completed" else 0.05 + 0.9 * share
        duration = max(1, round(speech_seconds * heard))
        return Plan(status, rings, answered, answered + duration, duration, round(100 * heard))

    def plan_sms(self, campaign_id: int, run: int, number: str) -> Plan:
        """Plan a contact that only gets an SMS: it arrives, or it fails as rarely as calls do."""
        ending, delay, _, _ = self._draws(campaign_id, run, number)
        failing = self.shares.get("failed", 0.0) / sum(self.shares.values())
        scripted = self._scripted.get(number)
        failed = scripted == "failed" if scripted else ending >= 1 - failing
        return Plan("failed" if failed else "completed", None, None, 1 + 4 * delay)

    def _choose(self, draw: float) -> str:
        rest = draw * sum(self.shares.values())
        for status, weight in self.shares.items():
            rest -= weight
            if rest < 0:
                return status
        return next(status for status in reversed(self.shares) if self.shares[status] > 0)

    def _draws(self, campaign_id: int, run: int, number: str) -> tuple[float, float, float, float]:
        # A hash and not `random.Random`: seeding one costs thirty times as much, once a contact.
        key = f"{self.seed}/{campaign_id}/{run}/{number}".encode()
        digest = hashlib.blake2b(key, digest_size=16).digest()
        first, second, third, fourth = (int.from_bytes(digest[at : at + 4], "big") / 2**32 for at in range(0, 16, 4))
        return first, second, third, fourth


def call_credits(duration: int, *, premium: bool) -> int:
    """Return what an answered call costs."""
    return math.ceil(duration / SECONDS_A_CREDIT) * (2 if premium else 1)


#: The first three digits of Nepal's mobile numbers, by who runs the network (the regulator's numbering plan).
_CARRIERS = {
    **dict.fromkeys(("984", "985", "986", "974", "975", "976"), "NTC"),
    **dict.fromkeys(("980", "981", "982", "970"), "Ncell"),
}


def carrier_of(number: str) -> str:
    """Name the network of a number as TingTing does: `NTC`, `Ncell` or `other`."""
    return _CARRIERS.get(number[-10:][:3], "other")
