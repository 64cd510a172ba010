"""Waits for a campaign without ever changing it, and says in one observation how the wait ended. No Airflow.

A `Wait` knows what was seen, when to look next and what ends it. A worker and a sensor drive one with `watch` and
`look`; in the triggerer the hub drives thousands. So they wait in the same way.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

from airflow_provider_tingting.api import calls
from airflow_provider_tingting.api.protocol import Pause
from airflow_provider_tingting.api.statuses import CampaignStatus
from airflow_provider_tingting.campaigns.observation import Observation, Reason, Snapshot, observe
from airflow_provider_tingting.campaigns.poll_interval import PollInterval, duration_text
from airflow_provider_tingting.clock import monotonic, wall_time
from airflow_provider_tingting.errors import (
    TingTingAPIError,
    TingTingAuthError,
    TingTingError,
    TingTingRateLimitedError,
    TingTingRefusedError,
)

DEFAULT_POLL_INTERVAL = 30.0
DEFAULT_TOLERATE_OUTAGE = 600.0
#: Two looks are apart by up to this share more than asked, so that those who began together do not ask together.
JITTER = 0.2
# A sleep is broken into pieces of this length (seconds), so that a clock that was set forward is noticed.
_LONGEST_NAP = 60.0
# In an outage there are at least so many looks before it ends the wait, but none closer than so many seconds.
_OUTAGE_LOOKS = 10
_LEAST_OUTAGE_PAUSE = 5.0


class Logger(Protocol):
    """What log lines are told to: any logger."""

    def info(self, message: str, /, *values: object) -> Any:
        """Tell what is as expected."""

    def warning(self, message: str, /, *values: object) -> Any:
        """Tell what is not."""


@dataclass(frozen=True, slots=True)
class WaitPlan:
    """What to wait for and how patiently; plain values that travel into the trigger.

    :param campaign_id: the campaign.
    :param until: statuses that end the wait besides the final ones.
    :param poll_interval: the seconds that two looks are apart at least.
    :param deadline: when to give up, in seconds since 1970; None for never.
    :param tolerate_outage: seconds for which TingTing may fail to answer before the wait ends.
    :param starts_by: when the campaign must have begun, in seconds since 1970; None for a wait that others may begin.
    """

    campaign_id: int
    until: tuple[str, ...] = ()
    poll_interval: float = DEFAULT_POLL_INTERVAL
    deadline: float | None = None
    tolerate_outage: float = DEFAULT_TOLERATE_OUTAGE
    starts_by: float | None = None


class Progress:
    """What a wait has seen so far; it outlives the client, which changes when the connection is read again.

    :param campaign_id: the campaign waited for.
    """

    __slots__ = ("_answered", "seen")

    def __init__(self, campaign_id: int) -> None:
        self.seen = Observation(Reason.TIMED_OUT, campaign_id)
        self._answered = True

    def answered(self, now: Observation) -> None:
        """Remember what an answer has shown."""
        self.seen = now
        self._answered = True

    def may_read_connection_again(self) -> bool:
        """Whether a rejected token is worth another look at the connection: once, until TingTing has answered again."""
        worth, self._answered = self._answered, False
        return worth


class Wait:
    """One wait, without the asking: what it has seen, when to look next, how it ends.

    A log line is written only when the status or a tenth of the progress changes, or an outage begins or ends.

    :param plan: what to wait for.
    :param tell: where log lines go.
    :param progress: what an earlier part of the same wait has seen.
    :param clock: seconds since 1970; a wall clock, since a trigger may move to another machine.
    :param ticks: seconds of a clock that never jumps, for durations.
    """

    __slots__ = ("_clock", "_outage_since", "_rhythm", "_ticks", "_told_to_wait", "plan", "progress", "tell")

    def __init__(
        self,
        plan: WaitPlan,
        tell: Logger,
        progress: Progress | None = None,
        *,
        clock: Callable[[], float] = wall_time,
        ticks: Callable[[], float] = monotonic,
    ) -> None:
        self.plan = plan
        self.progress = progress or Progress(plan.campaign_id)
        self.tell = tell
        self._clock = clock
        self._ticks = ticks
        self._rhythm = PollInterval()
        self._outage_since: float | None = None
        self._told_to_wait = 0.0

    def would_end(self, sight: Snapshot) -> bool:
        """Whether what a look shows ends the wait."""
        return CampaignStatus(sight.status).is_final or sight.status in self.plan.until or self._is_overdue(sight)

    def answered(self, sight: Snapshot) -> Observation | None:
        """Take in what a look shows; return how the wait has ended, or None to wait on."""
        before = self.progress.seen
        self._told_to_wait = 0.0
        if self._outage_since is not None:
            self._outage_since = None
            self.tell.info("TingTing answers again")
        now = self._ticks()
        starts_in = None if sight.starts_at is None else sight.starts_at - self._clock()
        self._rhythm.saw(sight.status, sight.progress_percent, starts_in, now)
        self.progress.answered(observe(sight))
        self._tell_change(before, self.progress.seen, now)
        if not self.would_end(sight):
            return None
        overdue = self._is_overdue(sight) and sight.status not in self.plan.until
        return replace(self.progress.seen, reason=Reason.NOT_BEGUN) if overdue else self.progress.seen

    def _is_overdue(self, sight: Snapshot) -> bool:
        starts_by = self.plan.starts_by
        return starts_by is not None and not CampaignStatus(sight.status).has_begun and self._clock() >= starts_by

    def unanswered(self, error: TingTingError) -> Observation | None:
        """Take in that there was no answer, or a refusal; return how the wait has ended, or None to wait on.

        A refusal ends the wait. Anything that may pass is waited out for `tolerate_outage`.
        """
        limited = isinstance(error, TingTingRateLimitedError)
        if not isinstance(error, TingTingAPIError) or (isinstance(error, TingTingRefusedError) and not limited):
            return self.progress.seen.ended_by(Reason.REFUSED, error)
        now = self._ticks()
        begins = self._outage_since is None
        since = self._outage_since = now if self._outage_since is None else self._outage_since
        if now - since >= self.plan.tolerate_outage:
            return self.progress.seen.ended_by(Reason.OUTAGE, error)
        self._told_to_wait = error.retry_after or 0.0
        if begins:
            self.tell.warning("TingTing does not answer; waiting on for %.0f s. %s", self.plan.tolerate_outage, error)
        return None

    @property
    def is_out(self) -> bool:
        """Whether TingTing has not answered at the last look."""
        return self._outage_since is not None

    @property
    def time_is_up(self) -> bool:
        """Whether the deadline has come."""
        return self.plan.deadline is not None and self.plan.deadline <= self._clock()

    def timed_out(self) -> Observation:
        """Return that the time is up, with what was seen last."""
        return replace(self.progress.seen, reason=Reason.TIMED_OUT)

    def next_look(self, jitter: float = 0.0) -> float:
        """Return the seconds until the next look is due; at the deadline there is a last one.

        :param jitter: by what share to be later.
        """
        if self._outage_since is None:
            seconds = self._rhythm.interval(self.plan.poll_interval, self._ticks())
        else:
            # A longer pause than is tolerated ends the wait, and is not slept through.
            tolerated = self.plan.tolerate_outage - (self._ticks() - self._outage_since)
            # However rare the looks are: two without an answer do not show that there was none in between.
            often = max(self.plan.tolerate_outage / _OUTAGE_LOOKS, _LEAST_OUTAGE_PAUSE)
            seconds = max(min(self.plan.poll_interval, often), min(self._told_to_wait, tolerated))
        seconds *= 1 + jitter
        if self.plan.deadline is not None:
            seconds = min(seconds, max(0.0, self.plan.deadline - self._clock()))
        return seconds

    def _tell_change(self, before: Observation, now: Observation, at: float) -> None:
        percent = now.progress_percent or 0
        if now.status == before.status and percent // 10 == (before.progress_percent or 0) // 10:
            return
        rest = ""
        if (starts_in := self._rhythm.starts_in(at)) is not None:
            rest = f"; it is to start in {duration_text(starts_in)}"
        elif self._rhythm.seconds_left is not None:
            rest = f"; {duration_text(self._rhythm.seconds_left)} left"
        self.tell.info("Campaign %s is %s, %.0f %% done%s", now.campaign_id, now.status, percent, rest)
        if now.status != before.status and not CampaignStatus(now.status).is_known:
            self.tell.warning("Campaign %s: %r is a status this provider does not know", now.campaign_id, now.status)


async def watch(
    plan: WaitPlan, tell: Logger, progress: Progress | None = None, *, clock: Callable[[], float] = wall_time
) -> Observation:
    """Look at a campaign until it is final, in one of the wanted statuses, or overdue; return how the wait has ended.

    Faults that may pass are waited out for `tolerate_outage`; a refusal ends the wait at once.

    :param tell: where log lines go; see `Wait`.
    :param progress: what an earlier call for the same wait has seen.
    :param clock: seconds since 1970; a wall clock, since a trigger may move to another machine.
    :raises TingTingAuthError: the token is not accepted (any more), so that the caller can read the connection again.
    """
    wait = Wait(plan, tell, progress, clock=clock)
    while True:
        ended = await _ask(wait)
        if ended is not None:
            return ended
        if not await _until_due(wait):
            return wait.timed_out()


async def look(
    plan: WaitPlan, tell: Logger, progress: Progress | None = None, *, clock: Callable[[], float] = wall_time
) -> Observation:
    """Look once, and as often again as faults that may pass are tolerated; parameters and errors as for `watch`."""
    wait = Wait(plan, tell, progress, clock=clock)
    while True:
        ended = await _ask(wait)
        if ended is not None or not wait.is_out:
            return ended or wait.progress.seen
        if not await _until_due(wait):
            return wait.timed_out()


async def _ask(wait: Wait) -> Observation | None:
    try:
        campaign = await calls.get_campaign(wait.plan.campaign_id)
    except TingTingAuthError:
        raise
    except TingTingAPIError as error:
        return wait.unanswered(error)
    return wait.answered(Snapshot.of(campaign))


async def _until_due(wait: Wait) -> bool:
    """Let time pass until the next look is due; False when the deadline has come first."""
    if wait.time_is_up:
        return False
    left = wait.next_look(random.uniform(0.0, JITTER))
    while left > 0 and not wait.time_is_up:
        await Pause(min(left, _LONGEST_NAP))
        left -= _LONGEST_NAP
    return True
