"""One poll for all who wait: what they share is requests, ends and the poller itself; not their logs."""

from __future__ import annotations

import asyncio
import contextvars

import pytest
from support.campaigns import reads, writes
from support.poller_waits import all_ended, log, plan, until, waiting
from support.virtual_time import run

from airflow_provider_tingting.campaigns.observation import Reason
from airflow_provider_tingting.campaigns.watch import Progress
from airflow_provider_tingting.clock import wall_time
from airflow_provider_tingting.polling import Poller, shared_poller


def test_many_waits_take_the_requests_of_the_pages_that_show_them(sandbox, connect, running):
    campaigns = running(25)

    async def some_polls():
        poller = Poller(connect)
        async with waiting(poller, [plan(one) for one in campaigns]):
            await until(lambda: reads(sandbox, "list_campaigns") >= 30)

    run(some_polls())

    # Three pages of ten show them all, where one GET a wait would have taken 25 requests for each read.
    rounds = reads(sandbox, "list_campaigns") // 3
    assert len(sandbox.requests) < 25 * rounds / 4
    assert writes(sandbox) == []
    assert connect.times == 1


def test_all_ends_are_received_with_what_the_campaigns_own_pages_say(sandbox, connect, running):
    campaigns = running(25)
    stopped = campaigns[7]

    ended = all_ended(sandbox, connect, campaigns, meanwhile=lambda: sandbox.world.stop_campaign(stopped))

    assert {one.reason for one in ended} == {Reason.REACHED}
    assert [one.campaign_id for one in ended] == campaigns
    assert {one.campaign_id for one in ended if one.status == "Terminated"} == {stopped}
    assert all(one.contacts == 4 for one in ended)


def test_a_latecomer_is_handed_what_was_seen_last_without_a_request(sandbox, connect, running):
    *early, late = running(9)

    async def join():
        poller = Poller(connect)
        progress = Progress(late)
        async with waiting(poller, [plan(one, poll_interval=30) for one in early]):
            await until(lambda: reads(sandbox, "list_campaigns"))
            await asyncio.sleep(0.1)
            before = len(sandbox.requests)
            joined = asyncio.ensure_future(poller.wait(plan(late, poll_interval=30), log, progress))
            await asyncio.sleep(0.1)
            joined.cancel()
            return progress.seen, len(sandbox.requests) - before

    seen, requests = run(join())

    assert (seen.status, seen.contacts, requests) == ("Running", 4, 0)


def test_several_waits_for_one_campaign_each_end_as_they_want(sandbox, connect, running):
    (campaign,) = running(1)

    async def three():
        poller = Poller(connect)
        plans = [plan(campaign, until=("Running",)), plan(campaign), plan(campaign, deadline=wall_time() + 0.2)]
        async with waiting(poller, plans) as (reached, to_the_end, timed_out):
            first, last = await reached, await timed_out
            await asyncio.to_thread(sandbox.play_out)
            return first, await to_the_end, last

    first, end, last = run(three())

    assert (first.reason, first.status) == (Reason.REACHED, "Running")
    assert (end.reason, end.status) == (Reason.REACHED, "Completed")
    assert (last.reason, last.status) == (Reason.TIMED_OUT, "Running")


def test_the_hub_is_shared_by_loop_and_key_and_closed_by_the_last(sandbox, connect, running):
    (campaign,) = running(1)

    async def users():
        async with shared_poller("one", connect) as mine, shared_poller("one", connect) as yours:
            async with shared_poller("another", connect) as other:
                found = mine is yours, mine is other
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(mine.wait(plan(campaign), log), 0.3)
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        async with shared_poller("one", connect) as fresh:
            return *found, fresh is mine, left

    assert run(users()) == (True, False, False, [])
    # In another event loop it is another poller.
    assert run(users())[0]


def test_each_ones_log_lines_are_written_in_its_own_context(sandbox, connect, running):
    whose = contextvars.ContextVar("whose", default="none")
    seen = []

    class Log:
        def info(self, *_):
            seen.append(whose.get())

        warning = info

    async def one(poller, campaign):
        whose.set(campaign)
        return await poller.wait(plan(campaign), Log())

    async def all_of(campaigns):
        poller = Poller(connect)
        tasks = [asyncio.ensure_future(one(poller, campaign)) for campaign in campaigns]
        await until(lambda: len(sandbox.requests) > 2)
        await asyncio.to_thread(sandbox.play_out)
        await asyncio.gather(*tasks)
        await poller.close()

    campaigns = running(12)
    run(all_of(campaigns))

    assert set(seen) == set(campaigns)


@pytest.mark.parametrize("until_status", [(), ("Completed",)])
def test_an_end_that_the_list_shows_while_others_are_due_is_reported_at_once(sandbox, connect, running, until_status):
    patient, *others = running(12)

    async def both():
        poller = Poller(connect)
        plans = [plan(patient, poll_interval=30, until=until_status), *(plan(one) for one in others)]
        async with waiting(poller, plans) as (task, *_):
            await until(lambda: reads(sandbox, "list_campaigns") >= 2)
            sandbox.world.stop_campaign(patient)
            return await asyncio.wait_for(task, 5)

    assert run(both()).status == "Terminated"
