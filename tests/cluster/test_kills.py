"""Workers, triggerers, schedulers, the API server, Redis and PostgreSQL are killed while campaigns are made and run."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable

import pytest
from cluster.cluster import Cluster
from cluster.database import TaskRow
from cluster.scene import Figures, Scene
from durability.airflow_settings import IS_AIRFLOW_3

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

# The process of a task, with and without the one that watches over it, and whole machines.
_AIMS = (
    *(("create", False), ("create", True), ("create", False)),
    *(("add", False), ("add", True), ("add", False)),
    *(("run", False), ("run", True), ("run", False)),
)
_MACHINES = ("worker-1", "triggerer-1", "scheduler-1", "worker-2", "triggerer-2", "scheduler-2")
_SECONDS_BETWEEN_KILLS = 2.0
# How many campaigns have the task before them at which the next kill is aimed.
_CAMPAIGNS_AHEAD = 3
# How many campaigns are begun for the restart of each service, and how long passes until the next.
_EACH = 2
_SECONDS_AFTER_RESTART = 8.0


def tasks_ahead(scene: Scene, task_id: str) -> list[TaskRow]:
    """Return the instances of a task that have not ended and can be hit: twice each, so that its retries suffice."""
    return [
        task
        for task in scene.tasks()
        if task.task_id == task_id and task.tries <= 2 and task.state not in ("success", "failed")
    ]


def kill_a_task(cluster: Cluster, scene: Scene, task_id: str, with_supervisor: bool, chance: random.Random) -> bool:
    """Kill an attempt of a task at a random moment; begin campaigns so that there is one. False when it has ended."""
    ahead = tasks_ahead(scene, task_id)
    scene.begin("whole_life", max(0, _CAMPAIGNS_AHEAD - len(ahead)))
    for task in ahead:
        if task.state == "running" and task.pid and cluster.is_task_alive(task.pid):
            time.sleep(chance.uniform(0, 0.8))
            return cluster.kill_task(task.pid, with_supervisor=with_supervisor)
    return False


def test_a_storm_of_kills_calls_no_contact_twice(
    cluster: Cluster, scenes: dict[str, Scene], note: Callable[[Figures], Figures]
) -> None:
    scene, chance = scenes["storm"], random.Random(20)
    kills: Counter[str] = Counter()
    aims = list(_AIMS)
    chance.shuffle(aims)
    for machine in _MACHINES:
        for aim in aims[:2]:
            scene.until(lambda aim=aim: kill_a_task(cluster, scene, *aim, chance), f"{aim} to kill", every=0.05)
            kills[aim[0]] += 1
            time.sleep(_SECONDS_BETWEEN_KILLS)
        del aims[:2]
        cluster.kill(machine)
        kills[machine.partition("-")[0]] += 1
        time.sleep(_SECONDS_BETWEEN_KILLS)
    struck = ", ".join(f"{name} {number}" for name, number in kills.items())
    figures = note(scene.end(note=f"kills: {struck}"))

    figures.assert_each_contact_was_called_once(spare=kills["create"] + kills["worker"])


def is_writing(scene: Scene, runs: set[str]) -> bool:
    """Return whether one of these runs creates its campaign or adds its contacts now; begin more if all are beyond."""
    mine = [task for task in scene.tasks() if task.run_id in runs and task.task_id in ("create", "add")]
    if all(task.state == "success" for task in mine):
        runs.update(scene.begin("whole_life", _EACH))
    return any(task.state == "running" for task in mine)


def test_restarts_of_services_call_no_contact_twice(
    cluster: Cluster, scenes: dict[str, Scene], note: Callable[[Figures], Figures]
) -> None:
    if not IS_AIRFLOW_3:
        pytest.skip("before Airflow 3 tasks talk to the database alone")
    scene = scenes["restarts"]
    services = {
        "API server": lambda: cluster.kill("api-server"),
        "Redis": cluster.crash_broker,
        "database": cluster.crash_database,
    }
    begun: set[str] = set()
    for restart in services.values():
        mine = set(scene.begin("whole_life", _EACH))
        scene.until(lambda mine=mine: is_writing(scene, mine), "a task that writes")
        begun |= mine
        restart()
        time.sleep(_SECONDS_AFTER_RESTART)
    scene.until(lambda: len(scene.tasks_in("deferred")) == len(begun), "the deferral of all campaigns")
    for restart in services.values():
        restart()
        time.sleep(_SECONDS_AFTER_RESTART)
    figures = note(scene.end(note=f"{', '.join(services)} restarted during writes and waits"))

    figures.assert_each_contact_was_called_once(spare=len(begun))
