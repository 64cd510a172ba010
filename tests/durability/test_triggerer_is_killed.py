"""The triggerer is SIGKILLed while tasks wait in it, and another one is started: they wait on as if nothing had been.

One kill hits five lives at once, each at another moment of its wait.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from durability.lives import Fleet, Life, Remains
from durability.real_airflow import RealAirflow

# A test may wait for its file's other lives, which go on side by side with its own.
pytestmark = [pytest.mark.durability, pytest.mark.timeout(900)]

BETWEEN_TWO_POLLS = "between_two_polls"
ASKED = "a_poll_is_asked"
DONE = "a_poll_is_answered_and_not_read"
LAST_ANSWERED = "the_end_is_read_and_not_reported"
NO_TRIGGERER = "it_defers_while_there_is_no_triggerer"
MOMENTS = (BETWEEN_TWO_POLLS, ASKED, DONE, LAST_ANSWERED, NO_TRIGGERER)

# Reads of the campaign before the first poll: two of the add task, two of the run task; see the steps of a life in
# `test_worker_is_killed.py`.
_READS_BEFORE_POLLS = 4
_SECONDS_TO_READ = 0.005


@contextmanager
def deferred(fleet: Fleet, moment: str) -> Iterator[Life]:
    with fleet.life("lifecycle_deferred", f"triggerer-killed-{moment}") as life:
        yield life


def task_is_deferred(life: Life) -> bool:
    run = life.airflow.tasks(life.dag_id, life.name).get("run")
    return run is not None and run.state == "deferred"


@pytest.fixture(scope="module")
def survivors(airflow: RealAirflow, fleet: Fleet) -> dict[str, Remains]:
    """What is left of each life, by the moment of its wait at which the triggerer was killed."""
    with ExitStack() as stack:
        lives = {moment: stack.enter_context(deferred(fleet, moment)) for moment in MOMENTS}
        for moment in (BETWEEN_TWO_POLLS, ASKED, DONE):
            lives[moment].is_held = True
        faults = {
            ASKED: lives[ASKED].sandbox.faults.add("stuck", call="get_campaign", skip=_READS_BEFORE_POLLS),
            DONE: lives[DONE].sandbox.faults.add("stuck-after-commit", call="get_campaign", skip=_READS_BEFORE_POLLS),
        }
        for moment in (BETWEEN_TWO_POLLS, ASKED, DONE):
            lives[moment].begin()
        lives[BETWEEN_TWO_POLLS].until_seen_running()
        for moment, fault in faults.items():
            lives[moment].until_struck(fault)

        last = lives[LAST_ANSWERED]
        # One poll sees the campaign running, the next one sees its end.
        slow = last.sandbox.faults.add("slow", call="get_campaign", value=1, skip=_READS_BEFORE_POLLS + 1)
        last.begin()
        answer = last.until_struck(slow)
        last.until(lambda: answer.status is not None, "the answer to the last poll")
        time.sleep(_SECONDS_TO_READ)
        airflow.kill_triggerer()

        waiting = lives[NO_TRIGGERER]
        waiting.begin()
        waiting.until(lambda: task_is_deferred(waiting), "the deferral")
        waiting = {moment: task_is_deferred(life) for moment, life in lives.items()}
        airflow.start_triggerer()
        for life in lives.values():
            life.is_held = False
        assert all(waiting.values()), f"only {waiting} waited when the triggerer was killed"
        return {moment: life.end() for moment, life in lives.items()}


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_triggerer_calls_no_contact_twice_and_costs_no_try(moment: str, survivors: dict[str, Remains]) -> None:
    remains = survivors[moment]

    remains.assert_each_contact_was_called_once()
    assert set(remains.tries().values()) == {1}, remains.story
    assert remains.calls.count("run_campaign") == 1, remains.story
