"""Trouble with the server, the token or the clock: each wait ends as it should, with few requests."""

from __future__ import annotations

import asyncio

import pytest
from support.campaigns import reads, writes
from support.poller_waits import all_ended, log, plan, until, waiting
from support.virtual_time import run

from airflow_provider_tingting.api import AsyncTingTingClient
from airflow_provider_tingting.campaigns.observation import Reason
from airflow_provider_tingting.clock import wall_time
from airflow_provider_tingting.polling import Poller
from airflow_provider_tingting.polling import poller as poller_module


@pytest.mark.parametrize("kind", ["500", "503-html", "garbage", "truncate", "cut-before", "429", "redirect"])
def test_a_list_that_cannot_be_read_is_done_without(sandbox, connect, running, kind):
    sandbox.faults.add(kind, call="list_campaigns", times="*", value=0 if kind == "429" else None)

    ended = all_ended(sandbox, connect, running(12))

    assert {one.status for one in ended} == {"Completed"}
    assert reads(sandbox, "list_campaigns") < 6


def test_a_list_that_is_stuck_is_not_waited_for(sandbox, connect, running, monkeypatch):
    monkeypatch.setattr(poller_module, "_MIN_LIST_TIMEOUT", 0.2)
    sandbox.faults.add("stuck", call="list_campaigns", times="*")

    ended = all_ended(sandbox, connect, running(12))

    assert {one.status for one in ended} == {"Completed"}
    assert reads(sandbox, "list_campaigns") == 1


def test_a_list_that_is_stuck_for_those_with_time_holds_up_no_newcomer(sandbox, connect, running, monkeypatch):
    monkeypatch.setattr(poller_module, "_MIN_LIST_TIMEOUT", 0.1)
    monkeypatch.setattr(poller_module, "_MAX_LIST_TIMEOUT", 0.3)
    *campaigns, late = running(12)
    sandbox.faults.add("stuck", call="list_campaigns", times="*")

    async def both():
        poller = Poller(connect)
        async with waiting(poller, [plan(one, poll_interval=600, deadline=None) for one in campaigns]):
            await until(lambda: reads(sandbox, "list_campaigns") == 1)
            sandbox.world.stop_campaign(late)
            return await asyncio.wait_for(poller.wait(plan(late), log), 3)

    assert run(both()).status == "Terminated"


def test_a_server_that_is_down_is_not_asked_once_for_each_wait(sandbox, connect, running):
    campaigns = running(40)

    async def through_an_outage():
        poller = Poller(connect)
        async with waiting(poller, [plan(one, poll_interval=0.1) for one in campaigns]) as tasks:
            await until(lambda: reads(sandbox, "list_campaigns") >= 8)
            before = len(sandbox.requests)
            sandbox.faults.add("500", call="*", times="*")
            await asyncio.sleep(1.0)
            asked = len(sandbox.requests) - before
            sandbox.faults.clear()
            await asyncio.to_thread(sandbox.play_out)
            return asked, await asyncio.gather(*tasks)

    asked, ended = run(through_an_outage())

    # A page and a few campaigns at each of ten reads or so, where each wait by itself would have asked 400 times.
    assert 0 < asked <= 200
    assert {one.status for one in ended} == {"Completed"}


def test_each_wait_tolerates_an_outage_for_its_own_time(sandbox, connect, running):
    impatient, patient = running(2)

    async def both():
        poller = Poller(connect)
        plans = [plan(impatient, tolerate_outage=0.2), plan(patient, tolerate_outage=60)]
        async with waiting(poller, plans) as (short, long):
            await until(lambda: len(sandbox.requests) > 2)
            sandbox.faults.add("500", call="*", times="*")
            ended = await short
            sandbox.faults.clear()
            await asyncio.to_thread(sandbox.play_out)
            return ended, await long

    short, long = run(both())

    assert (short.reason, short.status) == (Reason.OUTAGE, "Running")
    assert (long.reason, long.status) == (Reason.REACHED, "Completed")


def test_a_token_that_is_replaced_is_read_again_once_for_all(sandbox, connect, running):
    ended = all_ended(
        sandbox, connect, running(25), meanwhile=lambda: sandbox.world.rotate_token("a-new-token-for-the-sandbox")
    )

    assert {one.status for one in ended} == {"Completed"}
    assert connect.times == 2


def test_a_token_that_is_rejected_for_good_ends_every_wait_with_few_requests(sandbox, running):
    async def connect():
        return AsyncTingTingClient("no-such-token", base_url=sandbox.base_url, max_retries=0)

    async def all_of(campaigns):
        poller = Poller(connect)
        async with waiting(poller, [plan(one) for one in campaigns]) as tasks:
            return await asyncio.gather(*tasks)

    ended = run(all_of(running(25)))

    assert {(one.reason, one.status_code) for one in ended} == {(Reason.REFUSED, 401)}
    assert len(sandbox.requests) == 2


def test_two_triggerers_on_the_same_connection_do_not_disturb_each_other(sandbox, connect, running):
    campaigns = running(20)

    async def both():
        pollers = Poller(connect), Poller(connect)
        tasks = [asyncio.ensure_future(pollers[one % 2].wait(plan(one), log)) for one in campaigns]
        await until(lambda: len(sandbox.requests) > 8)
        await asyncio.to_thread(sandbox.play_out)
        ended = await asyncio.gather(*tasks)
        for poller in pollers:
            await poller.close()
        return ended

    assert {one.status for one in run(both())} == {"Completed"}
    assert writes(sandbox) == []


@pytest.mark.parametrize(("jump", "reason"), [(3600, Reason.TIMED_OUT), (-3600, Reason.REACHED)])
def test_a_wall_clock_that_is_set_moves_the_deadline_and_nothing_else(
    virtual_time, sandbox, connect, running, jump, reason
):
    (campaign,) = running(1)

    async def some_time():
        poller = Poller(connect)
        async with waiting(poller, [plan(campaign, poll_interval=30, deadline=wall_time() + 1200)]) as (task,):
            await until(lambda: len(sandbox.requests) > 1)
            virtual_time.set_wall_clock(wall_time() + jump)
            await asyncio.sleep(60)
            await asyncio.to_thread(sandbox.play_out)
            return await task

    assert run(some_time()).reason is reason
