"""How long rows of the list are enough for a wait, before the campaign's own page must confirm them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

import pytest
from support.virtual_time import VirtualTime, run_in_virtual_time

from airflow_provider_tingting.campaigns.observation import Snapshot
from airflow_provider_tingting.campaigns.watch import Wait, WaitPlan
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
