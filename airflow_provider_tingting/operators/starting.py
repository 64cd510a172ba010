"""Whether RunCampaign may start its campaign now: by the run's age, the hour, and what else runs; and waiting for it.

All of it is asked in the last moment before TingTing is asked to run, and only then: a campaign that has begun is
never held back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, NoReturn

from airflow_provider_tingting._compat import AirflowSkipException
from airflow_provider_tingting.api import calls
from airflow_provider_tingting.api.driver import run_flow
from airflow_provider_tingting.campaigns import calling_window, concurrency
from airflow_provider_tingting.campaigns.calling_window import CallingWindow
from airflow_provider_tingting.clock import sleep
from airflow_provider_tingting.errors import (
    TingTingCampaignError,
    TingTingCampaignTimeoutError,
    TingTingConfigError,
)
from airflow_provider_tingting.utils.deferral import deadline_of, defer
from airflow_provider_tingting.utils.run_age import check_max_age

if TYPE_CHECKING:
    from airflow_provider_tingting._compat import Context
    from airflow_provider_tingting.api.models import Campaign
    from airflow_provider_tingting.campaigns.watch import WaitPlan
    from airflow_provider_tingting.operators.running import RunningMixin

# A worker that sleeps for longer (seconds) is worth a word on how not to.
_LONG_FOR_A_WORKER = 600.0


class StartDeferred(Exception):  # noqa: N818
    """Not an error: the campaign may start, but not now.

    :param why: as the end of a sentence.
    :param until: when to look again, in seconds since 1970; None when others run.
    """

    def __init__(self, why: str, until: float | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.until = until


class Start:
    """The start of one campaign by one try of a task.

    :param operator: the task's operator.
    :param context: the task's context.
    :param plan: for which campaign, and how patiently to look.
    :param deadline: until when the start may be put off, in seconds since 1970, as an earlier part of this try has
        worked it out; None to work it out.
    :param asked_at: when a request to run was sent that has stayed without an answer, in seconds since 1970, or None.
    """

    def __init__(
        self,
        operator: RunningMixin,
        context: Context,
        plan: WaitPlan,
        deadline: float | None,
        asked_at: Callable[[], float | None] = lambda: None,
    ) -> None:
        self._operator = operator
        self._asked_at = asked_at
        self._context = context
        self._plan = plan
        self._window = CallingWindow.read(operator.calling_window)
        self._deadline = deadline
        if deadline is None:
            self._deadline = deadline_of(
                context, operator.start_timeout, operator.execution_timeout, calling_window.now
            )

    async def gate(self, campaign: Campaign) -> Campaign:
        """Return the campaign as it is when it may be started now.

        :raises HeldBack: it may not start yet.
        :raises TingTingConfigError: it may not start at all: the run is too old, or the hour is wrong.
        :raises AirflowSkipException: the run is too old, and that is to be skipped.
        :raises TingTingCampaignTimeoutError: it can not start in time.
        :raises TingTingCampaignError: it is one of these, and TingTing was asked already, without an answer.
        """
        try:
            return await self._when_it_may(campaign)
        except (TingTingConfigError, TingTingCampaignTimeoutError, AirflowSkipException):
            if self._asked_at() is None:
                raise
            raise TingTingCampaignError(
                "a request to run it has stayed without an answer, and it has not begun since, so probably nobody was "
                "called. It is not asked again: the run's age, the hour or the time limit forbids it. Look at TingTing "
                "before you call people anew.",
                campaign_id=campaign.id,
                status=campaign.status.value,
            ) from None

    async def _when_it_may(self, campaign: Campaign) -> Campaign:
        if self._starts_later_by_itself(campaign):
            self._heed_age()
            return campaign
        self._heed_age()
        self._heed_window(campaign)
        if self._operator.one_at_a_time:
            others = await concurrency.blocking_campaigns(campaign.id)
            if others:
                named = ", ".join(str(each.id) for each in others[:5])
                self._hold_back(campaign, StartDeferred(f"while others run on this account (now: {named})"))
            # The list took its time.
            campaign = await calls.get_campaign(campaign.id)
            if not campaign.status.has_begun:
                self._heed_age()
                self._heed_window(campaign)
        return campaign

    def wait(self, held: StartDeferred) -> None:
        """Wait in this worker, or hand the wait over to the triggerer."""
        operator, number = self._operator, self._plan.campaign_id
        before = operator.on_kill_message
        where = "in the triggerer" if operator.deferrable else "in this worker"
        operator.log.info("Campaign %s is not run %s: waiting %s. Nobody is called meanwhile", number, held.why, where)
        if self._asked_at() is None:
            operator.on_kill_message = concurrency.not_run(number)
        if operator.deferrable:
            # `airflow dags test` waits in this very process.
            self._defer(held)
        if held.until is None:
            run_flow(operator.hook.get_conn(), concurrency.wait_for_slot(self._plan_for_start(), operator.log))
        else:
            if held.until - calling_window.now() > _LONG_FOR_A_WORKER:
                operator.log.warning("This wait holds a worker slot all the time; deferrable=True would free it")
            for nap in calling_window.sleeps_until(held.until):
                sleep(nap)
        operator.on_kill_message = before
        # The token may have been replaced during the wait.
        operator.hook.reload_connection()

    def _starts_later_by_itself(self, campaign: Campaign) -> bool:
        """Whether TingTing will begin by the campaign's own schedule.

        :raises TingTingConfigError: it would do so outside the calling window.
        """
        if not campaign.schedule:
            return False
        begins = campaign.scheduled_at
        if begins is None:
            if self._window is None:
                return False
            raise TingTingConfigError(
                f"Campaign {campaign.id} has a schedule that cannot be read, so it may begin outside its calling "
                f"window, {self._window}. It was not run, and nobody was called."
            )
        if begins <= self._now():
            return False
        if self._window is not None and not self._window.is_open(begins):
            raise TingTingConfigError(
                f"Campaign {campaign.id} is scheduled for {begins.isoformat()}, outside its calling window, "
                f"{self._window}. It was not run, and nobody was called. Give it another schedule."
            )
        if self._operator.one_at_a_time:
            self._operator.log.warning(
                "Campaign %s begins by its own schedule, whatever else runs then: one_at_a_time cannot hold it back",
                campaign.id,
            )
        return True

    def _heed_age(self) -> None:
        check_max_age(self._context, self._operator.max_age, self._operator.on_too_old)

    def _heed_window(self, campaign: Campaign) -> None:
        now = self._now()
        if self._window is None or self._window.is_open(now):
            return
        opens = self._window.opens_at(now)
        if self._operator.outside_window == "fail":
            raise TingTingConfigError(
                f"Campaign {campaign.id} was not run: it is outside its calling window, {self._window}, which opens "
                f'at {opens:%Y-%m-%d %H:%M}, and outside_window="fail". Nobody was called. Clear the task then.'
            )
        held = StartDeferred(
            f"before {opens:%Y-%m-%d %H:%M}, when its calling window opens ({self._window})", opens.timestamp()
        )
        self._hold_back(campaign, held)

    def _hold_back(self, campaign: Campaign, held: StartDeferred) -> NoReturn:
        if self._deadline is not None and max(calling_window.now(), held.until or 0.0) >= self._deadline:
            raise TingTingCampaignTimeoutError(
                f"it was not run, and nobody was called: it may not start {held.why}, and its time to start "
                "(start_timeout, execution_timeout) ends before. A retry waits anew.",
                campaign_id=campaign.id,
                status=campaign.status.value,
            )
        raise held

    def _defer(self, held: StartDeferred) -> NoReturn:
        from airflow_provider_tingting.triggers.start import TingTingStartTrigger

        plan, asked_at = self._plan_for_start(), self._asked_at()
        trigger = TingTingStartTrigger(
            campaign_id=plan.campaign_id,
            tingting_conn_id=self._operator.tingting_conn_id,
            not_before=held.until,
            poll_interval=plan.poll_interval,
            deadline=plan.deadline,
            tolerate_outage=plan.tolerate_outage,
            asked=asked_at is not None,
        )
        defer(
            self._operator,
            trigger,
            plan.deadline,
            method_name="execute_start",
            clock=calling_window.now,
            start_deadline=plan.deadline,
            # The triggerer's part of the try has no memory of its own before Airflow 3.3.
            **({} if asked_at is None else {"asked_at": asked_at}),
        )

    def _plan_for_start(self) -> WaitPlan:
        return replace(self._plan, deadline=self._deadline)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(calling_window.now(), timezone.utc)
