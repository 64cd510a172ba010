"""The demo reads a run's progress from what its Airflow plugin writes, and stores the examples' connections."""

from __future__ import annotations

import importlib
import json
from types import SimpleNamespace

import pytest

from airflow_provider_tingting.demo import airflow_process, local_airflow
from airflow_provider_tingting.demo.airflow_process import DagRun
from airflow_provider_tingting.demo.plugins import task_events


@pytest.fixture
def dag_run(tmp_path, monkeypatch):
    monkeypatch.setenv(task_events.FILE_VARIABLE, str(tmp_path / "task-events.jsonl"))
    (tmp_path / "task-events.jsonl").touch()
    return DagRun("a_dag", tmp_path, {})


def task_instance(task_id, result=None):
    return SimpleNamespace(run_id="manual__1", task_id=task_id, xcom_pull=lambda task_ids: result)


def test_the_states_and_results_are_those_that_the_listener_reported(dag_run):
    task_events.on_task_instance_running(None, task_instance("create"))
    task_events.on_task_instance_success("running", task_instance("create", 79))
    task_events.on_task_instance_running(None, task_instance("run"))
    task_events.on_task_instance_failed("running", task_instance("run"), "an error")

    assert dag_run.run_id == "manual__1"
    assert dag_run.states == {"create": "success", "run": "failed"}
    assert dag_run.results == {"create": 79}


def test_a_line_that_is_being_written_is_left_for_later(dag_run, tmp_path):
    task_events.on_task_instance_running(None, task_instance("create"))
    with (tmp_path / "task-events.jsonl").open("a") as file:
        file.write('{"run_id": "manual__1", "task_id": "create", "sta')

    assert dag_run.states == {"create": "running"}


def test_before_the_first_task_nothing_is_known(dag_run):
    assert (dag_run.run_id, dag_run.states, dag_run.results) == (None, {}, {})


@pytest.mark.parametrize("named", [True, False], ids=["with a file", "without a file"])
def test_the_plugin_listens_only_where_a_file_is_named(monkeypatch, tmp_path, named):
    if named:
        monkeypatch.setenv(task_events.FILE_VARIABLE, str(tmp_path / "events"))
    else:
        monkeypatch.delenv(task_events.FILE_VARIABLE, raising=False)

    assert bool(importlib.reload(task_events).TaskEventsPlugin.listeners) is named


def test_a_command_of_airflow_that_fails_shows_the_end_of_its_output(tmp_path):
    with pytest.raises(SystemExit, match="`airflow no-such-command` failed"):
        airflow_process.run_airflow({"AIRFLOW_HOME": str(tmp_path)}, tmp_path / "log", "no-such-command")


def test_the_local_airflow_has_the_examples_and_a_folder_for_own_dags_and_no_connection_variables(tmp_path, sandbox):
    settings = local_airflow._settings(tmp_path, sandbox, "http://127.0.0.1:8099")
    bundles = json.loads(settings["AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST"])

    assert [bundle["name"] for bundle in bundles] == ["examples", "own"]
    assert (tmp_path / "dags").is_dir()
    assert not [name for name in settings if name.startswith("AIRFLOW_CONN_")]


def test_no_schedule_of_an_example_runs_it_before_a_person_unpauses_it(tmp_path, sandbox):
    settings = local_airflow._settings(tmp_path, sandbox, "http://127.0.0.1:8099")

    # Airflow's own default pauses new DAGs.
    assert "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION" not in settings


def test_what_the_local_airflow_prints_has_all_that_a_first_hour_needs(tmp_path, sandbox):
    text = local_airflow._welcome(tmp_path, sandbox, "http://127.0.0.1:8099")

    for part in ("http://127.0.0.1:8099", sandbox.root_url, sandbox.token, str(tmp_path / "dags"), "sandbox/clock"):
        assert part in text
