"""The sensor waits for a campaign that something else runs, and never writes.

How its waits end, in a worker and in the triggerer alike, is in `test_sync_and_deferred_agree.py`.
"""

from __future__ import annotations

from datetime import timedelta
from textwrap import dedent

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred
from support.campaigns import a_campaign, connection, dialled_once, reads, writes
from support.task_context import context_of, execute, fired_by

from airflow_provider_tingting._compat import AirflowSensorTimeout
from airflow_provider_tingting.errors import (
    TingTingAuthError,
    TingTingCampaignFailedError,
    TingTingConfigError,
    TingTingNotFoundError,
    TingTingOutcomeUnknownError,
)
from airflow_provider_tingting.sensors.campaign import TingTingCampaignSensor

pytestmark = pytest.mark.usefixtures("tingting_conn")

BOTH = pytest.mark.parametrize("deferrable", [False, True], ids=["in a worker", "deferrable"])


def waiting_for(campaign_id, **changes):
    return TingTingCampaignSensor(
        **{
            "task_id": "wait",
            "campaign_id": campaign_id,
            "poke_interval": 0.02,
            "timeout": 10,
            "tolerate_outage": 0.2,
            **changes,
        }
    )


@pytest.fixture
def completed(sandbox):
    campaign = a_campaign(sandbox)
    sandbox.world.run_campaign(campaign)
    sandbox.play_out()
    return campaign


@BOTH
def test_a_campaign_that_is_there_already_is_not_waited_for(sandbox, completed, deferrable):
    result, xcoms = execute(waiting_for(str(completed), deferrable=deferrable))

    assert result == {"campaign_id": completed, "status": "Completed", "progress_percent": 100.0, "contacts": 4}
    assert xcoms == {"tingting_campaign_link": f"{sandbox.root_url}#campaign-{completed}"}
    assert reads(sandbox) == 1


@BOTH
@pytest.mark.parametrize(
    ("target", "failed"),
    [
        ("COMPLETED", "Terminated"),
        (["completed"], []),
        (["Running", " completed "], ["terminated"]),
        ("['Completed']", "[]"),
    ],
)
def test_statuses_are_meant_whatever_their_case(completed, deferrable, target, failed):
    execute(waiting_for(completed, target_statuses=target, failed_statuses=failed, deferrable=deferrable))


@BOTH
def test_a_status_that_is_both_wanted_and_failed_is_wanted(completed, deferrable):
    execute(waiting_for(completed, target_statuses=["Completed"], failed_statuses=["Completed"], deferrable=deferrable))


@BOTH
@pytest.mark.parametrize(
    ("changes", "error", "says"),
    [
        ({"campaign_id": "water"}, TingTingConfigError, "campaign_id.*a text of 5"),
        ({"campaign_id": 4711}, TingTingNotFoundError, "campaign 4711.*404.*Check the id"),
        ({"target_statuses": []}, TingTingConfigError, "target_statuses is empty"),
        ({"failed_statuses": ["Broken"]}, TingTingConfigError, "failed_statuses.*'Broken'.*Not Started, Scheduled"),
        ({"tolerate_outage": "long"}, TingTingConfigError, "tolerate_outage.*'long'"),
        ({"failed_statuses": ["Completed"], "target_statuses": ["Running"]}, TingTingCampaignFailedError, "Completed"),
    ],
)
def test_what_can_never_be_waited_for_fails_at_once_even_with_soft_fail(completed, deferrable, changes, error, says):
    with pytest.raises(error, match=says):
        execute(waiting_for(**{"campaign_id": completed, "deferrable": deferrable, "soft_fail": True, **changes}))


@pytest.mark.parametrize(
    ("changes", "error", "says"),
    [
        ({"password": ""}, TingTingConfigError, "no API token"),
        ({"password": "wrong"}, TingTingAuthError, "Put a valid API token"),
        ({"host": "127.0.0.1:9"}, TingTingOutcomeUnknownError, "127.0.0.1:9"),
    ],
)
def test_a_connection_that_does_not_work_is_named(sandbox, completed, monkeypatch, changes, error, says):
    monkeypatch.setenv("AIRFLOW_CONN_TINGTING_DEFAULT", connection(sandbox, max_retries=0, **changes))

    with pytest.raises(error, match=says):
        execute(waiting_for(completed))


def test_execution_timeout_ends_a_deferred_wait_too(sandbox):
    sandbox.clock.speed = 0
    campaign = a_campaign(sandbox)
    task = waiting_for(campaign, deferrable=True, timeout=3600, execution_timeout=timedelta(seconds=0.5))
    context = context_of(task)
    with pytest.raises(TaskDeferred) as deferred:
        task.execute(context)

    event = fired_by(deferred.value.trigger)

    with pytest.raises(AirflowSensorTimeout, match="has not become Completed in time"):
        task.execute_complete(context, event)


def test_in_a_dag_it_waits_in_every_mode_and_never_writes(sandbox, tmp_path, run_dag):
    (tmp_path / "waits.py").write_text(
        dedent(
            """
            from airflow_provider_tingting.sensors.campaign import TingTingCampaignSensor

            try:
                from airflow.sdk import DAG
            except ImportError:
                from airflow.models import DAG

            with DAG("waits", schedule=None, params={"running": None, "still": None}) as dag:
                shared = {"poke_interval": 0.2, "timeout": 60, "campaign_id": "{{ params.running }}"}
                TingTingCampaignSensor(task_id="pokes", **shared)
                TingTingCampaignSensor(task_id="defers", deferrable=True, **shared)
                TingTingCampaignSensor(task_id="reschedules", mode="reschedule", **shared)
                TingTingCampaignSensor(
                    task_id="gives_up", target_statuses="{{ ['Completed'] }}", campaign_id="{{ params.still }}",
                    poke_interval=0.1, timeout=0.3, soft_fail=True,
                )
                TingTingCampaignSensor(
                    task_id="gives_up_deferred", campaign_id="{{ params.still }}", deferrable=True, poke_interval=0.1,
                    timeout=0.3, soft_fail=True,
                )
                TingTingCampaignSensor(
                    task_id="fails", campaign_id=4711, deferrable=True, soft_fail=True, poke_interval=0.1,
                )
            """
        ),
        encoding="utf-8",
    )
    running, still = a_campaign(sandbox), a_campaign(sandbox, ["9841234599"])
    sandbox.world.run_campaign(running)
    sandbox.clock.speed = 30

    run = run_dag("waits", folder=tmp_path, conf={"running": running, "still": still})

    assert run.states == {
        "pokes": "success",
        "defers": "success",
        "reschedules": "success",
        "gives_up": "skipped",
        "gives_up_deferred": "skipped",
        "fails": "failed",
    }
    expected = {"campaign_id": running, "status": "Completed", "progress_percent": 100.0, "contacts": 4}
    assert [run.xcom(task) for task in ("pokes", "defers", "reschedules")] == [expected] * 3
    assert run.xcom("gives_up") is None
    assert writes(sandbox) == []
    assert dialled_once(sandbox)
