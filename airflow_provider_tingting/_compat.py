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
    BaseOperator,
    BaseOperatorLink,
    BaseSensorOperator,
    PokeReturnValue,
    XCom,
    conf,
)
from airflow.triggers.base import BaseTrigger, TriggerEvent

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Connection, Context, ObjectStoragePath

try:
    from airflow.triggers.base import BaseEventTrigger
except ImportError:  # Airflow 2 has no watchers of assets.
    BaseEventTrigger = BaseTrigger  # type: ignore[assignment, misc]

__all__ = [
    "DEFERRED_TASKS_ARE_TOLD",
    "AirflowException",
    "AirflowFailException",
    "AirflowSensorTimeout",
    "AirflowSkipException",
    "BaseEventTrigger",
    "BaseHook",
    "BaseOperator",
    "BaseOperatorLink",
    "BaseSensorOperator",
    "BaseTrigger",
    "PokeReturnValue",
    "TriggerEvent",
    "XCom",
    "conf",
    "get_connection_async",
    "get_extra_async",
    "object_storage_path",
]

if TYPE_CHECKING:
    __all__ += ["Connection", "Context", "ObjectStoragePath"]


#: Whether a trigger's `on_kill` is called when a person ends a deferred task; it came with 3.3.
DEFERRED_TASKS_ARE_TOLD = hasattr(BaseTrigger, "on_kill")


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


def object_storage_path(path: str) -> ObjectStoragePath:
    """Return the path as Airflow's own, which knows `s3://`, `gs://` and the rest through its connections."""
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    return ObjectStoragePath(path)
