"""A trigger shares its event loop with all others of a triggerer, and never blocks it."""

from __future__ import annotations

import asyncio
import time

from support.campaigns import a_campaign, connection, reads

from airflow_provider_tingting.triggers.campaign import TingTingCampaignTrigger


def test_the_event_loop_is_never_blocked_by_a_trigger_that_waits_for_a_response(sandbox, monkeypatch):
    """Eight triggers wait for responses that never come, for a minute each; meanwhile the event loop goes on."""
    monkeypatch.setenv("AIRFLOW_CONN_TINGTING_DEFAULT", connection(sandbox, timeout=60))
    campaign = a_campaign(sandbox)
    sandbox.world.run_campaign(campaign)
    sandbox.faults.add("stuck", call="get_campaign", times="*")

    async def heartbeat():
        triggers = [TingTingCampaignTrigger(campaign_id=campaign) for _ in range(8)]
        tasks = [asyncio.ensure_future(anext(trigger.run().__aiter__())) for trigger in triggers]
        while not reads(sandbox):
            await asyncio.sleep(0.005)
        for _ in range(100):
            await asyncio.sleep(0.005)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    began = time.monotonic()
    asyncio.run(heartbeat())

    assert time.monotonic() - began < 30
