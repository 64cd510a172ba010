"""Waits in the triggerer until a campaign may start: for an hour, or for its turn. Only ever reads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from airflow_provider_tingting._compat import BaseTrigger, TriggerEvent
from airflow_provider_tingting.campaigns import calling_window
from airflow_provider_tingting.connection import DEFAULT_CONN_ID
from airflow_provider_tingting.errors import TingTingError

EVENT_VERSION = 1


class TingTingStartTrigger(BaseTrigger):
    """Wait until a campaign may start, and fire one event. It starts nothing and changes nothing.

    All that wait for their turn with the same connection in a triggerer share their looks (`hub`).

    The event is `{version, campaign_id}` and decides nothing: the worker looks at the clock, the campaign and the
    others for itself, and defers again if it must. So the event also comes when the time is up, or when TingTing does
    not answer.

    :param campaign_id: the campaign that is to start.
    :param tingting_conn_id: the Airflow connection; read only when it waits for its turn.
    :param not_before: when it may start, in seconds since 1970; None to wait until no other campaign of the account
        runs.
    :param poll_interval: seconds between two looks at what runs.
    :param deadline: when to give up, in seconds since 1970; None for never.
    :param tolerate_outage: seconds for which TingTing may fail to answer.
    :param asked: whether an earlier request to run the campaign has stayed without an answer.
    """

    def __init__(
        self,
        campaign_id: int,
        tingting_conn_id: str = DEFAULT_CONN_ID,
        not_before: float | None = None,
        poll_interval: float = 30.0,
        deadline: float | None = None,
        tolerate_outage: float = 600.0,
        asked: bool = False,
        **later: Any,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.campaign_id = campaign_id
        self.tingting_conn_id = tingting_conn_id
        self.not_before = not_before
        self.poll_interval = poll_interval
        self.deadline = deadline
        self.tolerate_outage = tolerate_outage
        self.asked = asked
        # Arguments of a later version, for a triggerer that is updated after the workers.
        self.later = later

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what the trigger is made from again, anywhere."""
        return (
            "airflow_provider_tingting.triggers.start.TingTingStartTrigger",
            {
                "campaign_id": self.campaign_id,
                "tingting_conn_id": self.tingting_conn_id,
                "not_before": self.not_before,
                "poll_interval": self.poll_interval,
                "deadline": self.deadline,
                "tolerate_outage": self.tolerate_outage,
                "asked": self.asked,
                **self.later,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, and yield one event."""
        if self.not_before is None:
            await self._await_turn()
        else:
            for nap in calling_window.naps(self.not_before):
                await asyncio.sleep(nap)
        yield TriggerEvent({"version": EVENT_VERSION, "campaign_id": self.campaign_id})  # type: ignore[no-untyped-call]

    async def _await_turn(self) -> None:
        from airflow_provider_tingting.campaigns import concurrency
        from airflow_provider_tingting.campaigns.watch import WaitPlan
        from airflow_provider_tingting.polling import shared_poller

        plan = WaitPlan(
            campaign_id=self.campaign_id,
            poll_interval=self.poll_interval,
            deadline=self.deadline,
            tolerate_outage=self.tolerate_outage,
        )
        try:
            async with shared_poller(self.tingting_conn_id, self._client) as hub:
                await hub.run_shared(concurrency.wait_for_slot(plan, self.log), max_age=self.poll_interval / 2)
        except TingTingError as error:
            # The worker comes upon the same, and is heard.
            self.log.warning("The wait for the turn of campaign %s ends: %s", self.campaign_id, error)

    async def _client(self) -> Any:
        from airflow_provider_tingting.hooks.tingting import TingTingHook

        return await TingTingHook(self.tingting_conn_id).get_async_conn()

    async def on_kill(self) -> None:
        """Say whether anybody was called; called when a person ends the deferred task, from Airflow 3.3 on."""
        from airflow_provider_tingting.campaigns.concurrency import not_known, not_run

        self.log.warning("%s", (not_known if self.asked else not_run)(self.campaign_id))
