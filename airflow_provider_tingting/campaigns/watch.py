"""Waits for a campaign by reading only, and returns in one observation how the wait has ended. No Airflow, no I/O.

A `Wait` knows what was seen, when to read next and what ends it. A worker and a sensor run one with the flows `watch`
and `read_status`; in the triggerer the poller runs thousands. So all of them wait by the same rules.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, replace
from typing import Any, Protocol

from airflow_provider_tingting.api import calls, stale_reads
from airflow_provider_tingting.api.models import Campaign
from airflow_provider_tingting.api.protocol import Pause
from airflow_provider_tingting.api.stale_reads import StalePeriod
from airflow_provider_tingting.api.statuses import CampaignStatus
from airflow_provider_tingting.campaigns.observation import Observation, Reason, Snapshot
from airflow_provider_tingting.campaigns.poll_interval import PollInterval, duration_text
from airflow_provider_tingting.clock import monotonic, wall_time
from airflow_provider_tingting.errors import (
    TingTingAPIError,
    TingTingAuthError,
    TingTingError,
    TingTingNotFoundError,
)

DEFAULT_POLL_INTERVAL = 30.0
DEFAULT_TOLERATE_OUTAGE = 600.0
#: A pause between two reads is longer by a random share up to this, so that waits that began together do not stay in
#: step.
JITTER = 0.2
# A pause is split into parts of this length (seconds), so that a wall clock that was set forward is noticed.
_MAX_PAUSE = 60.0
# An outage is confirmed by this many reads before it ends the wait, but not more often than each 5 seconds.
_READS_PER_OUTAGE = 10
_MIN_OUTAGE_PAUSE = 5.0


class Logger(Protocol):
    """Takes log lines: any logger of `logging` or structlog."""

    def info(self, message: str, /, *values: object) -> Any:
        """Log what is as expected.

        :param message: the text, with the places of the values as `%s`.
        """

    def warning(self, message: str, /, *values: object) -> Any:
        """Log what is not as expected.

        :param message: the text, with the places of the values as `%s`.
        """


@dataclass(frozen=True, slots=True)
class WaitPlan:
    """What to wait for and for how long; plain values that travel into the trigger.

    :param campaign_id: the campaign.
    :param until: statuses that end the wait besides the final ones.
    :param poll_interval: seconds between two reads. A campaign that may be short is read sooner a few times.
    :param deadline: when to give up, in seconds since 1970; None for never.
    :param tolerate_outage: seconds for which TingTing may fail to respond before the wait ends.
    :param starts_by: when the campaign must have begun, in seconds since 1970; None when something else may begin it
        at any time.
    """

    campaign_id: int
    until: tuple[str, ...] = ()
    poll_interval: float = DEFAULT_POLL_INTERVAL
    deadline: float | None = None
    tolerate_outage: float = DEFAULT_TOLERATE_OUTAGE
    starts_by: float | None = None


class Progress:
    """What a wait has seen so far; it outlives the client, which changes when the connection is read again.

    :param campaign_id: the campaign.
    """

    __slots__ = ("_token_was_accepted", "campaign", "seen")

    def __init__(self, campaign_id: int) -> None:
        #: The last observation; `timed_out` without a status before the first response.
        self.seen = Observation(Reason.TIMED_OUT, campaign_id)
        #: The campaign as it was read last, where it was read on its own.
        self.campaign: Campaign | None = None
        self._token_was_accepted = True

    def record(self, observation: Observation) -> None:
        """Store what a response shows.

        :param observation: what it shows.
        """
        self.seen = observation
        self._token_was_accepted = True

    def may_read_connection_again(self) -> bool:
        """Return whether to read the connection again for a rejected token: once until TingTing accepts a token."""
        allowed, self._token_was_accepted = self._token_was_accepted, False
        return allowed


class Outage:
    """Whether TingTing has responded lately; for how long it may fail to, and the log lines about that.

    An outage is measured by a monotonic clock, since it is a duration.

    :param tolerated: seconds after which an outage is too long.
    :param logger: where the beginning and the end of an outage are logged.
    :param goes_on: what goes on during an outage, for the log.
    """

    __slots__ = ("_goes_on", "_logger", "_since", "tolerated")

    def __init__(
        self,
        tolerated: float,
        logger: Logger,
        goes_on: str = "the wait goes on",
    ) -> None:
        self.tolerated = tolerated
        self._logger = logger
        self._goes_on = goes_on
        self._since: float | None = None

    @property
    def is_running(self) -> bool:
        """Whether the last request had no usable response."""
        return self._since is not None

    @property
    def left(self) -> float:
        """Seconds until the outage is too long."""
        return self.tolerated - (0.0 if self._since is None else monotonic() - self._since)

    def tolerates(self, error: TingTingAPIError) -> bool:
        """Record a request that has failed; return whether to try again: the error may pass, and time is left.

        :param error: what the request raised.
        """
        if error.is_final_refusal:
            return False
        begins = self._since is None
        if begins:
            self._since = monotonic()
        if self.left <= 0:
            return False
        if begins:
            self._logger.warning("TingTing does not respond; %s for %.0f s. %s", self._goes_on, self.tolerated, error)
        return True

    def end(self) -> None:
        """Record a response."""
        if self.is_running:
            self._logger.info("TingTing responds again")
        self._since = None


class Wait:
    """The rules of one wait, without the requests: what was seen, when to read next, what ends it.

    Deadlines are by the wall clock, since a trigger may move to another machine; durations are by the monotonic clock.
    A log line is written when the status or a tenth of the progress changes, and when an outage begins or ends.

    :param plan: what to wait for.
    :param logger: where log lines go.
    :param progress: what an earlier part of the same wait has seen.
    """

    __slots__ = (
        "_last",
        "_outage",
        "_poll_interval",
        "_retry_after",
        "_stale",
        "logger",
        "plan",
        "progress",
    )

    def __init__(self, plan: WaitPlan, logger: Logger, progress: Progress | None = None) -> None:
        self.plan = plan
        self.progress = progress or Progress(plan.campaign_id)
        self.logger = logger
        self._poll_interval = PollInterval(expects_begin=plan.starts_by is not None)
        self._outage = Outage(plan.tolerate_outage, logger)
        # The pause that TingTing has asked for in the current outage.
        self._retry_after: float
        # The last response that was believed, and for how long later ones that contradict it are not.
        self._last: Snapshot | None = None
        self._stale = StalePeriod()

    def would_end(self, snapshot: Snapshot) -> bool:
        """Return whether what a response shows ends the wait.

        :param snapshot: what it shows.
        """
        status = CampaignStatus(snapshot.status)
        return status.is_final or snapshot.status in self.plan.until or self._is_overdue(snapshot)

    def answered(self, snapshot: Snapshot) -> Observation | None:
        """Record a response; return how the wait has ended, or None to wait on.

        :param snapshot: what it shows.
        """
        before = self.progress.seen
        self._outage.end()
        now = monotonic()
        if self._is_stale(snapshot):
            return None
        self._last = snapshot
        starts_in = None if snapshot.starts_at is None else snapshot.starts_at - wall_time()
        self._poll_interval.record(snapshot.status, snapshot.progress_percent, starts_in, now)
        self.progress.record(snapshot.observe())
        self._log_change(before, self.progress.seen, now)
        if not self.would_end(snapshot):
            return None
        overdue = self._is_overdue(snapshot) and snapshot.status not in self.plan.until
        return replace(self.progress.seen, reason=Reason.NOT_BEGUN) if overdue else self.progress.seen

    def _is_stale(self, snapshot: Snapshot) -> bool:
        """Return whether a response is not to be believed yet, because it contradicts an earlier one."""
        last = self._last
        if last is None or not snapshot.contradicts(last):
            self._stale.end()
            return False
        if not self._stale.is_running:
            self.logger.info(
                "Campaign %s was %s and is shown as %s now, which may be an old state: reading it again",
                snapshot.campaign_id,
                last.status,
                snapshot.status,
            )
        if self._stale.left():
            return True
        self._stale.end()
        return False

    def _is_overdue(self, snapshot: Snapshot) -> bool:
        starts_by = self.plan.starts_by
        return starts_by is not None and not CampaignStatus(snapshot.status).has_begun and wall_time() >= starts_by

    def unanswered(self, error: TingTingError) -> Observation | None:
        """Record a read without a usable response; return how the wait has ended, or None to wait on.

        A refusal ends the wait. Any error that may pass is waited out for `tolerate_outage`.

        :param error: what the read raised.
        """
        if isinstance(error, TingTingNotFoundError) and self._is_known and self._stale.left():
            return None
        if not isinstance(error, TingTingAPIError) or error.is_final_refusal:
            return self.progress.seen.ended_by(Reason.REFUSED, error)
        if not self._outage.tolerates(error):
            return self.progress.seen.ended_by(Reason.OUTAGE, error)
        self._retry_after = error.retry_after or 0.0
        return None

    @property
    def _is_known(self) -> bool:
        """Whether the campaign exists: a response has shown it, or this task has requested it to run."""
        return self._last is not None or self.plan.starts_by is not None

    @property
    def is_out(self) -> bool:
        """Whether the last read had no usable response."""
        return self._outage.is_running

    @property
    def time_is_up(self) -> bool:
        """Whether the deadline has passed."""
        return self.plan.deadline is not None and self.plan.deadline <= wall_time()

    def timed_out(self) -> Observation:
        """Return the observation of a wait whose deadline has passed, with what was seen last."""
        return replace(self.progress.seen, reason=Reason.TIMED_OUT)

    @property
    def time_left(self) -> float:
        """Seconds until the deadline, when a last read is due; infinite without one."""
        return math.inf if self.plan.deadline is None else max(0.0, self.plan.deadline - wall_time())

    @property
    def is_in_step(self) -> bool:
        """Whether the next read follows the poll interval, and not an outage or a contradiction."""
        return not self._outage.is_running and not self._stale.is_running

    def next_read(self, jitter: float = 0.0) -> float:
        """Return the seconds until the next read; a last read is due at the deadline.

        :param jitter: the share by which to lengthen the pause.
        """
        return min(self.pause() * (1 + jitter), self.time_left)

    def pause(self) -> float:
        """Return the seconds until the next read, whenever the deadline is."""
        if self._outage.is_running:
            # With a long poll interval two failed reads do not prove an outage between them, so read more often. A
            # pause that TingTing asks for is kept, up to the end of the tolerated outage.
            confirming = max(self.plan.tolerate_outage / _READS_PER_OUTAGE, _MIN_OUTAGE_PAUSE)
            return max(min(self.plan.poll_interval, confirming), min(self._retry_after, self._outage.left))
        if self._stale.is_running:
            return min(self.plan.poll_interval, stale_reads.READ_INTERVAL)
        return self._poll_interval.interval(self.plan.poll_interval, monotonic())

    @property
    def ends_in(self) -> float:
        """Return the seconds from the last read until the campaign should have ended; infinity when that is unknown."""
        return self._poll_interval.ends_in

    def _log_change(self, before: Observation, now: Observation, at: float) -> None:
        if now.status == before.status and _tenths(now) == _tenths(before):
            return
        percent, rest = now.progress_percent or 0, ""
        if (starts_in := self._poll_interval.starts_in(at)) is not None:
            rest = f"; it is to start in {duration_text(starts_in)}"
        elif self._poll_interval.seconds_left is not None:
            rest = f"; {duration_text(self._poll_interval.seconds_left)} left"
        self.logger.info("Campaign %s is %s, %.0f %% done%s", now.campaign_id, now.status, percent, rest)
        if now.status != before.status and not CampaignStatus(now.status).is_known:
            self.logger.warning("Campaign %s: this provider does not know the status %r", now.campaign_id, now.status)


def _tenths(seen: Observation) -> float:
    return 0 if seen.progress_percent is None else seen.progress_percent // 10


async def watch(
    plan: WaitPlan,
    logger: Logger,
    progress: Progress | None = None,
    *,
    just_read: Campaign | None = None,
) -> Observation:
    """Read a campaign until its status is final or wanted, or it is overdue; return how the wait has ended.

    Errors that may pass are waited out for `tolerate_outage`; a refusal ends the wait at once.

    :param plan: what to wait for.
    :param logger: where log lines go.
    :param progress: what an earlier part of the same wait has seen; it is updated.
    :param just_read: the campaign as it was read right before; this replaces the first read.
    :raises TingTingAuthError: the token is rejected, so that the caller can read the connection again.
    """
    wait = Wait(plan, logger, progress)
    while True:
        ended = await _read_once(wait) if just_read is None else _record(wait, just_read)
        just_read = None
        if ended is not None:
            return ended
        if not await _pause_until_due(wait):
            return wait.timed_out()


async def read_status(plan: WaitPlan, logger: Logger, progress: Progress | None = None) -> Observation:
    """Read the status once, or until TingTing responds, for at most `tolerate_outage`; errors as for `watch`.

    :param plan: the campaign and how it is waited for.
    :param logger: where log lines go.
    :param progress: what was seen so far; default: nothing.
    """
    wait = Wait(plan, logger, progress)
    while True:
        ended = await _read_once(wait)
        if ended is not None or not wait.is_out:
            return ended or wait.progress.seen
        if not await _pause_until_due(wait):
            return wait.timed_out()


async def _read_once(wait: Wait) -> Observation | None:
    try:
        campaign = await calls.get_campaign(wait.plan.campaign_id)
    except TingTingAuthError:
        raise
    except TingTingAPIError as error:
        return wait.unanswered(error)
    return _record(wait, campaign)


def _record(wait: Wait, campaign: Campaign) -> Observation | None:
    wait.progress.campaign = campaign
    return wait.answered(Snapshot.of(campaign))


async def _pause_until_due(wait: Wait) -> bool:
    """Pause until the next read is due; return False when the deadline has passed first."""
    if wait.time_is_up:
        return False
    left = wait.next_read(random.uniform(0.0, JITTER))
    while left > 0 and not wait.time_is_up:
        await Pause(min(left, _MAX_PAUSE))
        left -= _MAX_PAUSE
    return True
