"""Dates on which a calling window stays closed, and when a window closes."""

from __future__ import annotations

import zipfile
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_tingting.bikram_sambat import bikram_sambat
from airflow_provider_tingting.campaigns.calling_window import CallingWindow
from airflow_provider_tingting.errors import TingTingConfigError

NEPAL = ZoneInfo("Asia/Kathmandu")
DASHAIN = date(2026, 10, 20)


def nepal(month, day, hour, minute=0):
    """A moment of 2026 in Nepal."""
    return datetime(2026, month, day, hour, minute, tzinfo=NEPAL)


@pytest.mark.parametrize(
    "closed_on",
    [
        pytest.param(DASHAIN, id="one date"),
        pytest.param([nepal(10, 20, 12)], id="a datetime"),
        pytest.param("2026-10-20", id="a text"),
        pytest.param(["2026-10-20"], id="a list of texts"),
        pytest.param(["BS 2083-07-03"], id="Bikram Sambat"),
        pytest.param(["bs 2083-7-3"], id="Bikram Sambat in short"),
        pytest.param(["BS २०८३-०७-०३"], id="Bikram Sambat in Devanagari"),
        pytest.param({DASHAIN, "2026-10-20"}, id="a set with one date twice"),
    ],
)
def test_the_window_stays_closed_on_a_holiday(closed_on):
    window = CallingWindow("08:00", "20:00", closed_on=closed_on)

    assert window.closed_on == (DASHAIN,)
    assert not window.is_open(nepal(10, 20, 12))
    assert window.is_open(nepal(10, 19, 12)) and window.is_open(nepal(10, 21, 12))
    assert window.opens_at(nepal(10, 19, 21)) == nepal(10, 21, 8)
    assert str(window) == "08:00 to 20:00 Asia/Kathmandu, closed on 1 date"


@pytest.mark.parametrize("as_path", [str, Path], ids=["a text", "a path"])
def test_a_file_holds_one_date_a_line_with_a_name_if_wanted(tmp_path, as_path):
    file = tmp_path / "holidays.csv"
    file.write_text(
        '\ufeffdate,name\n# Dashain\n2026-10-20,Vijaya Dashami\n\nBS 2083-07-04; Ekadashi\n"2026-11-08",Laxmi Puja\n',
        encoding="utf-8",
    )

    window = CallingWindow.read({"opens": "08:00", "closes": "20:00", "closed_on": as_path(file)})

    assert window.closed_on == (DASHAIN, date(2026, 10, 21), date(2026, 11, 8))


def test_a_file_may_begin_with_a_date_and_lie_in_an_archive(tmp_path):
    with zipfile.ZipFile(tmp_path / "dates.zip", "w") as archive:
        archive.writestr("holidays.txt", "\ufeff2026-10-20 दशैं\n2026-10-21\n")

    window = CallingWindow("08:00", "20:00", closed_on=zipfile.Path(tmp_path / "dates.zip", "holidays.txt"))

    assert window.closed_on == (DASHAIN, date(2026, 10, 21))


@pytest.mark.parametrize(("letters", "is_read"), [(1_000_000, True), (1_000_001, False)], ids=["longest", "too long"])
def test_a_file_of_more_than_a_million_letters_is_not_taken_for_a_list_of_dates(tmp_path, letters, is_read):
    file = tmp_path / "holidays.txt"
    file.write_text("2026-10-20 ".ljust(letters, "x"))

    if is_read:
        assert CallingWindow("08:00", "20:00", closed_on=file).closed_on == (DASHAIN,)
    else:
        with pytest.raises(TingTingConfigError, match="it has 1,000,001 letters"):
            CallingWindow("08:00", "20:00", closed_on=file)


def test_two_weeks_of_holidays_are_waited_out():
    holidays = [DASHAIN + timedelta(days=offset) for offset in range(30)]

    assert CallingWindow("08:00", "20:00", closed_on=holidays).opens_at(nepal(10, 20, 9)) == nepal(11, 19, 8)


def test_a_window_over_midnight_ends_at_the_midnight_before_a_holiday():
    window = CallingWindow("22:00", "02:00", closed_on=[DASHAIN])

    assert window.is_open(nepal(10, 19, 23, 59))
    assert not window.is_open(nepal(10, 20, 0)) and not window.is_open(nepal(10, 20, 23))
    assert window.is_open(nepal(10, 19, 1)) and not window.is_open(nepal(10, 21, 1))


@pytest.mark.parametrize(
    ("closed_on", "says"),
    [
        pytest.param(["2083-07-03"], r"closed_on\[0\] looks like a date in Bikram Sambat.*Write BS", id="BS as AD"),
        pytest.param(["BS 2026-10-20"], "not a Bikram Sambat date.*looks like a date in AD", id="AD as BS"),
        pytest.param(["BS 2083-13-01"], "not a Bikram Sambat date of the years 2080 to 2100", id="no month of BS"),
        pytest.param(["2070-01-01"], r"closed_on\[0\] looks like a date in Bikram Sambat", id="the first BS as AD"),
        pytest.param([Path("2026-10-20")], "is not a date", id="a path in a list"),
        pytest.param(["2026-02-30"], "does not exist", id="no day"),
        pytest.param(["2026-10-20x"], "is not a date", id="letters after a date"),
        pytest.param(["20/10/2026"], "is not a date.*Write 2026-10-20", id="another order"),
        pytest.param([20261020], "is not a date", id="a number in a list"),
        pytest.param(20261020, "closed_on must be dates", id="a number"),
        pytest.param("no/such/file.txt", "no/such/file.txt, cannot be read.*no contact is called", id="no file"),
    ],
)
def test_what_is_no_date_is_refused_with_its_place(closed_on, says):
    with pytest.raises(TingTingConfigError, match=says):
        CallingWindow("08:00", "20:00", closed_on=closed_on)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param(b"2026-10-20\n2083-07-04 Ekadashi\n", "Line 2 of .*Bikram Sambat", id="another calendar"),
        pytest.param(b"date\n# none\n", "has no dates", id="no dates"),
        pytest.param(b"name\nDashain\n", "Line 2 of .* is not a date", id="names only"),
        pytest.param(b"\xff\xfe\x00", "cannot be read", id="not a text"),
    ],
)
def test_a_file_that_is_no_list_of_holidays_is_refused_with_its_line(tmp_path, content, says):
    file = tmp_path / "holidays.txt"
    file.write_bytes(content)

    with pytest.raises(TingTingConfigError, match=says):
        CallingWindow("08:00", "20:00", closed_on=str(file))


@given(st.dates(date(2024, 1, 1), date(2040, 12, 31)))
def test_a_date_means_the_same_in_both_calendars(day):
    hours = ("08:00", "20:00")

    assert CallingWindow(*hours, closed_on=[day]) == CallingWindow(*hours, closed_on=[f"BS {bikram_sambat(day)}"])


@pytest.mark.parametrize(
    ("window", "moment", "closes"),
    [
        pytest.param(("08:00", "20:00"), nepal(10, 19, 9), nepal(10, 19, 20), id="in the day"),
        pytest.param(("08:00", "20:00"), nepal(10, 19, 20), nepal(10, 19, 20), id="at its end"),
        pytest.param(("08:00", "20:00"), nepal(10, 19, 3), nepal(10, 19, 3), id="before it opens"),
        pytest.param(("22:00", "02:00"), nepal(10, 19, 23), nepal(10, 20, 2), id="over midnight"),
        pytest.param(("00:00", "24:00"), nepal(10, 19, 23), None, id="never"),
        pytest.param(CallingWindow("00:00", "24:00", "Sun-Fri"), nepal(10, 19, 9), nepal(10, 24, 0), id="a whole week"),
        pytest.param(CallingWindow("00:00", "24:00", closed_on=DASHAIN), nepal(10, 18, 9), nepal(10, 20, 0), id="eve"),
        pytest.param(
            CallingWindow("00:00", "24:00", closed_on=DASHAIN), nepal(1, 18, 9), nepal(10, 20, 0), id="months before"
        ),
        pytest.param(CallingWindow("00:00", "24:00", closed_on=DASHAIN), nepal(12, 18, 9), None, id="never again"),
    ],
)
def test_a_window_closes_at_the_end_of_its_hours_unless_it_opens_again_at_once(window, moment, closes):
    assert CallingWindow.read(window).closes_at(moment) == closes
