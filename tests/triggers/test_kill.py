"""A cancelled trigger acts only when Airflow itself says that the task has ended; its log says what was done."""

from __future__ import annotations

import asyncio

import pytest
from support.campaigns import a_campaign, writes
from support.task_context import kill_trigger

from airflow_provider_tingting.triggers.campaign import TingTingCampaignTrigger
from airflow_provider_tingting.triggers.start import TingTingStartTrigger

pytestmark = [pytest.mark.usefixtures("tingting_conn"), pytest.mark.newest]

#: The states that a user's act leaves behind when the task is not to run again.
ENDED = {
    "marked failed": {"a_run": {"run": "failed"}},
    "marked success": {"a_run": {"run": "success"}},
    "skipped with its run": {"a_run": {"run": "skipped"}},
    "DAG run deleted": {},
    "task instance deleted": {"a_run": {}},
}
#: The states of a task whose wait has moved to another triggerer, or that was cleared and runs again.
GOES_ON = {
    "waits elsewhere": "deferred",
    "event arrived elsewhere": "scheduled",
    "queued": "queued",
    "resumed": "running",
    "timed out in Airflow and resumes": "scheduled",
    "cleared": None,
    "cleared while it ran": "restarting",
    "failed and is retried": "up_for_retry",
    "a state of a later Airflow": "hibernating",
}


@pytest.fixture
def running(sandbox):
    sandbox.clock.speed = 0
    campaign = a_campaign(sandbox)
    sandbox.world.run_campaign(campaign)
    return campaign


@pytest.mark.parametrize("states", ENDED.values(), ids=ENDED)
def test_an_ended_task_stops_its_campaign(sandbox, running, logged, monkeypatch, states):
    kill_trigger(TingTingCampaignTrigger(running, stop_on_kill=True), monkeypatch, states)

    assert sandbox.world.campaigns[running].status == "Terminated"
    assert writes(sandbox) == ["stop_campaign"]
    assert f"Campaign {running} was stopped for good" in logged()


@pytest.mark.parametrize("states", ENDED.values(), ids=ENDED)
def test_without_stop_on_kill_the_campaign_goes_on_and_the_log_says_so(sandbox, running, logged, monkeypatch, states):
    kill_trigger(TingTingCampaignTrigger(running), monkeypatch, states)

    assert sandbox.world.campaigns[running].status == "Running"
    assert writes(sandbox) == []
    assert f"Campaign {running} goes on: stop_on_kill is off" in logged()


@pytest.mark.parametrize("stop_on_kill", [True, False], ids=["stop_on_kill", "no stop_on_kill"])
@pytest.mark.parametrize("state", GOES_ON.values(), ids=GOES_ON)
def test_a_task_that_waits_elsewhere_or_runs_again_stops_nothing(
    sandbox, running, logged, monkeypatch, state, stop_on_kill
):
    kill_trigger(TingTingCampaignTrigger(running, stop_on_kill=stop_on_kill), monkeypatch, {"a_run": {"run": state}})

    assert sandbox.requests == ()
    text = logged()
    assert f"the task is {state or 'cleared'}, so it waits elsewhere or runs again" in text
    assert f"Campaign {running} is not stopped" in text
    assert "stop_on_kill is off" not in text


#: What the task's XCom shows when its wait for the trigger is over.
AFTER_THE_WAIT = {"in a worker": 0.0, "for a later trigger": 1.0}


@pytest.mark.parametrize("state", ["failed", "success"])
@pytest.mark.parametrize("waits_for", AFTER_THE_WAIT.values(), ids=AFTER_THE_WAIT)
def test_a_task_that_has_ended_by_itself_after_the_wait_stops_nothing(
    sandbox, running, logged, monkeypatch, state, waits_for
):
    states = {"a_run": {"run": state}}

    kill_trigger(TingTingCampaignTrigger(running, stop_on_kill=True), monkeypatch, states, waits_for=waits_for)

    assert sandbox.requests == ()
    assert f"the task went on after this wait and is {state} now. Campaign {running} is not stopped" in logged()


def test_a_task_that_has_ended_by_itself_after_the_wait_for_its_start_may_have_called_contacts(logged, monkeypatch):
    kill_trigger(TingTingStartTrigger(7, not_before=0.0), monkeypatch, {"a_run": {"run": "failed"}}, waits_for=0.0)

    assert "no contact" not in logged()


def test_a_state_that_cannot_be_read_stops_nothing_and_the_log_says_why(sandbox, running, logged, monkeypatch):
    kill_trigger(
        TingTingCampaignTrigger(running, stop_on_kill=True), monkeypatch, ConnectionError("postgres://airflow:secret@")
    )

    assert sandbox.requests == ()
    text = logged()
    assert "cannot be read (ConnectionError), so whether a person has ended the task is not known" in text
    assert "secret" not in text


def test_a_state_that_does_not_come_in_time_stops_nothing(virtual_time, sandbox, running, logged, monkeypatch):
    async def read_slowly(task_instance):
        await asyncio.sleep(3600)
        return "removed"

    monkeypatch.setattr("airflow_provider_tingting.triggers.base.get_task_state_async", read_slowly)
    began = virtual_time.monotonic()
    virtual_time.run(TingTingCampaignTrigger(running, stop_on_kill=True).on_kill())

    assert sandbox.requests == ()
    assert "so whether a person has ended the task is not known" in logged()
    # Airflow gives `on_kill` 30 seconds.
    assert virtual_time.monotonic() - began < 20


def test_a_trigger_without_a_task_stops_nothing(sandbox, running, logged):
    asyncio.run(TingTingCampaignTrigger(running, stop_on_kill=True).on_kill())

    assert sandbox.requests == ()
    assert f"Campaign {running} is not stopped" in logged()


def test_one_of_several_mapped_tasks_is_judged_by_its_own_state(sandbox, running, logged, monkeypatch):
    states = {"a_run": {"run_2": "deferred", "run_3": "failed"}}

    kill_trigger(TingTingCampaignTrigger(running, stop_on_kill=True), monkeypatch, states, map_index=2)
    assert sandbox.world.campaigns[running].status == "Running"

    kill_trigger(TingTingCampaignTrigger(running, stop_on_kill=True), monkeypatch, states, map_index=3)
    assert sandbox.world.campaigns[running].status == "Terminated"


def test_no_stop_is_requested_for_a_campaign_that_has_ended_meanwhile(sandbox, running, logged, monkeypatch):
    sandbox.play_out()

    kill_trigger(TingTingCampaignTrigger(running, stop_on_kill=True), monkeypatch, ENDED["marked failed"])

    assert writes(sandbox) == []
    assert f"Campaign {running} is Completed already, so there is nothing to stop" in logged()


def test_a_stop_that_gets_no_response_in_time_is_reported_as_unknown(sandbox, running, logged, monkeypatch):
    monkeypatch.setattr("airflow_provider_tingting.triggers.campaign._STOP_TIMEOUT", 0.2)
    sandbox.faults.add("stuck", call="stop_campaign")

    kill_trigger(TingTingCampaignTrigger(running, stop_on_kill=True), monkeypatch, ENDED["marked failed"])

    assert f"Whether campaign {running} was stopped is unknown" in logged()


def test_a_connection_without_a_token_is_reported_as_not_stopped(sandbox, running, logged, monkeypatch):
    monkeypatch.delenv("AIRFLOW_CONN_TINGTING_DEFAULT")
    monkeypatch.setenv("AIRFLOW_CONN_TINGTING_DEFAULT", '{"conn_type": "tingting"}')

    kill_trigger(TingTingCampaignTrigger(running, stop_on_kill=True), monkeypatch, ENDED["marked failed"])

    assert f"Campaign {running} was not stopped and may go on" in logged()


@pytest.mark.parametrize("states", ENDED.values(), ids=ENDED)
def test_an_ended_wait_for_the_start_reports_that_no_contact_was_called(logged, monkeypatch, states):
    kill_trigger(TingTingStartTrigger(7, not_before=0.0), monkeypatch, states)

    assert "before it requested campaign 7 to run" in logged()


def test_an_ended_wait_for_the_start_reports_a_request_without_response(logged, monkeypatch):
    kill_trigger(TingTingStartTrigger(7, not_before=0.0, run_requested=True), monkeypatch, ENDED["marked failed"])

    text = logged()
    assert "An earlier request to run it" in text
    assert "before it requested" not in text


@pytest.mark.parametrize("asked", [True, False], ids=["requested", "not requested"])
@pytest.mark.parametrize("state", GOES_ON.values(), ids=GOES_ON)
def test_a_wait_for_the_start_that_goes_on_elsewhere_reports_nothing_about_calls(logged, monkeypatch, state, asked):
    kill_trigger(TingTingStartTrigger(7, not_before=0.0, run_requested=asked), monkeypatch, {"a_run": {"run": state}})

    text = logged()
    assert "so it waits elsewhere or runs again" in text
    assert "before it requested" not in text
    assert "An earlier request" not in text
