"""Each schedule that has ever broken a promise is lived again."""

from __future__ import annotations

import pytest
from simulation.explore import at_random, one_fault
from simulation.known import Found, found_schedules, is_known, kind_of
from simulation.lives import IN_EVERY_RUN, LIVES, Life
from simulation.simulate import Outcome, replay
from simulation.virtual_time import START
from simulation.world import Stage


def _entries() -> list[object]:
    return [
        pytest.param(
            found,
            id=f"{number}: {found.about}",
            marks=() if found.is_mended else pytest.mark.xfail(reason="known, not mended yet", strict=False),
        )
        for number, found in enumerate(found_schedules(), 1)
    ]


def faults_of(outcome: Outcome) -> list[tuple[str, str]]:
    """Return the promises that a life has broken and should have kept, each with a text for the reader."""
    lines = [f"  {line.at - START:8.1f} {line.actor:12} {line.level:7} {line.text}" for line in outcome.lines]
    return [
        (
            one.promise,
            "\n".join([f"{one.promise}: {one.how}", f"schedule: {[str(each) for each in outcome.made]}", *lines]),
        )
        for one in outcome.broken
        if one.unpromised is None
    ]


@pytest.mark.parametrize("found", _entries())
def test_a_schedule_that_once_broke_a_promise_breaks_none(stage: Stage, found: Found) -> None:
    outcome = replay(stage, LIVES[found.life], found.schedule)

    assert outcome.made == found.schedule, "each decision of the schedule has come to its turn"
    assert not faults_of(outcome), "\n\n".join(text for _, text in faults_of(outcome))


@pytest.mark.parametrize("life", [LIVES[name] for name in IN_EVERY_RUN], ids=IN_EVERY_RUN)
def test_nothing_breaks_when_one_thing_goes_wrong(stage: Stage, life: Life) -> None:
    broken: dict[tuple[str, ...], str] = {}
    for outcome in one_fault(stage, life):
        for promise, text in faults_of(outcome):
            if not is_known(life.name, kind_of(promise, outcome.made)):
                broken.setdefault((promise, *(each.action for each in outcome.made)), text)

    assert not broken, "\n\n".join(broken.values())


def test_the_same_schedule_gives_the_same_life(stage: Stage) -> None:
    life = LIVES["run deferred"]
    first = next(iter(one_fault(stage, life)))

    assert replay(stage, life, first.made) == first


def test_a_random_life_in_which_nothing_goes_wrong_is_the_life_without_a_fault(stage: Stage) -> None:
    life = LIVES["add"]
    quiet = replay(stage, life, ())
    known = [at_random(stage, life, seed, quiet) for seed in range(40)]

    assert 1 < sum(outcome is quiet for outcome in known) < 39
    assert known == [at_random(stage, life, seed) for seed in range(40)]
