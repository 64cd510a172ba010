"""The trigger that waits for the end of a campaign."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, ClassVar

from airflow_provider_tingting._compat import TriggerEvent
from airflow_provider_tingting.api import calls
from airflow_provider_tingting.api.driver import run_flow_async
from airflow_provider_tingting.campaigns.calling_window import CLOCK_CHECK_INTERVAL
from airflow_provider_tingting.campaigns.observation import Observation, Reason
from airflow_provider_tingting.campaigns.reconcile import stop
from airflow_provider_tingting.campaigns.watch import Progress, WaitPlan
from airflow_provider_tingting.clock import monotonic, wall_time
from airflow_provider_tingting.connection import DEFAULT_CONN_ID
from airflow_provider_tingting.errors import TingTingAPIError, TingTingConfigError, TingTingError
from airflow_provider_tingting.polling import shared_poller
from airflow_provider_tingting.triggers.base import TingTingBaseDeferralTrigger
from airflow_provider_tingting.utils import argument_checks as check
from airflow_provider_tingting.utils.arguments import campaign_id_of, flag_of, moment_of, seconds_of, shown

# Airflow cancels `on_kill` after 30 seconds by default, and nothing could be logged then.
_STOP_TIMEOUT = 18.0
# A request that is under way at the deadline may take this long (seconds).
_LAST_READ_TIMEOUT = 2.0
# A process that wakes up this many seconds late was suspended.
_SUSPENDED_FOR = 2.0


def _check_statuses(value: object, argument: str) -> None:
    # Any text: the server may have a status that this version does not know.
    if not isinstance(value, list | tuple) or not all(isinstance(one, str) for one in value):
        raise TingTingConfigError(f"{argument} must be a list of statuses; it is {shown(value)}.")


class TingTingCampaignTrigger(TingTingBaseDeferralTrigger):
    """Wait for a campaign by reading only, and fire one event. The worker judges what the event means.

    All waits with the same connection in a triggerer share their reads (`polling`).

    The event holds ids, status and counts: `{version, reason, campaign_id, status, progress_percent, contacts,
    detail, status_code}`, where `reason` is `reached`, `timed_out`, `outage`, `refused` or `not_begun`. When the token
    is rejected, the connection is read again once, for a token that was replaced during the wait.

    Source: API page, Get campaign details, List campaigns, Stop a campaign.

    :param campaign_id: the campaign.
    :param tingting_conn_id: the Airflow connection.
    :param until: statuses that end the wait besides `Completed` and `Terminated`.
    :param poll_interval: the usual seconds between two reads of the status. Default: 30.
    :param deadline: when to give up, in seconds since 1970; None for never.
    :param tolerate_outage: seconds for which TingTing may fail to respond.
    :param stop_on_kill: whether to stop the campaign when a person ends the deferred task (Airflow 3.3 and later).
    :param starts_by: when the campaign must have begun, in seconds since 1970; None when something else may begin it
        at any time.
    :param deferred_at: when the task was deferred, in seconds since 1970; None for now. No event fires in the first
        ten seconds after it.
    :raises TingTingConfigError: an argument has a wrong kind or value; raised by `run`, so that the task fails with it.
    """

    arguments: ClassVar[tuple[str, ...]] = (
        "campaign_id",
        "tingting_conn_id",
        "until",
        "poll_interval",
        "deadline",
        "tolerate_outage",
        "stop_on_kill",
        "starts_by",
        "deferred_at",
    )

    argument_checks: ClassVar[Mapping[str, check.Check]] = {
        **TingTingBaseDeferralTrigger.argument_checks,
        "until": _check_statuses,
        "stop_on_kill": flag_of,
        "starts_by": moment_of,
    }

    def __init__(
        self,
        campaign_id: int,
        tingting_conn_id: str = DEFAULT_CONN_ID,
        until: list[str] | None = None,
        poll_interval: float = 30.0,
        deadline: float | None = None,
        tolerate_outage: float = 600.0,
        stop_on_kill: bool = False,
        starts_by: float | None = None,
        deferred_at: float | None = None,
        **later: Any,
    ) -> None:
        super().__init__(tingting_conn_id, deferred_at, **later)
        self.campaign_id = campaign_id
        self.until = [] if until is None else until
        self.poll_interval = poll_interval
        self.deadline = deadline
        self.tolerate_outage = tolerate_outage
        self.stop_on_kill = stop_on_kill
        self.starts_by = starts_by

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, and yield one event."""
        self.check_arguments()
        plan = WaitPlan(
            campaign_id=campaign_id_of(self.campaign_id),
            until=tuple(self.until),
            poll_interval=seconds_of(self.poll_interval, "poll_interval"),
            deadline=moment_of(self.deadline, "deadline"),
            tolerate_outage=seconds_of(self.tolerate_outage, "tolerate_outage", zero=True),
            starts_by=moment_of(self.starts_by, "starts_by"),
        )
        observation = await self._wait(plan)
        yield await self.event(observation.to_event())

    async def _wait(self, plan: WaitPlan) -> Observation:
        """Return how the wait has ended, at the deadline even if a request is still under way then."""
        progress = Progress(plan.campaign_id)
        async with shared_poller(self.tingting_conn_id, self.open_client) as poller:
            waiting = asyncio.ensure_future(poller.wait(plan, self.log, progress))
            give_up_at = max(self.deadline or 0.0, wall_time()) + _LAST_READ_TIMEOUT
            try:
                # Not `wait_for`, which would take a TimeoutError of the wait for its own. The wall clock is read again
                # and again, because it may be set during the wait.
                while not waiting.done() and (self.deadline is None or wall_time() < give_up_at):
                    left = CLOCK_CHECK_INTERVAL if self.deadline is None else give_up_at - wall_time()
                    wakes_at = monotonic() + min(left, CLOCK_CHECK_INTERVAL)
                    await asyncio.wait([waiting], timeout=min(left, CLOCK_CHECK_INTERVAL))
                    if monotonic() - wakes_at > _SUSPENDED_FOR:
                        # The campaign may have ended while this process was suspended, so the status is read once more.
                        give_up_at = max(give_up_at, wall_time() + _LAST_READ_TIMEOUT)
                return waiting.result() if waiting.done() else replace(progress.seen, reason=Reason.TIMED_OUT)
            finally:
                waiting.cancel()
                await asyncio.gather(waiting, return_exceptions=True)

    async def on_kill(self) -> None:
        """Stop the campaign if a person has ended the task and `stop_on_kill` is set.

        Airflow 3.3 and later call this; see `task_has_ended` for when a call is believed.
        """
        if not await self.task_has_ended(f"Campaign {self.campaign_id} is not stopped."):
            return
        if not flag_of(self.stop_on_kill, "stop_on_kill"):
            self.log.warning("Campaign %s goes on: stop_on_kill is off", self.campaign_id)
            return
        try:
            async with await self.open_client() as client:
                result = await asyncio.wait_for(run_flow_async(client, self._stop()), _STOP_TIMEOUT)
        except asyncio.TimeoutError:
            result = f"Whether campaign {self.campaign_id} was stopped is unknown: TingTing did not respond in time."
        except TingTingError as error:
            result = f"Campaign {self.campaign_id} was not stopped and may go on: {error}"
        self.log.warning("%s", result)

    async def _stop(self) -> str:
        """Stop the campaign unless it has ended; return a sentence about the outcome."""
        with suppress(TingTingAPIError):
            # Without a response the stop is requested all the same: it does no harm to a campaign that has ended.
            campaign = await calls.get_campaign(self.campaign_id)
            if campaign.status.is_final:
                return f"Campaign {campaign.id} is {campaign.status} already, so there is nothing to stop."
        return await stop(self.campaign_id)
