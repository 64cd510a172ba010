"""The schedules that were found, each with a sentence; `schedules.json` holds them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulation.adversary import Decision, Schedule


@dataclass(frozen=True)
class Found:
    """One schedule.

    :param about: what it shows, in a sentence.
    :param life: the kind of life.
    :param schedule: what goes wrong.
    :param promise: the promise that it broke when it was found.
    :param is_mended: whether the promise is kept by now.
    """

    about: str
    life: str
    schedule: Schedule
    promise: str
    is_mended: bool


def found_schedules() -> list[Found]:
    """Read all schedules."""
    entries: list[dict[str, Any]] = json.loads(Path(__file__).with_name("schedules.json").read_text("utf-8"))
    return [
        Found(
            entry["about"],
            entry["life"],
            tuple(Decision.read(text) for text in entry["schedule"]),
            entry["promise"],
            entry["mended"],
        )
        for entry in entries
    ]


Kind = tuple[str, frozenset[str]]


def kind_of(promise: str, schedule: Schedule) -> Kind:
    """Return what schedules have in common that show the same fault: the promise, and the calls that go wrong."""
    return promise, frozenset(decision.point.what for decision in schedule)


def is_known(life: str, kind: Kind) -> bool:
    """Whether a schedule is kept that shows this fault, or breaks this promise in the same life, and is not mended."""
    open_ones = [found for found in found_schedules() if not found.is_mended]
    return any(kind == kind_of(found.promise, found.schedule) for found in open_ones) or any(
        (life, kind[0]) == (found.life, found.promise) for found in open_ones
    )
