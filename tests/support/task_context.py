"""A task instance real enough to execute an operator without a scheduler, and both ways of executing one.

What needs Airflow itself (templates, mapping, deferral through the triggerer) is tested with `run_dag` instead.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import partial
from importlib import import_module
from types import SimpleNamespace
from typing import Any

from airflow.providers.common.compat.sdk import TaskDeferred
from support.virtual_time import run

from airflow_provider_tingting._compat import AirflowFailException
from airflow_provider_tingting.clock import wall_time
from airflow_provider_tingting.errors import TingTingConfigError

#: How a wrong argument is refused: when the operator is made, or before the first request of the task.
REFUSED = (AirflowFailException, TingTingConfigError)


@dataclass
class FakeTaskInstance:
    """One try of one task; what it pushes is kept in `xcoms`, and must be plain JSON."""

    task: Any
    dag_id: str = "a_dag"
    run_id: str = "manual__2026-11-23"
    map_index: int = -1
    try_number: int = 1
    max_tries: int = 0
    start_date: datetime = field(default_factory=lambda: datetime.fromtimestamp(wall_time(), timezone.utc))
    xcoms: dict[str, Any] = field(default_factory=dict)
    #: What Airflow has stored as the state of the task instance when the task is killed: a person has marked it failed.
    stored_state: str | None = "failed"

    @property
    def task_id(self) -> str:
        return self.task.task_id

    def get_task_states(self, *, task_ids: list[str], **_: Any) -> dict[str, Any]:
        return {self.run_id: dict.fromkeys(task_ids, self.stored_state)}

    #: What the tasks before this one have pushed, by task id and key.
    upstream: dict[str, dict[str, Any]] = field(default_factory=dict)

    def xcom_pull(self, *, task_ids: list[str], key: str) -> list[Any]:
        return [self.upstream[task_id][key] for task_id in task_ids if key in self.upstream.get(task_id, {})]

    def xcom_push(self, key: str, value: Any, **_: Any) -> None:
        self.xcoms[key] = json.loads(json.dumps(value))


def context_of(
    operator: Any,
    *,
    run_id: str = "manual__2026-11-23",
    map_index: int = -1,
    try_number: int = 1,
    cleared_after: int = 0,
) -> dict[str, Any]:
    """The context of one try of an operator.

    :param try_number: which try it is.
    :param cleared_after: how many tries there had been when a person cleared the task; 0 if that did not happen.
    """
    ti = FakeTaskInstance(
        operator,
        run_id=run_id,
        map_index=map_index,
        try_number=try_number,
        max_tries=cleared_after + operator.retries,
    )
    return {"ti": ti, "task_instance": ti, "task": operator, "run_id": run_id}


def execute(operator: Any, **circumstances: Any) -> tuple[Any, dict[str, Any]]:
    """Execute an operator; its result and everything else that it pushed."""
    context = context_of(operator, **circumstances)
    return operator.execute(context), context["ti"].xcoms


def fired_by(trigger: Any) -> Any:
    """The payload of the one event of a trigger that has travelled through the database, as all triggers do."""
    path, arguments = trigger.serialize()
    module, _, name = path.rpartition(".")
    fresh = getattr(import_module(module), name)(**json.loads(json.dumps(arguments)))

    async def events() -> list[Any]:
        return [event.payload async for event in fresh.run()]

    (payload,) = run(events())
    return json.loads(json.dumps(payload))


def kill_trigger(
    trigger: Any, monkeypatch: Any, task_states: Any, *, map_index: int = -1, waits_for: float | None = None
) -> None:
    """Let a triggerer cancel a trigger as for a user's act, while Airflow says this of the states of tasks.

    :param task_states: run id → task → state, as Airflow answers; or what it raises.
    :param waits_for: the `deferred_at` of the trigger that the task waits for, 0 for none; None for this trigger's.
    """
    from airflow.sdk.bases.xcom import BaseXCom
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    def get_task_states(**asked: Any) -> Any:
        assert asked == {"dag_id": "a_dag", "map_index": map_index, "task_ids": ["run"], "run_ids": ["a_run"]}
        if isinstance(task_states, Exception):
            raise task_states
        return task_states

    async def aget_one(**asked: Any) -> Any:
        assert asked == {
            "key": "tingting_wait",
            "dag_id": "a_dag",
            "run_id": "a_run",
            "task_id": "run",
            "map_index": map_index,
        }
        if not task_states.get("a_run"):
            return None  # It was deleted with the task instance.
        return trigger.deferred_at if waits_for is None else waits_for

    monkeypatch.setattr(RuntimeTaskInstance, "get_task_states", staticmethod(get_task_states))
    monkeypatch.setattr(BaseXCom, "aget_one", staticmethod(aget_one))
    trigger.task_instance = SimpleNamespace(dag_id="a_dag", run_id="a_run", task_id="run", map_index=map_index)
    asyncio.run(trigger.on_kill())


def execute_deferred(make: Callable[[], Any], context: dict[str, Any]) -> Any:
    """Execute an operator that defers; the trigger's event goes to a fresh operator, as in another worker."""
    try:
        make().execute(context)
    except TaskDeferred as deferred:
        event = fired_by(deferred.trigger)
        resume = getattr(make(), deferred.method_name)
        return resume(context, event=event, **(deferred.kwargs or {}))
    raise AssertionError("the operator did not defer")


def execute_through(
    make: Callable[[], Any], context: dict[str, Any], *, begin: str = "execute"
) -> tuple[Any, list[str]]:
    """Execute an operator through all its deferrals, each in a fresh operator; its result and what it deferred to.

    :param begin: the method to begin with. Airflow 2 lets `execute` be called in the main thread only.
    """
    deferred_to: list[str] = []
    step: Callable[[], Any] = lambda: getattr(make(), begin)(context)  # noqa: E731
    while True:
        try:
            return step(), deferred_to
        except TaskDeferred as deferred:
            deferred_to.append(type(deferred.trigger).__name__)
            event = fired_by(deferred.trigger)
            kwargs = json.loads(json.dumps(deferred.kwargs or {}))
            resume = getattr(make(), deferred.method_name)
            step = partial(resume, context, event=event, **kwargs)
