"""Waits for a campaign without ever changing it, and says in one observation how the wait ended. No Airflow.

The conversations here are driven by a worker, a sensor and the trigger alike, so they wait in the same way.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

from airflow_provider_tingting.api import calls
from airflow_provider_tingting.api.statuses import CampaignStatus
from airflow_provider_tingting.api.wire import Conversation, Pause
from airflow_provider_tingting.errors import (
    TingTingAPIError,
    TingTingAuthError,
    TingTingRateLimitedError,
    TingTingRefusedError,
)
from airflow_provider_tingting.observation import Observation, Reason, observe

DEFAULT_POLL_INTERVAL = 30.0
DEFAULT_TOLERATED_OUTAGE = 600.0


class Teller(Protocol):
    """What log lines are told to: any logger."""

    def info(self, message: str, /, *values: object) -> Any:
        """Tell what is as expected."""

    def warning(self, message: str, /, *values: object) -> Any:
        """Tell what is not."""


@dataclass(frozen=True)
class WaitPlan:
    """What to wait for and how patiently; plain values that travel into the trigger.

    :param campaign_id: the campaign.
    :param until: statuses that end the wait besides the final ones.
    :param poll_interval: seconds between two looks.
    :param deadline: when to give up, in seconds since 1970; None for never.
    :param tolerate_outage: seconds for which TingTing may fail to answer before the wait ends.
    :param starts_by: when the campaign must have begun, in seconds since 1970; None for a wait that others may begin.
    """

    campaign_id: int
    until: tuple[str, ...] = ()
    poll_interval: float = DEFAULT_POLL_INTERVAL
    deadline: float | None = None
    tolerate_outage: float = DEFAULT_TOLERATED_OUTAGE
    starts_by: float | None = None


class Progress:
    """What a wait has seen so far; it outlives the client, which changes when the connection is read again.

    :param campaign_id: the campaign waited for.
    """

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


def watch(
    plan: WaitPlan, tell: Teller, progress: Progress | None = None, *, clock: Callable[[], float] = time.time
) -> Conversation[Observation]:
    """Look at a campaign until it is final, in one of the wanted statuses, or overdue; return how the wait has ended.

    Faults that may pass are waited out for `tolerate_outage`; a refusal ends the wait at once. A log line is written
    only when the status or the progress changes, or an outage begins or ends.

    :param tell: where log lines go.
    :param progress: what an earlier call for the same wait has seen.
    :param clock: seconds since 1970; a wall clock, since a trigger may move to another machine.
    :raises TingTingAuthError: the token is not accepted (any more), so that the caller can read the connection again.
    """
    progress = progress or Progress(plan.campaign_id)
    while True:
        before = progress.seen
        now = yield from look(plan, tell, progress, clock=clock)
        if now.reason is not Reason.REACHED:
            return now
        _tell_change(before, now, tell)
        if CampaignStatus(now.status).is_final or now.status in plan.until:
            return now
        if plan.starts_by is not None and not CampaignStatus(now.status).has_begun and clock() >= plan.starts_by:
            return replace(now, reason=Reason.NOT_BEGUN)
        if not (yield from _until_next_look(plan, clock)):
            return replace(now, reason=Reason.TIMED_OUT)


def look(
    plan: WaitPlan, tell: Teller, progress: Progress | None = None, *, clock: Callable[[], float] = time.time
) -> Conversation[Observation]:
    """Look once, and as often again as faults that may pass are tolerated; parameters and errors as for `watch`."""
    progress = progress or Progress(plan.campaign_id)
    outage_since: float | None = None
    while True:
        try:
            campaign = yield calls.get_campaign(plan.campaign_id)
        except TingTingAuthError:
            raise
        except TingTingAPIError as error:
            if isinstance(error, TingTingRefusedError) and not isinstance(error, TingTingRateLimitedError):
                return progress.seen.ended_by(Reason.REFUSED, error)
            begins = outage_since is None
            outage_since = clock() if outage_since is None else outage_since
            if clock() - outage_since >= plan.tolerate_outage:
                return progress.seen.ended_by(Reason.OUTAGE, error)
            if begins:
                tell.warning("TingTing does not answer; waiting on for %.0f s. %s", plan.tolerate_outage, error)
        else:
            if outage_since is not None:
                tell.info("TingTing answers again")
            progress.answered(observe(campaign))
            return progress.seen
        if not (yield from _until_next_look(plan, clock)):
            return replace(progress.seen, reason=Reason.TIMED_OUT)


def _until_next_look(plan: WaitPlan, clock: Callable[[], float]) -> Conversation[bool]:
    """Let time pass until the next look is due; False when the deadline has come first."""
    # Spread, so that many waits begun together do not ask together.
    pause = plan.poll_interval * random.uniform(0.9, 1.1)
    if plan.deadline is not None:
        left = plan.deadline - clock()
        if left <= 0:
            return False
        pause = min(pause, left)
    yield Pause(pause)
    return True


def _tell_change(before: Observation, now: Observation, tell: Teller) -> None:
    percent = now.progress_percent or 0
    if now.status == before.status and percent // 10 == (before.progress_percent or 0) // 10:
        return
    tell.info("Campaign %s is %s, %.0f %% done", now.campaign_id, now.status, percent)
    if now.status != before.status and not CampaignStatus(now.status).is_known:
        tell.warning("Campaign %s: %r is a status this provider does not know", now.campaign_id, now.status)
