"""A person decides in a real Airflow, by its REST API: approved, the campaign is run; rejected, it is deleted."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from durability.real_airflow import RealAirflow
from support.airflow_home import AIRFLOW_VERSION

from airflow_provider_tingting.sandbox import Sandbox

pytestmark = [
    pytest.mark.durability,
    pytest.mark.timeout(900),
    pytest.mark.skipif(AIRFLOW_VERSION < (3, 1), reason="Airflow asks people from 3.1 on"),
]

DAG_ID = "tingting_approve_before_running"
HOUSEHOLDS = 24
OWNER = "9840000001"
_SECONDS_TO_READ_THE_QUESTION = 10.0


@pytest.fixture
def tingting(airflow: RealAirflow) -> Iterator[Sandbox]:
    with Sandbox(speed=2000) as sandbox:
        airflow.put_connections({"tingting_default": sandbox.connection_json()})
        yield sandbox


def wait_for(what: Callable[[], bool], airflow: RealAirflow, seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, airflow.tail()
        time.sleep(0.3)


def decided(airflow: RealAirflow, run_id: str, option: str) -> dict[str, str | None]:
    """Begin a run, wait until it asks, answer, and return the tasks' states in the end."""
    airflow.trigger(DAG_ID, run_id, {})

    def state(task: str) -> str | None:
        row = airflow.tasks(DAG_ID, run_id).get(task)
        return row.state if row else None

    wait_for(lambda: state("approve") in ("awaiting_input", "deferred"), airflow)
    # No person is so fast: Airflow fails a task that is answered before its executor has seen the first part end.
    time.sleep(_SECONDS_TO_READ_THE_QUESTION)
    airflow.person.decide(DAG_ID, run_id, "approve", option)
    wait_for(lambda: airflow.run_state(DAG_ID, run_id) in ("success", "failed"), airflow)
    return {task: row.state for task, row in airflow.tasks(DAG_ID, run_id).items()}


def test_what_a_person_approves_is_run_after_a_demo_call_to_its_owner(airflow: RealAirflow, tingting: Sandbox) -> None:
    states = decided(airflow, "approved", "Approve")

    assert states.pop("delete_rejected") == "skipped"
    assert set(states.values()) == {"success"}
    (campaign,) = tingting.world.campaigns.values()
    assert campaign.status == "Completed"
    first, *others = tingting.ledger.dialled
    assert first.number == OWNER
    assert len(others) == HOUSEHOLDS
    assert len({call.number for call in others}) == HOUSEHOLDS


def test_what_a_person_rejects_is_deleted_and_no_contact_is_called(airflow: RealAirflow, tingting: Sandbox) -> None:
    states = decided(airflow, "rejected", "Reject")

    skipped = {task for task, state in states.items() if state == "skipped"}
    assert skipped == {"owner", "demo_call", "run_campaign"}
    assert states["delete_rejected"] == "success"
    assert not tingting.world.campaigns
    assert not tingting.ledger.dialled


def test_a_failure_before_the_deletion_is_a_failure_of_the_dag_run(airflow: RealAirflow, tingting: Sandbox) -> None:
    tingting.faults.add("500", call="run_campaign", times="*")
    tingting.faults.add("500", call="demo_call", times="*")

    states = decided(airflow, "failed_after", "Approve")

    assert states["demo_call"] == "failed"
    assert states["delete_rejected"] == "upstream_failed"
    assert airflow.run_state(DAG_ID, "failed_after") == "failed"
    assert not tingting.ledger.dialled
