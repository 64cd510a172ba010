"""The trigger that waits until a campaign may start: until a moment, or until no other campaign runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any, ClassVar

from airflow_provider_tingting._compat import TriggerEvent
from airflow_provider_tingting.campaigns import calling_window, concurrency
from airflow_provider_tingting.campaigns.observation import EVENT_VERSION
from airflow_provider_tingting.campaigns.watch import WaitPlan
from airflow_provider_tingting.connection import DEFAULT_CONN_ID
from airflow_provider_tingting.errors import TingTingError
from airflow_provider_tingting.polling import shared_poller
from airflow_provider_tingting.triggers.base import TingTingBaseDeferralTrigger
from airflow_provider_tingting.utils import argument_checks as check
from airflow_provider_tingting.utils.arguments import campaign_id_of, flag_of, moment_of, seconds_of


class TingTingStartTrigger(TingTingBaseDeferralTrigger):
    """Wait until a campaign may start, and fire one event. The trigger only reads, and starts nothing.

    All waits with the same connection in a triggerer share their reads (`polling`).

    The event is `{version, campaign_id}` and decides nothing: the worker checks the clock, the campaign and the other
    campaigns again, and defers again if it must. So the event also comes at the deadline, or when TingTing does not
    respond.

    Source: API page, List campaigns.

    :param campaign_id: the campaign that is to start.
    :param tingting_conn_id: the Airflow connection; read only to wait for other campaigns.
    :param not_before: when the campaign may start, in seconds since 1970; None to wait until no other campaign of the
        account runs.
    :param poll_interval: seconds between two reads of the running campaigns. Default: 30.
    :param deadline: when to give up, in seconds since 1970; None for never.
    :param tolerate_outage: seconds for which TingTing may fail to respond.
    :param run_requested: whether an earlier request to run the campaign got no response.
    :param deferred_at: when the task was deferred, in seconds since 1970; None for now. No event fires in the first
        ten seconds after it.
    :raises TingTingConfigError: an argument has a wrong kind or value; raised by `run`, so that the task fails with it.
    """

    arguments: ClassVar[tuple[str, ...]] = (
        "campaign_id",
        "tingting_conn_id",
        "not_before",
        "poll_interval",
        "deadline",
        "tolerate_outage",
        "run_requested",
        "deferred_at",
    )

    argument_checks: ClassVar[Mapping[str, check.Check]] = {
        **TingTingBaseDeferralTrigger.argument_checks,
        "not_before": moment_of,
        "run_requested": flag_of,
    }

    def __init__(
        self,
        campaign_id: int,
        tingting_conn_id: str = DEFAULT_CONN_ID,
        not_before: float | None = None,
        poll_interval: float = 30.0,
        deadline: float | None = None,
        tolerate_outage: float = 600.0,
        run_requested: bool = False,
        deferred_at: float | None = None,
        **later: Any,
    ) -> None:
        super().__init__(tingting_conn_id, deferred_at, **later)
        self.campaign_id = campaign_id
        self.not_before = not_before
        self.poll_interval = poll_interval
        self.deadline = deadline
        self.tolerate_outage = tolerate_outage
        self.run_requested = run_requested

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, and yield one event."""
        self.check_arguments()
        not_before = moment_of(self.not_before, "not_before")
        if not_before is None:
            await self._wait_for_slot()
        else:
            for seconds in calling_window.sleeps_until(not_before):
                await asyncio.sleep(seconds)
        yield await self.event({"version": EVENT_VERSION, "campaign_id": self.campaign_id})

    async def _wait_for_slot(self) -> None:
        plan = WaitPlan(
            campaign_id=campaign_id_of(self.campaign_id),
            poll_interval=seconds_of(self.poll_interval, "poll_interval"),
            deadline=moment_of(self.deadline, "deadline"),
            tolerate_outage=seconds_of(self.tolerate_outage, "tolerate_outage", zero=True),
        )
        try:
            async with shared_poller(self.tingting_conn_id, self.open_client) as poller:
                await poller.run_shared(concurrency.wait_for_slot(plan, self.log), max_age=plan.poll_interval / 2)
        except TingTingError as error:
            # The worker gets the same error, and fails the task with it.
            self.log.warning("The wait of campaign %s for other campaigns ends: %s", self.campaign_id, error)

    async def on_kill(self) -> None:
        """Log whether a contact was called, if a person has ended the task.

        Airflow 3.3 and later call this; see `task_has_ended` for when a call is believed.
        """
        if await self.task_has_ended(f"Nothing is done about campaign {self.campaign_id} here."):
            message = concurrency.not_known if self.run_requested else concurrency.not_run
            self.log.warning("%s", message(self.campaign_id))
