"""One poll for all who wait: what is shared, what is not, and that a list that is wrong or in trouble ends no wait."""

from __future__ import annotations

import asyncio
import contextvars
import itertools
import logging
import time
from contextlib import asynccontextmanager

import pytest
from support.campaigns import a_campaign, reads, writes

from airflow_provider_tingting.api import AsyncTingTingClient
from airflow_provider_tingting.hub import Hub, listing, shared_hub
from airflow_provider_tingting.hub import hub as hub_module
from airflow_provider_tingting.observation import Reason
from airflow_provider_tingting.sandbox.routes import campaigns as campaign_routes
from airflow_provider_tingting.waiting import Progress, WaitPlan

log = logging.getLogger("waiting")


@pytest.fixture(autouse=True)
def _usual_manners(sandbox):
    yield
    sandbox.manners.latency = 0.0


@pytest.fixture
def running(sandbox):
    """`running(n)` makes campaigns that run, in a world that stands still."""

    def make(number, **fields):
        sandbox.clock.speed = 0
        made = [a_campaign(sandbox, **fields) for _ in range(number)]
        for campaign in made:
            sandbox.world.run_campaign(campaign)
        return made

    return make


@pytest.fixture
def connect(sandbox):
    """Read the connection: the token as it is now. `connect.times` says how often that was done."""

    async def read():
        read.times += 1
        return AsyncTingTingClient(sandbox.token, base_url=sandbox.base_url, timeout=5, max_retries=0)

    read.times = 0
    return read


def plan(campaign, **changes):
    return WaitPlan(campaign, **{"poll_interval": 0.05, "deadline": time.time() + 20, **changes})


@asynccontextmanager
async def waiting(hub, plans, progress=None):
    """Tasks that wait, ended when the block is left."""
    tasks = [asyncio.ensure_future(hub.wait(one, log, progress)) for one in plans]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await hub.close()


async def until(condition, within=10.0):
    give_up = time.monotonic() + within
    while not condition():
        assert time.monotonic() < give_up, "what was waited for has not come about"
        await asyncio.sleep(0.005)


def all_ended(sandbox, connect, campaigns, *, meanwhile=None, after=3, **changes):
    """Wait for campaigns while the world goes on after a few lists, and return how each wait has ended."""

    async def both():
        hub = Hub(connect)
        async with waiting(hub, [plan(one, **changes) for one in campaigns]) as tasks:
            await until(lambda: len(sandbox.requests) >= after)
            if meanwhile is not None:
                meanwhile()
            await asyncio.to_thread(sandbox.play_out)
            return await asyncio.gather(*tasks)

    return asyncio.run(both())


def lies(monkeypatch, change):
    """Let the server change each page of the campaign list before it sends it."""
    really = campaign_routes.page

    def page(*arguments, **options):
        content = really(*arguments, **options)
        change(content)
        return content

    monkeypatch.setattr(campaign_routes, "page", page)


# -- what is shared ----------------------------------------------------------------------------------------------------


def test_many_waits_take_the_requests_of_the_pages_that_show_them(sandbox, connect, running):
    campaigns = running(25)

    async def some_polls():
        hub = Hub(connect)
        async with waiting(hub, [plan(one) for one in campaigns]):
            await until(lambda: reads(sandbox, "list_campaigns") >= 30)

    asyncio.run(some_polls())

    # Three pages of ten show them all, where one GET a wait would have taken 25 requests for each look.
    looks = reads(sandbox, "list_campaigns") // 3
    assert len(sandbox.requests) < 25 * looks / 4
    assert writes(sandbox) == []
    assert connect.times == 1


def test_all_ends_come_home_with_what_the_campaigns_own_pages_say(sandbox, connect, running):
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
        hub = Hub(connect)
        progress = Progress(late)
        async with waiting(hub, [plan(one, poll_interval=30) for one in early]):
            await until(lambda: reads(sandbox, "list_campaigns"))
            await asyncio.sleep(0.1)
            before = len(sandbox.requests)
            joined = asyncio.ensure_future(hub.wait(plan(late, poll_interval=30), log, progress))
            await asyncio.sleep(0.1)
            joined.cancel()
            return progress.seen, len(sandbox.requests) - before

    seen, requests = asyncio.run(join())

    assert (seen.status, seen.contacts, requests) == ("Running", 4, 0)


def test_several_waits_for_one_campaign_each_end_as_they_want(sandbox, connect, running):
    (campaign,) = running(1)

    async def three():
        hub = Hub(connect)
        plans = [plan(campaign, until=("Running",)), plan(campaign), plan(campaign, deadline=time.time() + 0.2)]
        async with waiting(hub, plans) as (reached, to_the_end, timed_out):
            first, last = await reached, await timed_out
            await asyncio.to_thread(sandbox.play_out)
            return first, await to_the_end, last

    first, end, last = asyncio.run(three())

    assert (first.reason, first.status) == (Reason.REACHED, "Running")
    assert (end.reason, end.status) == (Reason.REACHED, "Completed")
    assert (last.reason, last.status) == (Reason.TIMED_OUT, "Running")


def test_the_hub_is_shared_by_loop_and_key_and_closed_by_the_last(sandbox, connect, running):
    (campaign,) = running(1)

    async def users():
        async with shared_hub("one", connect) as mine, shared_hub("one", connect) as yours:
            async with shared_hub("another", connect) as other:
                found = mine is yours, mine is other
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(mine.wait(plan(campaign), log), 0.3)
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        async with shared_hub("one", connect) as fresh:
            return *found, fresh is mine, left

    assert asyncio.run(users()) == (True, False, False, [])
    # In another event loop it is another hub.
    assert asyncio.run(users())[0]


def test_each_ones_log_lines_are_written_in_its_own_context(sandbox, connect, running):
    whose = contextvars.ContextVar("whose", default="nobody")
    told = []

    class Log:
        def info(self, *_):
            told.append(whose.get())

        warning = info

    async def one(hub, campaign):
        whose.set(campaign)
        return await hub.wait(plan(campaign), Log())

    async def all_of(campaigns):
        hub = Hub(connect)
        tasks = [asyncio.ensure_future(one(hub, campaign)) for campaign in campaigns]
        await until(lambda: len(sandbox.requests) > 2)
        await asyncio.to_thread(sandbox.play_out)
        await asyncio.gather(*tasks)
        await hub.close()

    campaigns = running(12)
    asyncio.run(all_of(campaigns))

    assert set(told) == set(campaigns)


@pytest.mark.parametrize("until_status", [(), ("Completed",)])
def test_an_end_that_the_list_shows_while_others_are_due_is_told_at_once(sandbox, connect, running, until_status):
    patient, *others = running(12)

    async def both():
        hub = Hub(connect)
        plans = [plan(patient, poll_interval=30, until=until_status), *(plan(one) for one in others)]
        async with waiting(hub, plans) as (task, *_):
            await until(lambda: reads(sandbox, "list_campaigns") >= 2)
            sandbox.world.stop_campaign(patient)
            return await asyncio.wait_for(task, 5)

    assert asyncio.run(both()).status == "Terminated"


# -- one campaign's trouble --------------------------------------------------------------------------------------------


def test_a_campaign_that_is_deleted_ends_its_own_wait_only(sandbox, connect, running):
    campaigns = running(12)

    ended = all_ended(sandbox, connect, campaigns, meanwhile=lambda: sandbox.world.delete_campaign(campaigns[3]))

    assert [one.campaign_id for one in ended if one.reason is not Reason.REACHED] == [campaigns[3]]
    assert (ended[3].reason, ended[3].status_code) == (Reason.REFUSED, 404)


def test_a_request_that_is_stuck_holds_up_its_own_campaign_only(sandbox, connect, running):
    draft, *campaigns = running(12)
    # What the list does not show is read by itself.
    sandbox.world.campaigns[draft].draft = True
    sandbox.faults.add("stuck", call="get_campaign")

    async def both():
        hub = Hub(connect)
        async with waiting(hub, [plan(draft, tolerate_outage=60)]) as (alone,):
            await until(lambda: any(entry.fault for entry in sandbox.requests))
            others = [asyncio.ensure_future(hub.wait(plan(one), log)) for one in campaigns]
            await until(lambda: reads(sandbox, "list_campaigns") >= 2)
            await asyncio.to_thread(sandbox.play_out)
            ended = await asyncio.gather(*others)
            return ended, alone.done()

    ended, alone_is_done = asyncio.run(both())

    assert {one.status for one in ended} == {"Completed"}
    assert not alone_is_done


def test_a_broken_log_ends_its_own_wait_only(sandbox, connect, running):
    campaigns = running(12)

    class Broken:
        def info(self, *_):
            raise OSError("disk full")

        warning = info

    async def both():
        hub = Hub(connect)
        async with waiting(hub, [plan(one) for one in campaigns[1:]]) as tasks:
            broken = asyncio.ensure_future(hub.wait(plan(campaigns[0]), Broken()))
            with pytest.raises(OSError, match="disk full"):
                await broken
            await asyncio.to_thread(sandbox.play_out)
            return await asyncio.gather(*tasks)

    assert {one.status for one in asyncio.run(both())} == {"Completed"}


def test_a_broken_log_does_not_keep_the_others_from_a_token_that_was_replaced(sandbox, connect, running):
    campaigns = running(12)

    class Breaks:
        def info(self, *_):
            """Nothing is wrong with it yet."""

        def warning(self, *_):
            raise OSError("disk full")

    async def both():
        hub = Hub(connect)
        async with waiting(hub, [plan(one) for one in campaigns[1:]]) as tasks:
            broken = asyncio.ensure_future(hub.wait(plan(campaigns[0]), Breaks()))
            await until(lambda: len(sandbox.requests) >= 3)
            sandbox.world.rotate_token("a-new-token-for-the-sandbox")
            with pytest.raises(OSError, match="disk full"):
                await broken
            await asyncio.to_thread(sandbox.play_out)
            return await asyncio.gather(*tasks)

    assert {(one.reason, one.status) for one in asyncio.run(both())} == {(Reason.REACHED, "Completed")}


# -- a list that is wrong ----------------------------------------------------------------------------------------------


def test_a_list_that_says_completed_of_a_campaign_that_runs_ends_no_wait(sandbox, connect, running, monkeypatch):
    campaigns = running(12)

    def all_over(content):
        for row in content["results"]:
            row.update(status="Completed", progress_percent=100)

    lies(monkeypatch, all_over)

    async def some_time():
        hub = Hub(connect)
        async with waiting(hub, [plan(one) for one in campaigns]) as tasks:
            await until(lambda: reads(sandbox) > 60)
            ended_early = [task for task in tasks if task.done()]
            await asyncio.to_thread(sandbox.play_out)
            return ended_early, await asyncio.gather(*tasks)

    ended_early, ended = asyncio.run(some_time())

    assert ended_early == []
    assert {one.status for one in ended} == {"Completed"}


def test_a_list_that_has_proved_right_and_then_lies_is_caught_by_a_sensors_wait(sandbox, connect, running, monkeypatch):
    campaigns = running(30)
    monkeypatch.setattr(listing, "ENDS_CHECKED_FIRST", 0)
    lies(
        monkeypatch,
        lambda content: [row.update(status="Completed", progress_percent=100) for row in content["results"]],
    )

    async def some_time():
        hub = Hub(connect)
        async with waiting(hub, [plan(one, until=("Completed",)) for one in campaigns]) as tasks:
            await until(lambda: reads(sandbox) > 40)
            return [task for task in tasks if task.done()]

    assert asyncio.run(some_time()) == []


def test_a_list_that_is_stale_for_ever_delays_an_end_and_does_not_hide_it(sandbox, connect, running, monkeypatch):
    def stale(content):
        for row in content["results"]:
            row.update(status="Running", progress_percent=0)

    lies(monkeypatch, stale)

    ended = all_ended(sandbox, connect, running(12))

    assert {one.status for one in ended} == {"Completed"}


def test_a_list_whose_figures_change_for_ever_delays_an_end_and_does_not_hide_it(
    sandbox, connect, running, monkeypatch
):
    monkeypatch.setattr("airflow_provider_tingting.hub.waiter.MOST_LISTED_LOOKS", 20)
    lists = itertools.count()

    def turns_in_circles(content):
        percent = 40 + next(lists) % 2
        for row in content["results"]:
            row.update(status="Running", progress_percent=percent)

    lies(monkeypatch, turns_in_circles)

    ended = all_ended(sandbox, connect, running(12))

    assert {one.status for one in ended} == {"Completed"}


def without_an_end(content):
    content["next"] = None


def counts_wrong(content):
    content.update(count=3, total_pages=1)


def shows_half(content):
    content["results"] = content["results"][::2]


def leaves_fields_out(content):
    for row in content["results"]:
        del row["progress_percent"], row["campaign_action_count"]


def shows_nothing(content):
    content["results"] = []


def rows_twice(content):
    content["results"] = content["results"] * 2


FIRST = {}


def never_turns(content):
    content["results"] = FIRST.setdefault("page", content["results"])


@pytest.mark.parametrize(
    "lie", [without_an_end, counts_wrong, shows_half, leaves_fields_out, shows_nothing, rows_twice, never_turns]
)
def test_pages_that_lie_about_their_size_or_content_cost_requests_and_nothing_else(
    sandbox, connect, running, monkeypatch, lie
):
    FIRST.clear()
    lies(monkeypatch, lie)

    ended = all_ended(sandbox, connect, running(25))

    assert {(one.reason, one.status, one.contacts) for one in ended} == {(Reason.REACHED, "Completed", 4)}


def test_a_list_that_changes_between_its_pages_hides_nobody(sandbox, connect, running, monkeypatch):
    # With each page that is read somebody creates three campaigns, which push the others down.
    lies(monkeypatch, lambda content: [a_campaign(sandbox, name="Another") for _ in range(3)] and None)

    ended = all_ended(sandbox, connect, running(25), after=12)

    assert {one.status for one in ended} == {"Completed"}


def test_an_unknown_status_is_waited_through_and_never_an_end(sandbox, connect, running):
    campaigns = running(12)
    sandbox.world.campaigns[campaigns[0]].status = "Paused"

    async def some_time():
        hub = Hub(connect)
        async with waiting(hub, [plan(one, deadline=time.time() + 0.5) for one in campaigns]) as tasks:
            return await asyncio.gather(*tasks)

    ended = asyncio.run(some_time())

    assert {one.reason for one in ended} == {Reason.TIMED_OUT}
    assert ended[0].status == "Paused"


# -- trouble -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["500", "503-html", "garbage", "truncate", "cut-before", "429", "redirect"])
def test_a_list_that_cannot_be_read_is_done_without(sandbox, connect, running, kind):
    sandbox.faults.add(kind, call="list_campaigns", times="*", value=0 if kind == "429" else None)

    ended = all_ended(sandbox, connect, running(12))

    assert {one.status for one in ended} == {"Completed"}
    assert reads(sandbox, "list_campaigns") < 6


def test_a_list_that_is_stuck_is_not_waited_for(sandbox, connect, running, monkeypatch):
    monkeypatch.setattr(hub_module, "_LEAST_PATIENCE", 0.2)
    sandbox.faults.add("stuck", call="list_campaigns", times="*")

    ended = all_ended(sandbox, connect, running(12))

    assert {one.status for one in ended} == {"Completed"}
    assert reads(sandbox, "list_campaigns") == 1


def test_a_list_that_is_stuck_for_those_with_time_holds_up_no_newcomer(sandbox, connect, running, monkeypatch):
    monkeypatch.setattr(hub_module, "_LEAST_PATIENCE", 0.1)
    monkeypatch.setattr(hub_module, "_MOST_PATIENCE", 0.3)
    *campaigns, late = running(12)
    sandbox.faults.add("stuck", call="list_campaigns", times="*")

    async def both():
        hub = Hub(connect)
        async with waiting(hub, [plan(one, poll_interval=600, deadline=None) for one in campaigns]):
            await until(lambda: reads(sandbox, "list_campaigns") == 1)
            sandbox.world.stop_campaign(late)
            return await asyncio.wait_for(hub.wait(plan(late), log), 3)

    assert asyncio.run(both()).status == "Terminated"


def test_a_server_that_is_down_is_not_asked_once_for_each_wait(sandbox, connect, running):
    campaigns = running(40)

    async def through_an_outage():
        hub = Hub(connect)
        async with waiting(hub, [plan(one, poll_interval=0.1) for one in campaigns]) as tasks:
            await until(lambda: reads(sandbox, "list_campaigns") >= 8)
            before = len(sandbox.requests)
            sandbox.faults.add("500", call="*", times="*")
            await asyncio.sleep(1.0)
            asked = len(sandbox.requests) - before
            sandbox.faults.clear()
            await asyncio.to_thread(sandbox.play_out)
            return asked, await asyncio.gather(*tasks)

    asked, ended = asyncio.run(through_an_outage())

    # A page and a few campaigns at each of ten looks or so, where each wait by itself would have asked 400 times.
    assert 0 < asked <= 130
    assert {one.status for one in ended} == {"Completed"}


def test_each_wait_tolerates_an_outage_for_its_own_time(sandbox, connect, running):
    impatient, patient = running(2)

    async def both():
        hub = Hub(connect)
        plans = [plan(impatient, tolerate_outage=0.2), plan(patient, tolerate_outage=60)]
        async with waiting(hub, plans) as (short, long):
            await until(lambda: len(sandbox.requests) > 2)
            sandbox.faults.add("500", call="*", times="*")
            ended = await short
            sandbox.faults.clear()
            await asyncio.to_thread(sandbox.play_out)
            return ended, await long

    short, long = asyncio.run(both())

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
        hub = Hub(connect)
        async with waiting(hub, [plan(one) for one in campaigns]) as tasks:
            return await asyncio.gather(*tasks)

    ended = asyncio.run(all_of(running(25)))

    assert {(one.reason, one.status_code) for one in ended} == {(Reason.REFUSED, 401)}
    assert len(sandbox.requests) == 2


def test_when_tingting_asks_to_wait_nobody_asks_before(sandbox, connect, running):
    campaigns = running(12)

    async def some_time():
        hub = Hub(connect)
        async with waiting(hub, [plan(one) for one in campaigns]) as tasks:
            await until(lambda: reads(sandbox, "list_campaigns") >= 2)
            sandbox.faults.add("429", call="list_campaigns", value=1)
            await until(lambda: any(entry.fault for entry in sandbox.requests))
            await until(lambda: sandbox.requests[-1].fault is None)
            await asyncio.to_thread(sandbox.play_out)
            return await asyncio.gather(*tasks)

    ended = asyncio.run(some_time())

    assert {one.status for one in ended} == {"Completed"}
    times = [entry.at for entry in sandbox.requests]
    (struck,) = [position for position, entry in enumerate(sandbox.requests) if entry.fault]
    assert times[struck + 1] - times[struck] > 0.9


def test_a_long_pause_that_tingting_asks_for_is_kept_by_latecomers_too(sandbox, connect, running):
    *early, late = running(12)

    async def some_time():
        hub = Hub(connect)
        async with waiting(hub, [plan(one) for one in early]) as tasks:
            await until(lambda: reads(sandbox, "list_campaigns") >= 2)
            sandbox.faults.add("429", call="list_campaigns", value=600)
            await until(lambda: any(entry.fault for entry in sandbox.requests))
            await asyncio.sleep(0.2)
            before = len(sandbox.requests)
            tasks.append(asyncio.ensure_future(hub.wait(plan(late), log)))
            await asyncio.sleep(0.6)
            return len(sandbox.requests) - before, [task for task in tasks if task.done()]

    assert asyncio.run(some_time()) == (0, [])


def test_a_pause_longer_than_an_outage_is_tolerated_ends_each_wait_in_its_own_time(sandbox, connect, running):
    *campaigns, patient = running(4)
    sandbox.faults.add("429", times="*", value=86_400)

    async def both():
        hub = Hub(connect)
        plans = [plan(one, tolerate_outage=0.3) for one in campaigns] + [plan(patient, tolerate_outage=60)]
        async with waiting(hub, plans) as tasks:
            ended = await asyncio.wait_for(asyncio.gather(*tasks[:-1]), 5)
            return ended, tasks[-1].done(), len(sandbox.requests)

    ended, patient_ended, asked = asyncio.run(both())

    assert {one.reason for one in ended} == {Reason.OUTAGE}
    assert not patient_ended
    assert asked <= 4


def test_a_rate_limit_holds_for_all_who_wait(sandbox, running):
    campaigns = running(12)

    async def connect():
        return AsyncTingTingClient(sandbox.token, base_url=sandbox.base_url, rate_limit=10)

    async def some_time():
        hub = Hub(connect)
        async with waiting(hub, [plan(one, poll_interval=0.01) for one in campaigns]):
            await asyncio.sleep(1.5)

    asyncio.run(some_time())

    assert 5 <= len(sandbox.requests) <= 17


def test_a_server_slower_than_the_interval_is_never_asked_twice_at_once(sandbox, connect, running):
    sandbox.manners.latency = 0.15

    ended = all_ended(sandbox, connect, running(12), poll_interval=0.02)

    assert {one.status for one in ended} == {"Completed"}
    lists = [entry.at for entry in sandbox.requests if entry.call == "list_campaigns"]
    assert min(later - earlier for earlier, later in itertools.pairwise(lists)) > 0.1


def test_two_triggerers_on_the_same_connection_do_not_disturb_each_other(sandbox, connect, running):
    campaigns = running(20)

    async def both():
        hubs = Hub(connect), Hub(connect)
        tasks = [asyncio.ensure_future(hubs[one % 2].wait(plan(one), log)) for one in campaigns]
        await until(lambda: len(sandbox.requests) > 8)
        await asyncio.to_thread(sandbox.play_out)
        ended = await asyncio.gather(*tasks)
        for hub in hubs:
            await hub.close()
        return ended

    assert {one.status for one in asyncio.run(both())} == {"Completed"}
    assert writes(sandbox) == []


@pytest.mark.parametrize(("jump", "reason"), [(3600, Reason.TIMED_OUT), (-3600, Reason.REACHED)])
def test_a_wall_clock_that_is_set_moves_the_deadline_and_nothing_else(
    sandbox, connect, running, monkeypatch, jump, reason
):
    monkeypatch.setattr(hub_module, "_LONGEST_SLEEP", 0.1)
    set_by = [0.0]
    (campaign,) = running(1)

    async def some_time():
        hub = Hub(connect, clock=lambda: time.time() + set_by[0])
        async with waiting(hub, [plan(campaign, poll_interval=0.5, deadline=time.time() + 600)]) as (task,):
            await until(lambda: len(sandbox.requests) > 1)
            set_by[0] = jump
            await asyncio.sleep(0.3)
            await asyncio.to_thread(sandbox.play_out)
            return await task

    assert asyncio.run(some_time()).reason is reason
