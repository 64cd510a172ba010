"""How old a DAG run is, and since when a campaign of it may have been run."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from support.virtual_time import run_in_virtual_time

from airflow_provider_tingting.clock import MAX_CLOCK_SKEW
from airflow_provider_tingting.errors import TingTingConfigError, TingTingRunTooOldError, TingTingStartRefusedError
from airflow_provider_tingting.utils.run_age import (
    check_calling_window,
    check_max_age,
    check_window_arguments,
    due_at,
    started_at,
)

#: Tuesday, 09:00 in Nepal.
NOW = datetime(2026, 11, 24, 3, 15, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)
SKEW = timedelta(seconds=MAX_CLOCK_SKEW)


@pytest.fixture(autouse=True)
def _now() -> Iterator[None]:
    with run_in_virtual_time(at=NOW.timestamp()):
        yield


def a_run(run_type: Any = "scheduled", **times: datetime | None) -> Any:
    ti = SimpleNamespace(task=SimpleNamespace(retries=3), try_number=1, max_tries=3)
    return {"dag_run": SimpleNamespace(run_type=run_type, **times), "ti": ti, "task": ti.task}


TIMES = {
    "data_interval_end": NOW - 1 * HOUR,
    "logical_date": NOW - 2 * HOUR,
    "run_after": NOW - 3 * HOUR,
    "start_date": NOW - 4 * HOUR,
}


@pytest.mark.parametrize(
    ("run_type", "missing", "hours"),
    [
        ("scheduled", (), 1),
        ("backfill", (), 1),
        (SimpleNamespace(value="scheduled"), (), 1),
        ("manual", (), 2),
        ("asset_triggered", ("logical_date",), 3),
        ("asset_triggered", ("logical_date", "run_after"), 4),
        ("scheduled", ("data_interval_end",), 2),
    ],
    ids=["scheduled", "backfill", "an enum", "manual", "by an asset", "only started", "without an interval"],
)
def test_a_run_is_for_the_first_of_its_times_that_says_so(run_type: Any, missing: tuple[str, ...], hours: int) -> None:
    run = a_run(run_type, **{name: None if name in missing else time for name, time in TIMES.items()})

    assert due_at(run) == NOW - hours * HOUR


def test_a_time_keeps_its_zone() -> None:
    assert due_at(a_run("manual", logical_date=NOW.astimezone(ZoneInfo("Asia/Kathmandu")))) == NOW


def test_a_time_without_a_zone_is_utc_and_a_run_without_a_time_has_none() -> None:
    assert due_at(a_run("manual", logical_date=NOW.replace(tzinfo=None))) == NOW
    assert due_at(a_run()) is None
    assert due_at({}) is None  # type: ignore[typeddict-item]


@pytest.mark.parametrize(("age", "is_refused"), [(2 * HOUR, False), (2 * HOUR + timedelta(seconds=1), True)])
@pytest.mark.parametrize("max_age", [2 * HOUR, 7200], ids=["timedelta", "seconds"])
def test_a_run_may_be_as_old_as_max_age(age: timedelta, is_refused: bool, max_age: Any) -> None:
    run = a_run("manual", logical_date=NOW - age)

    if is_refused:
        with pytest.raises(
            TingTingRunTooOldError, match=r"2 hours .*ago, and max_age is 2 hours\. No contact was called"
        ):
            check_max_age(run, max_age)
    else:
        check_max_age(run, max_age)
    check_max_age(run, None)


def test_a_run_without_a_time_is_too_old() -> None:
    with pytest.raises(TingTingRunTooOldError, match="neither a data interval nor a logical date nor a start"):
        check_max_age(a_run(), HOUR)
    with pytest.raises(TingTingConfigError, match=r"\bmax_age\b"):
        check_max_age(a_run(), -1)


def test_a_run_began_when_airflow_says_so_less_what_clocks_differ() -> None:
    assert started_at(a_run(start_date=NOW)) == NOW - SKEW
    assert started_at(a_run(start_date=NOW.replace(tzinfo=None))) == NOW - SKEW
    assert started_at(a_run()) is None


@pytest.mark.parametrize(
    ("times", "hours"),
    [
        pytest.param({"start_date": NOW, "logical_date": NOW - 5 * HOUR}, 5, id="a start that a clear has moved"),
        pytest.param({"start_date": NOW, "logical_date": NOW + 5 * HOUR}, 0, id="a logical date to come"),
        pytest.param(
            {"start_date": NOW, "run_after": NOW - HOUR, "logical_date": NOW + HOUR}, 1, id="both, on Airflow 3"
        ),
        pytest.param({"start_date": NOW - HOUR, "run_after": NOW}, 1, id="a start before"),
    ],
)
def test_the_earliest_time_of_a_run_counts(times: dict[str, datetime], hours: int) -> None:
    assert started_at(a_run("manual", **times)) == NOW - hours * HOUR - SKEW


def test_without_a_clear_the_own_start_of_a_catch_up_run_counts() -> None:
    catch_up = a_run(start_date=NOW, run_after=NOW - 100 * HOUR)

    assert started_at(catch_up, may_be_reset=False) == NOW - SKEW
    assert started_at(catch_up) == NOW - 100 * HOUR - SKEW
    assert started_at(a_run(run_after=NOW - HOUR), may_be_reset=False) == NOW - HOUR - SKEW


def test_outside_the_calling_window_no_contact_is_called() -> None:
    check_calling_window(None, "Wait.")
    check_calling_window(("08:00", "20:00"), "Wait.")
    with pytest.raises(TingTingStartRefusedError, match=r"opens at 2026-11-24 10:00\. No contact was called\. Wait\."):
        check_calling_window(("10:00", "20:00"), "Wait.")


HOURS = ("08:00", "20:00")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"at_window_close": "stop", "calling_window": HOURS, "waits": True}, None),
        ({"at_window_close": "stop", "calling_window": None, "waits": True}, "so it needs a calling_window"),
        ({"at_window_close": "stop", "calling_window": HOURS, "waits": False}, "a task that waits for the end"),
        ({"at_window_close": "continue", "calling_window": None, "waits": False}, None),
        ({"fits_window": "wait", "calling_window": HOURS}, None),
        ({"fits_window": "wait", "calling_window": None}, 'fits_window="wait" is about the end of the calling window'),
        ({"fits_window": "warn", "calling_window": HOURS}, None),
    ],
    ids=[
        "stop at the end of a window",
        "stop without a window",
        "stop without waiting",
        "go on",
        "wait for a window",
        "wait without a window",
        "only warn",
    ],
)
def test_what_happens_at_the_end_of_a_calling_window_needs_one(arguments: Any, problem: str | None) -> None:
    arguments = {"at_window_close": "continue", "fits_window": "warn", "waits": True, **arguments}
    if problem is None:
        check_window_arguments(**arguments)
        return
    with pytest.raises(TingTingConfigError, match=problem):
        check_window_arguments(**arguments)
