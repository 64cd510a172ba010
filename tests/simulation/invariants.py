"""What must be so after every life, and what nobody can promise."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from simulation.adversary import PASSING, Decision
from simulation.airflow_model import Task
from simulation.world import World


@dataclass(frozen=True)
class Broken:
    """One broken promise.

    :param promise: which.
    :param how: what has happened.
    :param unpromised: the class of what cannot be promised that explains it; None when it is a fault.
    """

    promise: str
    how: str
    unpromised: str | None = None


def broken(world: World, made: Sequence[Decision]) -> list[Broken]:
    """Return the promises that a life has broken."""
    return [*_runs(world, made), *_successes(world), *_stops(world), *_ends_well(world, made), *_truth(world)]


def _runs(world: World, made: Sequence[Decision]) -> list[Broken]:
    found = []
    for number in world.server.campaigns:
        runs = world.server.runs(number)
        if len(runs) > 1:
            said = ", ".join(f"{run.by} asked at {run.asked_at - world.began:.1f} s" for run in runs)
            found.append(Broken("a campaign is run once", f"campaign {number}: {said}"))
    return found


def _successes(world: World) -> list[Broken]:
    found = []
    for task in world.airflow.tasks:
        if task.state != "success" or task.task_id != "run":
            continue
        number = task.result["campaign_id"]
        campaign = world.server.campaigns[number]
        if campaign.began_at is None and not campaign.is_deleted:
            found.append(Broken("a success has its campaign begun", f"{task.task_id}: campaign {number} has not begun"))
    return found


def _stops(world: World) -> list[Broken]:
    stops = [deed for deed in world.server.deeds if deed.what == "stop"]
    if stops and not world.may_stop and not {"mark failed", "clear"} & set(world.acts):
        return [Broken("a campaign is stopped by a person or a deadline only", f"stopped by {stops[0].by}")]
    return []


def _ends_well(world: World, made: Sequence[Decision]) -> list[Broken]:
    if len(made) > 1 or not all(decision.action in PASSING for decision in made):
        return []
    return [
        Broken("a fault that passes leaves no red task", f"{task.task_id}: {task.error}")
        for task in world.airflow.tasks
        if task.state == "failed" and not _may_fail(task)
    ]


def _may_fail(task: Task) -> bool:
    return False


_CALLED_NOBODY = re.compile(
    r"has called (?:nobody|no contact)|(?:nobody|no contact) (?:was|is) called|was not run\b|Nothing was created", re.I
)


def _truth(world: World) -> list[Broken]:
    found = []
    for line in world.lines:
        if not _CALLED_NOBODY.search(line.text):
            continue
        named = re.search(r"[Cc]ampaign (\d+)", line.text)
        if named is None:
            continue
        for run in world.server.runs(int(named.group(1))):
            if run.asked_at <= line.at:
                found.append(Broken("the log is true of who was called", f"{line.actor}: {line.text}"))
                break
    return found
