"""The trigger observes: it only reads, never blocks its event loop, and fires one event that is checked on arrival."""

from __future__ import annotations

import asyncio
import json
import logging

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred
from support.campaigns import a_campaign, connection, dialled_once, meanwhile, reads
from support.task_context import context_of, fired_by

from airflow_provider_tingting.campaigns.observation import EVENT_VERSION, Observation, Reason
from airflow_provider_tingting.errors import TingTingConfigError, TingTingError
from airflow_provider_tingting.hooks.tingting import TingTingHook
from airflow_provider_tingting.operators.campaign import TingTingRunCampaignOperator
from airflow_provider_tingting.sensors.campaign import TingTingCampaignSensor
from airflow_provider_tingting.triggers.campaign import TingTingCampaignTrigger

pytestmark = pytest.mark.usefixtures("tingting_conn")


def trigger_for(campaign, **changes):
    return TingTingCampaignTrigger(**{"campaign_id": campaign, "poll_interval": 0.02, **changes})


@pytest.fixture
def running(virtual_time, sandbox):
    sandbox.clock.speed = 0
    campaign = a_campaign(sandbox)
    sandbox.world.run_campaign(campaign)
    return campaign


# -- its arguments -----------------------------------------------------------------------------------------------------


def test_its_arguments_are_plain_json_and_make_the_same_trigger_again():
    trigger = trigger_for(7, until=["Running"], deadline=1795400000.5, tolerate_outage=60.0, stop_on_kill=True)

    path, arguments = trigger.serialize()

    assert path == "airflow_provider_tingting.triggers.campaign.TingTingCampaignTrigger"
    assert json.loads(json.dumps(arguments)) == arguments
    assert TingTingCampaignTrigger(**arguments).serialize() == (path, arguments)


def test_it_survives_arguments_of_a_later_version():
    path, arguments = trigger_for(7).serialize()

    again = TingTingCampaignTrigger(**arguments, something_new=3)

    assert again.serialize() == (path, {**arguments, "something_new": 3})


def test_what_an_operator_hands_over_is_plain_json_whatever_kind_of_number_it_was_given(virtual_time, running):
    operator = TingTingRunCampaignOperator(
        task_id="run", campaign_id=str(running), deferrable=True, poll_interval="5", tolerate_outage=60, timeout="90"
    )
    with pytest.raises(TaskDeferred) as deferred:
        operator.execute(context_of(operator))

    _, arguments = deferred.value.trigger.serialize()
    assert json.loads(json.dumps(arguments)) == arguments
    assert (arguments["campaign_id"], arguments["poll_interval"], arguments["tolerate_outage"]) == (running, 5.0, 60.0)
    assert arguments["deadline"] == pytest.approx(virtual_time.time() + 90, abs=10)


# -- what it does ------------------------------------------------------------------------------------------------------


def test_its_whole_traffic_is_reading(sandbox, running):
    before = len(sandbox.requests)
    with meanwhile(lambda: reads(sandbox) > 5, sandbox.play_out):
        event = fired_by(trigger_for(running))

    assert {(request.method, request.call) for request in sandbox.requests[before:]} == {("GET", "get_campaign")}
    assert event == {
        "version": EVENT_VERSION,
        "reason": "reached",
        "campaign_id": running,
        "status": "Completed",
        "progress_percent": 100.0,
        "contacts": 4,
        "detail": "",
        "status_code": None,
    }
    assert dialled_once(sandbox)


@pytest.mark.parametrize(
    ("until", "status"), [(["Running"], "Running"), (["Scheduled"], "Completed"), ([], "Completed")]
)
def test_it_waits_for_the_statuses_asked_for_and_no_longer_than_for_the_end(sandbox, running, until, status):
    with meanwhile(lambda: reads(sandbox) > 0, sandbox.play_out if status == "Completed" else lambda: None):
        assert fired_by(trigger_for(running, until=until))["status"] == status


def test_its_deadline_is_a_time_of_the_day_that_moving_to_another_triggerer_does_not_move(virtual_time, running):
    deadline = virtual_time.time() + 400
    trigger = trigger_for(running, deadline=deadline, poll_interval=30)

    async def broken_off():
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(trigger.run().__anext__(), 200)

    virtual_time.run(broken_off())
    event = fired_by(trigger)

    assert event["reason"] == "timed_out"
    assert event["status"] == "Running"
    assert 0 <= virtual_time.time() - deadline < 2


def test_its_deadline_holds_even_while_tingting_is_stuck(virtual_time, sandbox, running, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_TINGTING_DEFAULT", connection(sandbox, timeout=86_400))
    sandbox.faults.add("stuck", call="get_campaign", times="*", skip=2)

    async def all_events():
        deadline = virtual_time.time() + 3600
        return [event.payload async for event in trigger_for(running, deadline=deadline).run()]

    async def until_the_deadline():
        waiting = asyncio.ensure_future(all_events())
        while reads(sandbox) < 3:
            await asyncio.sleep(0.005)
        virtual_time.push(3600 + 3)
        return await waiting

    (event,) = virtual_time.run(until_the_deadline())

    assert (event["reason"], event["status"]) == ("timed_out", "Running")


def test_a_time_out_that_is_not_the_waits_own_is_never_taken_for_its_end(running, monkeypatch):
    async def out_of_reach(self):
        raise TimeoutError("the database does not answer")

    monkeypatch.setattr(TingTingHook, "get_async_conn", out_of_reach)

    event = fired_by(trigger_for(running, tolerate_outage=0.0))

    assert event["reason"] == "outage"
    assert "Airflow could not read it (TimeoutError)" in event["detail"]


def test_a_connection_that_airflow_does_not_find_for_a_moment_ends_no_wait(virtual_time, sandbox, running, monkeypatch):
    monkeypatch.delenv("AIRFLOW_CONN_TINGTING_DEFAULT")

    def comes_back():
        monkeypatch.setenv("AIRFLOW_CONN_TINGTING_DEFAULT", connection(sandbox))
        sandbox.play_out()

    virtual_time.after(300, comes_back)
    event = fired_by(trigger_for(running, poll_interval=30))

    assert (event["reason"], event["status"]) == ("reached", "Completed")


def test_a_clock_that_is_set_back_during_the_wait_ends_it_no_earlier(virtual_time, sandbox, running):
    right = virtual_time.time()
    virtual_time.set_wall_clock(right + 3600)
    trigger = trigger_for(running, deadline=right + 3600 + 500, poll_interval=300)
    virtual_time.after(200, lambda: virtual_time.set_wall_clock(right + 200))

    event = fired_by(trigger)

    assert event["reason"] == "timed_out"
    assert virtual_time.time() >= right + 3600 + 500


def test_a_connection_that_has_lost_its_token_is_reported_and_nothing_is_read(sandbox, running, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_TINGTING_DEFAULT", connection(sandbox, password=""))

    event = fired_by(trigger_for(running))

    assert event["reason"] == "refused"
    assert "no API token" in event["detail"]
    assert reads(sandbox) == 0


def test_its_event_holds_nothing_personal_even_when_tingting_repeats_it(sandbox, running):
    in_a_circle = f"{sandbox.base_url}campaign/{running}/?caller=9841234501"
    sandbox.faults.add("redirect", call="get_campaign", value=in_a_circle, times="*")

    event = fired_by(trigger_for(running))

    assert event["reason"] == "refused"
    for secret in ("9841234501", sandbox.token, "नमस्कार"):
        assert secret not in json.dumps(event, ensure_ascii=False)


@pytest.mark.parametrize("wrong", ["soon", None, 7.5, "{{ ti.xcom_pull() }}"])
def test_an_id_that_is_no_number_is_refused_in_a_sentence_and_nothing_is_asked(sandbox, wrong):
    with pytest.raises(TingTingConfigError, match="campaign_id must be the id that TingTing gave"):
        fired_by(trigger_for(wrong))

    assert sandbox.requests == ()


# -- its event is checked on arrival -----------------------------------------------------------------------------------

GOOD = Observation(Reason.REACHED, 7, "Completed", 100.0, 4).to_event()

MALFORMED = {
    "nothing": None,
    "empty": {},
    "a text": "Completed",
    "a list": [GOOD],
    "success": "success",
    "another version": {**GOOD, "version": EVENT_VERSION + 1},
    "no version": {key: value for key, value in GOOD.items() if key != "version"},
    "an unknown reason": {**GOOD, "reason": "done"},
    "no reason": {key: value for key, value in GOOD.items() if key != "reason"},
    "a campaign as text": {**GOOD, "campaign_id": "7"},
    "no status": {**GOOD, "status": None},
    "a status that is not text": {**GOOD, "status": 100},
    "progress as text": {**GOOD, "progress_percent": "100"},
    "contacts as text": {**GOOD, "contacts": "4"},
    "a detail that is not text": {**GOOD, "detail": {"number": "9841234501"}},
}


@pytest.mark.parametrize("operator", [TingTingRunCampaignOperator, TingTingCampaignSensor])
def test_an_event_of_another_campaign_is_never_a_success_and_both_are_named(sandbox, operator):
    task = operator(task_id="wait", campaign_id=8)

    with pytest.raises(TingTingError, match=r"waited for campaign 7, and its campaign_id now is 8: .* was cleared"):
        task.execute_complete(context_of(task), event=GOOD)


@pytest.mark.parametrize("event", MALFORMED.values(), ids=MALFORMED)
@pytest.mark.parametrize("operator", [TingTingRunCampaignOperator, TingTingCampaignSensor])
def test_an_event_that_is_not_understood_is_never_a_success(sandbox, operator, event):
    task = operator(task_id="wait", campaign_id=7)

    with pytest.raises(TingTingError, match=r"Campaign 7: the triggerer sent an event .* does not understand") as error:
        task.execute_complete(context_of(task), event)

    assert type(error.value) is TingTingError
    assert "9841234501" not in str(error.value)
    assert sandbox.requests == ()


def test_an_event_may_have_more_in_it_than_is_known():
    assert Observation.from_event({**GOOD, "something_new": 1}, campaign_id=7).status == "Completed"


@pytest.mark.parametrize("status", ["Paused", "Running", "Not Started", "Completed"])
def test_an_event_of_an_end_is_not_accepted_until_the_worker_has_read_the_campaign(sandbox, running, status):
    task = TingTingRunCampaignOperator(task_id="wait", campaign_id=running)
    event = Observation(Reason.REACHED, running, status, 100.0, 4).to_event()

    with pytest.raises(TingTingError, match="TingTing shows it as Running now"):
        task.execute_complete(context_of(task), event)


def test_it_logs_changes_only(sandbox, running, logged):
    logging.getLogger("httpx").setLevel(logging.WARNING)
    with meanwhile(lambda: reads(sandbox) > 20, sandbox.play_out):
        fired_by(trigger_for(running))

    lines = [line for line in logged().splitlines() if "Campaign" in line]
    assert 2 <= len(lines) <= 4
