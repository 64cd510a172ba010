"""Runs one life under an adversary and says which promises it has broken."""

from __future__ import annotations

import traceback
from collections.abc import Iterable
from dataclasses import dataclass, field

from simulation.adversary import Adversary, Decision, Point
from simulation.invariants import broken
from simulation.lives import Life
from simulation.run_invariants import Broken
from simulation.virtual_time import StuckError
from simulation.world import Line, Stage

#: After a life has ended, so long (seconds) requests may still be carried out and doubled tries may still act.
AFTERMATH = 700.0


@dataclass(frozen=True)
class Outcome:
    """The outcome of one life.

    :param broken: the promises that it has broken.
    :param made: the decisions that were made, in their order.
    :param points: the moments at which something could have gone wrong, and what.
    :param states: each task's state at the end.
    """

    broken: tuple[Broken, ...]
    made: tuple[Decision, ...]
    points: tuple[tuple[Point, tuple[str, ...]], ...]
    states: dict[str, str]
    lines: tuple[Line, ...] = field(repr=False, default=())
    deeds: tuple[str, ...] = ()


def simulate(stage: Stage, life: Life, adversary: Adversary) -> Outcome:
    """Live one life."""
    with stage.life(adversary, has_store=life.has_store) as world:
        stuck: list[Broken] = []
        try:
            for condition in life.live(world):
                world.time.run(condition, life.longest)
            world.time.let_pass(AFTERMATH)
        except StuckError as error:
            stuck.append(Broken("every life ends", str(error)))
        found = [*stuck, *broken(world, adversary.made)]
        for error in world.unexpected:
            text = "".join(traceback.format_exception(error)[-3:])
            found.append(Broken("no error but the provider's own", text))
        return Outcome(
            tuple(found),
            tuple(adversary.made),
            tuple(adversary.points),
            {task.task_id: task.state for task in world.airflow.tasks},
            tuple(world.lines),
            tuple(
                f"{deed.at - world.began:8.1f}  {deed.what} {deed.about} by {deed.by}" for deed in world.server.deeds
            ),
        )


def replay(stage: Stage, life: Life, schedule: Iterable[Decision]) -> Outcome:
    """Live one life by a schedule."""
    return simulate(stage, life, Adversary(schedule))
