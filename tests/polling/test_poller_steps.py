"""When campaigns are read, in virtual time: together, early for a short campaign, and after a process stood still."""

from __future__ import annotations

import asyncio
import logging
import random

import pytest
from support.fake_account import FakeAccount
from support.virtual_time import run_in_virtual_time

from airflow_provider_tingting.campaigns import poll_interval
from airflow_provider_tingting.campaigns.watch import WaitPlan
from airflow_provider_tingting.polling import Poller

log = logging.getLogger(__name__)
INTERVAL = 30.0
WAITS = 200
TAKES_HOURS = 4 * 3600.0


@pytest.fixture
def clock():
    with run_in_virtual_time() as clock:
        yield clock


async def arrive(poller, account, clock, apart, *, takes=TAKES_HOURS, waits=WAITS):
    """Let campaigns begin, and waits for them, some seconds apart; return the waits."""
    tasks = []
    for campaign in range(1, waits + 1):
        account.start(campaign, takes)
        tasks.append(asyncio.ensure_future(poller.wait(WaitPlan(campaign, poll_interval=INTERVAL), log)))
        await asyncio.sleep(apart)
    return tasks


async def end(poller, tasks):
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await poller.close()


def requests_after_arrival(clock, apart, page_size):
    """Count the requests in ten minutes that begin one interval after the last of many waits has arrived."""
    account = FakeAccount(clock, page_size)

    async def run():
        poller = Poller(account.connect)
        tasks = await arrive(poller, account, clock, apart)
        await asyncio.sleep(INTERVAL)
        since = clock.monotonic()
        await asyncio.sleep(600)
        await end(poller, tasks)
        return account.asked(since, clock.monotonic())

    return clock.run(run())


@pytest.mark.parametrize("page_size", [10, 100], ids=["pages of 10", "pages of 100"])
@pytest.mark.parametrize("apart", [0.65, 2.3], ids=["every 0.65 s", "every 2.3 s"])
def test_waits_that_arrive_one_after_another_cost_what_waits_that_begin_together_cost(clock, apart, page_size):
    together = requests_after_arrival(clock, 0.0, page_size)

    assert requests_after_arrival(clock, apart, page_size) <= 1.2 * together


@pytest.mark.parametrize("page_size", [10, 100], ids=["pages of 10", "pages of 100"])
def test_waits_that_arrive_share_requests_while_they_arrive(clock, page_size):
    account = FakeAccount(clock, page_size)

    async def run():
        poller = Poller(account.connect)
        began = clock.monotonic()
        tasks = await arrive(poller, account, clock, 0.65)
        arrived = clock.monotonic()
        await end(poller, tasks)
        return account.asked(began, arrived) / (arrived - began)

    # One read for each arrival is 1.5 a second already.
    assert clock.run(run()) < 6


def noticed_after(clock, takes):
    """Return the seconds between the end of a campaign and the end of the wait for it, and the requests."""
    account = FakeAccount(clock)

    async def run():
        poller = Poller(account.connect)
        account.start(1, takes)
        began = clock.monotonic()
        observation = await poller.wait(WaitPlan(1, poll_interval=INTERVAL, starts_by=clock.time() + 900), log)
        await poller.close()
        assert observation.status == "Completed"
        return clock.monotonic() - began - takes, len(account.requests)

    return clock.run(run())


@pytest.mark.parametrize("takes", [1, 3, 6, 9, 12, 17, 20, 29, 35, 50, 70, 100, 140, 200, 400, 900, 1800])
def test_the_end_of_a_campaign_is_noticed_within_a_fifth_of_its_duration_or_five_seconds(clock, takes):
    # The steps begin at random: these draws hold the earliest and the latest.
    late = []
    for seed in range(20):
        random.seed(seed)
        late.append(noticed_after(clock, float(takes))[0])

    assert max(late) <= max(5.0, takes / 5)


@pytest.mark.parametrize("hours", [1, 4, 12])
def test_a_long_campaign_costs_at_most_five_requests_more_for_its_early_reads(clock, monkeypatch, hours):
    # Both walk in the same random steps, so that only the early reads differ.
    random.seed(hours)
    _, requests = noticed_after(clock, hours * 3600.0)
    monkeypatch.setattr(poll_interval, "MAX_EARLY_READS", 0)
    random.seed(hours)
    _, without = noticed_after(clock, hours * 3600.0)

    assert requests <= without + 5
    # One read each 30 s would be 120 an hour.
    assert requests < 12 + 32 * hours


@pytest.mark.parametrize("seconds", [40.0, 700.0])
def test_after_standing_still_all_campaigns_are_read_once_and_the_list_goes_on(clock, seconds):
    account = FakeAccount(clock)

    async def run():
        poller = Poller(account.connect)
        tasks = await arrive(poller, account, clock, 0.0)
        await asyncio.sleep(300)
        # In the middle of whatever is under way.
        clock.push(seconds)
        woke = clock.monotonic()
        await asyncio.sleep(240)
        single = account.asked(woke + 5, clock.monotonic(), "get_campaign")
        listed = account.asked(woke + 5, clock.monotonic(), "list_campaigns")
        running = [task for task in tasks if not task.done()]
        await end(poller, tasks)
        return single, listed, len(running)

    single, listed, running = clock.run(run())

    assert running == WAITS
    assert single < listed
    assert account.connections <= 2


@pytest.mark.parametrize("turns", [0, 5], ids=["a response that is whole", "a response in several parts"])
def test_standing_still_while_a_page_is_under_way_does_not_give_up_the_list(clock, turns):
    account = FakeAccount(clock)
    account.turns = turns

    async def run():
        poller = Poller(account.connect)
        tasks = await arrive(poller, account, clock, 0.0)
        await asyncio.sleep(300)
        before = len(account.requests)
        while len(account.requests) == before or account.requests[-1][1] != "list_campaigns":
            await asyncio.sleep(0.01)
        clock.push(60.0)
        woke = clock.monotonic()
        await asyncio.sleep(240)
        listed = account.asked(woke + 5, clock.monotonic(), "list_campaigns")
        single = account.asked(woke + 5, clock.monotonic(), "get_campaign")
        await end(poller, tasks)
        return single, listed

    single, listed = clock.run(run())

    assert listed > single


def test_waits_that_are_lost_and_come_back_go_on_with_few_requests(clock):
    account = FakeAccount(clock)

    async def run():
        poller = Poller(account.connect)
        tasks = await arrive(poller, account, clock, 0.0)
        await asyncio.sleep(300)
        for task in tasks[::2]:
            task.cancel()
        await asyncio.sleep(40)
        since = clock.monotonic()
        plans = [WaitPlan(campaign, poll_interval=INTERVAL) for campaign in range(1, WAITS + 1, 2)]
        back = [asyncio.ensure_future(poller.wait(plan, log)) for plan in plans]
        await asyncio.sleep(300)
        asked = account.asked(since, clock.monotonic())
        alive = [task for task in (*tasks[1::2], *back) if not task.done()]
        await end(poller, [*tasks, *back])
        return asked, len(alive)

    asked, alive = clock.run(run())

    assert alive == WAITS
    # Single reads would be two thousand.
    assert asked < 500


@pytest.mark.parametrize("seconds", [30.0, 90.0])
def test_a_connection_that_takes_long_to_read_ends_no_wait_and_gives_up_no_list(clock, seconds):
    account = FakeAccount(clock, connecting_takes=seconds)

    async def run():
        poller = Poller(account.connect)
        tasks = await arrive(poller, account, clock, 0.0)
        await asyncio.sleep(seconds + 120)
        alive = [task for task in tasks if not task.done()]
        await end(poller, tasks)
        return len(alive)

    assert clock.run(run()) == WAITS
    assert account.connections == 1
    assert account.asked(0, 1e9, "get_campaign") < account.asked(0, 1e9, "list_campaigns")


def first_requests(clock, *intervals, apart):
    """Let waits with these intervals begin some seconds apart; return the first requests, with when each was sent."""
    account = FakeAccount(clock, page_size=100)

    async def run():
        poller = Poller(account.connect)
        began, tasks = clock.monotonic(), []
        for campaign, interval in enumerate(intervals, 1):
            account.start(campaign, TAKES_HOURS)
            tasks.append(asyncio.ensure_future(poller.wait(WaitPlan(campaign, poll_interval=interval), log)))
            await asyncio.sleep(apart)
        await asyncio.sleep(0.7)
        await end(poller, tasks)
        return [(round(at - began, 2), call) for at, call in account.requests]

    return clock.run(run())


def test_waits_that_begin_within_half_a_second_are_read_first_by_one_request(clock):
    assert first_requests(clock, *[INTERVAL] * 4, apart=0.15) == [(0.5, "list_campaigns")]


def test_a_wait_that_begins_after_the_first_read_is_read_half_a_second_later(clock):
    assert first_requests(clock, *[INTERVAL] * 2, apart=0.6) == [(0.5, "get_campaign"), (1.1, "get_campaign")]


def test_a_wait_with_a_short_interval_waits_a_tenth_of_it_for_its_first_read(clock):
    assert first_requests(clock, 2.0, apart=0.0) == [(0.2, "get_campaign")]


def test_a_wait_with_a_long_interval_does_not_delay_another_wait_for_its_campaign(clock):
    account = FakeAccount(clock)

    async def run():
        poller = Poller(account.connect)
        for campaign in (1, 2):
            account.start(campaign, TAKES_HOURS)
        waits = [asyncio.ensure_future(poller.wait(WaitPlan(one, poll_interval=0.2), log)) for one in (1, 2)]
        await asyncio.sleep(1.0)
        joined = clock.monotonic()
        waits.append(asyncio.ensure_future(poller.wait(WaitPlan(1, poll_interval=3600.0), log)))
        await asyncio.sleep(1.5)
        await end(poller, waits)
        return account.asked(joined, clock.monotonic(), "list_campaigns")

    # The list is read where both campaigns are due.
    assert clock.run(run()) >= 5
