"""What a kill of the task that runs a campaign does to the campaign, and when the task gives up by itself."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from support.campaigns import a_campaign
from support.run_task import run_task
from support.task_context import context_of
from support.virtual_time import run_in_virtual_time

from airflow_provider_tingting.sandbox import Sandbox
from airflow_provider_tingting.utils.deferral import deadline_of

pytestmark = pytest.mark.usefixtures("tingting_conn", "fast_world")


def killed_while_it_runs(operator, stored_state):
    """Kill a task that has run its campaign, while Airflow has this as the task's state."""
    context = context_of(operator)
    operator.execute(context)
    context["ti"].stored_state = stored_state
    operator.on_kill()


@pytest.mark.parametrize(
    ("stops", "stored_state", "status", "says"),
    [
        pytest.param(True, "failed", "Terminated", "was stopped for good", id="marked failed"),
        pytest.param(True, "success", "Terminated", "was stopped for good", id="marked success"),
        pytest.param(True, "removed", "Terminated", "was stopped for good", id="run deleted"),
        pytest.param(True, "running", "Running", "Airflow has this task as running", id="the worker shuts down"),
        pytest.param(True, "restarting", "Running", "Airflow has this task as restarting", id="cleared"),
        pytest.param(True, None, "Running", "Airflow has this task as cleared", id="cleared and not yet scheduled"),
        pytest.param(False, "failed", "Running", "goes on: stop_on_kill is off", id="stop_on_kill is off"),
    ],
)
def test_a_killed_task_stops_the_campaign_when_airflow_says_that_it_has_ended(
    sandbox, logged, stops, stored_state, status, says
):
    sandbox.clock.speed = 0
    campaign = a_campaign(sandbox)

    killed_while_it_runs(run_task(campaign, stop_on_kill=stops, wait_for_completion=False), stored_state)

    assert sandbox.world.campaigns[campaign].status == status
    assert says in logged()


def test_a_killed_task_whose_state_cannot_be_read_stops_nothing(sandbox, logged, monkeypatch):
    sandbox.clock.speed = 0
    campaign = a_campaign(sandbox)
    operator = run_task(campaign, stop_on_kill=True, wait_for_completion=False)
    context = context_of(operator)
    operator.execute(context)

    def unreadable(**_):
        raise OSError("no API server")

    monkeypatch.setattr(context["ti"], "get_task_states", unreadable, raising=False)
    operator.on_kill()

    assert sandbox.world.campaigns[campaign].status == "Running"
    assert "Airflow's state of this task cannot be read" in logged()


@pytest.mark.parametrize("dialect", ["404", "405"])
def test_a_kill_says_so_when_tingting_offers_no_stop(monkeypatch, logged, dialect):
    with Sandbox(dialect={"stop": dialect}, speed=0) as other:
        monkeypatch.setenv("AIRFLOW_CONN_TINGTING_DEFAULT", other.connection_json())
        campaign = a_campaign(other)

        killed_while_it_runs(run_task(campaign, stop_on_kill=True, wait_for_completion=False), "failed")

    assert "offers no stop" in logged()


def test_a_kill_while_tingting_is_stuck_ends_in_time_and_says_that_the_outcome_is_unknown(sandbox, logged, monkeypatch):
    monkeypatch.setattr("airflow_provider_tingting.operators.campaign.ending._SECONDS_TO_STOP", 0.2)
    sandbox.clock.speed = 0
    campaign = a_campaign(sandbox)
    sandbox.faults.add("stuck", call="stop_campaign")

    killed_while_it_runs(run_task(campaign, stop_on_kill=True, wait_for_completion=False), "failed")

    assert f"Whether campaign {campaign} was stopped is unknown" in logged()


def at(seconds):
    return datetime.fromtimestamp(seconds, timezone.utc)


@pytest.mark.parametrize(
    ("timeout", "execution_timeout", "deadline"),
    [
        (None, None, None),
        (60, None, 1060.0),
        (timedelta(minutes=2), None, 1120.0),
        # Counted from the task's start at 900, with ten seconds kept for the end.
        (None, timedelta(seconds=300), 1190.0),
        (500, timedelta(seconds=300), 1190.0),
        (100, timedelta(seconds=300), 1100.0),
        (None, timedelta(seconds=20), 918.0),
    ],
)
def test_the_deadline_is_a_time_of_the_day_that_respects_both_timeouts(timeout, execution_timeout, deadline):
    context = context_of(run_task(1))
    context["ti"].start_date = at(900)

    with run_in_virtual_time(at=1000.0):
        assert deadline_of(context, timeout, execution_timeout) == deadline
