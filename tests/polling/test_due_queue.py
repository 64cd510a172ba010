"""When a read is due: on steps that all waits of a poller share, and never after the wait's deadline."""

from __future__ import annotations

import logging
import pickle
from collections.abc import Callable, Iterator

import pytest
from support.virtual_time import VirtualTime, run_in_virtual_time

from airflow_provider_tingting.campaigns.observation import Snapshot
from airflow_provider_tingting.campaigns.watch import Wait, WaitPlan
from airflow_provider_tingting.errors import TingTingRateLimitedError, TingTingServerError
from airflow_provider_tingting.polling.due_queue import DueQueue, Steps

INTERVAL = 30.0
log = logging.getLogger("waiting")


@pytest.fixture(autouse=True)
def clock() -> Iterator[VirtualTime]:
    with run_in_virtual_time(at=1000.0) as clock:
        yield clock


def shown(status: str, percent: float | None = None) -> Snapshot:
    return Snapshot(7, status, percent, contacts=4, starts_at=None, updated_at=None)


def a_wait(**plan: float) -> Wait:
    return Wait(WaitPlan(7, poll_interval=INTERVAL, **plan), log)


def is_multiple(seconds: float, step: float) -> bool:
    return abs(seconds - step * round(seconds / step)) < 1e-6


def test_reads_of_waits_that_began_at_different_times_are_due_on_the_same_steps() -> None:
    steps = Steps()

    due = [steps.due_after(5000.0 + 0.7 * one, a_wait()) for one in range(200)]

    assert all(is_multiple(one - due[0], INTERVAL) for one in due)


def test_a_read_is_due_half_an_interval_to_one_and_a_half_after_the_last() -> None:
    steps = Steps()

    pauses = [steps.due_after(5000.0 + 0.7 * one, a_wait()) - (5000.0 + 0.7 * one) for one in range(200)]

    # The times of 200 reads are spread over the whole step, so both ends of the range are seen.
    assert 0.5 * INTERVAL <= min(pauses) < 0.55 * INTERVAL
    assert 1.45 * INTERVAL < max(pauses) < 1.5 * INTERVAL


def test_early_reads_share_steps_of_two_seconds_and_are_late_by_less(clock: VirtualTime) -> None:
    steps, wait = Steps(), a_wait(starts_by=9000.0)
    wait.answered(shown("Not Started"))
    clock.push(5.0)
    wait.answered(shown("Not Started"))
    pause = wait.pause()
    assert 2.0 < pause < INTERVAL

    due = [steps.due_after(5000.0 + 0.3 * one, wait) for one in range(200)]

    late = [one - (5000.0 + 0.3 * number) - pause for number, one in enumerate(due)]
    assert all(is_multiple(one - due[0], 2.0) for one in due)
    assert 0.0 <= min(late) < 0.3
    assert 1.7 < max(late) < 2.0


def out(wait: Wait) -> None:
    wait.unanswered(TingTingServerError("get_campaign", "down", status_code=503))
    assert wait.pause() < INTERVAL


def asked_to_wait(wait: Wait) -> None:
    wait.unanswered(TingTingRateLimitedError("get_campaign", "slowly", status_code=429, retry_after=100.0))
    assert wait.pause() > INTERVAL


def contradicted(wait: Wait) -> None:
    wait.answered(shown("Completed", 100.0))
    wait.answered(shown("Running", 90.0))


@pytest.mark.parametrize("trouble", [out, asked_to_wait, contradicted], ids=["an outage", "a 429", "an older response"])
def test_a_read_that_settles_a_doubt_follows_no_step(trouble: Callable[[Wait], None]) -> None:
    steps, wait = Steps(), a_wait(tolerate_outage=400.0 if trouble is asked_to_wait else 40.0)
    trouble(wait)

    assert all(steps.due_after(5000.0 + one, wait) == 5000.0 + one + wait.pause() for one in range(50))


def test_the_last_read_is_due_at_the_deadline() -> None:
    assert Steps().due_after(5000.0, a_wait(deadline=1004.0)) == 5004.0
    assert Steps().due_after(5000.0, a_wait(deadline=900.0)) == 5000.0


def test_a_campaign_is_due_at_its_moment() -> None:
    queue = DueQueue()
    queue.put(7, 5000.0)

    assert queue.take(4999.0) == []
    assert queue.take(5000.0) == [7]
    assert queue.take(5000.0) == []


def test_a_campaign_that_leaves_the_queue_is_not_due() -> None:
    queue = DueQueue()
    queue.put(7, 5000.0)
    queue.put(8, 5001.0)
    queue.drop(7)
    queue.drop(9)

    assert (queue.due(7), queue.due(8)) == (None, 5001.0)
    assert queue.first() == 5001.0
    assert queue.take(6000.0) == [8]
    assert queue.first() is None


def test_a_campaign_that_is_moved_often_takes_no_more_memory() -> None:
    queue = DueQueue()
    for number in range(5000):
        queue.put(7, 9000.0 + number)

    assert len(pickle.dumps(queue)) < 5000
    assert queue.take(99_999.0) == [7]
