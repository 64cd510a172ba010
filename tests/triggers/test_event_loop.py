"""A trigger shares its event loop with all others of a triggerer, and never blocks it."""

from __future__ import annotations

import asyncio

import pytest
from support.blocking import blocking_calls
from support.campaigns import a_campaign, connection, meanwhile, reads
from support.task_context import fired_by

from airflow_provider_tingting.hooks.tingting import TingTingHook
from airflow_provider_tingting.triggers.campaign import TingTingCampaignTrigger

FAULTS = {
    "without a fault": None,
    "slow responses": {"kind": "slow", "value": 0.05, "times": 3},
    "no response": {"kind": "stuck", "times": 2},
    "no connection": {"kind": "cut-before", "times": 3},
}


@pytest.fixture
def running(sandbox):
    sandbox.clock.speed = 0
    campaign = a_campaign(sandbox)
    sandbox.world.run_campaign(campaign)
    return campaign


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_the_event_loop_is_never_blocked(sandbox, running, monkeypatch, fault):
    monkeypatch.setenv("AIRFLOW_CONN_TINGTING_DEFAULT", connection(sandbox, timeout=0.2, max_retries=0))
    if fault:
        sandbox.faults.add(**fault, call="get_campaign")

    with blocking_calls() as blocking, meanwhile(lambda: reads(sandbox) > 5, sandbox.play_out):
        event = fired_by(TingTingCampaignTrigger(running, poll_interval=0.02, tolerate_outage=600.0))

    assert event["reason"] == "reached"
    assert blocking == []


def test_a_blocking_request_would_be_noticed(sandbox, running, tingting_conn):
    async def ask():
        return TingTingHook().get_campaign(running)

    with blocking_calls() as blocking:
        asyncio.run(ask())

    assert {"connect", "sendall", "recv_into"} <= set(blocking)


def test_many_triggers_wait_at_once_for_responses_that_never_come(sandbox, running, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_TINGTING_DEFAULT", connection(sandbox, timeout=20, max_retries=0))
    sandbox.faults.add("stuck", call="get_campaign", times="*")

    async def all_of_them():
        triggers = [TingTingCampaignTrigger(campaign_id=running) for _ in range(8)]
        tasks = [asyncio.ensure_future(anext(trigger.run().__aiter__())) for trigger in triggers]
        while not reads(sandbox):
            await asyncio.sleep(0.005)
        for task in tasks:
            task.cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    with blocking_calls() as blocking:
        ends = asyncio.run(all_of_them())

    assert {type(end) for end in ends} == {asyncio.CancelledError}
    assert blocking == []
