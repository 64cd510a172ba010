"""The last check before a campaign is requested to run: the run's age, the calling window, what runs, the credits."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import NoReturn

from airflow_provider_tingting.api.models import Campaign
from airflow_provider_tingting.api.stale_reads import READ_INTERVAL, read_existing
from airflow_provider_tingting.campaigns import concurrency
from airflow_provider_tingting.campaigns.calling_window import CallingWindow
from airflow_provider_tingting.campaigns.daily_credits import DailyCredits
from airflow_provider_tingting.campaigns.forecast import (
    MIN_FORECAST,
    Forecast,
    forecast,
    next_fitting,
    read_pace,
)
from airflow_provider_tingting.clock import monotonic, wall_time
from airflow_provider_tingting.errors import TingTingCampaignTimeoutError, TingTingStartRefusedError
from airflow_provider_tingting.timezones import NEPAL

log = logging.getLogger(__name__)


class StartDeferred(Exception):  # noqa: N818
    """Is raised when the campaign may start, but not now. It is not an error.

    :param why: the reason, as the end of a sentence.
    :param until: when to check again, in seconds since 1970; None while another campaign runs.
    """

    def __init__(self, why: str, until: float | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.until = until


@dataclass(frozen=True)
class StartGate:
    """Decides whether a campaign may be requested to run now. Its `check` is the `gate` of `CampaignJob.run_once`.

    :param window: the hours in which the campaign may be started; None for any hour.
    :param wait_for_window: whether to wait at another hour; otherwise the start is refused.
    :param one_at_a_time: whether to wait while another campaign of the account runs.
    :param deadline: until when the start may be deferred, in seconds since 1970; None for as long as it takes.
    :param not_before: when the campaign may be requested to run at the earliest, in seconds since 1970; None for now.
    :param fits_window: what to do with a campaign that would not end before its window closes: `warn`, `wait` for a
        window in which it does, or `fail`.
    :param expected_pace: how many contacts are called in a minute; None for the pace of the account's last campaigns.
    :param check_age: raises `TingTingStartRefusedError` when the DAG run is too old to call anyone.
    :param credits: the credits that may be spent in a day; None for any.
    :param wait_for_credits: whether to wait for the next day when they do not suffice; otherwise the start is refused.
    :param prepare: raises an error when the campaign could not be recorded afterwards.
    """

    window: CallingWindow | None = None
    wait_for_window: bool = True
    one_at_a_time: bool = False
    deadline: float | None = None
    not_before: float | None = None
    fits_window: str = "warn"
    expected_pace: float | None = None
    check_age: Callable[[], None] = lambda: None
    credits: DailyCredits | None = None
    wait_for_credits: bool = False
    prepare: Callable[[], None] = lambda: None
    # The pace, once it was read.
    _paces: dict[int, float | None] = field(default_factory=dict)

    async def check(self, campaign: Campaign) -> Campaign:
        """Return the campaign as it is now, when it may be started.

        :param campaign: the campaign as it was just read.
        :raises StartDeferred: it may not start yet.
        :raises TingTingStartRefusedError: it may not start at all: the run is too old, it is another hour, or the
            day's credits do not suffice.
        :raises TingTingCampaignTimeoutError: it cannot start before the deadline.
        """
        self.prepare()
        begins = self._check_time(campaign)
        while await self._check_by_reading(campaign, begins):
            # These reads take time, in which the campaign may have been run or the window may have closed.
            asked_at = monotonic()
            campaign = await read_existing(campaign.id)
            if campaign.status.has_begun:
                break
            checked_for, begins = begins, self._check_time(campaign)
            # After an older response the account is checked again, too.
            if begins == checked_for and monotonic() - asked_at < READ_INTERVAL:
                break
        return campaign

    def _check_time(self, campaign: Campaign) -> datetime | None:
        """Check what the time alone decides; return when TingTing starts the campaign by its schedule, None for now."""
        self.check_age()
        if self.not_before is not None and wall_time() < self.not_before:
            start = datetime.fromtimestamp(self.not_before, NEPAL)
            self._defer(campaign, StartDeferred(f"before {start:%Y-%m-%d %H:%M} (not_before)", self.not_before))
        begins = self._scheduled_start(campaign)
        if begins is None:
            self._check_window(campaign)
        return begins

    async def _check_by_reading(self, campaign: Campaign, begins: datetime | None) -> bool:
        """Check what the account decides; return whether requests were sent for it."""
        reads = await self._check_fit(campaign, begins)
        if self.one_at_a_time and begins is not None:
            log.warning(
                "Campaign %s begins by its own schedule, whatever else runs then: one_at_a_time cannot defer it",
                campaign.id,
            )
        elif self.one_at_a_time:
            others = await concurrency.blocking_campaigns(campaign.id)
            if others:
                ids = ", ".join(str(each.id) for each in others[:5])
                self._defer(campaign, StartDeferred(f"while others run on this account (now: {ids})"))
            reads = True
        await self._check_credits(campaign, begins)
        return reads or self.credits is not None

    def _scheduled_start(self, campaign: Campaign) -> datetime | None:
        """Return when TingTing will start the campaign by its own schedule; None when it starts when it is run.

        :raises TingTingStartRefusedError: it would start outside the calling window.
        """
        if not campaign.schedule:
            return None
        begins = campaign.scheduled_at
        if begins is None:
            if self.window is None:
                return None
            raise TingTingStartRefusedError(
                f"Campaign {campaign.id} has a schedule that cannot be read, so it may begin outside its calling "
                f"window, {self.window}. It was not run, and no contact was called.",
            )
        if begins <= _now():
            return None
        if self.window is not None and not self.window.is_open(begins):
            raise TingTingStartRefusedError(
                f"Campaign {campaign.id} is scheduled for {begins.isoformat()}, outside its calling window, "
                f"{self.window}. It was not run, and no contact was called. Give it another schedule.",
            )
        return begins

    def _check_window(self, campaign: Campaign) -> None:
        now = _now()
        if self.window is None or self.window.is_open(now):
            return
        opens = self.window.opens_at(now)
        if not self.wait_for_window:
            raise TingTingStartRefusedError(
                f"Campaign {campaign.id} was not run: it is outside its calling window, {self.window}, which opens "
                f'at {opens:%Y-%m-%d %H:%M}, and outside_window="fail". No contact was called. Clear this task after '
                "that time.",
            )
        why = f"before {opens:%Y-%m-%d %H:%M}, when its calling window opens ({self.window})"
        self._defer(campaign, StartDeferred(why, opens.timestamp()))

    async def _check_credits(self, campaign: Campaign, begins: datetime | None = None) -> None:
        over = None if self.credits is None else await self.credits.over(campaign, _now(), begins)
        if over is None:
            return
        if over.until is None or begins is not None or not self.wait_for_credits:
            remedy = (
                "It never fits into one day: raise the limit, or call fewer contacts."
                if over.until is None
                else "Give it another schedule."
                if begins is not None
                else 'Clear the task tomorrow, raise the limit, or set over_daily_limit="wait".'
            )
            raise TingTingStartRefusedError(
                f"Campaign {campaign.id} was not run: {over.figures}. No contact was called. {remedy}"
            )
        why = f"before {over.until.astimezone(NEPAL):%Y-%m-%d %H:%M} in Nepal, because {over.figures}"
        self._defer(campaign, StartDeferred(why, over.until.timestamp()))

    async def _check_fit(self, campaign: Campaign, begins: datetime | None = None) -> bool:
        """Forecast whether the campaign ends before its window closes; return whether requests were sent for it.

        :param begins: when TingTing starts it by its schedule.
        """
        contacts = campaign.campaign_action_count
        if self.window is None or not contacts:
            return False
        reads = campaign.id not in self._paces
        if reads:
            self._paces[campaign.id] = await read_pace(campaign.services, contacts, self.expected_pace)
        pace = self._paces[campaign.id]
        if pace is None:
            return reads and contacts >= MIN_FORECAST
        expected = forecast(self.window, contacts, pace, begins)
        if not expected.fits:
            self._handle_misfit(campaign, expected, scheduled=begins is not None)
        elif reads:
            log.info("Campaign %s: %s", campaign.id, expected)
        return reads and self.expected_pace is None

    def _handle_misfit(self, campaign: Campaign, expected: Forecast, *, scheduled: bool) -> None:
        assert self.window is not None
        if self.fits_window == "warn":
            log.warning("Campaign %s: %s", campaign.id, expected)
            return
        remedy = (
            "It was not run, and no contact was called. Split its contacts into several campaigns, as "
            'tingting_campaign(waves="fit_window") does, or open the window for longer.'
        )
        if self.fits_window == "wait" and not scheduled:
            opens = next_fitting(self.window, expected.contacts, expected.pace)
            if opens is not None:
                why = f"before {opens:%Y-%m-%d %H:%M}, when it has a whole window: {expected}"
                self._defer(campaign, StartDeferred(why, opens.timestamp()))
            remedy = f"No window of the next two weeks is long enough. {remedy}"
        raise TingTingStartRefusedError(
            f'Campaign {campaign.id} does not fit its calling window, and fits_window="{self.fits_window}": '
            f"{expected}. {remedy}"
        )

    def _defer(self, campaign: Campaign, deferred: StartDeferred) -> NoReturn:
        if self.deadline is not None and max(wall_time(), deferred.until or 0.0) >= self.deadline:
            raise TingTingCampaignTimeoutError(
                f"it was not run, and no contact was called: it may not start {deferred.why}, and its time to start "
                "(start_timeout, execution_timeout) ends before. A retry waits again.",
                campaign_id=campaign.id,
                status=campaign.status.value,
            )
        raise deferred


def _now() -> datetime:
    return datetime.fromtimestamp(wall_time(), timezone.utc)
