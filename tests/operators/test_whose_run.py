"""Whether a campaign that has begun was run for this task, and what a task hands to the triggerer before its start."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred
from support.run_task import run_task
from support.task_context import context_of

from airflow_provider_tingting.api.models import Campaign
from airflow_provider_tingting.campaigns.start_gate import StartDeferred
from airflow_provider_tingting.campaigns.state import JobState, RunRequest
from airflow_provider_tingting.campaigns.watch import WaitPlan
from airflow_provider_tingting.clock import MAX_CLOCK_SKEW
from airflow_provider_tingting.operators.campaign.start import is_run_for, wait_to_start

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
