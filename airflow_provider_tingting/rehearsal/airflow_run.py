"""Runs a DAG once in the rehearsal's own Airflow, and reads what the run left in its database."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import airflow

_VERSION = tuple(int(part) for part in airflow.__version__.split(".")[:2])


@dataclass(frozen=True)
class FinishedRun:
    """What a DAG run left behind.

    :param state: the state of the run.
    :param states: the state of each task instance, by the task's id and map index.
    :param results: the return value of each task instance that has one, in the same way.
    :param asset_events: the URI and the extra of each asset event, in their order.
    """

    state: str
    states: Mapping[tuple[str, int], str]
    results: Mapping[tuple[str, int], Any] = field(repr=False)
    asset_events: tuple[tuple[str, Any], ...] = field(repr=False)


def create_database() -> None:
    """Create the tables of the database that this process's settings name."""
    from airflow.utils.db import initdb

    initdb()


def silence_listeners() -> None:
    """Remove the listeners of plugins, which could reach a person or a server."""
    for name in ("airflow.listeners.listener", "airflow.sdk.listener"):
        # The second one came with Airflow 3.2.
        with suppress(ModuleNotFoundError):
            import_module(name).get_listener_manager().clear()


def run(
    dag: Any,
    place: Path,
    *,
    at: datetime,
    conf: Mapping[str, Any],
    skip_pattern: str | None,
    on_error: Callable[[object], None],
) -> FinishedRun:
    """Run a DAG to its end in this process, deferred tasks included.

    :param dag: the DAG.
    :param place: the file or folder that it was loaded from, which is the only DAG bundle.
    :param at: the run's logical date.
    :param conf: the run's configuration.
    :param on_error: called with the error of a try where Airflow does not give it to the task's callbacks.
    :param skip_pattern: a regular expression of the ids of tasks that are marked as successful instead.
    """
    _store(place)
    when: dict[str, Any] = {"execution_date": at} if _VERSION < (3, 0) else {"logical_date": at}
    if _VERSION >= (3, 0):
        when["run_after"] = at
    if (3, 0) <= _VERSION < (3, 3):
        _listen(on_error)
        _keep_one_execution_api()
    finished = dag.test(run_conf=dict(conf) or None, mark_success_pattern=skip_pattern, **when)
    state = str(getattr(finished.state, "value", finished.state))
    return _read(dag.dag_id, finished.run_id, state)


def _listen(on_error: Callable[[object], None]) -> None:
    """Have a function called with the error of each try that fails."""
    from airflow.listeners import hookimpl

    class Listener:
        @hookimpl
        def on_task_instance_failed(self, error: object) -> None:
            on_error(error)

    module = "airflow.sdk.listener" if _VERSION >= (3, 2) else "airflow.listeners.listener"
    import_module(module).get_listener_manager().add_listener(Listener())


@cache
def _keep_one_execution_api() -> None:
    """Build the web application of Airflow's tasks once; before 3.3 a DAG's test builds one for each, for a second."""
    from airflow.sdk.execution_time import supervisor

    supervisor.in_process_api_server = cache(supervisor.in_process_api_server)


def _store(place: Path) -> None:
    """Write the DAGs of the place to the database, as asset events and, from 3.1 on, every run need it."""
    from airflow_provider_tingting.rehearsal.dag_file import dag_bag

    bag = dag_bag(place)
    if _VERSION < (3, 0):
        bag.sync_to_db()
        return
    from airflow.dag_processing.bundles.manager import DagBundlesManager

    DagBundlesManager().sync_bundles_to_db()
    if _VERSION < (3, 1):
        bag.sync_to_db("rehearsal", None)
        return
    module = "airflow.dag_processing.dagbag" if _VERSION >= (3, 2) else "airflow.models.dagbag"
    import_module(module).sync_bag_to_db(bag, "rehearsal", None)


def _read(dag_id: str, run_id: str, state: str) -> FinishedRun:
    from airflow.utils.session import create_session
    from sqlalchemy import text

    kind = "dataset" if _VERSION < (3, 0) else "asset"
    names = {"dag": dag_id, "run": run_id}
    with create_session() as session:
        states = session.execute(
            text("select task_id, map_index, state from task_instance where dag_id = :dag and run_id = :run"), names
        ).all()
        values = session.execute(
            text(
                "select task_id, map_index, value from xcom "
                "where dag_id = :dag and run_id = :run and key = 'return_value'"
            ),
            names,
        ).all()
        events = session.execute(
            text(
                f"select {kind}.uri, {kind}_event.extra from {kind}_event "
                f"join {kind} on {kind}.id = {kind}_event.{kind}_id "
                f"where source_dag_id = :dag and source_run_id = :run order by {kind}_event.id"
            ),
            names,
        ).all()
    return FinishedRun(
        state,
        {(task, index): str(found or "not run") for task, index, found in states},
        {(task, index): _value(found) for task, index, found in values},
        tuple((uri, _value(extra)) for uri, extra in events),
    )


def _value(stored: object) -> Any:
    """Return the value of an XCom, which is stored as JSON, or as JSON in JSON."""
    for _ in range(2):
        if isinstance(stored, bytes):
            stored = stored.decode("utf-8", "replace")
        if isinstance(stored, str):
            try:
                stored = json.loads(stored)
            except ValueError:
                break
    return stored
