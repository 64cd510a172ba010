"""What has happened, read from what Airflow hands to a callback: a context, half a context, or nothing. No Airflow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

#: State of a task or run → event, see `wording.SENTENCES`.
_EVENTS = {"failed": "failed", "upstream_failed": "failed", "success": "succeeded", "up_for_retry": "retrying"}


@dataclass(frozen=True)
class CallbackEvent:
    """What a callback is about.

    :param event: a key of `wording.SENTENCES`.
    :param dag_id: the DAG, if Airflow says.
    :param task_id: the task, when the callback is a task's own.
    """

    event: str
    dag_id: str | None = None
    task_id: str | None = None

    @classmethod
    def read(cls, context: Mapping[str, Any]) -> CallbackEvent:
        """Read a context. Deadline callbacks get a small one, and on Airflow 3.1 none at all."""
        ti = context.get("ti") or context.get("task_instance")
        dag_id = next(
            (
                str(found)
                for source in (context.get("dag"), context.get("dag_run"), ti)
                if (found := _of(source, "dag_id"))
            ),
            None,
        )
        # A missed deadline, about which Airflow 3.1 says nothing at all; in Airflow 2 also a missed SLA.
        if "deadline" in context or "blocking_tis" in context or (dag_id is None and ti is None):
            return cls("late", dag_id)
        reason = context.get("reason")
        if reason is not None:
            # A run's own callback: the task instance in its context is any of the run's.
            return cls("succeeded" if reason == "success" else "failed", dag_id)
        state = getattr(_of(ti, "state"), "value", _of(ti, "state"))
        event = _EVENTS.get(str(state), "failed" if context.get("exception") is not None else "news")
        task_id = _of(ti, "task_id")
        return cls(event, dag_id, str(task_id) if task_id else None)


def _of(source: Any, name: str) -> Any:
    return source.get(name) if isinstance(source, Mapping) else getattr(source, name, None)
