"""What Airflow keeps of a task: its tries, what its operator sees of them, and its state store."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from simulation.virtual_time import Actor, Killed

if TYPE_CHECKING:
    from simulation.world import World

ENDED = frozenset({"success", "failed", "skipped"})


class StoreError(Exception):
    """Airflow's API server does not answer."""


@dataclass
class TaskInstance:
    """What operators see of their own try."""

    task: Any
    task_id: str
    try_number: int
    max_tries: int
    start_date: datetime
    pushed: dict[str, Any]
    dag_id: str = "a_dag"
    run_id: str = "scheduled__2026-11-24"
    map_index: int = -1
    model: Any = None

    def xcom_pull(self, task_ids: Any = None, key: str = "return_value", **_: Any) -> list[Any]:
        """Return what tasks of the same run have pushed."""
        wanted = [task_ids] if isinstance(task_ids, str) else list(task_ids or ())
        tasks = [task for task in self.model.tasks if task.run_id == self.run_id and task.name in wanted]
        return [task.pushed[key] for task in tasks if key in task.pushed]

    def get_task_states(self, *, run_ids: list[str], task_ids: list[str], **_: Any) -> dict[str, dict[str, Any]]:
        """Return the states of tasks, as Airflow 3 returns them to a worker."""
        found = {task.name: self.model.state_of(task) for task in self.model.tasks if task.run_id in run_ids}
        return {run_ids[0]: {name: state for name, state in found.items() if name in task_ids}}

    def xcom_push(self, key: str, value: Any, **_: Any) -> None:
        """Keep a value."""
        self.pushed[key] = json.loads(json.dumps(value))


class Store:
    """One task's state store: JSON by key, safe once `set` returns.

    :param kept: what is kept, over all tries.
    """

    def __init__(self, world: World, kept: dict[str, str]) -> None:
        self._world = world
        self._kept = kept

    def get(self, key: str, default: Any = None) -> Any:
        """Read a value."""
        self._alive()
        return json.loads(self._kept[key]) if key in self._kept else default

    def set(self, key: str, value: Any, **_: Any) -> None:
        """Write a value, unless the adversary wants it otherwise."""
        actor = self._alive()
        for action in self._world.adversary.decide(actor.name, "store", "STORE"):
            if action.startswith("stalls"):
                actor.sleep(float(action.split(" ")[1]))
            elif action == "killed":
                self._world.airflow.died(actor)
                raise Killed
            elif action == "store fails":
                raise StoreError("API_SERVER_ERROR")
        self._kept[key] = json.dumps(value)

    def delete(self, key: str) -> None:
        """Forget a value."""
        self._alive()
        self._kept.pop(key, None)

    def _alive(self) -> Actor:
        actor = self._world.time.actor
        assert actor is not None
        actor.check()
        return actor


@dataclass
class Task:
    """One task instance over all its tries.

    :param task_id: its name, without blanks or dots; `@` and more distinguishes the same task of several DAG runs.
    :param make: returns a new operator; called for each try.
    :param dag_run: its DAG run, once it has begun.
    """

    task_id: str
    make: Callable[[], Any]
    retries: int = 3
    retry_delay: float = 300.0
    run_id: str = "scheduled__2026-11-24"
    map_index: int = -1
    dag_run: Any = None
    state: str = "none"
    try_number: int = 0
    max_tries: int = 0
    kept: dict[str, str] = field(default_factory=dict)
    pushed: dict[str, Any] = field(default_factory=dict)
    result: Any = None
    results: list[Any] = field(default_factory=list)
    #: When it ended last.
    ended_at: float | None = None
    error: BaseException | None = None
    #: Whether the last error was one that Airflow does not retry.
    is_hopeless: bool = False
    attempt: Attempt | None = None

    @property
    def name(self) -> str:
        """The name of the task in its DAG."""
        return self.task_id.partition("@")[0]


@dataclass
class Attempt:
    """One try of a task, which may go through several processes."""

    task: Task
    number: int
    began: datetime
    actor: Actor | None = None
    operator: Any = None
    #: The trigger that it waits for, as it travels.
    trigger: tuple[str, str] | None = None
    resume: tuple[str, dict[str, Any]] | None = None
    triggers: int = 0
    watching: Watching | None = None

    @property
    def is_current(self) -> bool:
        """Whether Airflow still listens to this try."""
        return self.task.attempt is self and self.task.state not in ENDED


@dataclass
class Watching:
    """One trigger in one triggerer."""

    attempt: Attempt
    actor: Actor | None = None
    trigger: Any = None
    loop: Any = None
    runner: Any = None
    is_cancelled: bool = False
