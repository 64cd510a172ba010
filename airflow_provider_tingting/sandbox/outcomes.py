"""The outcome of each call, fixed in advance: the same seed, campaign, run and number always have the same outcome.

TingTing publishes no prices. The sandbox charges one credit for each started 30 seconds of an answered call, twice that
with a premium voice, and one credit for each part of an SMS.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass

from airflow_provider_tingting.contacts.numbers import carrier

#: The default share of each final status.
DEFAULT_SHARES: Mapping[str, float] = {"completed": 0.55, "hungup": 0.15, "unanswered": 0.22, "failed": 0.08}

SECONDS_A_CREDIT = 30


@dataclass(frozen=True)
class Plan:
    """The plan of one call or SMS; times are seconds after dialling.

    :param status: the contact's final status.
    :param rings_after: when the phone rings; None when it does not.
    :param answered_after: when the contact answers; None when the contact does not.
    :param ends_after: when the call ends.
    :param duration: length of the answered call in seconds.
    :param playback: percent of the message heard; None when not answered or not a call.
    """

    status: str
    rings_after: float | None
    answered_after: float | None
    ends_after: float
    duration: int = 0
    playback: int | None = None


class Outcomes:
    """Plans calls.

    :param seed: another seed gives other outcomes.
    :param shares: weight of each final status, such as `{"completed": 3, "failed": 1}`; None means the defaults.
    :raises ValueError: an unknown status, or weights that are negative or all 0.
    """

    def __init__(self, seed: int, shares: Mapping[str, float] | None = None) -> None:
        self.seed = seed
        self.shares = dict(DEFAULT_SHARES if shares is None else shares)
        unknown = sorted(set(self.shares) - set(DEFAULT_SHARES))
        if unknown:
            raise ValueError(f"unknown outcome: {', '.join(unknown)}; choose from {', '.join(DEFAULT_SHARES)}")
        weights = self.shares.values()
        if not all(math.isfinite(weight) and weight >= 0 for weight in weights) or sum(weights) <= 0:
            raise ValueError("the shares must be numbers of at least 0, with at least one above 0")
        self._scripted: dict[str, str] = {}

    def script(self, number: str, status: str) -> None:
        """Make every later call to a number end with this status.

        :param number: the number.
        :param status: `completed`, `hungup`, `unanswered` or `failed`.
        :raises ValueError: there is no such final status.
        """
        if status not in DEFAULT_SHARES:
            raise ValueError(f"unknown outcome: {status!r}; choose from {', '.join(DEFAULT_SHARES)}")
        self._scripted[number] = status

    def plan_call(self, campaign_id: int, run: int, number: str, speech_seconds: int) -> Plan:
        """Return the plan of a call.

        :param run: the number of the campaign's run, from 1.
        :param number: the number.
        :param speech_seconds: how long the whole message takes to speak.
        """
        outcome, dialling, ringing, share = self._draws(campaign_id, run, number)
        status = self._scripted.get(number) or self._choose(outcome)
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
        """Return the plan of an SMS without a call; SMS fail with the same share as calls.

        :param run: the number of the campaign's run, from 1.
        :param number: the number.
        """
        outcome, delay, _, _ = self._draws(campaign_id, run, number)
        failing = self.shares.get("failed", 0.0) / sum(self.shares.values())
        scripted = self._scripted.get(number)
        failed = scripted == "failed" if scripted else outcome >= 1 - failing
        return Plan("failed" if failed else "completed", None, None, 1 + 4 * delay)

    def _choose(self, draw: float) -> str:
        rest = draw * sum(self.shares.values())
        for status, weight in self.shares.items():
            rest -= weight
            if rest < 0:
                return status
        return next(status for status in reversed(self.shares) if self.shares[status] > 0)

    def _draws(self, campaign_id: int, run: int, number: str) -> tuple[float, float, float, float]:
        # A hash instead of `random.Random`, whose seeding takes thirty times as long, once for each contact.
        key = f"{self.seed}/{campaign_id}/{run}/{number}".encode()
        digest = hashlib.blake2b(key, digest_size=16).digest()
        first, second, third, fourth = (int.from_bytes(digest[at : at + 4], "big") / 2**32 for at in range(0, 16, 4))
        return first, second, third, fourth


def call_credits(duration: int, *, premium: bool) -> int:
    """Return the credits of an answered call.

    :param duration: its length in seconds.
    :param premium: whether the voice is a premium one.
    """
    return math.ceil(duration / SECONDS_A_CREDIT) * (2 if premium else 1)


def carrier_of(number: str) -> str:
    """Return the carrier of a number as TingTing names it: `NTC`, `Ncell` or `other`.

    :param number: the number.
    """
    return carrier(number[-10:])


def speech_seconds(text: str, length_factor: float = 1.0) -> int:
    """Return how long the sandbox takes to speak a text: two seconds, and one for every fourteen characters.

    :param text: the text.
    :param length_factor: how many times slower than usual it is spoken; default 1.
    """
    return max(1, math.ceil((2 + len(text) / 14) * length_factor))
