"""Reads follow the campaign's pace: never more often than allowed, seldom while the end is far, in time for the end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_tingting.campaigns import poll_interval
from airflow_provider_tingting.campaigns.poll_interval import (
    MAX_INTERVALS_SCHEDULED,
    PollInterval,
    duration_text,
)


def at_pace(percent_an_hour, percent):
    """The pace of a campaign whose early reads are over."""
    pace = PollInterval()
    pace.record("Running", 0.0, None, 0.0)
    pace.record("Running", percent, None, percent / percent_an_hour * 3600)
    return pace


def test_a_campaign_that_has_just_begun_is_looked_at_after_the_shortest_interval():
    pace = PollInterval()
    pace.record("Running", 0.0, None, 0.0)

    assert pace.seconds_left is None
    assert [pace.interval(30, now) for now in (0.0, 2.0, 4.0, 8.0, 16.0)] == [2, 2, 4, 8, 30]
    assert pace.interval(5, 3.0) == 1
    assert pace.interval(1, 0.0) == 1


def test_a_campaign_that_was_requested_to_run_is_looked_at_early_before_it_shows():
    requested, other = PollInterval(expects_begin=True), PollInterval()
    for pace in (requested, other):
        pace.record("Not Started", 0.0, None, 0.0)

    assert (requested.interval(30, 0.0), other.interval(30, 0.0)) == (2, 30)


def test_an_end_that_is_near_is_looked_for_when_it_is_expected():
    pace = PollInterval()
    pace.record("Running", 0.0, None, 0.0)
    pace.record("Running", 80.0, None, 16.0)

    assert pace.interval(30, 16.0) == pytest.approx(5.2)


def test_the_time_of_the_clock_at_the_first_read_does_not_matter():
    pace = PollInterval()
    pace.record("Running", 0.0, None, 5000.0)

    assert [pace.interval(30, 5000.0 + age) for age in (0.0, 2.0, 4.0, 8.0, 16.0)] == [2, 2, 4, 8, 30]


def test_a_read_that_would_come_no_sooner_than_the_shortest_interval_is_no_early_one():
    pace = PollInterval()
    pace.record("Running", 0.0, None, 0.0)
    pace.record("Running", 0.1, None, 2.0)

    assert pace.interval(2, 2.0) == 8


def test_reads_that_come_sooner_than_planned_leave_the_planned_one_as_it_is():
    pace = PollInterval()
    for tenths in range(20):
        pace.record("Running", 0.0, None, tenths / 10)
        assert pace.interval(30, tenths / 10) == pytest.approx((20 if tenths < 18 else 40) / 10 - tenths / 10)


def test_an_end_that_is_always_near_takes_five_early_reads_and_no_more():
    pace, now, early = PollInterval(), 0.0, 0
    for percent in range(100):
        pace.record("Running", 99 + percent / 1000 if now else 0.0, None, now)
        pause = pace.interval(30, now)
        early += pause < 30
        now += pause

    assert early == 5


@pytest.mark.parametrize(("percent", "interval"), [(10, 120), (90, 60), (93, 60), (95, 30), (99, 30), (100, 30)])
def test_the_nearer_the_end_the_more_often_it_is_looked_at(monkeypatch, percent, interval):
    monkeypatch.setattr(poll_interval, "MAX_EARLY_READS", 0)

    assert at_pace(100, percent).interval(30, 0.0) == pytest.approx(interval)


def test_a_run_that_begins_again_is_measured_again():
    pace = at_pace(100, 80)
    pace.record("Running", 5.0, None, 10_000.0)
    pace.record("Running", 15.0, None, 10_360.0)

    assert pace.seconds_left == pytest.approx(3060)


def test_a_pace_is_known_from_two_reads_on_and_as_long_as_the_progress_grows():
    pace = PollInterval()
    pace.record("Running", 0.0, None, 100.0)
    # The clock of a machine may show the same moment twice.
    pace.record("Running", 1.0, None, 100.0)
    assert pace.seconds_left is None
    pace.record("Running", 10.0, None, 110.0)
    assert pace.seconds_left == pytest.approx(90)
    pace.record("Running", 10.0, None, 120.0)
    assert pace.seconds_left == pytest.approx(180)
    pace.record("Running", 100.0, None, 130.0)
    assert pace.seconds_left == 0


def test_only_a_scheduled_campaign_has_a_start_and_it_is_never_in_the_past():
    pace = PollInterval()
    pace.record("Running", 10.0, 30.0, 0.0)
    assert pace.starts_in(0.0) is None
    pace.record("Scheduled", None, 0.0, 0.0)
    assert pace.starts_in(0.0) == 0
    pace.record("Scheduled", None, 30.0, 0.0)
    assert (pace.starts_in(10.0), pace.starts_in(31.0)) == (20, 0)


def test_a_scheduled_campaign_is_left_alone_until_it_is_due_though_not_for_ever():
    pace = PollInterval()
    pace.record("Scheduled", 0.0, 100.0, 1000.0)

    assert pace.interval(30, 1000.0) == 60
    assert pace.interval(30, 1090.0) == 30
    pace.record("Scheduled", 0.0, 1e9, 1000.0)
    assert pace.interval(30, 1000.0) == 30 * MAX_INTERVALS_SCHEDULED
    # Its time has passed by our clock and not by TingTing's.
    pace.record("Scheduled", 0.0, -3600.0, 1000.0)
    assert pace.interval(30, 1000.0) == 30


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["Running", "Scheduled", "Not Started", "Paused"]),
            st.none() | st.floats(-10, 200),
            st.none() | st.floats(-1e9, 1e9),
            st.floats(0, 1e6),
        )
    ),
    st.floats(0.01, 3600),
    st.floats(0, 1e6),
)
def test_whatever_it_has_seen_the_interval_stays_within_its_bounds(seen, shortest, now):
    pace = PollInterval()
    for status, percent, starts_in, at in seen:
        pace.record(status, percent, starts_in, at)

    assert min(shortest, 1.0) <= pace.interval(shortest, now) <= shortest * MAX_INTERVALS_SCHEDULED


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "under a minute"),
        (60, "about 1 min"),
        (90, "about 2 min"),
        (3599, "about 1 h 0 min"),
        (7830, "about 2 h 10 min"),
    ],
)
def test_times_are_written_in_words(seconds, words):
    assert duration_text(seconds) == words
