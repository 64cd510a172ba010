from __future__ import annotations

from datetime import datetime

import pytest

from airflow_provider_tingting.errors import TingTingConfigError
from airflow_provider_tingting.notifications.notification import QuietHours
from airflow_provider_tingting.timezones import NEPAL


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=NEPAL).timestamp()


@pytest.mark.parametrize(
    ("hours", "now", "end"),
    [
        (("22:00", "06:00"), "2026-11-23T23:30", "2026-11-24T06:00"),
        (("22:00", "06:00"), "2026-11-24T05:59", "2026-11-24T06:00"),
        (("22:00", "06:00"), "2026-11-23T22:00", "2026-11-24T06:00"),
        (("22:00", "06:00"), "2026-11-24T06:00", None),
        (("22:00", "06:00"), "2026-11-24T21:59", None),
        (("12:00", "13:30"), "2026-11-24T12:15", "2026-11-24T13:30"),
        (("12:00", "13:30"), "2026-11-24T14:00", None),
        (["00:00", "07:00"], "2026-11-24T00:00", "2026-11-24T07:00"),
    ],
)
def test_the_end_of_the_quiet_hours_around_a_moment(hours, now, end):
    assert QuietHours.read(hours).end_of(at(now)) == (None if end is None else at(end))


@pytest.mark.parametrize("hours", ["22:00", ("22:00",), ("22:00", "22:00"), (22, 6), ("late", "early"), None, "12"])
def test_hours_that_are_none_are_refused_with_an_example(hours):
    with pytest.raises(TingTingConfigError, match=r'\("22:00", "06:00"\)'):
        QuietHours.read(hours)
