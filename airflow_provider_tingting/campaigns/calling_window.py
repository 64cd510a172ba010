"""The calling window: the hours and days on which contacts may be called. No Airflow."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

from airflow_provider_tingting.campaigns.holidays import read_holidays
from airflow_provider_tingting.clock import wall_time
from airflow_provider_tingting.errors import TingTingConfigError
from airflow_provider_tingting.formatting import counted
from airflow_provider_tingting.timezones import NEPAL, as_nepal_time

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

_TIME = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")
#: A long sleep is split into parts of this length (seconds): the wall clock may be set, and a machine suspended.
CLOCK_CHECK_INTERVAL = 60.0

_ONE_DAY = timedelta(days=1)
_DAY_SECONDS = 24 * 3600
_FORMS = (
    'Write it as ("08:00", "20:00"), or as CallingWindow("08:00", "20:00", days="Sun-Fri", timezone="Asia/Kathmandu").'
)


@dataclass(frozen=True)
class CallingWindow:
    """The hours in which contacts may be called, on certain days in one time zone.

    The window includes the moment at which it opens and excludes the moment at which it closes. A window that closes
    at an earlier hour than it opens goes over midnight, and `days` then names the day on which it opens.

    :param opens: when it opens, such as `"08:00"`, or a `datetime.time`.
    :param closes: when it closes; `"24:00"` is the end of the day.
    :param days: the days on which it opens, such as `"Sun-Fri"`, `"Mon, Wed"` or `["Sunday", "Monday"]`. Default: all.
    :param timezone: the time zone's name. Default: Nepal's.
    :param closed_on: dates on which no contact is called, as holidays: `datetime.date` objects, texts such as
        `2026-10-20` or `BS 2083-07-03`, or the path of a text file with one date a line, read when the window is
        made. A window over midnight ends at the midnight before such a date. Default: none.
    :raises TingTingConfigError: a value cannot be read, or the window never opens.
    """

    opens: str | time
    closes: str | time
    days: str | Iterable[str] = DAYS
    timezone: str = NEPAL.key
    closed_on: Any = ()

    def __post_init__(self) -> None:
        # Values are stored in one form, so that equal windows compare equal, however they were written.
        opens, closes = _seconds(self.opens, "opens"), _seconds(self.closes, "closes")
        if opens == _DAY_SECONDS:
            raise TingTingConfigError('A calling window cannot open at "24:00": write "00:00", and the day after.')
        if opens == closes:
            raise TingTingConfigError(
                f"The calling window from {_written(opens)} to {_written(closes)} never opens, since it closes in the "
                'same moment. For the whole day write ("00:00", "24:00").'
            )
        days = _days(self.days)
        if not days:
            raise TingTingConfigError(
                "A calling window without days never opens: name at least one, or leave days off."
            )
        try:
            ZoneInfo(self.timezone)
        except (ValueError, OSError, TypeError, KeyError):
            raise TingTingConfigError(
                f"The calling window's timezone {self.timezone!r} is not known here. Write a name such as {NEPAL.key}."
            ) from None
        stored = {"opens": _written(opens), "closes": _written(closes), "days": days}
        for name, value in (stored | {"closed_on": read_holidays(self.closed_on)}).items():
            object.__setattr__(self, name, value)

    @classmethod
    def read(cls, value: object) -> CallingWindow | None:
        """Return the window that an argument holds, or None when the argument is None.

        :param value: a window, a pair of times, `"08:00-20:00"`, a mapping of the fields, or None.
        :raises TingTingConfigError: the value cannot be read, or the window never opens.
        """
        if value is None or isinstance(value, cls):
            return value
        try:
            if isinstance(value, Mapping):
                return cls(**value)
            # Not a set, whose order changes from process to process, nor an iterator, which can be read once.
            if isinstance(value, str | list | tuple):
                opens, closes = value.split("-") if isinstance(value, str) else value
                return cls(opens, closes)
        except (TypeError, ValueError):
            pass
        raise TingTingConfigError(f"calling_window is {value!r}, which is not a calling window. {_FORMS}")

    def is_open(self, now: datetime) -> bool:
        """Return whether contacts may be called at a moment.

        :param now: the moment; without an offset it is Nepal time.
        """
        now = as_nepal_time(now)
        return any(opens <= now < closes for opens, closes in self._spans(now))

    def opens_at(self, now: datetime) -> datetime:
        """Return the next moment at which contacts may be called, in the window's time zone; `now` if it is open.

        :param now: the moment; without an offset it is Nepal time.
        :raises TingTingConfigError: the window does not open within two weeks, the dates of `closed_on` not counted.
        """
        now = as_nepal_time(now)
        for opens, closes in self._spans(now):
            if now < closes:
                return max(now, opens).astimezone(ZoneInfo(self.timezone))
        raise TingTingConfigError(f"The calling window {self} does not open within two weeks.")

    def openings(self, now: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Yield when the window opens and closes, for about two weeks, in its time zone.

        Windows that follow each other without a gap, as those of `("00:00", "24:00")`, are one.

        :param now: the earliest moment; without an offset it is Nepal time. An open window counts.
        """
        now, zone = as_nepal_time(now), ZoneInfo(self.timezone)
        current: tuple[datetime, datetime] | None = None
        for opens, closes in self._spans(now):
            if closes <= now:
                continue
            if current is not None and opens <= current[1]:
                current = current[0], max(closes, current[1])
                continue
            if current is not None:
                yield current[0].astimezone(zone), current[1].astimezone(zone)
            current = opens, closes
        if current is not None:
            yield current[0].astimezone(zone), current[1].astimezone(zone)

    def closes_at(self, now: datetime) -> datetime | None:
        """Return when the window closes next, in its time zone: `now` if it is closed, None if it never closes.

        :param now: the moment; without an offset it is Nepal time.
        """
        now, zone = as_nepal_time(now), ZoneInfo(self.timezone)
        opens, closes = next(self.openings(now), (None, None))
        if opens is None or closes is None or opens > now:
            return now.astimezone(zone)
        # An opening that lasts to the end of what `openings` covers does not close before the next holiday.
        if closes - now <= timedelta(days=13):
            return closes
        holiday = min((day for day in self.closed_on if day > now.astimezone(zone).date()), default=None)
        return None if holiday is None else min(_at(holiday, 0, zone)).astimezone(zone)

    def __str__(self) -> str:
        assert isinstance(self.days, tuple)
        days = "" if len(self.days) == len(DAYS) else f" on {', '.join(day[:3] for day in self.days)}"
        closed = f", closed on {counted(len(self.closed_on), 'date')}" if self.closed_on else ""
        return f"{self.opens} to {self.closes} {self.timezone}{days}{closed}"

    def _spans(self, now: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Yield when the window opens and closes, for two weeks from the day before `now`; longer with holidays."""
        zone = ZoneInfo(self.timezone)
        opens, closes = _seconds(self.opens, "opens"), _seconds(self.closes, "closes")
        over_midnight = closes < opens
        first = now.astimezone(zone).date() - _ONE_DAY
        holidays = frozenset(self.closed_on)
        for offset in range(16 + sum(day >= first for day in holidays)):
            day = first + offset * _ONE_DAY
            if DAYS[day.weekday()] not in self.days or day in holidays:
                continue
            # When clocks are put back, an hour comes twice; the window then takes the later start and earlier end.
            begins = max(_at(day, opens, zone))
            ends = min(_at(day + over_midnight * _ONE_DAY, closes, zone))
            if over_midnight and day + _ONE_DAY in holidays:
                ends = min(_at(day, _DAY_SECONDS, zone))
            # Where clocks are put forward, a short window may not exist on that day.
            if begins < ends:
                yield begins, ends


#: What an argument for a window may be.
WindowArgument = CallingWindow | tuple[str | time, str | time] | str | Mapping[str, Any] | None


def sleeps_until(until: float) -> Iterator[float]:
    """Yield how long to sleep, in seconds, until the clock shows a moment; the caller sleeps for each.

    :param until: the moment, in seconds since 1970.
    """
    while (left := until - wall_time()) > 0:
        yield min(left, CLOCK_CHECK_INTERVAL)


def _at(day: date, seconds: int, zone: ZoneInfo) -> tuple[datetime, ...]:
    """Return the moments, in UTC, at which a local clock shows this time of a day.

    A time that is skipped when clocks are put forward is the moment at which they are.
    """
    days, rest = divmod(seconds, _DAY_SECONDS)
    local = datetime.combine(day + days * _ONE_DAY, time()) + timedelta(seconds=rest)
    first, second = (local.replace(tzinfo=zone, fold=fold).astimezone(timezone.utc) for fold in (0, 1))
    if first <= second:
        return first, second
    # A skipped time: `second` is before the change and `first` after it.
    while first - second > timedelta(seconds=1):
        middle = second + (first - second) // 2
        if middle.astimezone(zone).utcoffset() == second.astimezone(zone).utcoffset():
            second = middle
        else:
            first = middle
    return (first.replace(microsecond=0),)


def _seconds(value: object, field: str) -> int:
    """Return a time of the day in seconds since midnight."""
    if isinstance(value, time) and value.tzinfo is None:
        return value.hour * 3600 + value.minute * 60 + value.second
    match = _TIME.fullmatch(value.strip()) if isinstance(value, str) else None
    if match:
        hours, minutes, seconds = (int(part or 0) for part in match.groups())
        total = hours * 3600 + minutes * 60 + seconds
        if minutes < 60 and seconds < 60 and total <= _DAY_SECONDS:
            return total
    raise TingTingConfigError(
        f'The time at which the calling window {field} must be one such as "08:00", without a zone; it is {value!r}. '
        f"{_FORMS}"
    )


def _written(seconds: int) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}" + (f":{rest:02d}" if rest else "")


def _days(given: object) -> tuple[str, ...]:
    """Return days by their full names, in the order of the week."""
    parts = given.split(",") if isinstance(given, str) else given
    if not isinstance(parts, Iterable):
        raise TingTingConfigError(f'The calling window\'s days must be names such as "Sun-Fri"; they are {given!r}.')
    found: set[int] = set()
    for part in parts:
        first, dash, last = str(part).partition("-")
        begins = _day(first)
        ends = _day(last) if dash else begins
        found |= {(begins + offset) % 7 for offset in range((ends - begins) % 7 + 1)}
    return tuple(name for number, name in enumerate(DAYS) if number in found)


def _day(text: str) -> int:
    wanted = text.strip().casefold()
    for number, name in enumerate(DAYS):
        if len(wanted) >= 3 and name.casefold().startswith(wanted):
            return number
    raise TingTingConfigError(
        f"{text.strip()!r} is not a day of the week. Write {', '.join(day[:3] for day in DAYS)}, or their full names."
    )
