"""Reads the dates on which a calling window stays closed: dates, texts or a file, in AD or in Bikram Sambat."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path
from typing import Any

from airflow_provider_tingting.bikram_sambat import gregorian
from airflow_provider_tingting.errors import TingTingConfigError

# `\d` and `int` read the digits of Devanagari, too.
_DATE = re.compile(r"(BS\s*)?(\d{4})-(\d{1,2})-(\d{1,2})", re.IGNORECASE)
_AFTER_A_DATE = re.compile(r"[\s,;|].*|", re.DOTALL)
#: From this year on a date without `BS` is taken for one in Bikram Sambat.
_FIRST_DOUBTFUL_YEAR = 2070
_LONGEST_FILE = 1_000_000


def read_holidays(value: object) -> tuple[date, ...]:
    """Return dates in their order, each once.

    :param value: a date, a text such as `2026-10-20` or `BS 2083-07-03`, the path of a text file with one date a line
        (a name may follow the date; lines that begin with `#` are comments), or a list of dates and texts.
    :raises TingTingConfigError: a date does not exist, is of another calendar, or the file cannot be read.
    """
    if value is None:
        return ()
    if isinstance(value, date) or (isinstance(value, str) and _DATE.match(value.strip())):
        value = [value]
    elif isinstance(value, str) or hasattr(value, "read_text"):
        return tuple(sorted(set(_of_file(value))))
    if not isinstance(value, Iterable):
        raise TingTingConfigError(
            f"closed_on must be dates, such as ['2026-10-20', 'BS 2083-07-03'], or the path of a file of dates; it is "
            f"{value!r}."
        )
    return tuple(sorted({_day(one, f"closed_on[{place}]") for place, one in enumerate(value)}))


def _of_file(path: Any) -> list[date]:
    file = Path(path) if isinstance(path, str) else path
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise TingTingConfigError(
            f"The file of closed_on, {path}, cannot be read ({type(error).__name__}), so no contact is called. Give "
            "the path of a text file in UTF-8 with one date a line."
        ) from error
    if len(text) > _LONGEST_FILE:
        raise TingTingConfigError(
            f"The file of closed_on, {path}, is not a list of dates: it has {len(text):,} letters."
        )
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        line = line.replace('"', "").strip()
        if not line or line.startswith("#") or (number == 1 and not any(char.isdigit() for char in line)):
            continue
        found.append(_day(line, f"Line {number} of {path}, the file of closed_on,"))
    if not found:
        raise TingTingConfigError(f"The file of closed_on, {path}, has no dates. Leave closed_on off if none is meant.")
    return found


def _day(value: object, where: str) -> date:
    """Return one date.

    :param where: what the error calls its place.
    :raises TingTingConfigError: the value is not a date.
    """
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    text = str(value).strip()
    match = _DATE.match(text) if isinstance(value, str) else None
    if match is None or _AFTER_A_DATE.fullmatch(text[match.end() :]) is None:
        raise TingTingConfigError(
            f"{where} is not a date: {text[:40]!r}. Write 2026-10-20, or BS 2083-07-03 for a date in Bikram Sambat."
        )
    year, month, day = (int(part) for part in match.groups()[1:])
    if match[1]:
        found = gregorian(year, month, day)
        if found is None:
            ad = " It looks like a date in AD: leave BS off." if year < _FIRST_DOUBTFUL_YEAR else ""
            raise TingTingConfigError(
                f"{where} is not a Bikram Sambat date of the years 2080 to 2100: {match[0]!r}.{ad}"
            )
        return found
    if year >= _FIRST_DOUBTFUL_YEAR:
        raise TingTingConfigError(
            f"{where} looks like a date in Bikram Sambat: {match[0]!r}. Write BS before it; dates without BS are in AD."
        )
    try:
        return date(year, month, day)
    except ValueError:
        raise TingTingConfigError(f"{where} does not exist in the calendar: {match[0]!r}.") from None
