"""How long rows of the list are enough for a wait, before the campaign's own page must confirm them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

import pytest
from support.virtual_time import VirtualTime, run_in_virtual_time

from airflow_provider_tingting.campaigns.observation import Snapshot
from airflow_provider_tingting.campaigns.watch import Wait, WaitPlan
from airflow_provider_tingting.errors import TingTingNotFoundError
from airflow_provider_tingting.polling.subscriber import MAX_LISTED_READS, Subscriber

INTERVAL = 10.0
log = logging.getLogger("waiting")


@pytest.fixture
def clock() -> Iterator[VirtualTime]:
    with run_in_virtual_time() as clock:
        yield clock


def row(percent: float, status: str = "Running") -> Snapshot:
    return Snapshot(7, status, percent, contacts=4, starts_at=None, updated_at=None)


def confirmed_rows(
    clock: VirtualTime, rows: int, percent: Callable[[int], float], *, apart: float = INTERVAL
) -> list[int]:
    """Return which rows of the list, counted from 0, had to be confirmed by the campaign's own page."""

    async def receive() -> list[int]:
        subscriber = Subscriber(Wait(WaitPlan(7, poll_interval=INTERVAL), log))
        confirmed = []
        for number in range(rows):
            shown = row(percent(number))
            if subscriber.needs_own_page(shown):
                confirmed.append(number)
            subscriber.record(shown)
            clock.push(apart)
        assert subscriber.last == shown
        return confirmed

    return clock.run(receive())


def test_a_row_that_stays_the_same_is_confirmed_after_eight_reads_and_then_half_as_often(clock: VirtualTime) -> None:
    assert confirmed_rows(clock, 60, lambda _: 5.0) == [9, 17, 33]


def test_progress_begins_the_count_of_unchanged_reads_again(clock: VirtualTime) -> None:
    # The figure changes at row 20, so that the next 8 reads without a change end before row 29.
    assert confirmed_rows(clock, 31, lambda number: 5.0 if number < 20 else 6.0) == [9, 17, 29]


def test_rows_that_change_are_confirmed_after_a_hundred(clock: VirtualTime) -> None:
    first = MAX_LISTED_READS
    assert confirmed_rows(clock, 250, lambda number: number / 10) == [first, 2 * first + 1]


@pytest.mark.parametrize(
    ("apart", "first"),
    [(7.5, 9), (7.4, 17), (1.0, 65)],
    ids=["three quarters of an interval", "a little less", "every second"],
)
def test_reads_that_follow_each_other_soon_count_as_one(clock: VirtualTime, apart: float, first: int) -> None:
    assert confirmed_rows(clock, 70, lambda _: 5.0, apart=apart)[0] == first


def ended(clock: VirtualTime, receive: Callable[[Subscriber], None]) -> Subscriber:
    """Let a new wait receive something, and return it."""

    async def begin() -> Subscriber:
        subscriber = Subscriber(Wait(WaitPlan(7, poll_interval=INTERVAL), log))
        receive(subscriber)
        return subscriber

    return clock.run(begin())


def test_a_wait_ends_with_what_the_last_response_shows_and_keeps_it(clock: VirtualTime) -> None:
    def receive(subscriber: Subscriber) -> None:
        subscriber.record(row(50.0))
        assert not subscriber.ended.done()
        subscriber.record(row(100.0, "Completed"))
        # What comes later does not matter.
        subscriber.record(row(100.0, "Terminated"))
        subscriber.fail(ValueError("too late"))

    assert ended(clock, receive).ended.result().status == "Completed"


def test_a_wait_ends_with_an_error_that_does_not_pass(clock: VirtualTime) -> None:
    error = TingTingNotFoundError("get_campaign", "not found.", status_code=404)

    assert ended(clock, lambda subscriber: subscriber.record_error(error)).ended.result().status_code == 404


def test_a_wait_ends_with_an_error_of_its_own(clock: VirtualTime) -> None:
    error = ValueError("a broken log")

    assert ended(clock, lambda subscriber: subscriber.fail(error)).ended.exception() is error
