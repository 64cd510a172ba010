"""The differences between Airflow versions, 2.11 and 3.0 to 3.3.

Every other module imports Airflow's names from here. Names that moved come from the `common.compat` provider, which
finds them on each version; what its older releases lack is defined here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTimeout,
    BaseHook,
    BaseNotifier,
    BaseOperator,
    BaseOperatorLink,
    BaseSensorOperator,
    DecoratedOperator,
    PokeReturnValue,
    TaskGroup,
    XCom,
    conf,
    context_merge,
    redact,
    task_decorator_factory,
)
from airflow.triggers.base import BaseTrigger, TriggerEvent

try:
    from airflow.providers.common.compat.sdk import determine_kwargs
except ImportError:
    from airflow.utils.operator_helpers import determine_kwargs  # type: ignore[attr-defined]

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Connection, Context, ObjectStoragePath

try:
    from airflow.triggers.base import BaseEventTrigger
except ImportError:  # Airflow 2 has no asset watchers.
    BaseEventTrigger = BaseTrigger  # type: ignore[assignment, misc]

__all__ = [
    "TRIGGERS_HAVE_ON_KILL",
    "AirflowException",
    "AirflowFailException",
    "AirflowSensorTimeout",
    "AirflowSkipException",
    "AirflowTaskTimeout",
    "BaseEventTrigger",
    "BaseHook",
    "BaseNotifier",
    "BaseOperator",
    "BaseOperatorLink",
    "BaseSensorOperator",
    "BaseTrigger",
    "DecoratedOperator",
    "PokeReturnValue",
    "TaskGroup",
    "TriggerEvent",
    "XCom",
    "approval_operator",
    "asset_classes",
    "conf",
    "context_merge",
    "determine_kwargs",
    "failed_upstream",
    "find_connection",
    "get_connection_async",
    "get_extra_async",
    "get_task_state",
    "get_task_state_async",
    "get_xcom_async",
    "has_task_state_store",
    "hook_lineage_collector",
    "object_storage_path",
    "redact",
    "task_decorator_factory",
    "task_group_decorator",
]

if TYPE_CHECKING:
    __all__ += ["Connection", "Context", "ObjectStoragePath"]


#: Whether a trigger's `on_kill` is called when a person ends a deferred task; it came with 3.3.
TRIGGERS_HAVE_ON_KILL = hasattr(BaseTrigger, "on_kill")


def find_connection(conn_id: str) -> Connection | None:
    """Return a connection outside tasks, from environment, secrets backends and database, or None.

    In a shell, Airflow 3's `BaseHook` reads the environment only.

    :param conn_id: the connection's id.
    """
    from airflow.models.connection import Connection as StoredConnection

    try:
        found: Connection = StoredConnection.get_connection_from_secrets(conn_id)
    except AirflowException as error:
        if type(error).__name__ != "AirflowNotFoundException":
            raise
        return None
    return found


async def get_connection_async(conn_id: str) -> Connection:
    """Return a connection without blocking the triggerer's event loop.

    :param conn_id: the connection's id.
    """
    from airflow.providers.common.compat.connection import get_async_connection

    return await get_async_connection(conn_id=conn_id)


async def get_task_state_async(task_instance: Any) -> str | None:
    """Return the state that Airflow has stored for a task instance, without blocking the triggerer's event loop.

    Airflow 3.3 and later can read it in a triggerer.

    :param task_instance: what Airflow assigned to the trigger.
    :returns: the state; None for a task that is to run and not yet scheduled, as after a clear; `removed` for a task
        instance that does not exist any more, as after its DAG run was deleted.
    :raises Exception: the state cannot be read; of whatever kind Airflow raises.
    """
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance
    from asgiref.sync import sync_to_async

    task_id, map_index = task_instance.task_id, task_instance.map_index
    by_run = await sync_to_async(RuntimeTaskInstance.get_task_states)(
        dag_id=task_instance.dag_id, map_index=map_index, task_ids=[task_id], run_ids=[task_instance.run_id]
    )
    return _state_of(by_run, task_instance.run_id, task_id, map_index)


async def get_xcom_async(task_instance: Any, key: str) -> Any:
    """Return what a task instance has pushed under a key, without blocking the triggerer's event loop, or None.

    Airflow 3.3 and later can read it in a triggerer.

    :param task_instance: what Airflow assigned to the trigger.
    :param key: the XCom key.
    :raises Exception: it cannot be read; of whatever kind Airflow raises.
    """
    from airflow.sdk.bases.xcom import BaseXCom

    return await BaseXCom.aget_one(
        key=key,
        dag_id=task_instance.dag_id,
        run_id=task_instance.run_id,
        task_id=task_instance.task_id,
        map_index=task_instance.map_index,
    )


async def get_extra_async(connection: Connection) -> dict[str, Any]:
    """Return a connection's extra without blocking the triggerer's event loop.

    On Airflow 3.3.2 and later reading it masks its values through the supervisor, which must be awaited; before, it is
    read in a thread.

    :param connection: the connection.
    """
    if hasattr(connection, "aextra_dejson"):
        extra: dict[str, Any] = await connection.aextra_dejson()
        return extra
    from asgiref.sync import sync_to_async

    return await sync_to_async(lambda: connection.extra_dejson)()


def has_task_state_store() -> bool:
    """Return whether this Airflow has a task state store, which came with 3.3."""
    try:
        from airflow.sdk.execution_time import context
    except ImportError:
        return False
    return hasattr(context, "TaskStateStoreAccessor")


def object_storage_path(path: str) -> ObjectStoragePath:
    """Return an object storage path, which uses Airflow's connections.

    :param path: a path such as `s3://bucket/key`.
    """
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    return ObjectStoragePath(path)


def task_group_decorator(group_id: str) -> Callable[[Callable[..., Any]], Any]:
    """Return Airflow's decorator that makes a task group of a function.

    :param group_id: the group's name.
    """
    # It loads the operators of Airflow's standard provider, which cost more than all of this package's.
    from airflow.providers.common.compat.sdk import task_group

    decorator: Callable[[Callable[..., Any]], Any] = task_group(group_id=group_id)
    return decorator


def asset_classes() -> tuple[type, tuple[type, ...], type]:
    """Return the class of an asset, the classes of outlets that refer to one, and the class of an alias.

    Airflow 2 calls them datasets. They are imported when a task has outlets.
    """
    from airflow.providers.common.compat.sdk import Asset, AssetAlias

    try:
        from airflow.sdk.definitions.asset import AssetRef
    except ImportError:
        return Asset, (Asset,), AssetAlias
    return Asset, (Asset, AssetRef), AssetAlias


def hook_lineage_collector() -> Any:
    """Return the collector of hook lineage, which discards everything when there is no lineage reader."""
    from airflow.providers.common.compat.lineage.hook import get_hook_lineage_collector

    return get_hook_lineage_collector()


def failed_upstream(context: Context) -> list[str]:
    """Return the direct upstream tasks that have failed, in alphabetical order.

    `upstream_failed` counts too. If both tasks are mapped, only the instance with the same index counts.

    :param context: the context of the task.
    """
    ti: Any = context["ti"]
    before = sorted(context["task"].upstream_task_ids)
    if not before:
        return []
    states: dict[str, dict[int, str]] = {task: {} for task in before}
    if hasattr(ti, "get_task_states"):
        found = ti.get_task_states(dag_id=ti.dag_id, task_ids=before, run_ids=[ti.run_id])
        for name, state in found.get(ti.run_id, {}).items():
            # The name of a mapped task ends in its index, as in `task_0`.
            task, _, index = name.rpartition("_")
            task, index = (name, -1) if name in states else (task, int(index))
            states[task][index] = str(getattr(state, "value", state))
    else:
        dag_run: Any = context["dag_run"]
        for one in dag_run.get_task_instances():
            if one.task_id in states:
                states[one.task_id][one.map_index] = str(one.state)
    failed = []
    for task, by_index in states.items():
        mine = {ti.map_index} if ti.map_index is not None and ti.map_index in by_index else by_index
        if any(by_index[index] in ("failed", "upstream_failed") for index in mine):
            failed.append(task)
    return failed


def get_task_state(ti: Any) -> str | None:
    """Return the state that Airflow has stored for a task instance, in a task's own process.

    :param ti: the task instance of the context.
    :returns: as `get_task_state_async` does.
    :raises Exception: the state cannot be read; of whatever kind Airflow raises.
    """
    map_index = -1 if ti.map_index is None else ti.map_index
    if hasattr(ti, "get_task_states"):
        by_run = ti.get_task_states(dag_id=ti.dag_id, map_index=map_index, task_ids=[ti.task_id], run_ids=[ti.run_id])
        return _state_of(by_run, ti.run_id, ti.task_id, map_index)
    from airflow.models.taskinstance import TaskInstance

    row = TaskInstance.get_task_instance(
        dag_id=ti.dag_id, run_id=ti.run_id, task_id=ti.task_id, map_index=map_index, lock_for_update=False
    )
    return "removed" if row is None else _state_text(row.state)


def _state_of(by_run: Any, run_id: str, task_id: str, map_index: int) -> str | None:
    states = by_run.get(run_id, {})
    return _state_text(states.get(task_id if map_index < 0 else f"{task_id}_{map_index}", "removed"))


def _state_text(state: object) -> str | None:
    return None if state is None else str(getattr(state, "value", state))


def approval_operator() -> type[BaseOperator] | None:
    """Return Airflow's `ApprovalOperator`, or None before Airflow 3.1."""
    try:
        from airflow.providers.standard.operators.hitl import ApprovalOperator
    except (ImportError, AirflowException):
        return None
    return ApprovalOperator
