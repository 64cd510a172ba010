"""Runs a DAG from a file the way a user's Airflow would, with `dag.test()`, on every supported Airflow version.

From 3.1 on `dag.test()` only runs a DAG that has been serialised from a configured bundle, so the folder is made one.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from support.airflow_home import AIRFLOW_VERSION, EXAMPLE_DAGS

_BUNDLES = "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST"


@dataclass(frozen=True)
class FinishedRun:
    """What a DAG run left behind.

    :ivar state: of the whole run, for example ``"success"``.
    :ivar states: of each task; an instance of a mapped task is named ``task_id[map_index]``.
    """

    dag_id: str
    run_id: str
    state: str
    states: dict[str, str]

    def xcom(self, task_id: str, key: str = "return_value", map_index: int = -1) -> Any:
        """The value that a task pushed, or None."""
        from airflow.utils.session import create_session

        with create_session() as session:
            if AIRFLOW_VERSION < (3, 0):
                from airflow.models.xcom import XCom

                return XCom.get_one(
                    dag_id=self.dag_id,
                    run_id=self.run_id,
                    task_id=task_id,
                    key=key,
                    map_index=map_index,
                    session=session,
                )
            from airflow.models.xcom import XComModel
            from airflow.sdk.bases.xcom import BaseXCom

            found = XComModel.get_many(
                dag_ids=self.dag_id,
                run_id=self.run_id,
                task_ids=task_id,
                key=key,
                map_indexes=map_index,
            )
            # A query up to 3.1, a statement from 3.2 on.
            row = found.first() if hasattr(found, "first") else session.scalars(found).first()
            return None if row is None else BaseXCom.deserialize_value(row)


def load_dag(dag_id: str, folder: Path = EXAMPLE_DAGS) -> Any:
    """The DAG of that id from the Python files in `folder`; an import error in any of them fails the test."""
    bag = _load(folder)
    assert dag_id in bag.dags, f"{folder} has no DAG {dag_id!r}, it has {sorted(bag.dags)}"
    return bag.dags[dag_id]


def load_dags(folder: Path = EXAMPLE_DAGS) -> dict[str, Any]:
    """Return all DAGs of the Python files in `folder` by their id; an import error in any of them fails the test."""
    return dict(_load(folder).dags)


def run_dag(
    dag_id: str,
    *,
    folder: Path = EXAMPLE_DAGS,
    conf: dict[str, Any] | None = None,
    known: bool = False,
    at: datetime | None = None,
    dated: bool = True,
) -> FinishedRun:
    """Run a DAG to its end in this process, deferred tasks included.

    :param dag_id: the DAG's id.
    :param folder: where its file lies; by default the project's examples.
    :param conf: the run's configuration, which overrides the DAG's params.
    :param at: when the run is asked for; Airflow 2 takes the last data interval that had ended then, even by hand.
    :param dated: whether the run has a logical date; one that an asset event starts has none. Airflow 2 always has one.
    :param known: whether the DAG is to be in the database, as events of assets need it; from 3.1 on it always is.
    """
    _keep_one_execution_api()
    with _as_bundle(folder) as bundle:
        bag = _load(folder, bundle)
        assert dag_id in bag.dags, f"{folder} has no DAG {dag_id!r}, it has {sorted(bag.dags)}"
        if AIRFLOW_VERSION >= (3, 1) or known:
            _serialise(bag, bundle)
        if AIRFLOW_VERSION < (3, 0):
            when = {} if at is None else {"execution_date": at}
        else:
            when = {} if dated else {"logical_date": None}
        dag_run = bag.dags[dag_id].test(run_conf=conf, **when)
        return FinishedRun(dag_id, dag_run.run_id, str(dag_run.state), _task_states(dag_id, dag_run.run_id))


@cache
def _keep_one_execution_api() -> None:
    """Up to 3.2 `dag.test()` builds a web application for every single task, which takes a second; 3.3 keeps it."""
    if (3, 0) <= AIRFLOW_VERSION < (3, 3):
        from airflow.sdk.execution_time import supervisor

        supervisor.in_process_api_server = cache(supervisor.in_process_api_server)


@contextmanager
def _as_bundle(folder: Path) -> Iterator[str]:
    name = "tests-" + hashlib.sha256(str(folder).encode()).hexdigest()[:12]
    local = "airflow.dag_processing.bundles.local.LocalDagBundle"
    before = os.environ.get(_BUNDLES)
    os.environ[_BUNDLES] = json.dumps([{"name": name, "classpath": local, "kwargs": {"path": str(folder)}}])
    try:
        yield name
    finally:
        if before is None:
            del os.environ[_BUNDLES]
        else:
            os.environ[_BUNDLES] = before


def _load(folder: Path, bundle: str | None = None) -> Any:
    options: dict[str, Any] = {"dag_folder": folder}
    if AIRFLOW_VERSION >= (3, 2):
        from airflow.dag_processing.dagbag import DagBag

        options["bundle_name"] = bundle
    else:
        from airflow.models.dagbag import DagBag

        options["include_examples"] = False
    if AIRFLOW_VERSION >= (3, 0):
        options["bundle_path"] = folder
    bag = DagBag(**options)
    assert not bag.import_errors, "\n".join(bag.import_errors.values())
    return bag


def _serialise(bag: Any, bundle: str) -> None:
    """Write the DAGs to the database again: an earlier test may have used the same ids for other DAGs."""
    if AIRFLOW_VERSION < (3, 0):
        bag.sync_to_db()
        return
    from airflow.dag_processing.bundles.manager import DagBundlesManager

    DagBundlesManager().sync_bundles_to_db()
    if AIRFLOW_VERSION < (3, 1):
        bag.sync_to_db(bundle, None)
        return
    if AIRFLOW_VERSION >= (3, 2):
        from airflow.dag_processing.dagbag import sync_bag_to_db
    else:
        from airflow.models.dagbag import sync_bag_to_db
    sync_bag_to_db(bag, bundle, None)


def _task_states(dag_id: str, run_id: str) -> dict[str, str]:
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session

    with create_session() as session:
        rows = session.query(TaskInstance.task_id, TaskInstance.map_index, TaskInstance.state).filter(
            TaskInstance.dag_id == dag_id, TaskInstance.run_id == run_id
        )
        return {task if index < 0 else f"{task}[{index}]": str(state) for task, index, state in rows}
