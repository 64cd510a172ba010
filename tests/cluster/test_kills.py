"""Workers, triggerers, schedulers, the API server, Redis and PostgreSQL are killed while campaigns are made and run."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable

import pytest
from cluster.cluster import Cluster
from cluster.scene import Figures, Scene
from durability.airflow_settings import IS_AIRFLOW_3

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

_CAMPAIGNS = 12
# The process of a task, with and without the one that watches over it, and whole machines.
_AIMS = (
    *(("create", False), ("create", True), ("create", False)),
    *(("add", False), ("add", True), ("add", False)),
    *(("run", False), ("run", True), ("run", False)),
)
_MACHINES = ("worker-1", "triggerer-1", "scheduler-1", "worker-2", "triggerer-2", "scheduler-2")
_SECONDS_BETWEEN_KILLS = 2.0
_SECONDS_TO_AIM = 25.0
# How many campaigns are written to while a service is restarted, and how long its restart takes at least.
_EACH = 2
_SECONDS_AFTER_RESTART = 8.0


def kill_a_task(cluster: Cluster, scene: Scene, task_id: str, with_supervisor: bool, chance: random.Random) -> bool:
    """Kill an attempt of a task at a random moment; False when none was there in time."""
    deadline = time.monotonic() + _SECONDS_TO_AIM
    while time.monotonic() < deadline:
        for task in scene.tasks_in("running", task_id):
            # Each task can be hit twice, so that its retries suffice.
            if task.pid and task.tries <= 2 and cluster.is_task_alive(task.pid):
                time.sleep(chance.uniform(0, 0.8))
                if cluster.kill_task(task.pid, with_supervisor=with_supervisor):
                    return True
        time.sleep(0.05)
    return False


def test_a_storm_of_kills_calls_no_contact_twice(
    cluster: Cluster, scenes: dict[str, Scene], note: Callable[[Figures], Figures]
) -> None:
    scene, chance = scenes["storm"], random.Random(20)
    kills: Counter[str] = Counter()
    begins = threading.Thread(target=lambda: [scene.begin("whole_life") or time.sleep(4) for _ in range(_CAMPAIGNS)])
    begins.start()
    aims = list(_AIMS)
    chance.shuffle(aims)
    for machine in _MACHINES:
        for task_id, with_supervisor in aims[:2]:
            kills[task_id] += kill_a_task(cluster, scene, task_id, with_supervisor, chance)
            time.sleep(_SECONDS_BETWEEN_KILLS)
        del aims[:2]
        cluster.kill(machine)
        kills[machine.partition("-")[0]] += 1
        time.sleep(_SECONDS_BETWEEN_KILLS)
    begins.join()
    struck = ", ".join(f"{name} {number}" for name, number in kills.items())
    figures = note(scene.end(_CAMPAIGNS, note=f"kills: {struck}"))

    figures.assert_each_contact_was_called_once(spare=kills["create"])
    assert sum(kills.values()) >= len(_MACHINES) + len(_AIMS) - 3, struck


def is_writing(scene: Scene, runs: set[str]) -> bool:
    """Return whether one of these runs creates its campaign or adds its contacts now."""
    running = [*scene.tasks_in("running", "create"), *scene.tasks_in("running", "add")]
    return any(task.run_id in runs for task in running)


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
    for number, restart in enumerate(services.values(), start=1):
        scene.begin("whole_life", _EACH)
        # The campaigns of the services before may be beyond it.
        mine = {f"restarts-{number * _EACH - each}" for each in range(_EACH)}
        scene.until(lambda mine=mine: is_writing(scene, mine), "a task that writes")
        restart()
        time.sleep(_SECONDS_AFTER_RESTART)
    campaigns = _EACH * len(services)
    scene.until(lambda: len(scene.tasks_in("deferred")) == campaigns, "the deferral of all campaigns", within=300)
    for restart in services.values():
        restart()
        time.sleep(_SECONDS_AFTER_RESTART)
    figures = note(scene.end(campaigns, note=f"{', '.join(services)} restarted during writes and waits"))

    figures.assert_each_contact_was_called_once(spare=campaigns)
