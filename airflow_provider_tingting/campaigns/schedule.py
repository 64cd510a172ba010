"""Reads when a campaign is to start: each time gets an offset, and a time in the past is found before TingTing refuses
it."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import date, datetime, time, timedelta, timezone

from airflow_provider_tingting.bikram_sambat import gregorian
from airflow_provider_tingting.clock import wall_time
from airflow_provider_tingting.errors import TingTingConfigError
from airflow_provider_tingting.timezones import NEPAL, as_nepal_time

#: A later schedule is taken for a mistake, most often for a Bikram Sambat date without `BS`.
MAX_AHEAD = timedelta(days=366)
# `\d` and `int` read the digits of Devanagari, too.
_BIKRAM_SAMBAT = re.compile(
    r"(?:B\.?S\.?|[वब]ि\.?\s?सं\.?)\s*(\d{4})([-/.])(\d{1,2})\2(\d{1,2})(.*)", re.IGNORECASE | re.DOTALL
)
_DIGIT = re.compile(r"\d")


def read_schedule(schedule: str | datetime | date | None, argument: str = "schedule") -> datetime | None:
    """Return the moment of a schedule; one without an offset is Nepal time, a bare date is midnight there.

    :param schedule: a datetime, a date, a text in ISO 8601 (`2026-12-01T14:00`), or a Bikram Sambat date after `BS`
        (`BS 2083-08-16 10:00`); None or an empty text for no schedule.
    :param argument: the name of the argument, for errors.
    :raises TingTingConfigError: it is not a time, or more than a year ahead.
    """
    if schedule is None or (isinstance(schedule, str) and not schedule.strip()):
        return None
    moment: object = schedule
    if isinstance(schedule, str):
        import pendulum

        moment = None
        with suppress(ValueError):
            # With `exact` a bare date stays a date, and a bare time of day does not become a time of today.
            moment = pendulum.parse(_in_gregorian(schedule.strip(), argument), tz=NEPAL.key, exact=True)
    if isinstance(moment, date) and not isinstance(moment, datetime):
        moment = datetime.combine(moment, time())
    if not isinstance(moment, datetime):
        raise TingTingConfigError(
            f"The {argument} {schedule!r} is not a time. Write it in ISO 8601, such as 2026-12-01T14:00:00+05:45; "
            "without an offset it is Nepal time."
        )
    moment = as_nepal_time(moment)
    if moment - _now() > MAX_AHEAD:
        day = gregorian(moment.year, moment.month, moment.day)
        meant = f" If it is a Bikram Sambat date, write {day.isoformat()}, or 'BS {moment:%Y-%m-%d}'." if day else ""
        raise TingTingConfigError(
            f"The {argument} {moment.isoformat()} is more than a year ahead.{meant} Times are read in AD."
        )
    return moment


def _in_gregorian(text: str, argument: str) -> str:
    found = _BIKRAM_SAMBAT.fullmatch(text)
    if found is None:
        return text
    day = gregorian(int(found[1]), int(found[3]), int(found[4]))
    if day is None:
        raise TingTingConfigError(f"The {argument} {text!r} is not a Bikram Sambat date of the years 2080 to 2100.")
    return day.isoformat() + _DIGIT.sub(lambda digit: str(int(digit[0])), found[5])


def _now() -> datetime:
    return datetime.fromtimestamp(wall_time(), timezone.utc)


def is_past(moment: datetime) -> bool:
    """Return whether TingTing would refuse to schedule this moment.

    :param moment: the moment.
    """
    return moment <= _now()


def wire_format(moment: datetime) -> str:
    """Return a moment as TingTing reads it: ISO 8601 to the second, always with an offset.

    :param moment: the moment, with an offset.
    """
    return (moment - timedelta(microseconds=moment.microsecond)).isoformat()
