"""A real scheduler and triggerer: ten deferred waits share their polls, and a finished campaign starts a DAG."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator

import pytest
from durability.airflow_settings import IS_AIRFLOW_3
from durability.real_airflow import HAS_STATE_STORE, RealAirflow
from support.campaigns import NUMBERS, a_campaign, dialled_once, reads, writes

from airflow_provider_tingting.api import TingTingClient, calls
from airflow_provider_tingting.sandbox import Sandbox

pytestmark = [pytest.mark.durability, pytest.mark.timeout(600)]


@pytest.fixture
def tingting() -> Iterator[Sandbox]:
    """A TingTing of this test's own, whose time stands still."""
    with Sandbox(speed=0) as running:
        yield running


def until(condition: Callable[[], object], airflow: RealAirflow, what: str, *, within: float = 240.0) -> None:
    give_up = time.monotonic() + within
    while not condition():
        assert time.monotonic() < give_up, f"{what} never came.\n{airflow.tail()}"
        time.sleep(0.2)


def test_ten_deferred_campaigns_share_their_polls(airflow: RealAirflow, tingting: Sandbox) -> None:
    airflow.put_connections({"shared": tingting.connection_json()})
    numbers = [f"98410000{tens:02}" for tens in range(40)]
    campaigns = [a_campaign(tingting, numbers[4 * one : 4 * one + 4]) for one in range(10)]
    conf = {"connection": "shared", "campaigns": ",".join(map(str, campaigns))}

    airflow.trigger("wait_for_many", "ten", conf)
    until(lambda: airflow.states("wait_for_many", "ten").count("deferred") == 10, airflow, "the deferral of all ten")
    until(lambda: reads(tingting, "list_campaigns") >= 2, airflow, "the first shared reads")
    before, polls_before = len(tingting.requests), reads(tingting, "list_campaigns")
    until(lambda: reads(tingting, "list_campaigns") >= polls_before + 12, airflow, "a dozen polls")
    asked = len(tingting.requests) - before
    tingting.play_out()
    until(lambda: airflow.run_state("wait_for_many", "ten") in ("success", "failed"), airflow, "the end of the run")

    assert airflow.run_state("wait_for_many", "ten") == "success", airflow.tail("ten")
    # A GET a wait would have been 120 requests.
    assert asked <= 40
    assert writes(tingting) == ["run_campaign"] * 10
    assert dialled_once(tingting, numbers)


@pytest.mark.skipif(not IS_AIRFLOW_3, reason="Airflow 2 has no watchers of assets")
def test_a_campaign_that_finishes_starts_a_dag_by_itself_one_run_by_hand_included(
    airflow: RealAirflow, tingting: Sandbox
) -> None:
    airflow.put_connections({"watched": tingting.connection_json()})
    until(lambda: reads(tingting, "list_campaigns") >= 4, airflow, "the first reads of the watcher")
    by_hand = a_campaign(tingting, name="Watched by hand")
    another = a_campaign(tingting, name="Not of interest")
    with TingTingClient(tingting.token, base_url=tingting.base_url) as client:
        for campaign in (by_hand, another):
            client.send(calls.run_campaign(campaign))
    tingting.play_out()
    until(lambda: "success" in airflow.runs("after_finished").values(), airflow, "the DAG that a finish starts")

    events = reported(airflow)
    assert [event["campaign_id"] for event in events] == [by_hand]
    assert events[0]["status"] == "Completed"
    assert events[0]["summary"]["reached"] == 4
    assert not any(number in json.dumps(events) for number in NUMBERS)

    # A watcher that is killed and started again reports what has finished meanwhile, and nothing twice.
    airflow.kill_triggerer()
    meanwhile = a_campaign(tingting, name="Watched too")
    tingting.world.run_campaign(meanwhile)
    tingting.play_out()
    airflow.start_triggerer()
    polls = reads(tingting, "list_campaigns")
    until(lambda: reads(tingting, "list_campaigns") >= polls + 8, airflow, "reads of the new triggerer")
    if HAS_STATE_STORE:
        until(lambda: len(reported(airflow)) >= 2, airflow, "the second finish")
        assert [event["campaign_id"] for event in reported(airflow)] == [by_hand, meanwhile]
    else:
        assert [event["campaign_id"] for event in reported(airflow)] == [by_hand]


def reported(airflow: RealAirflow) -> list[dict[str, object]]:
    """What the DAG's runs that have succeeded were reported."""
    runs = [run for run, state in airflow.runs("after_finished").items() if state == "success"]
    return [event for run in runs for event in airflow.returned("after_finished", run, "events_of_the_run")]
