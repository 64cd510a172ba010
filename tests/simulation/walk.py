"""The work of the walks that `make simulate` makes, in one process or in several."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache

from simulation.adversary import Schedule
from simulation.explore import at_random, minimise, one_fault, two_faults
from simulation.known import Kind, kind_of
from simulation.lives import LIVES
from simulation.simulate import Outcome, replay
from simulation.world import Stage

#: A walk that finds more kinds of faults than this has found enough.
MAX_KINDS = 50


@dataclass(frozen=True)
class Job:
    """What one process does.

    :param kind: `one`, `two` or `random`.
    :param life: the name of the life; of lives at random, the seed of the first.
    :param part: which part, of so many `parts`.
    """

    kind: str
    life: str
    part: int = 0
    parts: int = 1
    seeds: tuple[int, int] = (0, 0)


@dataclass
class Findings:
    """What a walk has come upon.

    :param lives: how many lives.
    :param quiet: in how many of them nothing went wrong; of each kind one is lived, since they are all the same.
    :param is_complete: whether there was time for all of them.
    :param unpromised: how many broken promises each class explains that cannot be promised.
    :param faults: by the kind of fault, in which life, the shortest schedule, and what has happened.
    """

    lives: int = 0
    quiet: int = 0
    is_complete: bool = True
    unpromised: Counter[str] = field(default_factory=Counter)
    faults: dict[Kind, tuple[str, Schedule, str]] = field(default_factory=dict)

    def __iadd__(self, other: Findings) -> Findings:
        self.lives += other.lives
        self.quiet += other.quiet
        self.is_complete = self.is_complete and other.is_complete
        self.unpromised += other.unpromised
        self.faults = {**other.faults, **self.faults}
        return self


@cache
def _quiet(stage: Stage, name: str) -> Outcome:
    return replay(stage, LIVES[name], ())


def outcomes(stage: Stage, job: Job, deadline: float) -> Iterator[tuple[str, Outcome]]:
    """Yield the lives of one job."""
    if job.kind == "random":
        names = sorted(LIVES) if job.life == "" else [job.life]
        for seed in range(*job.seeds):
            if time.monotonic() > deadline:
                return
            name = names[seed % len(names)]
            yield name, at_random(stage, LIVES[name], seed, _quiet(stage, name))
        return
    walk = (
        one_fault(stage, LIVES[job.life])
        if job.kind == "one"
        else two_faults(stage, LIVES[job.life], part=job.part, parts=job.parts)
    )
    for outcome in walk:
        if time.monotonic() > deadline:
            return
        yield job.life, outcome


def warm_up() -> None:
    """Import what lives need, so that the processes which are forked from this one share it."""
    with Stage().set_up() as stage:
        for life in LIVES.values():
            replay(stage, life, ())


def begin_process(folder: str) -> None:
    """Set the stage for all jobs of this process.

    :param folder: for its files.
    """
    _stages.append(_until_the_end.enter_context(Stage().set_up(folder)))


#: The stage of this process.
_stages: list[Stage] = []
_until_the_end = ExitStack()


def work(task: tuple[Job, float]) -> tuple[Job, Findings]:
    """Do one job until a deadline of the monotonic clock."""
    job, deadline = task
    found = Findings()
    stage = _stages[-1]
    for name, outcome in outcomes(stage, job, deadline):
        found.lives += 1
        found.quiet += not outcome.made
        for broken in outcome.broken:
            if broken.unpromised is not None:
                found.unpromised[broken.unpromised] += 1
                continue
            promise = broken.promise
            if kind_of(promise, outcome.made) in found.faults or len(found.faults) > MAX_KINDS:
                continue

            def is_bad(other: Outcome, promise: str = promise) -> bool:
                return any(one.promise == promise and one.unpromised is None for one in other.broken)

            short = minimise(stage, LIVES[name], outcome.made, is_bad)
            found.faults.setdefault(kind_of(promise, short), (name, short, broken.how))
    found.is_complete = time.monotonic() <= deadline
    return job, found
