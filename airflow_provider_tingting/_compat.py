"""The one place that knows Airflow versions: 2.11 and 3.0 to 3.3.

Every other module takes its Airflow names from here. The names that moved come from `common.compat`, which finds them
on each version; what it lacks in the versions that old Airflow releases were built with is written here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
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
except ImportError:  # Airflow 2 has no watchers of assets.
    BaseEventTrigger = BaseTrigger  # type: ignore[assignment, misc]

__all__ = [
    "TRIGGERS_HAVE_ON_KILL",
    "AirflowException",
    "AirflowFailException",
    "AirflowSensorTimeout",
    "AirflowSkipException",
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
    "has_task_state_store",
    "hook_lineage_collector",
    "object_storage_path",
    "redact",
    "task_decorator_factory",
]

if TYPE_CHECKING:
    __all__ += ["Connection", "Context", "ObjectStoragePath"]


#: Whether a trigger's `on_kill` is called when a person ends a deferred task; it came with 3.3.
TRIGGERS_HAVE_ON_KILL = hasattr(BaseTrigger, "on_kill")


def find_connection(conn_id: str) -> Connection | None:
    """Read a connection outside tasks, from environment, secrets backends and database; None when there is none.

    In a shell Airflow 3's `BaseHook` would look at the environment only.
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
    """Read a connection without blocking the triggerer's event loop, on every supported version."""
    from airflow.providers.common.compat.connection import get_async_connection

    return await get_async_connection(conn_id=conn_id)


async def get_extra_async(connection: Connection) -> dict[str, Any]:
    """Read a connection's extra in the triggerer.

    On Airflow 3.3.2 and later reading it masks its values through the supervisor, which must be awaited; before, a
    thread does the reading.
    """
    if hasattr(connection, "aextra_dejson"):
        extra: dict[str, Any] = await connection.aextra_dejson()
        return extra
    from asgiref.sync import sync_to_async

    return await sync_to_async(lambda: dict(connection.extra_dejson))()


def has_task_state_store() -> bool:
    """Whether this Airflow keeps what a task remembers between its tries; the store came with 3.3."""
    try:
        from airflow.sdk.execution_time import context
    except ImportError:
        return False
    return hasattr(context, "TaskStateStoreAccessor")


def object_storage_path(path: str) -> ObjectStoragePath:
    """Return the path as Airflow's own, which knows `s3://`, `gs://` and the rest through its connections."""
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    return ObjectStoragePath(path)


def asset_classes() -> tuple[type, tuple[type, ...], type]:
    """Return the class of an asset, all that an outlet may be which stands for one, and the class of an alias.

    Airflow 2 calls them datasets. They are loaded when a task has outlets.
    """
    from airflow.providers.common.compat.sdk import Asset, AssetAlias

    try:
        from airflow.sdk.definitions.asset import AssetRef
    except ImportError:
        return Asset, (Asset,), AssetAlias
    return Asset, (Asset, AssetRef), AssetAlias


def hook_lineage_collector() -> Any:
    """Return what hooks tell the lineage of a task to; it ignores everything unless somebody listens."""
    from airflow.providers.common.compat.lineage.hook import get_hook_lineage_collector

    return get_hook_lineage_collector()  # type: ignore[no-untyped-call]


def failed_upstream(context: Context) -> list[str]:
    """Return which tasks directly before this one have failed, on every supported version, in alphabetical order.

    A task that never ran because another one failed counts too. Of a mapped task before a mapped task, the instance
    with the same index counts.
    """
    ti: Any = context["ti"]
    before = sorted(context["task"].upstream_task_ids)
    if not before:
        return []
    states: dict[str, dict[int, str]] = {task: {} for task in before}
    if hasattr(ti, "get_task_states"):
        found = ti.get_task_states(dag_id=ti.dag_id, task_ids=before, run_ids=[ti.run_id])
        for name, state in found.get(ti.run_id, {}).items():
            # Mapped tasks are told by their index, as in `task_0`.
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


def approval_operator() -> type[BaseOperator] | None:
    """Return Airflow's operator that asks a person, or None where there is none: it came with 3.1."""
    try:
        from airflow.providers.standard.operators.hitl import ApprovalOperator
    except (ImportError, AirflowException):
        return None
    return ApprovalOperator
