"""A model of Airflow: tries, retries, deferral, triggerers, clears, and the state store, in virtual time.

It executes the real operators and triggers by their public methods. A trigger travels as JSON between processes, as it
does through Airflow's database.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import datetime, timezone
from importlib import import_module
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import TaskDeferred
from simulation.tasks import Attempt, Store, StoreError, Task, TaskInstance, Watching
from simulation.virtual_time import Actor, run_in_loop

from airflow_provider_tingting._compat import AirflowFailException, AirflowSkipException
from airflow_provider_tingting.errors import TingTingError

if TYPE_CHECKING:
    from simulation.world import World

#: How long (seconds) Airflow takes to notice that a process has gone, and to begin a step that is due.
NOTICES_AFTER = 1.0
#: How long (seconds) after a triggerer has gone another one takes its triggers.
TRIGGERER_GONE_AFTER = 30.0


class Terminated(BaseException):
    """Airflow has ended this try; its process is asked to go."""


class AirflowModel:
    """A scheduler that does what is due."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._by_actor: dict[Actor, Attempt] = {}
        self.tasks: list[Task] = []
        self._lost: set[str] = set()
        self._dag_runs: dict[str, Any] = {}

    # -- tries -----------------------------------------------------------------------------------------------------

    def start(self, task: Task) -> None:
        """Begin the first try of a task, in a DAG run that has just begun unless another task has begun it."""
        began = datetime.fromtimestamp(self._world.time.now, timezone.utc)
        task.dag_run = self._dag_runs.setdefault(
            task.run_id,
            SimpleNamespace(
                run_id=task.run_id,
                run_type="scheduled",
                start_date=began,
                run_after=began,
                logical_date=began,
                data_interval_end=began,
                data_interval_start=began,
            ),
        )
        self.tasks.append(task)
        task.max_tries = task.retries
        self._next_try(task)

    def clear(self, task: Task) -> None:
        """Clear a task, as a person does: it begins again and has all its retries again."""
        self._world.acts.append("clear")
        task.max_tries = task.try_number + task.retries
        self._next_try(task)

    def _next_try(self, task: Task) -> None:
        task.try_number += 1
        task.state = "running"
        task.pushed.clear()
        attempt = task.attempt = Attempt(
            task, task.try_number, datetime.fromtimestamp(self._world.time.now, timezone.utc)
        )
        self._spawn(attempt, "execute", {})

    def _spawn(self, attempt: Attempt, method: str, arguments: dict[str, Any]) -> None:
        name = f"{attempt.task.task_id}.{attempt.number}"
        attempt.task.state = "running"
        attempt.actor = self._world.time.spawn(name, lambda: self._work(attempt, method, arguments))
        self._by_actor[attempt.actor] = attempt

    def _work(self, attempt: Attempt, method: str, arguments: dict[str, Any]) -> None:
        task = attempt.task
        try:
            operator = attempt.operator = task.make()
            if hasattr(operator, "get_flat_relative_ids"):
                operator.get_flat_relative_ids = lambda **_: {"create", "add"}
            context = self._context(attempt, operator)
            if method == "execute":
                result = operator.execute(context)
            else:
                result = operator.resume_execution(method, arguments, context)
        except TaskDeferred as deferred:
            self._deferred(attempt, deferred)
        except AirflowSkipException as error:
            self._ended(attempt, "skipped", error=error)
        except AirflowFailException as error:
            self._failed(attempt, error, may_retry=False)
        except Terminated:
            pass
        except Exception as error:
            self._failed(attempt, error)
        else:
            self._ended(attempt, "success", result=result)

    def _context(self, attempt: Attempt, operator: Any) -> dict[str, Any]:
        task = attempt.task
        ti = TaskInstance(
            operator,
            task.name,
            attempt.number,
            task.max_tries,
            attempt.began,
            task.pushed,
            run_id=task.run_id,
            map_index=task.map_index,
            model=self,
        )
        context = {"ti": ti, "task_instance": ti, "task": operator, "run_id": task.run_id, "dag_run": task.dag_run}
        if self._world.has_store:
            context["task_state_store"] = Store(self._world, task.kept)
        return context

    def _ended(self, attempt: Attempt, state: str, *, result: Any = None, error: BaseException | None = None) -> None:
        if error is not None:
            self._world.log("ERROR", str(error), actor=attempt.actor)
        if attempt.is_current:
            attempt.task.state, attempt.task.error, attempt.task.result = state, error, result
            attempt.task.results.append((state, result))
            attempt.task.ended_at = self._world.time.now

    def _failed(self, attempt: Attempt, error: BaseException, *, may_retry: bool = True) -> None:
        task = attempt.task
        if not attempt.is_current:
            self._world.log("ERROR", str(error), actor=attempt.actor)
            return
        if not isinstance(error, (TingTingError, AirflowFailException, StoreError, GoneError)):
            self._world.unexpected.append(error)
        task.is_hopeless = not may_retry
        if may_retry and task.try_number <= task.max_tries:
            self._world.log("ERROR", str(error), actor=attempt.actor)
            task.state = "up_for_retry"
            self._world.time.at(self._world.time.now + task.retry_delay, lambda: self._retry(attempt))
        else:
            self._ended(attempt, "failed", error=error)

    def _retry(self, attempt: Attempt) -> None:
        if attempt.is_current:
            self._next_try(attempt.task)

    # -- what befalls a process ------------------------------------------------------------------------------------

    def died(self, actor: Actor) -> None:
        """Note that a process has gone; called by its own last act."""
        actor.is_dead = True
        self._lost.add(actor.name)
        attempt = self._by_actor[actor]
        if actor is not attempt.actor:
            if attempt.watching is not None and attempt.watching.actor is actor:
                self._later(TRIGGERER_GONE_AFTER, lambda: self._watch_again(attempt))
        elif attempt.is_current:
            self._later(NOTICES_AFTER, lambda: self._failed(attempt, GoneError("the process was killed")))

    def parts(self) -> list[object]:
        """Return what belongs to the processes of this life."""
        attempts = list(self._by_actor.values())
        watching = [attempt.watching for attempt in attempts if attempt.watching is not None]
        return [*self.tasks, *attempts, *watching]

    def was_lost(self, name: str) -> bool:
        """Whether Airflow has taken the process for dead, rightly or not, or a person has ended its task."""
        return name in self._lost

    def double(self, actor: Actor) -> None:
        """Take a try for dead that lives on: the next one begins beside it."""
        attempt = self._by_actor[actor]
        self._lost.add(actor.name)
        self._later(
            NOTICES_AFTER, lambda: attempt.is_current and self._failed(attempt, GoneError("no heartbeat was received"))
        )

    def move(self, actor: Actor, notices_after: float) -> None:
        """Take the trigger from its triggerer, which notices so many seconds later that another one has it."""
        attempt, watching = self._by_actor[actor], self._by_actor[actor].watching
        if watching is None or watching.actor is not actor:
            return
        self._later(0.0, lambda: self._watch_again(attempt))
        self._later(notices_after, lambda: self._cancel(watching))

    def mark_failed(self, actor: Actor) -> None:
        """Let a person mark the task of a process as failed."""
        attempt = self._by_actor[actor]
        if not attempt.is_current:
            return
        self._world.acts.append("mark failed")
        self._lost.add(f"{attempt.task.task_id}.{attempt.number}")
        attempt.task.state = "failed"
        attempt.task.results.append(("failed", None))
        worker, watching = attempt.actor, attempt.watching
        if watching is not None and watching.actor is actor:
            self._later(NOTICES_AFTER, lambda: self._cancel(watching))
        elif worker is not None:

            def terminate() -> None:
                attempt.operator.on_kill()
                raise Terminated

            worker.signal = terminate

    def state_of(self, task: Task) -> str | None:
        """Return a task's state as Airflow returns it to a trigger.

        :raises StoreError: the adversary wants it to be unreadable.
        """
        actor = self._world.time.actor
        if actor is not None and self._world.adversary.decide(actor.name, "state", "STATE"):
            raise StoreError("API_SERVER_ERROR")
        return None if task.state == "none" else task.state

    def _later(self, seconds: float, act: Callable[[], Any]) -> None:
        self._world.time.at(self._world.time.now + seconds, act)

    # -- deferral --------------------------------------------------------------------------------------------------

    def _deferred(self, attempt: Attempt, deferred: TaskDeferred) -> None:
        if not attempt.is_current:
            return
        path, arguments = deferred.trigger.serialize()
        attempt.trigger = path, json.dumps(arguments)
        attempt.resume = deferred.method_name, json.loads(json.dumps(deferred.kwargs or {}))
        attempt.task.state = "deferred"
        ticket = attempt.trigger
        self._later(NOTICES_AFTER, lambda: self._watch_again(attempt))
        if deferred.timeout is not None:

            def give_up() -> None:
                if attempt.is_current and attempt.trigger is ticket:
                    attempt.trigger = None
                    self._failed(attempt, GoneError("Trigger timeout"))

            self._later(deferred.timeout.total_seconds(), give_up)

    def _watch_again(self, attempt: Attempt) -> None:
        """Begin the trigger of a deferred try in a triggerer that has not seen it yet."""
        if not attempt.is_current or attempt.task.state != "deferred" or attempt.trigger is None:
            return
        attempt.triggers += 1
        path, arguments = attempt.trigger
        module, _, name = path.rpartition(".")
        watching = attempt.watching = Watching(attempt)
        watching.trigger = getattr(import_module(module), name)(**json.loads(arguments))
        watching.trigger._task_instance = attempt.task
        watching.actor = self._world.time.spawn(
            f"{attempt.task.task_id}.{attempt.number}.{attempt.triggers}t",
            lambda: self._fire(watching, run_in_loop(watching.actor, lambda: self._watch(watching))),
        )
        self._by_actor[watching.actor] = attempt

    async def _watch(self, watching: Watching) -> Any:
        watching.loop = asyncio.get_running_loop()
        watching.runner = asyncio.ensure_future(_first_event(watching.trigger))
        try:
            return await watching.runner
        except asyncio.CancelledError:
            on_kill = getattr(watching.trigger, "on_kill", None)
            if on_kill is not None and self._world.triggers_have_on_kill:
                await on_kill()
            return None

    def _cancel(self, watching: Watching) -> None:
        if watching.runner is not None and watching.actor is not None and not watching.actor.is_dead:
            watching.is_cancelled = True
            watching.loop.call_soon_threadsafe(watching.runner.cancel)

    def _fire(self, watching: Watching, event: Any) -> None:
        attempt = watching.attempt
        if watching.is_cancelled or attempt.watching is not watching or attempt.resume is None:
            return
        if not attempt.is_current or attempt.task.state != "deferred":
            return
        method, arguments = attempt.resume
        attempt.trigger = None
        payload = json.loads(json.dumps(event))
        self._later(NOTICES_AFTER, lambda: self._resumes(attempt, method, {**arguments, "event": payload}))

    def _resumes(self, attempt: Attempt, method: str, arguments: dict[str, Any]) -> None:
        if attempt.is_current:
            self._spawn(attempt, method, arguments)


class GoneError(Exception):
    """Airflow's own reason for the end of a try."""


async def _first_event(trigger: Any) -> Any:
    async for event in trigger.run():
        return event.payload
    return None
