from __future__ import annotations

from datetime import date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.virtual_time import VirtualTime

from airflow_provider_tingting.bikram_sambat import bikram_sambat, gregorian
from airflow_provider_tingting.campaigns.schedule import is_past, read_schedule, wire_format
from airflow_provider_tingting.clock import use_clock
from airflow_provider_tingting.errors import TingTingConfigError


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("2026-12-01", "2026-12-01T00:00:00+05:45"),
        ("2026-12-01T14:00", "2026-12-01T14:00:00+05:45"),
        ("2026-12-01 14:00:05", "2026-12-01T14:00:05+05:45"),
        ("2026-12-01T14:00:00Z", "2026-12-01T14:00:00+00:00"),
        ("2026-12-01T14:00:00+05:45", "2026-12-01T14:00:00+05:45"),
        (datetime(2026, 12, 1, 14), "2026-12-01T14:00:00+05:45"),
        (datetime(2026, 12, 1, 14, tzinfo=timezone.utc), "2026-12-01T14:00:00+00:00"),
        (date(2026, 12, 1), "2026-12-01T00:00:00+05:45"),
    ],
)
def test_a_schedule_is_sent_with_its_offset_and_nepals_when_it_has_none(written: object, sent: str) -> None:
    moment = read_schedule(written)  # type: ignore[arg-type]

    assert moment is not None
    assert wire_format(moment) == sent


@pytest.mark.parametrize("nothing", [None, "", "  "])
def test_no_schedule_is_no_schedule(nothing: str | None) -> None:
    assert read_schedule(nothing) is None


@pytest.mark.parametrize("text", ["tomorrow", "14:00", "P1D", "2026-13-01", "{{ ds }}", "2026-12-01/2026-12-02"])
def test_a_text_that_is_no_time_is_answered_with_an_example(text: str) -> None:
    with pytest.raises(TingTingConfigError, match="ISO 8601"):
        read_schedule(text)


def test_the_error_names_the_schedule_unless_another_argument_is_meant() -> None:
    with pytest.raises(TingTingConfigError, match=r"^The schedule 'soon' is not a time"):
        read_schedule("soon")
    with pytest.raises(TingTingConfigError, match=r"^The not_before 'soon' is not a time"):
        read_schedule("soon", "not_before")


def test_a_schedule_may_be_a_leap_year_ahead_and_no_longer() -> None:
    now = datetime(2026, 11, 24, 9, tzinfo=timezone.utc)
    with use_clock(VirtualTime(now.timestamp())):
        assert read_schedule(now + timedelta(days=366)) == now + timedelta(days=366)
        with pytest.raises(TingTingConfigError, match="more than a year ahead"):
            read_schedule(now + timedelta(days=366, seconds=1))


@given(st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2100, 1, 1)))
def test_every_naive_time_is_read_as_nepal_time_and_back(moment: datetime) -> None:
    with use_clock(VirtualTime(moment.replace(tzinfo=timezone.utc).timestamp())):
        sent = wire_format(read_schedule(moment.isoformat()))  # type: ignore[arg-type]

    assert sent == moment.replace(microsecond=0).isoformat() + "+05:45"


@pytest.mark.parametrize("written", ["2083-08-16T10:00:00", "2083-08-16", datetime(2083, 8, 16, 10)], ids=str)
def test_a_date_of_the_nepali_calendar_is_refused_with_the_likely_date(written: object) -> None:
    with pytest.raises(TingTingConfigError, match=r"more than a year ahead.*write 2026-12-02, or 'BS 2083-08-16'"):
        read_schedule(written)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("BS 2083-08-16 10:00", "2026-12-02T10:00:00+05:45"),
        ("B.S. 2083/08/16 10:00", "2026-12-02T10:00:00+05:45"),
        ("BS २०८३-०८-१६ १०:००", "2026-12-02T10:00:00+05:45"),
        ("वि.सं. २०८३-८-१६", "2026-12-02T00:00:00+05:45"),
        ("bs 2083-8-16", "2026-12-02T00:00:00+05:45"),
        ("BS 2082-03-25T14:46:00", "2025-07-09T14:46:00+05:45"),
    ],
)
def test_a_date_of_the_nepali_calendar_may_be_written(written: str, sent: str) -> None:
    assert wire_format(read_schedule(written)) == sent  # type: ignore[arg-type]


def test_a_date_that_the_nepali_calendar_lacks_is_refused() -> None:
    with pytest.raises(TingTingConfigError, match="not a Bikram Sambat date"):
        read_schedule("BS 2083-13-01")


@given(st.dates(date(2023, 4, 14), date(2044, 4, 12)))
def test_every_date_finds_its_way_between_the_calendars(day: date) -> None:
    assert gregorian(*map(int, bikram_sambat(day).split("-"))) == day


def test_a_moment_that_has_come_is_past() -> None:
    now = datetime(2026, 11, 23, tzinfo=timezone.utc)

    with use_clock(VirtualTime(now.timestamp())):
        assert is_past(now)
        assert not is_past(now + timedelta(seconds=1))
