"""The state of one campaign as a try knows it, saved so that other tries of the task can load it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from enum import Enum
from typing import Any, Final

from airflow_provider_tingting.clock import MAX_CLOCK_SKEW, monotonic, wall_time

_VERSION = 2
#: After a request to run without a usable response, the status is read for this many seconds before another request. A
#: server has been seen to carry out a request two minutes after it was sent.
RUN_SETTLES_WITHIN = 125.0


class RunRequest(str, Enum):
    """What is known of the requests to run a campaign; from the weakest member to the strongest."""

    NEVER = "never"
    """No request was sent, or each one was certainly not carried out."""
    MAYBE = "maybe"
    """A request was sent and had no usable response: TingTing may carry it out."""
    ACCEPTED = "accepted"
    """TingTing accepted a request, or has shown the campaign as begun. The campaign is never requested again."""


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
    :param stop_requested_at: when a try has requested to stop the campaign because its calling window has closed, in
        seconds since 1970.
    """

    campaign_id: int | None = None
    fingerprint: str | None = None
    create_requested_at: float | None = None
    run: RunRequest = RunRequest.NEVER
    run_requested_at: float | None = None
    seen_not_started: bool = False
    stop_requested_at: float | None = None

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
            stop_requested_at=self.stop_requested_at or other.stop_requested_at,
        )

    def to_json(self) -> dict[str, Any]:
        """Return the state as a JSON object."""
        return {"version": _VERSION, **{name: getattr(self, name) for name in _DEFAULTS}, "run": self.run.value}

    @classmethod
    def from_json(cls, saved: object) -> JobState:
        """Read a saved state; return an empty one for a value that cannot be read.

        :param saved: what `to_json` has returned, or None.
        """
        if not isinstance(saved, Mapping) or saved.get("version") != _VERSION:
            return cls()
        try:
            state = cls(
                **{name: saved.get(name, default) for name, default in _DEFAULTS.items() if name != "run"},
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
            and isinstance(state.stop_requested_at, int | float | None)
        )
        return state if readable else cls()


#: The fields of `JobState`, with the value that stands for one that an older entry lacks.
_DEFAULTS: Final[Mapping[str, Any]] = asdict(JobState())


class SharedState:
    """A `JobState` that several tries of one task share, and when this try first knew of the latest request.

    :param state: what an earlier try has saved, or None.
    :param save: saves a new state where a killed process cannot take it along; it is called before each request.
    :param load: returns what is saved now; another try may have saved since. None when nothing is shared.
    """

    def __init__(
        self,
        state: JobState | None = None,
        save: Callable[[JobState], None] = lambda _: None,
        load: Callable[[], JobState | None] = lambda: None,
    ) -> None:
        self._save = save
        self._load = load
        #: When this try has sent, or first knew of, the latest request without a usable response, by `clock.monotonic`.
        self.unanswered_since: float | None = None
        self.state = JobState()
        self._set(state or JobState())

    def update(self, **changes: Any) -> None:
        """Save a changed state, with what another try has saved meanwhile; it counts once it is saved.

        :param changes: fields of `JobState`.
        """
        state = replace(self.state, **changes)
        if state == self.state:
            return
        saved = self._load()
        if saved is not None:
            state = state.merged(saved)
        self._save(state)
        self._set(state)

    def reload(self) -> None:
        """Take the stronger of what this try knows and what is saved now."""
        saved = self._load()
        if saved is not None:
            self._set(self.state.merged(saved))

    def forget_request(self, before: JobState, unanswered_since: float | None) -> None:
        """Save that the latest request was certainly not carried out; keep what another try has saved meanwhile.

        :param before: the state before that request.
        :param unanswered_since: when the request before that one was first known of, by `clock.monotonic`.
        """
        saved = self._load()
        state = before if saved is None or saved == self.state else before.merged(saved)
        self._save(state)
        self._set(state)
        if state == before:
            self.unanswered_since = unanswered_since

    def count_from_now(self) -> None:
        """Count the time until the latest request has settled from this moment."""
        self.unanswered_since = monotonic()

    @property
    def settles_in(self) -> float:
        """Return the seconds until the latest request without a usable response counts as not carried out."""
        if self.unanswered_since is None:
            return 0.0
        return max(0.0, RUN_SETTLES_WITHIN - (monotonic() - self.unanswered_since))

    def _set(self, state: JobState) -> None:
        unanswered = state.run is RunRequest.MAYBE
        if unanswered and (self.unanswered_since is None or state.run_requested_at != self.state.run_requested_at):
            # Counted from here and not from the saved time, since the clock of the worker that saved it may differ.
            age = wall_time() - (state.run_requested_at or 0.0)
            long_ago = age > RUN_SETTLES_WITHIN + MAX_CLOCK_SKEW
            self.unanswered_since = monotonic() - (RUN_SETTLES_WITHIN if long_ago else 0.0)
        self.state = state
