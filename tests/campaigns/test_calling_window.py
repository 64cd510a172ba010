"""The hours in which people may be called: what may be written, what is refused, and which moments belong to it."""

from __future__ import annotations

from datetime import datetime, time, timedelta, timezone
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.virtual_time import VirtualTime

from airflow_provider_tingting.campaigns.calling_window import DAYS, CallingWindow, sleeps_until
from airflow_provider_tingting.clock import sleep, use_clock
from airflow_provider_tingting.errors import TingTingConfigError

NEPAL = ZoneInfo("Asia/Kathmandu")
HOURS = {"opens": "08:00", "closes": "20:00"}


def nepal(day, hour, minute=0, second=0):
    """A moment of the week from Monday 23 November 2026 on, in Nepal."""
    return datetime(2026, 11, 22, hour, minute, second, tzinfo=NEPAL) + timedelta(days=1 + DAYS.index(day))


@pytest.mark.parametrize(
    ("given", "means"),
    [
        (("08:00", "20:00"), CallingWindow("08:00", "20:00")),
        ("08:00-20:00", CallingWindow("08:00", "20:00")),
        (" 8:00 - 20:00", CallingWindow("08:00", "20:00")),
        (["8:00", "20:00"], CallingWindow("08:00", "20:00")),
        ((time(8), time(20, 30)), CallingWindow("08:00", "20:30")),
        ({"opens": "08:00", "closes": "20:00", "days": ["Sunday"]}, CallingWindow("08:00", "20:00", "Sun")),
        (
            CallingWindow("08:00", "20:00", "sun-FRI"),
            CallingWindow("08:00", "20:00", [d for d in DAYS if d[:3] != "Sat"]),
        ),
        (
            CallingWindow("08:00", "20:00", "Mon, wed ,Fri"),
            CallingWindow("08:00", "20:00", ["mon", "Wednesday", "fri"]),
        ),
        (CallingWindow("08:00", "20:00", "Fri-Mon"), CallingWindow("08:00", "20:00", ["Fri", "Sat", "Sun", "Mon"])),
        (CallingWindow("08:00:30", "24:00"), CallingWindow(time(8, 0, 30), "24:00")),
        (None, None),
    ],
)
def test_a_window_may_be_written_in_several_ways(given, means):
    assert CallingWindow.read(given) == means


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (("08:00", "08:00"), "never opens.*00:00.*24:00"),
        ({**HOURS, "days": []}, "never opens: name at least one"),
        ({**HOURS, "days": "Sunnyday"}, "'Sunnyday' is not a day.*Mon"),
        ({**HOURS, "days": "S"}, "'S' is not a day"),
        ({**HOURS, "days": 3}, "names such as.*3"),
        ({**HOURS, "days": "Sun", "timezone": "Kathmandu"}, "'Kathmandu' is not known"),
        ({**HOURS, "days": "Sun", "timezone": None}, "None is not known"),
        ({**HOURS, "hours": 3}, "is not a calling window"),
        (("24:00", "08:00"), "cannot open at"),
        (("8 o'clock", "20:00"), "opens must be one such as"),
        (("08:00", "25:00"), "closes must be one such as.*'25:00'"),
        (("08:00", "20:61"), "'20:61'"),
        ((8, 20), "opens must be"),
        ((time(8, tzinfo=timezone.utc), "20:00"), "without a zone"),
        (("08:00",), "is not a calling window"),
        (("08:00", "12:00", "20:00"), "is not a calling window"),
        ("daytime", "is not a calling window.*Write it as"),
        ("08:00-12:00-20:00", "is not a calling window"),
        ("", "is not a calling window"),
        (8, "is not a calling window"),
        pytest.param({"08:00", "20:00"}, "is not a calling window", id="a set, whose order may be any"),
        pytest.param(iter(("08:00", "20:00")), "is not a calling window", id="an iterator, which is read once"),
    ],
)
def test_what_is_no_window_or_never_opens_is_refused_with_what_to_write(given, says):
    with pytest.raises(TingTingConfigError, match=says):
        CallingWindow.read(given)


@pytest.mark.parametrize(
    ("moment", "is_open", "opens_at"),
    [
        (nepal("Monday", 3), False, nepal("Monday", 8)),
        (nepal("Monday", 7, 59, 59), False, nepal("Monday", 8)),
        (nepal("Monday", 8), True, nepal("Monday", 8)),
        (nepal("Monday", 19, 59, 59), True, nepal("Monday", 19, 59, 59)),
        (nepal("Monday", 20), False, nepal("Tuesday", 8)),
        (nepal("Friday", 20), False, nepal("Sunday", 8)),
        (nepal("Saturday", 12), False, nepal("Sunday", 8)),
    ],
)
def test_a_window_is_open_from_its_first_moment_to_before_its_last(moment, is_open, opens_at):
    window = CallingWindow("08:00", "20:00", days="Sun-Fri")

    for seen_from in (moment, moment.astimezone(timezone.utc), moment.replace(tzinfo=None)):
        assert window.is_open(seen_from) is is_open
        assert window.opens_at(seen_from) == opens_at


def test_a_window_over_midnight_belongs_to_the_day_on_which_it_opens():
    window = CallingWindow("22:00", "02:00", days="Fri")

    assert window.is_open(nepal("Friday", 23))
    assert window.is_open(nepal("Saturday", 1, 59))
    assert not window.is_open(nepal("Friday", 1))
    assert window.opens_at(nepal("Friday", 1)) == nepal("Friday", 22)
    assert not window.is_open(nepal("Saturday", 2))
    assert window.opens_at(nepal("Saturday", 2)) == nepal("Friday", 22) + timedelta(days=7)


def test_a_window_names_its_hours_place_and_days():
    assert str(CallingWindow("8:00", "20:00")) == "08:00 to 20:00 Asia/Kathmandu"
    assert str(CallingWindow("22:00", "02:00", "Fri-Sun", "UTC")) == "22:00 to 02:00 UTC on Fri, Sat, Sun"


def test_a_window_of_the_whole_day_is_always_open():
    assert CallingWindow("00:00", "24:00").is_open(nepal("Monday", 0))
    assert CallingWindow("00:00", "24:00").is_open(nepal("Monday", 23, 59, 59))


def test_a_window_goes_by_the_clock_on_the_wall_where_clocks_are_changed():
    window = CallingWindow("08:00", "20:00", timezone="Europe/Berlin")

    assert window.opens_at(datetime(2026, 3, 28, 23, tzinfo=timezone.utc)) == datetime(
        2026, 3, 29, 6, tzinfo=timezone.utc
    )
    assert window.opens_at(datetime(2026, 3, 27, 23, tzinfo=timezone.utc)) == datetime(
        2026, 3, 28, 7, tzinfo=timezone.utc
    )


def test_an_hour_that_does_not_exist_on_a_day_is_passed_over():
    window = CallingWindow("02:00", "03:00", days="Sun", timezone="Europe/Berlin")
    forward = datetime(2026, 3, 29, 0, tzinfo=timezone.utc)

    assert window.opens_at(forward) == datetime(2026, 4, 5, 0, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("window", "moment", "is_open"),
    [
        # At two the clocks are put forward to three, past the closing time.
        (("22:00", "02:30"), (2026, 3, 29, 0, 59), True),
        (("22:00", "02:30"), (2026, 3, 29, 1, 0), False),
        (("22:00", "02:30"), (2026, 3, 29, 1, 15), False),
        (("02:30", "05:00"), (2026, 3, 29, 0, 59), False),
        (("02:30", "05:00"), (2026, 3, 29, 1, 0), True),
        (("02:20", "05:00"), (2026, 3, 29, 0, 59), False),
        (("02:20", "05:00"), (2026, 3, 29, 1, 0), True),
        # At three the clocks are put back to two: it is half past two twice.
        (("02:30", "05:00"), (2026, 10, 25, 0, 40), False),
        (("02:30", "05:00"), (2026, 10, 25, 1, 15), False),
        (("02:30", "05:00"), (2026, 10, 25, 1, 30), True),
        (("22:00", "02:30"), (2026, 10, 25, 0, 29), True),
        (("22:00", "02:30"), (2026, 10, 25, 0, 30), False),
        (("22:00", "02:30"), (2026, 10, 25, 1, 15), False),
    ],
)
def test_when_clocks_change_no_contact_is_called_at_an_hour_outside_the_window(window, moment, is_open):
    hours = CallingWindow(*window, timezone="Europe/Berlin")

    assert hours.is_open(datetime(*moment, tzinfo=timezone.utc)) is is_open


def test_a_whole_day_stays_whole_where_clocks_are_put_forward_at_midnight():
    hours = CallingWindow("00:00", "24:00", timezone="Africa/Cairo")
    midnight = datetime(2026, 4, 23, 22, tzinfo=timezone.utc)

    assert all(hours.is_open(midnight + timedelta(minutes=minutes)) for minutes in range(-180, 181, 5))


@given(
    opens=st.integers(0, 24 * 60 - 1),
    length=st.integers(1, 24 * 60 - 1),
    days=st.sets(st.sampled_from(DAYS), min_size=1),
    zone=st.sampled_from(["Asia/Kathmandu", "UTC", "America/New_York", "Pacific/Apia", "Australia/Lord_Howe"]),
    now=st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(timezone.utc)),
)
def test_the_moment_it_opens_is_the_first_open_one_and_is_found_for_every_window(opens, length, days, zone, now):
    def written(minutes):
        return f"{minutes // 60 % 24:02d}:{minutes % 60:02d}"

    window = CallingWindow(written(opens), written(opens + length), days=days, timezone=zone)

    then = window.opens_at(now)

    assert then >= now
    assert window.is_open(then)
    assert (then == now) is window.is_open(now)
    assert then == now or not window.is_open(then - timedelta(seconds=1))
    assert then - now < timedelta(days=16)
    assert (
        CallingWindow.read({"opens": window.opens, "closes": window.closes, "days": window.days, "timezone": zone})
        == window
    )


@pytest.mark.parametrize(
    ("left", "sleeps"),
    [(150.5, [60.0, 60.0, 30.5]), (0.5, [0.5]), (0.0, []), (-1.0, [])],
    ids=["minutes", "less than a second", "now", "in the past"],
)
def test_a_long_sleep_is_split_so_that_a_clock_that_was_set_is_noticed(left, sleeps):
    slept = []
    with use_clock(VirtualTime(1000.0)):
        for seconds in islice(sleeps_until(1000.0 + left), 5):
            slept.append(seconds)
            sleep(seconds)

    assert slept == sleeps


def test_openings_and_closings_are_in_the_time_zone_of_the_window():
    window = CallingWindow("08:00", "20:00")
    openings = window.openings(nepal("Monday", 3).astimezone(timezone.utc))
    shown = [tuple(moment.isoformat() for moment in opening) for opening in openings]

    assert shown[0] == ("2026-11-23T08:00:00+05:45", "2026-11-23T20:00:00+05:45")
    assert shown[-1] == ("2026-12-07T08:00:00+05:45", "2026-12-07T20:00:00+05:45")
    for hour, closes in ((3, "03:00"), (8, "20:00"), (12, "20:00"), (20, "20:00")):
        moment = nepal("Monday", hour).astimezone(timezone.utc)
        assert window.closes_at(moment).isoformat() == f"2026-11-23T{closes}:00+05:45"


def test_a_window_that_closes_at_this_moment_is_no_opening_any_more():
    assert next(CallingWindow("08:00", "20:00").openings(nepal("Monday", 20)))[0] == nepal("Tuesday", 8)


@pytest.mark.parametrize(("today", "is_found"), [("Friday", True), ("Thursday", False)])
def test_two_weeks_are_searched_besides_the_dates_on_which_no_contact_is_called(today, is_found):
    # The first Sunday on which the window opens is 16 days after this Friday.
    window = CallingWindow("08:00", "20:00", days="Sun", closed_on=["2026-11-29", "2026-12-06"])
    now = nepal(today, 12)

    if is_found:
        assert window.opens_at(now) == datetime(2026, 12, 13, 8, tzinfo=NEPAL)
    else:
        with pytest.raises(TingTingConfigError, match="does not open within two weeks"):
            window.opens_at(now)
        assert window.closes_at(now) == now


def test_a_window_of_all_hours_closes_at_the_next_date_on_which_no_contact_is_called():
    window = CallingWindow("00:00", "24:00", closed_on=["2026-12-06"])

    assert window.closes_at(nepal("Monday", 0)) == datetime(2026, 12, 6, tzinfo=NEPAL)


def test_a_window_over_midnight_goes_by_the_date_in_its_own_time_zone():
    # Six in the evening in California, when it is the next day in UTC.
    now = datetime(2026, 11, 25, 2, tzinfo=timezone.utc)

    assert CallingWindow("22:00", "20:00", timezone="America/Los_Angeles").is_open(now)


@pytest.mark.parametrize(
    ("days", "means"),
    [
        ("Mon, Wed", ("Monday", "Wednesday")),
        ("Sun-Mon", ("Monday", "Sunday")),
        ("Sat-Sun,Tuesday", ("Tuesday", "Saturday", "Sunday")),
    ],
    ids=["a list", "over the end of the week", "both"],
)
def test_days_are_written_as_a_list_or_from_one_to_another(days, means):
    assert CallingWindow("08:00", "20:00", days=days).days == means


@pytest.mark.parametrize("opens", ["08:01:30", time(8, 1, 30)], ids=["text", "time"])
def test_a_window_may_open_at_a_second(opens):
    window = CallingWindow(opens, "20:00")

    assert window.opens == "08:01:30"
    assert window.opens_at(nepal("Monday", 3)) == nepal("Monday", 8, 1, 30)


@pytest.mark.parametrize("closes", ["20:60", "20:00:60", "24:00:01"])
def test_a_time_that_no_clock_shows_is_refused(closes):
    with pytest.raises(TingTingConfigError, match=closes):
        CallingWindow("08:00", closes)
