"""How far a sending is, in the log: few lines, and each says what is done, how fast, and what is left."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from support.virtual_time import VirtualTime, run_in_virtual_time

from airflow_provider_tingting.contacts.progress import ProgressLog, with_progress


@pytest.fixture
def clock() -> Iterator[VirtualTime]:
    with run_in_virtual_time() as clock:
        yield clock


@pytest.fixture(autouse=True)
def _heard(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def send(log: ProgressLog, clock: VirtualTime, total: int, *, a_second: int, at_once: int = 500) -> None:
    for sent in range(at_once, total + 1, at_once):
        clock.push(at_once / a_second)
        log.update(sent)


def test_a_long_sending_says_every_ten_seconds_how_far_it_is(
    clock: VirtualTime, caplog: pytest.LogCaptureFixture
) -> None:
    send(ProgressLog("Campaign 79", "contacts sent", 480_000), clock, 480_000, a_second=16_000, at_once=4_000)
    assert caplog.messages == [
        "Campaign 79: 160,000 of 480,000 contacts sent, 16,000 a second, about 20 s to go",
        "Campaign 79: 320,000 of 480,000 contacts sent, 16,000 a second, about 10 s to go",
        "Campaign 79: 480,000 of 480,000 contacts sent, 16,000 a second",
    ]


def test_a_short_sending_is_one_line(clock: VirtualTime, caplog: pytest.LogCaptureFixture) -> None:
    send(ProgressLog("Campaign 79", "contacts sent", 3), clock, 3, a_second=100, at_once=1)
    assert caplog.messages == ["Campaign 79: 3 of 3 contacts sent"]


def test_what_an_earlier_try_has_sent_counts_but_not_for_the_speed(
    clock: VirtualTime, caplog: pytest.LogCaptureFixture
) -> None:
    send(ProgressLog("Campaign 79", "contacts sent", 1_000_000, already=920_000), clock, 80_000, a_second=4_000)
    assert caplog.messages == [
        "Campaign 79: 960,000 of 1,000,000 contacts sent, 4,000 a second, about 10 s to go",
        "Campaign 79: 1,000,000 of 1,000,000 contacts sent, 4,000 a second",
    ]


def test_a_sending_that_hardly_moves_says_so_in_minutes(clock: VirtualTime, caplog: pytest.LogCaptureFixture) -> None:
    log = ProgressLog("Campaign 79", "contacts sent", 10_000)
    clock.push(50)
    log.update(500)
    assert caplog.messages == ["Campaign 79: 500 of 10,000 contacts sent, 10 a second, about 16 min to go"]


def test_a_long_step_over_items_says_every_ten_seconds_how_far_it_is(
    clock: VirtualTime, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in with_progress(range(4_500), "Campaign 79", "contacts read", 4_500):
        clock.push(0.008)
    assert caplog.messages == [
        "Campaign 79: 2,000 of 4,500 contacts read, 125 a second, about 20 s to go",
        "Campaign 79: 4,000 of 4,500 contacts read, 125 a second, about 4 s to go",
    ]


def test_a_short_step_over_items_logs_nothing(clock: VirtualTime, caplog: pytest.LogCaptureFixture) -> None:
    assert list(with_progress(range(3_000), "The audience", "rows checked")) == list(range(3_000))
    assert caplog.messages == []
