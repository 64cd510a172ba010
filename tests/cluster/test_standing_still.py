"""A worker stands still past its heartbeat in the middle of a task; a triggerer stands still and wakes up.

Airflow gives up the attempt that stands still and starts another one. Then the first wakes up, with what it has read
before, and goes on beside its successor.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import psutil
import pytest
from cluster.cluster import TRIGGERERS, Cluster
from cluster.scene import Figures, Scene
from durability.airflow_settings import IS_AIRFLOW_3

from airflow_provider_tingting.sandbox.faults import Fault

# A response is held until the test removes the fault; the timeout of the connection is longer than this.
_HELD = 900
# How often a step is lived through at most, until its two attempts have gone on side by side.
_LIVES = 3
# The attempt goes on for so long before the process wakes up that watches over it.
_SECONDS_AHEAD = 2.0
_TRIGGERER_STANDS_STILL = 40.0
_TIMES = int(os.environ.get("TINGTING_CLUSTER_STANDS_STILL", "1"))
_SECONDS_TO_CANCEL = 12.0
_WAITS = 4

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.timeout(900 + 150 * _TIMES),
    pytest.mark.skipif(not IS_AIRFLOW_3, reason="the same on Airflow 2, but for the store of a task's state"),
]


@dataclass(frozen=True)
class Step:
    """Where an attempt stands still.

    :param task_id: its task.
    :param read: the call that reads before the call that writes.
    :param write: the call that writes.
    :param waits: whether the task goes on after the write until its campaign has ended; otherwise the responses to the
        write are held.
    """

    task_id: str
    read: str
    write: str
    waits: bool = False

    def __str__(self) -> str:
        return self.task_id


STEPS = (
    Step("create", "list_campaigns", "create_campaign"),
    Step("add", "get_campaign", "add_contacts"),
    Step("run", "get_campaign", "run_campaign", waits=True),
)


@pytest.fixture(scope="module")
def lived(cluster: Cluster, scenes: dict[str, Scene]) -> dict[str, Figures]:
    """The figures of each step's life, by its task; the three go on side by side, and none waits for another."""
    # They defer while the attempts stand still, and wait for the test of the triggerer.
    scenes["triggerer"].begin("life_with_stop_on_kill", _WAITS)
    with ThreadPoolExecutor(len(STEPS)) as pool:
        lives = {step.task_id: pool.submit(live, cluster, scenes[f"overlap-{step}"], step) for step in STEPS}
        try:
            return {task_id: life.result() for task_id, life in lives.items()}
        finally:
            for step in STEPS:
                scenes[f"overlap-{step}"].abandoned.set()


def live(cluster: Cluster, scene: Scene, step: Step) -> Figures:
    """Let an attempt go on beside its successor, and return the figures when all has ended.

    :raises AssertionError: the two attempts have never been there at once.
    """
    for _ in range(_LIVES):
        overlapped = let_attempts_overlap(cluster, scene, step)
        figures = scene.end(note=f"{scene.requests(step.write)} requests for {step.write}")
        if overlapped:
            return figures
    raise AssertionError(f"in {_LIVES} lives the successor of {step} had ended before the attempt went on")


def let_attempts_overlap(cluster: Cluster, scene: Scene, step: Step) -> bool:
    """Live through a step; return whether the attempt that stood still went on while its successor was at work."""
    faults = scene.sandbox.faults
    if not step.waits:
        hold(scene, step.write)
    writes = scene.requests(step.write)
    read = hold(scene, step.read)
    (run_id,) = scene.begin("life_in_a_worker")
    scene.until(lambda: scene.holds(step.read), "a read")
    while scene.task(run_id, step.task_id).state != "running":
        # It is that of a task before: let it pass, and no later one.
        passing, read = read, hold(scene, step.read)
        faults.remove(passing.id)
        scene.until(lambda: scene.holds(step.read), "a read")
    first = scene.task(run_id, step.task_id).pid
    assert first is not None
    try:
        with standing_still(cluster.parts_of_task(first)) as parts:
            # TingTing answers now; the attempt reads that when it goes on.
            faults.remove(read.id)
            scene.until(lambda: scene.requests(step.write) > writes, "the write of another attempt")
            successor = scene.task(run_id, step.task_id).pid
            assert successor not in (None, first)
            writes = scene.requests(step.write)
            # The one that watches over it wakes up last: Airflow's heartbeat would end the attempt at once.
            go_on(scene, parts[0])
            time.sleep(_SECONDS_AHEAD)
            overlapped = cluster.is_task_alive(successor) and (step.waits or scene.holds(step.write))
        scene.until(
            lambda: not cluster.is_task_alive(first) or scene.requests(step.write) > writes,
            "the end of the first attempt, or its write",
        )
    finally:
        faults.clear()
    return overlapped


def hold(scene: Scene, call: str) -> Fault:
    """Let each response to a call wait until the fault is removed."""
    return scene.sandbox.faults.add("slow", call=call, value=_HELD, times="*")


@contextmanager
def standing_still(parts: list[psutil.Process]) -> Iterator[list[psutil.Process]]:
    """Let the processes of an attempt stand still (SIGSTOP) during a `with` block."""
    for part in parts:
        part.suspend()
    try:
        yield parts
    finally:
        for part in parts:
            with suppress(psutil.NoSuchProcess):
                part.resume()


def go_on(scene: Scene, process: psutil.Process) -> None:
    """Resume a process, and return when it has done something."""
    before = process.num_ctx_switches().voluntary
    process.resume()

    def has_gone_on() -> bool:
        try:
            return bool(process.num_ctx_switches().voluntary > before)
        except psutil.NoSuchProcess:
            return True

    scene.until(has_gone_on, "the process that is resumed")


@pytest.mark.parametrize("step", STEPS, ids=str)
def test_an_attempt_that_goes_on_beside_its_successor_calls_no_contact_twice(
    step: Step, lived: dict[str, Figures], note: Callable[[Figures], Figures]
) -> None:
    figures = note(lived[step.task_id])

    # Of two campaigns that two attempts create at once, one is run.
    figures.assert_each_contact_was_called_once(spare=figures.campaigns if step.task_id == "create" else 0)
    assert figures.second_tries >= 1


def test_a_triggerer_that_stands_still_and_wakes_up_stops_no_campaign(
    cluster: Cluster, scenes: dict[str, Scene], lived: dict[str, Figures], note: Callable[[Figures], Figures]
) -> None:
    scene = scenes["triggerer"]
    moved = cancelled = 0
    for _ in range(_TIMES):
        scene.until(lambda: len(held_by(scene)) == _WAITS, "the waits")
        frozen = max(TRIGGERERS, key=lambda name: len(held_by(scene, cluster.database.triggerer_on(name))))
        job = cluster.database.triggerer_on(frozen)
        had, before = len(held_by(scene, job)), cancellations(scene)
        assert had
        with cluster.standing_still(frozen):
            time.sleep(_TRIGGERER_STANDS_STILL)
            scene.until(lambda job=job: not held_by(scene, job), "another triggerer")
        # Airflow calls `on_kill` of each trigger that the triggerer has lost, unless that has just ended by itself.
        with suppress(AssertionError):
            scene.until(
                lambda had=had, before=before: cancellations(scene) >= before + had,
                "on_kill",
                within=_SECONDS_TO_CANCEL,
            )
        moved, cancelled = moved + had, cancelled + cancellations(scene) - before
    stopped = scene.requests("stop_campaign")
    seen = f"{moved} waits moved to another triggerer, {cancelled} were cancelled there, {stopped} stops"
    figures = note(scene.end(note=f"{_TIMES} times: {seen}"))

    assert stopped == 0
    figures.assert_each_contact_was_called_once()
    assert not scene.exceptions(), figures.row()


def held_by(scene: Scene, triggerer: int | None = None) -> list[str]:
    """Return the deferred runs that a triggerer holds.

    :param triggerer: this one; None means any.
    """
    held = [task for task in scene.tasks_in("deferred") if task.triggerer is not None]
    return [task.run_id for task in held if triggerer in (None, task.triggerer)]


def cancellations(scene: Scene) -> int:
    """Return how often a trigger has logged that Airflow has cancelled it."""
    return scene.logs().count("Airflow has cancelled the wait here")
