"""Waits in the triggerer until a campaign is done. Only ever reads; what the end means is judged in the worker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from airflow_provider_tingting._compat import BaseTrigger, TriggerEvent
from airflow_provider_tingting.api.driver import run_flow_async
from airflow_provider_tingting.clock import wall_time
from airflow_provider_tingting.connection import DEFAULT_CONN_ID

# Airflow gives `on_kill` 30 seconds by default, after which nothing more could be said.
_SECONDS_TO_STOP = 20.0
# So long past its deadline the trigger sits out a request that is under way.
_SECONDS_FOR_A_LAST_LOOK = 2.0
# A clock may be set while the wait lasts, so it is looked at so often (seconds).
_LOOKS_AT_CLOCK_EVERY = 60.0


class TingTingCampaignTrigger(BaseTrigger):
    """Wait for a campaign, asynchronously and by reading only, and fire one event.

    All that wait with the same connection in a triggerer share their polls (`hub`).

    The event holds ids, status and counts: `{version, reason, campaign_id, status, progress_percent, contacts,
    detail, status_code}`, where `reason` is `reached`, `timed_out`, `outage`, `refused` or `not_begun`. On a rejected
    token the connection is read again once, for a token that was replaced during the wait. The trigger may move to
    another triggerer at any time: all it knows is in its arguments, which are plain JSON.

    :param campaign_id: the campaign.
    :param tingting_conn_id: the Airflow connection.
    :param until: statuses that end the wait besides `Completed` and `Terminated`.
    :param poll_interval: the seconds that two looks are apart at least.
    :param deadline: when to give up, in seconds since 1970; None for never.
    :param tolerate_outage: seconds for which TingTing may fail to answer.
    :param stop_on_kill: stop the campaign when a person ends the deferred task (Airflow 3.3+).
    :param starts_by: when the campaign must have begun, in seconds since 1970; None when others may begin it.
    :raises TingTingConfigError: `campaign_id` is no id.
    """

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
        **later: Any,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.campaign_id = campaign_id
        self.tingting_conn_id = tingting_conn_id
        self.until = list(until or ())
        self.poll_interval = poll_interval
        self.deadline = deadline
        self.tolerate_outage = tolerate_outage
        self.stop_on_kill = stop_on_kill
        self.starts_by = starts_by
        # Arguments of a later version, for a triggerer that is updated after the workers.
        self.later = later

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what the trigger is made from again, anywhere."""
        return (
            "airflow_provider_tingting.triggers.campaign.TingTingCampaignTrigger",
            {
                "campaign_id": self.campaign_id,
                "tingting_conn_id": self.tingting_conn_id,
                "until": self.until,
                "poll_interval": self.poll_interval,
                "deadline": self.deadline,
                "tolerate_outage": self.tolerate_outage,
                "stop_on_kill": self.stop_on_kill,
                "starts_by": self.starts_by,
                **self.later,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, and yield one event."""
        from airflow_provider_tingting.campaigns.observation import Reason
        from airflow_provider_tingting.campaigns.watch import Progress, WaitPlan
        from airflow_provider_tingting.polling import shared_poller
        from airflow_provider_tingting.utils.arguments import campaign_id_of

        plan = WaitPlan(
            campaign_id=campaign_id_of(self.campaign_id),
            until=tuple(self.until),
            poll_interval=self.poll_interval,
            deadline=self.deadline,
            tolerate_outage=self.tolerate_outage,
            starts_by=self.starts_by,
        )
        progress = Progress(plan.campaign_id)
        async with shared_poller(self.tingting_conn_id, self._client) as hub:
            waiting = asyncio.ensure_future(hub.wait(plan, self.log, progress))
            given_up_at = max(self.deadline or 0.0, wall_time()) + _SECONDS_FOR_A_LAST_LOOK
            try:
                # Not by `wait_for`, which tells an error of the wait, such as a database's time-out, as its own; and
                # by the clock again and again, which may be set while the wait lasts.
                while not waiting.done() and (self.deadline is None or wall_time() < given_up_at):
                    left = _LOOKS_AT_CLOCK_EVERY if self.deadline is None else given_up_at - wall_time()
                    await asyncio.wait([waiting], timeout=min(left, _LOOKS_AT_CLOCK_EVERY))
                # A request was under way at the deadline, and has not been answered since.
                seen = waiting.result() if waiting.done() else replace(progress.seen, reason=Reason.TIMED_OUT)
            finally:
                waiting.cancel()
                await asyncio.gather(waiting, return_exceptions=True)
        yield TriggerEvent(seen.to_event())  # type: ignore[no-untyped-call]

    async def on_kill(self) -> None:
        """Stop the campaign if the user chose so; called when a person ends the deferred task, from Airflow 3.3 on."""
        if not self.stop_on_kill:
            self.log.warning("Campaign %s goes on: stop_on_kill is off", self.campaign_id)
            return
        from airflow_provider_tingting.campaigns.reconcile import stop

        try:
            async with await self._client() as client:
                said = await asyncio.wait_for(run_flow_async(client, stop(self.campaign_id)), _SECONDS_TO_STOP)
        except asyncio.TimeoutError:
            said = f"Nobody knows whether campaign {self.campaign_id} was stopped: TingTing has not answered in time."
        self.log.warning("%s", said)

    async def _client(self) -> Any:
        from airflow_provider_tingting.hooks.tingting import TingTingHook

        return await TingTingHook(self.tingting_conn_id).get_async_conn()
