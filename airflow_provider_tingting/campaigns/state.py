"""The state machine of a run: what a task knows, what a read shows, and what follows from both.

`JobState` is a small JSON value that outlives a try. `DECISIONS` and `KNOWN_AFTER` are the whole policy; `job` carries
it out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import Enum
from typing import Any, Final

_VERSION = 2


class RunRequest(str, Enum):
    """What is known of the requests to run a campaign; from the weakest member to the strongest."""

    NEVER = "never"
    """No request was sent, or each one was certainly not carried out."""
    MAYBE = "maybe"
    """A request was sent and had no usable response: TingTing may carry it out."""
    ACCEPTED = "accepted"
    """TingTing accepted a request, or has shown the campaign as begun. The campaign is never requested again."""


class Seen(Enum):
    """What a read of the campaign shows."""

    NOT_STARTED = "Not Started"
    BEGUN = "begun"
    NO_ANSWER = "no usable answer"


class Decision(Enum):
    """What `run_once` does next."""

    REQUEST = "pass the start gate, then request the run"
    ADOPT = "adopt the campaign if it is this task's, otherwise refuse it"
    FAIL = "raise the error of the read"
    SETTLE = "read on until the earlier request has settled, then request again"
    READ_ON = "read on until the earlier request has settled, then raise"
    DONE = "return the campaign"
    RETURN = "return: the campaign is never requested again, the wait sees it begin"


DECISIONS: Final[Mapping[tuple[RunRequest, Seen], Decision]] = {
    (RunRequest.NEVER, Seen.NOT_STARTED): Decision.REQUEST,
    (RunRequest.NEVER, Seen.BEGUN): Decision.ADOPT,
    (RunRequest.NEVER, Seen.NO_ANSWER): Decision.FAIL,
    (RunRequest.MAYBE, Seen.NOT_STARTED): Decision.SETTLE,
    (RunRequest.MAYBE, Seen.BEGUN): Decision.DONE,
    (RunRequest.MAYBE, Seen.NO_ANSWER): Decision.READ_ON,
    (RunRequest.ACCEPTED, Seen.NOT_STARTED): Decision.RETURN,
    (RunRequest.ACCEPTED, Seen.BEGUN): Decision.DONE,
    (RunRequest.ACCEPTED, Seen.NO_ANSWER): Decision.RETURN,
}


class Response(Enum):
    """The kinds of response to a request to run a campaign."""

    ACCEPTED = "accepted"
    UNKNOWN = "no usable response"
    NOT_DONE = "never sent, 429, or refused"


#: An earlier request without a usable response is not forgotten when a later one was certainly not carried out.
KNOWN_AFTER: Final[Mapping[tuple[RunRequest, Response], RunRequest]] = {
    (RunRequest.NEVER, Response.ACCEPTED): RunRequest.ACCEPTED,
    (RunRequest.NEVER, Response.UNKNOWN): RunRequest.MAYBE,
    (RunRequest.NEVER, Response.NOT_DONE): RunRequest.NEVER,
    (RunRequest.MAYBE, Response.ACCEPTED): RunRequest.ACCEPTED,
    (RunRequest.MAYBE, Response.UNKNOWN): RunRequest.MAYBE,
    (RunRequest.MAYBE, Response.NOT_DONE): RunRequest.MAYBE,
}

_STRENGTH = list(RunRequest)


@dataclass(frozen=True)
class JobState:
    """What is known of one campaign.

    :param campaign_id: the campaign, once it is known.
    :param fingerprint: of the campaign's content, so that a task whose content has changed does not use it.
    :param create_requested_at: when a create request was sent whose outcome is unknown, in seconds since 1970.
    :param run: what is known of the requests to run the campaign.
    :param run_requested_at: when the last request without a usable response was sent, in seconds since 1970.
    :param seen_not_started: whether a try of this task has seen the campaign `Not Started`.
    """

    campaign_id: int | None = None
    fingerprint: str | None = None
    create_requested_at: float | None = None
    run: RunRequest = RunRequest.NEVER
    run_requested_at: float | None = None
    seen_not_started: bool = False

    def merged(self, other: JobState) -> JobState:
        """Return this state with whatever another source knows more of the same campaign.

        :param other: for example what another try has saved; a state of another campaign changes nothing.
        """
        if other.campaign_id != self.campaign_id:
            return self
        times = [at for at in (self.run_requested_at, other.run_requested_at) if at is not None]
        return replace(
            self,
            run=max(self.run, other.run, key=_STRENGTH.index),
            run_requested_at=max(times, default=None),
            seen_not_started=self.seen_not_started or other.seen_not_started,
        )

    def to_json(self) -> dict[str, Any]:
        """Return the state as a JSON object."""
        return {"version": _VERSION, **asdict(self), "run": self.run.value}

    @classmethod
    def from_json(cls, saved: object) -> JobState:
        """Read a saved state; return an empty one for a value that cannot be read.

        :param saved: what `to_json` has returned, or None.
        """
        if not isinstance(saved, Mapping) or saved.get("version") != _VERSION:
            return cls()
        try:
            state = cls(
                **{name: saved.get(name, default) for name, default in asdict(cls()).items() if name != "run"},
                run=RunRequest(saved.get("run")),
            )
        except ValueError:
            return cls()
        readable = (
            isinstance(state.campaign_id, int | None)
            and isinstance(state.fingerprint, str | None)
            and isinstance(state.create_requested_at, int | float | None)
            and isinstance(state.run_requested_at, int | float | None)
            and isinstance(state.seen_not_started, bool)
        )
        return state if readable else cls()
