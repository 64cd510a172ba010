"""A triggerer stands still, loses its triggers to another one and wakes up: no campaign is stopped, but by a person."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from durability.lives import Fleet, Life
from durability.real_airflow import RealAirflow

# Before 3.3 a triggerer says nothing to a trigger that it cancels.
pytestmark = [pytest.mark.durability, pytest.mark.newest, pytest.mark.timeout(900)]

GOES_ON = "goes_on"
IS_ENDED = "is_ended_by_a_person"


def reads_of(life: Life) -> int:
    return sum(entry.call == "get_campaign" for entry in life.sandbox.requests)


def stops(life: Life) -> list[str]:
    return [entry.call for entry in life.sandbox.requests if entry.call == "stop_campaign"]


def status(life: Life) -> str:
    return next(campaign.status for campaign in life.sandbox.world.campaigns.values())


@pytest.fixture(scope="module")
def woken(airflow: RealAirflow, fleet: Fleet) -> Iterator[dict[str, Life]]:
    """Two lives that wait in a second triggerer, while the first one has woken up and has taken notice."""
    with ExitStack() as stack:
        lives = {
            name: stack.enter_context(fleet.life("lifecycle_stopped", f"triggerer-stood-still-{name}"))
            for name in (GOES_ON, IS_ENDED)
        }
        for life in lives.values():
            life.is_held = True
            life.begin()
        for life in lives.values():
            # After the read of the worker there are those of the trigger.
            life.until_seen_running(4)
        with airflow.triggerer_stands_still():
            before = {name: reads_of(life) for name, life in lives.items()}
            airflow.start_triggerer("triggerer-2")
            for name, life in lives.items():
                seen = before[name]
                life.until(lambda life=life, seen=seen: reads_of(life) > seen + 2, "a read of the second triggerer")
        for life in lives.values():
            life.until(
                lambda life=life: "Airflow has cancelled the wait here" in airflow.tail(life.name, lines=400),
                "the first triggerer's notice",
            )
        yield lives
        airflow.kill_triggerer("triggerer-2")


def test_a_triggerer_that_wakes_up_stops_no_campaign(woken: dict[str, Life]) -> None:
    for life in woken.values():
        assert stops(life) == [], life.story()
        assert status(life) == "Running", life.story()


def test_a_person_who_marks_the_task_failed_stops_its_campaign_and_no_other(
    airflow: RealAirflow, woken: dict[str, Life]
) -> None:
    ended, goes_on = woken[IS_ENDED], woken[GOES_ON]

    airflow.person.mark_failed(ended.dag_id, ended.name, "run")

    ended.until(lambda: status(ended) == "Terminated", "the stop of the campaign", within=60)
    assert stops(ended) == ["stop_campaign"], ended.story()
    assert stops(goes_on) == [], goes_on.story()
    goes_on.is_held = False
    goes_on.end().assert_each_contact_was_called_once()
