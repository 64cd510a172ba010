"""A list that is wrong, stale or lies about its size ends no wait, and hides no end."""

from __future__ import annotations

import asyncio
import itertools

import pytest
from support.campaigns import a_campaign, reads
from support.poller_waits import all_ended, plan, until, waiting
from support.virtual_time import run

from airflow_provider_tingting.campaigns.observation import Reason
from airflow_provider_tingting.clock import wall_time
from airflow_provider_tingting.polling import Poller, list_strategy
from airflow_provider_tingting.sandbox.routes import campaigns as campaign_routes


def lies(monkeypatch, change):
    """Let the server change each page of the campaign list before it sends it."""
    really = campaign_routes.page

    def page(*arguments, **options):
        content = really(*arguments, **options)
        change(content)
        return content

    monkeypatch.setattr(campaign_routes, "page", page)


def test_a_list_that_says_completed_of_a_campaign_that_runs_ends_no_wait(sandbox, connect, running, monkeypatch):
    campaigns = running(12)

    def all_over(content):
        for row in content["results"]:
            row.update(status="Completed", progress_percent=100)

    lies(monkeypatch, all_over)

    async def some_time():
        poller = Poller(connect)
        async with waiting(poller, [plan(one) for one in campaigns]) as tasks:
            await until(lambda: reads(sandbox) > 60)
            ended_early = [task for task in tasks if task.done()]
            await asyncio.to_thread(sandbox.play_out)
            return ended_early, await asyncio.gather(*tasks)

    ended_early, ended = run(some_time())

    assert ended_early == []
    assert {one.status for one in ended} == {"Completed"}


def test_a_list_that_has_been_right_and_then_is_wrong_is_noticed_by_a_sensors_wait(
    sandbox, connect, running, monkeypatch
):
    campaigns = running(30)
    monkeypatch.setattr(list_strategy, "ENDS_CHECKED_FIRST", 0)
    lies(
        monkeypatch,
        lambda content: [row.update(status="Completed", progress_percent=100) for row in content["results"]],
    )

    async def some_time():
        poller = Poller(connect)
        async with waiting(poller, [plan(one, until=("Completed",)) for one in campaigns]) as tasks:
            await until(lambda: reads(sandbox) > 40)
            return [task for task in tasks if task.done()]

    assert run(some_time()) == []


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
    monkeypatch.setattr("airflow_provider_tingting.polling.subscriber.MAX_LISTED_READS", 20)
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


def test_a_list_that_changes_between_its_pages_hides_no_contact(sandbox, connect, running, monkeypatch):
    # With each page that is read a person creates three campaigns, which push the others down.
    lies(monkeypatch, lambda content: [a_campaign(sandbox, name="Another") for _ in range(3)] and None)

    ended = all_ended(sandbox, connect, running(25), after=12)

    assert {one.status for one in ended} == {"Completed"}


def test_an_unknown_status_is_waited_through_and_never_an_end(sandbox, connect, running):
    campaigns = running(12)
    sandbox.world.campaigns[campaigns[0]].status = "Paused"

    async def some_time():
        poller = Poller(connect)
        async with waiting(poller, [plan(one, deadline=wall_time() + 0.5) for one in campaigns]) as tasks:
            return await asyncio.gather(*tasks)

    ended = run(some_time())

    assert {one.reason for one in ended} == {Reason.TIMED_OUT}
    assert ended[0].status == "Paused"
