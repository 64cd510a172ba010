"""How fast TingTing is asked: not before it wants to be, not above the rate limit, never twice at once."""

from __future__ import annotations

import asyncio
import itertools

import pytest
from support.campaigns import reads
from support.poller_waits import all_ended, log, plan, until, waiting
from support.virtual_time import run

from airflow_provider_tingting.api import AsyncTingTingClient
from airflow_provider_tingting.campaigns.observation import Reason
from airflow_provider_tingting.polling import Poller


@pytest.fixture(autouse=True)
def _usual_manners(sandbox):
    yield
    sandbox.options.latency = 0.0


def test_when_tingting_asks_to_wait_no_request_comes_before(sandbox, connect, running):
    campaigns = running(12)

    async def some_time():
        poller = Poller(connect)
        async with waiting(poller, [plan(one) for one in campaigns]) as tasks:
            await until(lambda: reads(sandbox, "list_campaigns") >= 2)
            sandbox.faults.add("429", call="list_campaigns", value=1)
            await until(lambda: any(entry.fault for entry in sandbox.requests))
            await until(lambda: sandbox.requests[-1].fault is None)
            await asyncio.to_thread(sandbox.play_out)
            return await asyncio.gather(*tasks)

    ended = run(some_time())

    assert {one.status for one in ended} == {"Completed"}
    times = [entry.at for entry in sandbox.requests]
    (struck,) = [position for position, entry in enumerate(sandbox.requests) if entry.fault]
    assert times[struck + 1] - times[struck] > 0.9


def test_a_long_pause_that_tingting_asks_for_is_kept_by_latecomers_too(sandbox, connect, running):
    *early, late = running(12)

    async def some_time():
        poller = Poller(connect)
        async with waiting(poller, [plan(one) for one in early]) as tasks:
            await until(lambda: reads(sandbox, "list_campaigns") >= 2)
            sandbox.faults.add("429", call="list_campaigns", value=600)
            await until(lambda: any(entry.fault for entry in sandbox.requests))
            await asyncio.sleep(0.2)
            before = len(sandbox.requests)
            tasks.append(asyncio.ensure_future(poller.wait(plan(late), log)))
            await asyncio.sleep(0.6)
            return len(sandbox.requests) - before, [task for task in tasks if task.done()]

    assert run(some_time()) == (0, [])


def test_a_pause_longer_than_an_outage_is_tolerated_ends_each_wait_in_its_own_time(sandbox, connect, running):
    *campaigns, patient = running(4)
    sandbox.faults.add("429", times="*", value=86_400)

    async def both():
        poller = Poller(connect)
        plans = [plan(one, tolerate_outage=0.3) for one in campaigns] + [plan(patient, tolerate_outage=60)]
        async with waiting(poller, plans) as tasks:
            ended = await asyncio.wait_for(asyncio.gather(*tasks[:-1]), 5)
            return ended, tasks[-1].done(), len(sandbox.requests)

    ended, patient_ended, asked = run(both())

    assert {one.reason for one in ended} == {Reason.OUTAGE}
    assert not patient_ended
    assert asked <= 4


def test_a_rate_limit_holds_for_all_who_wait(sandbox, running):
    campaigns = running(12)

    async def connect():
        return AsyncTingTingClient(sandbox.token, base_url=sandbox.base_url, rate_limit=10)

    async def some_time():
        poller = Poller(connect)
        async with waiting(poller, [plan(one, poll_interval=0.01) for one in campaigns]):
            await asyncio.sleep(1.5)

    run(some_time())

    assert 5 <= len(sandbox.requests) <= 17


def test_a_server_slower_than_the_interval_is_never_asked_twice_at_once(sandbox, connect, running_in_real_time):
    sandbox.options.latency = 0.15

    ended = all_ended(sandbox, connect, running_in_real_time(12), poll_interval=0.02)

    assert {one.status for one in ended} == {"Completed"}
    lists = [entry.at for entry in sandbox.requests if entry.call == "list_campaigns"]
    assert min(later - earlier for earlier, later in itertools.pairwise(lists)) > 0.1
