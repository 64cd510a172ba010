"""Walks through lives: every schedule of one fault, of two, or lives at random; and makes a bad schedule short."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain, product

from simulation.adversary import ENDS, Adversary, Decision, Points, Schedule
from simulation.lives import Life
from simulation.simulate import Outcome, replay, simulate
from simulation.world import Stage

#: Reads of one process beyond this many are like those before them.
MAX_ALIKE = 4
#: What a process that waits reads again and again.
WAITED_FOR = frozenset({"get_campaign", "list_contacts"})
#: Of actions that come to the same nearly always, two faults at once are tried with one only.
ALIKE = frozenset({"500 after", "clock -100", "stalls 9", "late 5", "late 60", "late 600", "503", "404"})


def decisions(points: Points) -> Iterator[Decision]:
    """Yield what can go wrong at some moments."""
    for point, actions in points:
        if point.what not in WAITED_FOR or point.ordinal <= MAX_ALIKE:
            yield from (Decision(point, action) for action in actions)


def _in_pairs(points: Points) -> Iterator[Decision]:
    """Yield what can go wrong at some moments, and of actions that come to the same one only."""
    reads = {point for point, actions in points if "lost after" not in actions}
    for decision in decisions(points):
        # Whether a read was never sent or its response is lost is the same for TingTing.
        is_alike = decision.action in ALIKE or (decision.action == "unsent" and decision.point in reads)
        if not is_alike:
            yield decision


def one_fault(stage: Stage, life: Life) -> Iterator[Outcome]:
    """Yield the life in which nothing goes wrong, and each in which one thing does."""
    quiet = replay(stage, life, ())
    yield quiet
    for decision in decisions(quiet.points):
        yield replay(stage, life, (decision,))


def two_faults(stage: Stage, life: Life, *, part: int = 0, parts: int = 1) -> Iterator[Outcome]:
    """Yield each life in which two things go wrong, one after the other or at the same moment.

    :param part: which part of them, of so many `parts`, for several processes.
    """
    quiet = replay(stage, life, ())
    for number, first in enumerate(_in_pairs(quiet.points)):
        if number % parts != part:
            continue
        once = replay(stage, life, (first,))
        places = [point for point, _ in once.points]
        if first.point not in places:
            continue
        later = once.points[places.index(first.point) :]
        for second in _in_pairs(later):
            if second.point != first.point or not {first.action, second.action} <= ENDS:
                yield replay(stage, life, (first, second))


def at_random(stage: Stage, life: Life, seed: int, quiet: Outcome | None = None) -> Outcome:
    """Live one life with up to six faults at random.

    :param quiet: the life without a fault, if it was lived already: it is returned when this one would be the same.
    """
    share, most = ((0.05, 2), (0.1, 3), (0.2, 4), (0.3, 6))[seed % 4]
    if quiet is not None and Adversary(seed=seed, share=share, most=most).leaves_alone(quiet.points):
        return quiet
    return simulate(stage, life, Adversary(seed=seed, share=share, most=most))


def minimise(stage: Stage, life: Life, schedule: Schedule, is_bad: Callable[[Outcome], bool]) -> Schedule:
    """Return a schedule of as few and as simple decisions as are needed for the same badness."""
    shortest = schedule
    shrinks = True
    while shrinks:
        shrinks = False
        shorter = (shortest[:place] + shortest[place + 1 :] for place in range(len(shortest)))
        simpler = (
            (*shortest[:place], Decision(decision.point, action), *shortest[place + 1 :])
            for (place, decision), action in product(enumerate(shortest), ("lost", "lost after"))
            if decision.action.split(" ")[0] in ("late", "500", "503", "unsent") and decision.action != action
        )
        for candidate in chain(shorter, simpler):
            if is_bad(replay(stage, life, candidate)):
                shortest, shrinks = candidate, True
                break
    return shortest
