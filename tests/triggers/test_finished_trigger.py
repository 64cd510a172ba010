"""The finished trigger reports each campaign that finishes once, however it was started, and nothing can stop it."""

from __future__ import annotations

import asyncio
import json

import pytest
from support.campaigns import NUMBERS, a_campaign, connection, reads, writes
from support.finished import Store, finish, reported, trigger, until
from support.virtual_time import run

from airflow_provider_tingting.errors import TingTingConfigError
from airflow_provider_tingting.polling import finished, shared_client
from airflow_provider_tingting.sandbox.routes import campaigns as campaign_routes
from airflow_provider_tingting.triggers.finished import WATERMARK_KEY, TingTingCampaignFinishedTrigger

pytestmark = pytest.mark.usefixtures("tingting_conn", "virtual_time")


# -- what it reports --------------------------------------------------------------------------------------------------


def test_a_campaign_that_a_person_runs_by_hand_is_reported_with_its_figures_and_nothing_personal(sandbox):
    finish(sandbox, name="Long ago")

    (event,) = reported(sandbox, lambda: finish(sandbox, name="Water notice for 9841234567"))

    assert event.pop("finished_at").startswith("20")
    assert event == {
        "version": 1,
        "campaign_id": 2,
        "name": "Water notice for 98******67",
        "status": "Completed",
        "progress_percent": 100.0,
        "contacts": 4,
        "summary": {"reached": 4, "not_reached": 0, "pending": 0, "reach_rate": 1.0, "credits": 4.0},
    }
    assert not any(number in json.dumps(event) for number in NUMBERS)
    assert writes(sandbox) == []


def test_each_campaign_is_reported_once_in_the_order_in_which_they_finish(sandbox):
    def act():
        for _ in range(3):
            finish(sandbox)
        stopped = a_campaign(sandbox)
        sandbox.world.run_campaign(stopped)
        sandbox.world.stop_campaign(stopped)

    events = reported(sandbox, act, events=4)

    # The two lists are read one after the other: what finishes in between may be reported a poll later.
    ends = [(event["campaign_id"], event["status"]) for event in events]
    assert sorted(ends) == [(1, "Completed"), (2, "Completed"), (3, "Completed"), (4, "Terminated")]
    assert [one for one, status in ends if status == "Completed"] == [1, 2, 3]


@pytest.mark.parametrize(
    ("arguments", "campaigns"),
    [
        ({"name_pattern": "water*"}, [1, 3]),
        ({"name_pattern": "*NOTICE"}, [1]),
        ({"statuses": ["terminated"]}, [3]),
        ({"name_pattern": "Water*", "statuses": ["Completed"]}, [1]),
    ],
)
def test_only_what_is_asked_for_is_reported(sandbox, arguments, campaigns):
    def act():
        finish(sandbox, name="Water notice")
        finish(sandbox, name="Power cut")
        stopped = a_campaign(sandbox, name="Water is back")
        sandbox.world.run_campaign(stopped)
        sandbox.world.stop_campaign(stopped)

    events = reported(sandbox, act, watcher=trigger(**arguments), events=len(campaigns))

    # The two lists are read one after the other: what finishes in between may be reported a poll later.
    assert sorted(event["campaign_id"] for event in events) == campaigns


def test_an_old_campaign_far_down_the_list_is_reported_when_it_finishes(sandbox):
    old = a_campaign(sandbox)
    for _ in range(25):
        finish(sandbox)

    def act():
        sandbox.world.run_campaign(old)
        sandbox.play_out()

    (event,) = reported(sandbox, act, after=4)

    assert event["campaign_id"] == old


def test_a_report_that_cannot_be_read_leaves_the_summary_out(sandbox):
    sandbox.faults.add("garbage", call="report", times="*")

    (event,) = reported(sandbox, lambda: finish(sandbox))

    assert event["summary"] is None
    assert event["status"] == "Completed"


def test_a_list_that_says_completed_of_a_campaign_that_runs_sends_no_event(sandbox, monkeypatch):
    really = campaign_routes.select_campaigns

    def lying(campaigns, query, dialect):
        return really(campaigns, {**query, "status": ""}, dialect)

    def completed(*arguments, **options):
        content = page(*arguments, **options)
        for row in content["results"]:
            row["status"] = "Completed"
        return content

    page = campaign_routes.page
    monkeypatch.setattr(campaign_routes, "select_campaigns", lying)
    monkeypatch.setattr(campaign_routes, "page", completed)
    sandbox.clock.speed = 0

    def act():
        sandbox.world.run_campaign(a_campaign(sandbox))

    assert reported(sandbox, act, events=0, then=0.5) == []
    assert reads(sandbox) > 2


# -- its memory --------------------------------------------------------------------------------------------------------


def test_after_a_restart_it_reports_what_has_finished_meanwhile_and_nothing_twice(sandbox):
    store = Store()
    finish(sandbox)
    first = reported(sandbox, lambda: finish(sandbox), watcher=trigger(store))
    meanwhile = finish(sandbox)

    again = reported(sandbox, lambda: finish(sandbox), watcher=trigger(store), events=2)

    assert [event["campaign_id"] for event in first] == [2]
    assert [event["campaign_id"] for event in again] == [meanwhile, 4]
    assert store[WATERMARK_KEY]["ids"][0] == 4


def test_a_restart_in_the_middle_of_many_reports_each_of_them_once(sandbox):
    store = Store()
    reported(sandbox, lambda: finish(sandbox), watcher=trigger(store))
    meanwhile = [finish(sandbox) for _ in range(6)]

    async def first_three():
        watcher = trigger(store).run()
        events = [(await watcher.__anext__()).payload["campaign_id"] for _ in range(3)]
        # The fourth is asked for, so that the third counts as delivered; then the triggerer ends.
        asking = asyncio.ensure_future(watcher.__anext__())
        await until(lambda: store[WATERMARK_KEY]["ids"][0] == events[-1])
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        return events

    before = run(first_three())
    after = reported(sandbox, lambda: None, watcher=trigger(store), events=3)

    assert before + [event["campaign_id"] for event in after] == meanwhile


def test_a_finish_by_a_clock_that_is_a_little_behind_is_reported_all_the_same(sandbox):
    store = Store()
    before = reported(sandbox, lambda: finish(sandbox), watcher=trigger(store))

    def behind():
        sandbox.world.campaigns[finish(sandbox)].updated_at = sandbox.world.campaigns[1].updated_at - 60

    behind()
    after = reported(sandbox, behind, watcher=trigger(store), events=2)

    assert [event["campaign_id"] for event in before + after] == [1, 2, 3]


def test_two_that_finish_in_the_same_moment_are_reported_on_both_sides_of_a_restart(sandbox):
    store = Store()
    sandbox.clock.speed = 0
    first, second = a_campaign(sandbox), a_campaign(sandbox)
    for campaign in (first, second):
        sandbox.world.run_campaign(campaign)
    before = reported(sandbox, lambda: sandbox.world.stop_campaign(first), watcher=trigger(store))

    after = reported(sandbox, lambda: sandbox.world.stop_campaign(second), watcher=trigger(store))

    assert [event["campaign_id"] for event in before + after] == [first, second]


@pytest.mark.parametrize("kept", ["nonsense", {"version": 99}, {"version": 1, "until": "soon", "ids": []}, []])
def test_a_watermark_that_cannot_be_read_counts_as_none(sandbox, kept):
    finish(sandbox)

    events = reported(sandbox, lambda: finish(sandbox), watcher=trigger(Store({WATERMARK_KEY: kept})))

    assert [event["campaign_id"] for event in events] == [2]


def test_a_store_in_trouble_stops_nothing(sandbox, logged):
    class Broken:
        async def aget(self, key):
            raise ValueError("Task has 2 concrete inlets")

        async def aset(self, key, value):
            raise ValueError("Task has 2 concrete inlets")

    events = reported(sandbox, lambda: finish(sandbox), watcher=trigger(Broken()))

    assert [event["campaign_id"] for event in events] == [1]
    assert "watermark cannot be read" in logged()


# -- trouble -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["500", "garbage", "truncate", "cut-before", "429", "redirect"])
def test_trouble_is_logged_once_and_waited_out_and_nothing_is_lost(sandbox, monkeypatch, logged, kind):
    monkeypatch.setenv("AIRFLOW_CONN_TINGTING_DEFAULT", connection(sandbox, max_retries=0))

    def act():
        for _ in range(4):
            sandbox.faults.add(kind, call="*", value=0 if kind == "429" else None)
        finish(sandbox)

    events = reported(sandbox, act)

    assert [event["campaign_id"] for event in events] == [1]
    text = logged()
    # Once for four failed polls; Airflow 2 writes each line to two places.
    assert text.count("Finished campaigns cannot be read") in (1, 2)
    assert text.count("can be read again") in (1, 2)


def test_a_connection_that_is_mended_and_a_token_that_is_replaced_are_noticed(sandbox, monkeypatch):

    monkeypatch.setattr(shared_client, "MAX_CLIENT_AGE", 0.2)
    monkeypatch.setenv("AIRFLOW_CONN_TINGTING_DEFAULT", connection(sandbox, password=""))

    def act():
        sandbox.world.rotate_token("a-new-token-for-the-sandbox")
        monkeypatch.setenv("AIRFLOW_CONN_TINGTING_DEFAULT", connection(sandbox))

    async def both():
        watcher = trigger()
        stream = watcher.run()
        waiting = asyncio.ensure_future(stream.__anext__())
        await asyncio.sleep(0.3)
        act()
        await until(lambda: reads(sandbox, "list_campaigns") >= 4)
        await asyncio.to_thread(finish, sandbox)
        event = await asyncio.wait_for(waiting, 60)
        await stream.aclose()
        return event.payload

    assert run(both())["campaign_id"] == 1


def test_several_watchers_of_a_connection_share_their_polls(sandbox):
    watchers = [trigger(name_pattern=pattern, poll_interval=0.5) for pattern in ("a*", "b*", "c*", "d*", "*")]

    async def all_of():
        tasks = [asyncio.ensure_future(watcher.run().__anext__()) for watcher in watchers]
        await asyncio.sleep(2.5)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    run(all_of())

    # Two lists at each of five polls, and not ten.
    assert 4 <= len(sandbox.requests) <= 16


def test_the_list_is_read_to_its_end_now_and_then(sandbox, monkeypatch):
    monkeypatch.setattr(finished, "READ_ALL_AFTER", 0.3)
    old = a_campaign(sandbox)
    others = [finish(sandbox) for _ in range(25)]

    def act():
        # A finish that the count does not show.
        sandbox.world.delete_campaign(others[0])
        sandbox.world.run_campaign(old)
        sandbox.play_out()

    (event,) = reported(sandbox, act, after=4)

    assert event["campaign_id"] == old


# -- its arguments -----------------------------------------------------------------------------------------------------


def test_its_arguments_are_plain_json_and_make_the_same_trigger_again():
    path, arguments = TingTingCampaignFinishedTrigger("other", "Water*", ["completed"], 30, something_new=1).serialize()

    assert path == "airflow_provider_tingting.triggers.finished.TingTingCampaignFinishedTrigger"
    assert arguments == {
        "tingting_conn_id": "other",
        "name_pattern": "Water*",
        "statuses": ["Completed"],
        "poll_interval": 30,
        "something_new": 1,
    }
    assert TingTingCampaignFinishedTrigger(**json.loads(json.dumps(arguments))).serialize() == (path, arguments)


@pytest.mark.parametrize("statuses", [[], ["Running"], ["Done"], "Scheduled"])
def test_a_status_in_which_no_campaign_finishes_is_refused(statuses):
    with pytest.raises(TingTingConfigError, match="Completed"):
        TingTingCampaignFinishedTrigger(statuses=statuses)
