"""Nepal's time zone and calendar, in the notation of TingTing."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta, timezone

#: Nepal has had no daylight saving time and this offset since 1986.
NEPAL = timezone(timedelta(hours=5, minutes=45))

_ISO = re.compile(
    r"(\d{4})-(\d\d?)-(\d\d?)(?:[T ](\d\d?):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?\s?(Z|z|[+-]\d\d(?::?\d\d)?)?)?\Z"
)

# Days of each month of the Bikram Sambat years 2080 to 2100, which are published year by year and follow no formula.
_FIRST_BIKRAM_YEAR, _FIRST_NEW_YEAR = 2080, date(2023, 4, 14)
_BIKRAM_MONTHS = """
31 32 31 32 31 30 30 30 29 29 30 30
31 32 31 32 31 30 30 30 29 30 29 31
31 31 32 31 31 31 30 29 30 29 30 30
31 31 32 31 31 31 30 29 30 29 30 30
31 31 32 31 31 30 30 30 29 30 30 30
31 32 31 32 30 31 30 30 29 30 30 30
30 32 31 32 31 30 30 30 29 30 30 30
31 31 32 31 31 31 30 29 30 30 30 30
30 31 32 32 30 31 30 30 29 30 30 30
30 32 31 32 31 30 30 30 29 30 30 30
30 32 31 32 31 30 30 30 29 30 30 30
31 31 32 31 31 31 30 30 29 30 30 30
30 31 32 32 31 30 30 30 29 30 30 30
30 32 31 32 31 30 30 30 29 30 30 30
31 31 32 31 31 30 30 30 29 30 30 30
31 31 32 31 31 31 30 29 30 30 30 30
30 31 32 32 31 30 30 29 30 29 30 30
31 32 31 32 31 30 30 30 29 30 30 30
31 31 32 31 31 31 29 30 29 30 29 31
31 31 32 31 31 31 30 29 29 30 30 30
31 32 31 32 30 31 30 29 30 29 30 30
"""
_DAYS = [[int(days) for days in line.split()] for line in _BIKRAM_MONTHS.split("\n") if line]


def as_text(seconds: float) -> str:
    """Return a time in TingTing's notation: `2025-07-07T14:01:50.508344+05:45`."""
    return datetime.fromtimestamp(seconds, NEPAL).isoformat()


def read_schedule(text: str) -> datetime:
    """Parse an ISO 8601 date or datetime; without an offset it is Nepal time, a date alone is midnight there.

    :raises ValueError: the text is neither.
    """
    found = _ISO.match(text.strip())
    if not found:
        raise ValueError(f"not an ISO 8601 date or datetime: {text!r}")
    year, month, day, hour, minute, second, fraction, offset = found.groups()
    zone = NEPAL
    if offset in ("Z", "z"):
        zone = timezone.utc
    elif offset:
        digits = offset[1:].replace(":", "").ljust(4, "0")
        ahead = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
        zone = timezone(-ahead if offset[0] == "-" else ahead)
    return datetime(
        int(year),
        int(month),
        int(day),
        int(hour or 0),
        int(minute or 0),
        int(second or 0),
        int((fraction or "0").ljust(6, "0")[:6]),
        tzinfo=zone,
    )


def bikram_sambat(day: date) -> str:
    """Return a date in the Bikram Sambat calendar, as `2082-03-25`; outside 2080 to 2100 the Gregorian date.

    Source: API page, Run campaign, whose response holds such a date.
    """
    rest = (day - _FIRST_NEW_YEAR).days
    if rest >= 0:
        for year, months in enumerate(_DAYS, _FIRST_BIKRAM_YEAR):
            for month, days in enumerate(months, 1):
                if rest < days:
                    return f"{year}-{month:02d}-{rest + 1:02d}"
                rest -= days
    return day.isoformat()
