"""With `at_window_close="stop"` a campaign is stopped when its calling window closes, and only then."""

from __future__ import annotations

import csv
import json
from datetime import timedelta

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred
from support.calling_hours import AT_EIGHT, running
from support.campaigns import a_campaign, writes
from support.task_context import context_of, execute, execute_through, fired_by
from support.virtual_time import run_in_virtual_time

from airflow_provider_tingting._compat import AirflowFailException, AirflowSkipException
from airflow_provider_tingting.errors import TingTingAPIError, TingTingCampaignFailedError, TingTingConfigError
from airflow_provider_tingting.operators.report import TingTingUnreachedContactsOperator
from airflow_provider_tingting.sandbox import Sandbox

pytestmark = pytest.mark.usefixtures("tingting_conn")

TOMORROW = AT_EIGHT + timedelta(days=1)
AT_EIGHT_PM = AT_EIGHT.replace(hour=20)
MANY = [f"98412{number:05d}" for number in range(400)]
SOME_SECONDS = 20.0


class Store(dict):
    """The task state store of one task."""

    def set(self, key, value):
        self[key] = json.loads(json.dumps(value))


@pytest.fixture(autouse=True)
def clock(sandbox):
    """One time for all; it is shortly before eight in the evening, when the window closes."""
    with run_in_virtual_time(at=AT_EIGHT_PM.timestamp() - SOME_SECONDS) as clock:
        sandbox.clock.resume(clock.time(), speed=1.0)
        yield clock


@pytest.fixture
def campaign(sandbox):
    """A campaign of more contacts than the sandbox calls until then."""
    return a_campaign(sandbox, MANY)


def stopping(campaign, **changes):
    return running(campaign, **{"poll_interval": 5.0, "at_window_close": "stop", "on_stopped": "succeed", **changes})


def until(clock, moment):
    """Let time pass until a moment."""
    clock.push(moment.timestamp() - clock.time())


def in_store(operator, store, **circumstances):
    context = context_of(operator, **circumstances)
    return context if store is None else {**context, "task_state_store": store}


def test_the_campaign_is_stopped_when_the_window_closes(sandbox, campaign, deferrable):
    operator = stopping(campaign, deferrable=deferrable)

    result, _ = execute_through(lambda: operator, context := context_of(operator))

    assert (result["status"], result["stopped_at_window_close"]) == ("Terminated", True)
    assert result["contacts"] == result["reached"] + result["not_reached"] == len(MANY)
    assert writes(sandbox) == ["run_campaign", "stop_campaign"]
    assert context["ti"].xcoms["stopped_at_window_close"] is True
    # The campaign is read right before it is stopped.
    calls = [request.call for request in sandbox.requests]
    assert calls[calls.index("stop_campaign") - 1] == "get_campaign"
    assert max(entry.at for entry in sandbox.ledger.dialled) < AT_EIGHT_PM + timedelta(seconds=1)


def test_a_campaign_that_ends_in_time_is_judged_as_always(sandbox, clock, deferrable):
    until(clock, TOMORROW)
    operator = stopping(a_campaign(sandbox), deferrable=deferrable)

    result, _ = execute_through(lambda: operator, context_of(operator))

    assert (result["status"], result["stopped_at_window_close"]) == ("Completed", False)
    assert writes(sandbox) == ["run_campaign"]


def test_without_it_the_campaign_goes_on_after_the_window(sandbox, campaign):
    result, _ = execute(running(campaign, poll_interval=5.0))

    assert result["status"] == "Completed"
    assert "stopped_at_window_close" not in result
    assert writes(sandbox) == ["run_campaign"]


@pytest.mark.parametrize(
    ("on_stopped", "error"),
    [pytest.param("fail", AirflowFailException, id="fail"), pytest.param("skip", AirflowSkipException, id="skip")],
)
def test_a_task_that_fails_or_is_skipped_leaves_its_result(sandbox, campaign, on_stopped, error):
    operator = stopping(campaign, on_stopped=on_stopped)
    context = context_of(operator)

    with pytest.raises(error, match=r"was stopped at .* %, because its calling window.*UnreachedContacts"):
        operator.execute(context)

    assert context["ti"].xcoms["return_value"]["stopped_at_window_close"] is True
    assert context["ti"].xcoms["return_value"]["contacts"] == len(MANY)


@pytest.mark.parametrize("store", [Store, lambda: None], ids=["with a state store", "without a state store"])
def test_a_retry_after_the_stop_recognises_it_and_stops_nothing(sandbox, clock, campaign, store):
    store = store()
    operator = stopping(campaign)
    sandbox.faults.add("503-html", call="download_campaign_report", times=40)
    sandbox.faults.add("503-html", call="list_contacts", times=40)
    with pytest.raises(TingTingAPIError):
        operator.execute(in_store(operator, store))
    assert writes(sandbox) == ["run_campaign", "stop_campaign"]
    sandbox.faults.clear()

    until(clock, TOMORROW)
    result = operator.execute(in_store(operator, store, try_number=2))

    assert result["stopped_at_window_close"] is True
    assert writes(sandbox) == ["run_campaign", "stop_campaign"]


def test_a_retry_at_night_stops_a_campaign_that_still_runs(sandbox, clock, campaign, deferrable):
    sandbox.world.run_campaign(campaign)
    clock.push(SOME_SECONDS + 10.0)
    operator = stopping(campaign, deferrable=deferrable)

    result, _ = execute_through(lambda: operator, context_of(operator, try_number=2))

    assert result["stopped_at_window_close"] is True
    assert writes(sandbox) == ["stop_campaign"]


def test_a_worker_that_comes_in_the_next_window_stops_nothing(sandbox, clock, campaign):
    operator = stopping(campaign, deferrable=True)
    context = context_of(operator)
    with pytest.raises(TaskDeferred) as waiting:
        operator.execute(context)
    event = fired_by(waiting.value.trigger)
    assert event["reason"] == "timed_out"
    # The campaign stands still in the night.
    sandbox.clock.speed = 0
    until(clock, TOMORROW)

    with pytest.raises(TaskDeferred) as again:
        getattr(operator, waiting.value.method_name)(context, event=event, **waiting.value.kwargs)

    assert again.value.trigger.deadline == TOMORROW.replace(hour=20).timestamp()
    assert writes(sandbox) == ["run_campaign"]


def test_a_time_limit_of_the_wait_survives_the_close_of_the_window(sandbox, campaign):
    operator = stopping(campaign, deferrable=True, timeout=3600)
    with pytest.raises(TaskDeferred) as waiting:
        operator.execute(context_of(operator))

    assert waiting.value.trigger.deadline < waiting.value.kwargs["gives_up_at"]
    assert waiting.value.kwargs["until_close"] is True
    short = stopping(campaign, deferrable=True, timeout=5)
    with pytest.raises(TaskDeferred) as earlier:
        short.execute(context_of(short, try_number=2))
    assert not earlier.value.kwargs


def test_an_outage_at_the_close_is_waited_out_and_then_the_campaign_is_stopped(sandbox, campaign, logged):
    sandbox.faults.add("503-html", call="stop_campaign", times=8)

    result, _ = execute(stopping(campaign))

    assert result["stopped_at_window_close"] is True
    assert f"TingTing does not respond; the stop of campaign {campaign} is tried again for 600 s" in logged()


def test_a_stop_whose_response_is_lost_is_a_stop(sandbox, campaign):
    sandbox.faults.add("lose-reply", call="stop_campaign")

    result, _ = execute(stopping(campaign))

    assert result["stopped_at_window_close"] is True


def test_a_server_without_a_stop_fails_the_task_and_says_that_the_campaign_goes_on(clock, monkeypatch):
    with Sandbox(dialect={"stop": "404"}) as other:
        monkeypatch.setenv("AIRFLOW_CONN_TINGTING_DEFAULT", other.connection_json())
        campaign = a_campaign(other, MANY)

        with pytest.raises(AirflowFailException, match=r"goes on: TingTing offers no stop.*at_window_close"):
            execute(stopping(campaign))

        assert other.world.campaigns[campaign].status == "Running"


def test_a_campaign_that_was_terminated_within_the_window_is_no_stop_of_the_task(sandbox, clock):
    campaign = a_campaign(sandbox, MANY)
    sandbox.world.run_campaign(campaign)
    clock.push(5.0)
    sandbox.world.stop_campaign(campaign)

    with pytest.raises(TingTingCampaignFailedError, match="ended as Terminated"):
        execute(stopping(campaign), try_number=2)


def test_the_contacts_that_are_left_are_the_audience_of_the_next_morning(sandbox, clock, campaign, tmp_path):
    execute(stopping(campaign))
    until(clock, TOMORROW)
    path = tmp_path / "tomorrow.csv"

    left, _ = execute(TingTingUnreachedContactsOperator(task_id="left", campaign_id=campaign, path=str(path)))
    with path.open(encoding="utf-8", newline="") as file:
        audience = list(csv.DictReader(file))
    rang = {entry.number for entry in sandbox.ledger.dialled}
    morning = a_campaign(sandbox, [row["number"] for row in audience])
    result, _ = execute(stopping(morning), run_id="the next morning")

    times = sandbox.ledger.times_dialled()
    assert left["contacts"] == len(audience) > len(MANY) - len(rang)
    assert all(row["name"] and row["tries"] == "0" for row in audience)
    assert result["status"] == "Completed"
    assert set(times) == set(MANY)
    # Only a call that the stop has cut is made again.
    cut = rang & {row["number"] for row in audience}
    assert times == {number: 2 if number in cut else 1 for number in MANY}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        pytest.param({"calling_window": None}, "needs a calling_window", id="no window"),
        pytest.param({"wait_for_completion": False}, "a task that waits", id="no wait"),
        pytest.param({"at_window_close": "pause"}, "at_window_close must be one of finish, stop", id="no such act"),
        pytest.param({"on_stopped": "ignore"}, "on_stopped must be one of fail, succeed, skip", id="no such end"),
    ],
)
def test_arguments_that_contradict_each_other_are_refused_when_the_dag_file_is_read(arguments, says):
    with pytest.raises(TingTingConfigError, match=says):
        stopping(1, **arguments)


def test_a_campaign_that_is_scheduled_for_tomorrow_may_run_until_tomorrow_evening(sandbox):
    operator = stopping(a_campaign(sandbox, schedule=TOMORROW.timestamp()), deferrable=True)

    with pytest.raises(TaskDeferred) as waiting:
        operator.execute(context_of(operator))

    assert waiting.value.trigger.deadline == TOMORROW.replace(hour=20).timestamp()
    assert writes(sandbox) == ["run_campaign"]
