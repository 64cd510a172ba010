"""A worker stands still past its heartbeat in the middle of a task; a triggerer stands still and wakes up.

Airflow gives up the attempt that stands still and starts another one. Then the first wakes up, with what it has read
before, and goes on beside its successor.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil
import pytest
from cluster.cluster import TRIGGERERS, Cluster
from cluster.database import TaskRow
from cluster.scene import Figures, Scene
from durability.airflow_settings import IS_AIRFLOW_3

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not IS_AIRFLOW_3, reason="the same on Airflow 2, but for the store of a task's state"),
]

# The response to the last read before the write takes so long; meanwhile the attempt is made to stand still.
_SECONDS_TO_TAKE_AIM = 3
# How long the successor is held in the middle of its own write.
_SECONDS_SIDE_BY_SIDE = 20
_TRIGGERER_STANDS_STILL = 40.0
_WAITS = 4


@dataclass(frozen=True)
class Step:
    """Where an attempt stands still.

    :param task_id: its task.
    :param read: the last call that reads before the call that writes.
    :param reads_before: how many of these the life has asked for earlier.
    :param write: the call that writes, of which the first response is held; None where the successor waits anyway.
    """

    task_id: str
    read: str
    reads_before: int
    write: str | None

    def __str__(self) -> str:
        return self.task_id


STEPS = (
    Step("create", "list_campaigns", 0, "create_campaign"),
    Step("add", "get_campaign", 1, "add_contacts"),
    Step("run", "get_campaign", 3, None),
)


@pytest.fixture(scope="module")
def lived(cluster: Cluster, scenes: dict[str, Scene]) -> dict[str, Figures]:
    """The figures of each step's life, by its task; the three go on side by side."""
    attempts = {}
    # They defer while the attempts stand still, and wait for the test of the triggerer.
    scenes["triggerer"].begin("life_with_stop_on_kill", _WAITS)
    for step in STEPS:
        faults = scenes[f"overlap-{step}"].sandbox.faults
        faults.add("slow", call=step.read, value=_SECONDS_TO_TAKE_AIM, skip=step.reads_before)
        if step.write is not None:
            faults.add("slow", call=step.write, value=_SECONDS_SIDE_BY_SIDE)
        scenes[f"overlap-{step}"].begin("life_in_a_worker")
    for step in STEPS:
        attempts[step] = stand_still(cluster, scenes[f"overlap-{step}"], step)
    for step in STEPS:
        scene = scenes[f"overlap-{step}"]
        scene.until(lambda scene=scene, step=step: has_successor(scene, step), "another attempt")
        wake(cluster, scene, step, attempts[step])
    return {
        step.task_id: scenes[f"overlap-{step}"].end(1, note=writes(scenes[f"overlap-{step}"], step)) for step in STEPS
    }


def writes(scene: Scene, step: Step) -> str:
    """Return how often the two attempts have asked for the write."""
    call = step.write or "run_campaign"
    return f"{scene.requests(call)} requests for {call}"


def attempt(scene: Scene, step: Step) -> TaskRow:
    """Return the newest attempt of a step's task."""
    return next(task for task in scene.tasks() if task.task_id == step.task_id)


def stand_still(cluster: Cluster, scene: Scene, step: Step) -> list[psutil.Process]:
    """Stop the processes of an attempt while it waits for the response to its read; return them, the task's first."""
    scene.until(
        lambda: any(entry.fault == "slow" and entry.call == step.read for entry in scene.sandbox.requests), "it"
    )
    pid = attempt(scene, step).pid
    assert pid is not None
    parts = cluster.parts_of_task(pid)
    for part in parts:
        part.suspend()
    return parts


def has_successor(scene: Scene, step: Step) -> bool:
    """Return whether another attempt is in the middle of its write."""
    now = attempt(scene, step)
    if step.write is None:
        return now.state == "running" and now.tries >= 2 and scene.requests("run_campaign") >= 1
    return now.state == "running" and now.tries >= 2 and scene.requests(step.write) >= 1


def wake(cluster: Cluster, scene: Scene, step: Step, parts: list[psutil.Process]) -> None:
    """Let an attempt go on while its successor lives, and assert that both live at once."""
    successor = attempt(scene, step).pid
    assert successor is not None and successor != parts[0].pid
    # The one that watches over it wakes up last: Airflow's heartbeat would end the attempt at once.
    parts[0].resume()
    time.sleep(0.5)
    assert parts[0].is_running() and parts[0].status() != psutil.STATUS_ZOMBIE, "the first attempt has not gone on"
    assert cluster.is_task_alive(successor), "the second attempt has ended before the first went on"
    time.sleep(2)
    for part in parts[1:]:
        with contextlib.suppress(psutil.NoSuchProcess):
            part.resume()


@pytest.mark.parametrize("step", STEPS, ids=str)
def test_an_attempt_that_goes_on_beside_its_successor_calls_no_contact_twice(
    step: Step, lived: dict[str, Figures], note: Callable[[Figures], Figures]
) -> None:
    figures = note(lived[step.task_id])

    # Of two campaigns that two attempts create at once, one is run.
    figures.assert_each_contact_was_called_once(spare=1 if step.task_id == "create" else 0)
    assert figures.second_tries >= 1


def test_a_triggerer_that_stands_still_and_wakes_up_stops_no_campaign(
    cluster: Cluster, scenes: dict[str, Scene], lived: dict[str, Figures], note: Callable[[Figures], Figures]
) -> None:
    scene = scenes["triggerer"]
    scene.until(lambda: len(held_by(scene)) == _WAITS, "the waits")
    frozen = max(TRIGGERERS, key=lambda name: list(held_by(scene).values()).count(cluster.database.triggerer_on(name)))
    job = cluster.database.triggerer_on(frozen)
    had = [run for run, triggerer in held_by(scene).items() if triggerer == job]
    with cluster.standing_still(frozen):
        time.sleep(_TRIGGERER_STANDS_STILL)
        scene.until(lambda: job not in held_by(scene).values(), "another triggerer")
    # Airflow calls `on_kill` of each trigger that the triggerer has lost.
    time.sleep(12)
    stopped = scene.requests("stop_campaign")
    figures = note(scene.end(_WAITS, note=f"{len(had)} of {_WAITS} waits moved to another triggerer, {stopped} stops"))

    assert had
    assert stopped == 0
    figures.assert_each_contact_was_called_once()
    assert figures.second_tries == 0


def held_by(scene: Scene) -> dict[str, int]:
    """Return the triggerer that holds each deferred run."""
    return {task.run_id: task.triggerer for task in scene.tasks_in("deferred") if task.triggerer is not None}
