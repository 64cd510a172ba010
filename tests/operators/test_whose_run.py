"""Whose run a campaign is, and what a task saves for its next try and hands to the triggerer before the start."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred
from durability.in_process import Store
from support.run_task import run_task
from support.task_context import context_of

from airflow_provider_tingting.api.models import Campaign
from airflow_provider_tingting.campaigns.start_gate import StartDeferred
from airflow_provider_tingting.campaigns.state import JobState, RunRequest
from airflow_provider_tingting.campaigns.watch import WaitPlan
from airflow_provider_tingting.clock import MAX_CLOCK_SKEW, wall_time
from airflow_provider_tingting.operators.campaign.start import (
    is_run_by_another,
    is_run_for,
    load_job,
    wait_to_start,
)
from airflow_provider_tingting.utils.task_state import OCCASION

pytestmark = pytest.mark.usefixtures("virtual_time")

#: When the DAG run has begun; it is for a day that lies two weeks back.
BEGAN = datetime(2026, 11, 24, 3, 15, tzinfo=timezone.utc)
DUE = BEGAN - timedelta(days=14)
SKEW = timedelta(seconds=MAX_CLOCK_SKEW)
SECOND = timedelta(seconds=1)


def ended(changed: datetime | None, status: str = "Completed") -> Campaign:
    return Campaign(id=7, status=status, updated_at=changed.isoformat() if changed else None)


def a_try(number: int, *, cleared_after: int = 0, **run: Any) -> Any:
    times = {"start_date": BEGAN, "run_after": DUE}
    context = context_of(run_task(7), try_number=number, cleared_after=cleared_after)
    return {**context, "dag_run": SimpleNamespace(**{**times, **run})}


@pytest.mark.parametrize(
    ("changed", "is_ours"),
    [(BEGAN - SKEW - SECOND, False), (BEGAN - SKEW, True), (BEGAN + SECOND, True), (None, True)],
    ids=["before the run", "at its start by another clock", "after its start", "at an unknown time"],
)
def test_a_campaign_that_ended_since_the_run_began_may_be_that_of_an_earlier_try(
    changed: datetime | None, is_ours: bool
) -> None:
    assert is_run_for(a_try(2), ended(changed)) is is_ours
    assert not is_run_for(a_try(1), ended(changed))


@pytest.mark.parametrize(
    "cleared",
    [{"cleared_after": 1}, {"clear_number": 1}],
    ids=["the task was cleared", "a task of the run was cleared"],
)
def test_after_a_clear_a_campaign_that_ended_since_the_run_was_due_may_be_that_of_an_earlier_try(
    cleared: dict[str, int],
) -> None:
    assert is_run_for(a_try(2, **cleared), ended(DUE - SKEW))
    assert not is_run_for(a_try(2, **cleared), ended(DUE - SKEW - SECOND))
    assert not is_run_for(a_try(2, clear_number=0), ended(DUE))


def test_without_times_of_the_run_every_ended_campaign_may_be_that_of_an_earlier_try() -> None:
    assert is_run_for(a_try(2, start_date=None, run_after=None), ended(DUE))


def test_a_campaign_that_runs_now_is_waited_for_whenever_it_has_begun() -> None:
    assert is_run_for(a_try(1), ended(DUE, "Running"))


@pytest.mark.parametrize(
    ("pushed", "is_by_another"),
    [
        ({}, False),
        ({OCCASION: {"campaign_id": 7, "is_own": True}}, False),
        ({OCCASION: {"campaign_id": 7, "is_own": False}}, True),
        ({OCCASION: {"campaign_id": 8, "is_own": False}}, False),
    ],
    ids=["no occasion", "created by this run", "created by another run", "another campaign"],
)
def test_the_campaign_of_an_occasion_is_run_by_the_run_that_has_created_it(
    pushed: dict[str, Any], is_by_another: bool
) -> None:
    task = SimpleNamespace(get_flat_relative_ids=lambda *, upstream: {"create"})
    ti = SimpleNamespace(xcom_pull=lambda *, task_ids, key: [pushed[key]] if key in pushed else [])

    assert is_run_by_another({"task": task, "ti": ti}, Campaign(id=7, status="Not Started")) is is_by_another


def test_a_job_is_saved_for_the_next_try_and_read_again_from_the_store() -> None:
    operator = run_task(7)
    context = {**context_of(operator), "task_state_store": Store()}
    first, second = (load_job(operator, context, 7) for _ in "12")

    first.update(run=RunRequest.MAYBE, run_requested_at=5.0)
    assert load_job(operator, context, 7).state == first.state
    second.reload()
    assert (second.state.campaign_id, second.state.run) == (7, RunRequest.MAYBE)


def test_what_is_saved_of_another_campaign_is_forgotten(logged: Callable[[], str]) -> None:
    operator = run_task(7)
    context = {**context_of(operator), "task_state_store": Store()}
    load_job(operator, context, 8).update(run=RunRequest.ACCEPTED)

    assert load_job(operator, context, 7).state == JobState(7)
    assert "Campaign 7 takes the place of campaign 8" in logged()


@pytest.mark.parametrize(("minutes", "is_said"), [(9, False), (11, True)])
def test_a_long_wait_in_a_worker_is_said_to_occupy_its_slot(
    sandbox: Any, tingting_conn: Any, logged: Callable[[], str], minutes: int, is_said: bool
) -> None:
    operator = run_task(7)
    deferred = StartDeferred("before 10:00", until=wall_time() + 60 * minutes)

    wait_to_start(operator, context_of(operator), deferred, WaitPlan(7), JobState(7), deferrable=False)

    assert ("This wait occupies a worker slot" in logged()) is is_said


@pytest.mark.parametrize(
    ("state", "requested"),
    [
        (JobState(7), None),
        (JobState(7, run=RunRequest.MAYBE, run_requested_at=1_795_400_000.0), 1_795_400_000.0),
        (JobState(7, run=RunRequest.ACCEPTED, run_requested_at=1_795_400_000.0), None),
    ],
    ids=["never requested", "maybe requested", "accepted"],
)
def test_the_triggerer_is_given_the_wait_and_the_rest_of_the_try_an_unanswered_request(
    state: JobState, requested: float | None
) -> None:
    operator = run_task(7, tingting_conn_id="of_the_ward")
    plan = WaitPlan(7, poll_interval=20.0, deadline=1_795_500_000.0, tolerate_outage=120.0)
    deferred = StartDeferred("before 10:00", until=1_795_460_000.0)

    with pytest.raises(TaskDeferred) as raised:
        wait_to_start(operator, context_of(operator), deferred, plan, state, deferrable=True)

    _, arguments = raised.value.trigger.serialize()
    arguments.pop("deferred_at")
    assert arguments == {
        "campaign_id": 7,
        "tingting_conn_id": "of_the_ward",
        "not_before": 1_795_460_000.0,
        "poll_interval": 20.0,
        "deadline": 1_795_500_000.0,
        "tolerate_outage": 120.0,
        "run_requested": requested is not None,
    }
    known = {} if requested is None else {"requested_at": requested}
    assert raised.value.kwargs == {"start_deadline": 1_795_500_000.0, **known}
    assert raised.value.method_name == "execute_start"
