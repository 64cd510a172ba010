"""Converts dates between the Bikram Sambat calendar of Nepal and the Gregorian one, for the years 2080 to 2100."""

from __future__ import annotations

from datetime import date, timedelta

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


def bikram_sambat(day: date) -> str:
    """Return a date in the Bikram Sambat calendar, as `2082-03-25`; outside 2080 to 2100 the Gregorian date.

    Source: API page, Run campaign, whose response holds such a date.

    :param day: the Gregorian date.
    """
    rest = (day - _FIRST_NEW_YEAR).days
    if rest >= 0:
        for year, months in enumerate(_DAYS, _FIRST_BIKRAM_YEAR):
            for month, days in enumerate(months, 1):
                if rest < days:
                    return f"{year}-{month:02d}-{rest + 1:02d}"
                rest -= days
    return day.isoformat()


def gregorian(year: int, month: int, day: int) -> date | None:
    """Return the Gregorian date of a Bikram Sambat date; None for one that does not exist or is outside 2080 to 2100.

    :param year: the Bikram Sambat year.
    :param month: its month, from 1.
    :param day: the day of the month, from 1.
    """
    index = year - _FIRST_BIKRAM_YEAR
    if not (0 <= index < len(_DAYS) and 1 <= month <= 12 and 1 <= day <= _DAYS[index][month - 1]):
        return None
    before = sum(map(sum, _DAYS[:index])) + sum(_DAYS[index][: month - 1])
    return _FIRST_NEW_YEAR + timedelta(days=before + day - 1)
