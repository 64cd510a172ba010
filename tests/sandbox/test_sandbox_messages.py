"""Words and dates of the sandbox: tags, SMS parts, speech, schedules, Nepal's calendar."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_tingting.bikram_sambat import bikram_sambat
from airflow_provider_tingting.contacts.message import fill, sms_size
from airflow_provider_tingting.sandbox.nepal_time import as_text, read_schedule
from airflow_provider_tingting.sandbox.outcomes import Outcomes, carrier_of, speech_seconds
from airflow_provider_tingting.timezones import NEPAL


@pytest.mark.parametrize(
    ("template", "variables", "heard"),
    [
        ("नमस्कार, {tags_name}, हजुर {tags_age} वर्ष", {"tags_name": "राम", "tags_age": 22}, "नमस्कार, राम, हजुर 22 वर्ष"),
        ("{a}{a}{b}", {"a": "x"}, "xx{b}"),
        ("{ name }", {"name": "Sita"}, "{ name }"),
        ("{a}", {"a": "{b}", "b": "no"}, "{b}"),
        ("{a}", {"a": None}, "{a}"),
        ("{} {{a}} }{", {"a": 1}, "{} {1} }{"),
        ("{a.__class__}", {"a": 1}, "{a.__class__}"),
    ],
)
def test_tags_are_filled_and_missing_ones_stay(template, variables, heard):
    assert fill(template, variables) == heard


@given(st.text(), st.dictionaries(st.text(max_size=5), st.one_of(st.text(max_size=5), st.integers(), st.none())))
def test_any_text_can_be_filled(template, variables):
    fill(template, variables)


@pytest.mark.parametrize(
    ("text", "parts"),
    [("", 0), ("a" * 160, 1), ("a" * 161, 2), ("a" * 306, 2), ("a" * 307, 3), ("€" * 80, 1), ("€" * 81, 2),
     ("अ" * 70, 1), ("अ" * 71, 2), ("अ" * 134, 2), ("अ" * 135, 3), ("😀" * 35, 1), ("😀" * 36, 2)],
)  # fmt: skip
def test_sms_parts_follow_the_gsm_and_unicode_limits(text, parts):
    assert sms_size(text).parts == parts


def test_a_longer_text_takes_longer_and_the_length_factor_stretches_it():
    assert speech_seconds("") == 2
    assert speech_seconds("a" * 140) == 12
    assert speech_seconds("a" * 140, 2.0) == 24


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2025-07-08", "2025-07-08T00:00:00+05:45"),
        ("2025-07-08T14:00:00", "2025-07-08T14:00:00+05:45"),
        ("2025-07-08 14:00", "2025-07-08T14:00:00+05:45"),
        ("2025-07-08T14:00:00Z", "2025-07-08T19:45:00+05:45"),
        ("2025-07-08T14:00:00.5+00:00", "2025-07-08T19:45:00.500000+05:45"),
        ("2025-07-08T14:00:00-0500", "2025-07-09T00:45:00+05:45"),
        ("2025-07-08T14:00:00+05", "2025-07-08T14:45:00+05:45"),
    ],
)
def test_a_schedule_without_an_offset_is_nepal_time(text, moment):
    assert as_text(read_schedule(text).timestamp()) == moment


@pytest.mark.parametrize(
    "text", ["", "x", "2025-07", "2025-7-8T1", "2025-02-29", "20250708", "2025-07-08T14:00:00+25:99"]
)
def test_a_text_that_is_no_date_is_refused(text):
    with pytest.raises(ValueError):
        read_schedule(text)


@given(st.datetimes(datetime(1990, 1, 1), datetime(2200, 1, 1)))
def test_a_time_that_was_written_can_be_read_back(moment):
    there = moment.replace(tzinfo=NEPAL)
    assert read_schedule(there.isoformat()) == there


@pytest.mark.parametrize(
    ("day", "written"),
    [
        (date(2025, 7, 9), "2082-03-25"),
        (date(2023, 4, 14), "2080-01-01"),
        (date(2025, 4, 13), "2081-12-31"),
        (date(2025, 4, 14), "2082-01-01"),
        (date(2023, 4, 13), "2023-04-13"),
        (date(2044, 4, 12), "2100-12-30"),
        (date(2044, 4, 13), "2044-04-13"),
    ],
)
def test_nepals_calendar_on_known_days_and_the_gregorian_date_outside_its_table(day, written):
    assert bikram_sambat(day) == written


def test_nepals_calendar_agrees_with_a_library_on_every_day_of_the_table():
    nepali_datetime = pytest.importorskip("nepali_datetime")
    day = date(2023, 4, 14)
    while day <= date(2043, 12, 31):
        assert bikram_sambat(day) == str(nepali_datetime.date.from_datetime_date(day)), day
        day += timedelta(days=1)


@pytest.mark.parametrize(
    ("number", "carrier"), [("9841234567", "NTC"), ("9808684325", "Ncell"), ("9611234567", "other")]
)
def test_carriers_follow_the_first_digits(number, carrier):
    assert carrier_of(number) == carrier


def test_the_shares_of_the_endings_can_be_chosen():
    outcomes = Outcomes(7, {"failed": 1.0})
    assert {outcomes.plan_call(1, 1, str(position), 10).status for position in range(50)} == {"failed"}
    assert {outcomes.plan_sms(1, 1, str(position)).status for position in range(50)} == {"failed"}


@pytest.mark.parametrize("shares", [{}, {"happy": 1}, {"failed": -1}, {"failed": float("nan")}, {"failed": 0}])
def test_shares_that_make_no_sense_are_refused(shares):
    with pytest.raises(ValueError):
        Outcomes(7, shares)


def test_the_usual_shares_come_out_about_right():
    outcomes = Outcomes(7)
    statuses = [outcomes.plan_call(1, 1, str(position), 10).status for position in range(5000)]
    for status, share in outcomes.shares.items():
        assert abs(statuses.count(status) / 5000 - share) < 0.03
