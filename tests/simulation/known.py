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


def known_promises() -> set[tuple[str, str]]:
    """Return the lives and promises of which a schedule is known that still breaks them."""
    return {(found.life, found.promise) for found in found_schedules() if not found.is_mended}
