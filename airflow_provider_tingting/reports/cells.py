"""Reads the text of one cell as a typed value: status, duration, percentage, credits, date, variables.

The same text means the same in a report and in a listing of contacts, so both are read by the functions here.
A cell that cannot be read is `UNREADABLE`, never a guess: the reader of the row keeps its text.

Source: https://app.tingting.io (Campaign API, "Download report", `campaign-detail`) and the layouts seen since.
"""

from __future__ import annotations

import ast
import enum
import json
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Any, Final, Generic, Literal, TypeVar

import msgspec

from airflow_provider_tingting.reports import CONTACT_STATUSES
from airflow_provider_tingting.timezones import NEPAL, as_nepal_time

T = TypeVar("T")


class _Unreadable(enum.Enum):
    UNREADABLE = "unreadable"


UNREADABLE: Final = _Unreadable.UNREADABLE
Unreadable = Literal[_Unreadable.UNREADABLE]

_NOTHING = frozenset({"", "-", "--", "none", "null", "nan", "n/a", "na"})
_STATUS_BY_LETTERS = {status.replace(" ", ""): status for status in CONTACT_STATUSES}
_NUMBER = re.compile(r"(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?|\d{1,3}(?:,\d{2,3})+(?:\.\d*)?")
_UNITS = re.compile(
    r"(?:(?P<hours>\d+)\s*h(?:(?:ou)?rs?)?)?\s*"
    r"(?:(?P<minutes>\d+)\s*m(?:in(?:ute)?s?)?)?\s*"
    r"(?:(?P<seconds>\d+(?:\.\d+)?)\s*s(?:ec(?:ond)?s?)?)?"
)
_CLOCK = re.compile(r"(?:(?P<hours>\d+):)?(?P<minutes>\d+):(?P<seconds>[0-5]?\d(?:\.\d+)?)")

_DATE_AND_TIME = re.compile(
    r"(?P<date>.+?)"
    r"(?:[\sT,]\s*(?:at\s+)?(?P<hour>\d{1,2})(?::(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?)?"
    r"\s*(?P<half>[ap]\.?m\.?)?\s*(?P<zone>Z|UTC|GMT|NPT|[+-]\d{2}:?\d{2})?)?",
    re.IGNORECASE,
)
_DATE_FORMS = (
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%d/%m/%Y",
    "%d-%m-%Y",
    "%d.%m.%Y",
    "%b %d, %Y",
    "%B %d, %Y",
    "%b. %d, %Y",
    "%d %b %Y",
    "%d %B %Y",
    "%a, %d %b %Y",
)
# A larger amount is damage. Sums of these stay exact, and no format of a file refuses one.
_LARGEST_AMOUNT = 1e12
# An earlier date is a default of some program; workbooks cannot hold it, and no time zone can be applied to year 1.
_EARLIEST_YEAR = 1990
# TingTing also speaks of dates in Bikram Sambat, 56 to 57 years ahead. A call in 2070 or later is one of those:
# reading 2082-03-25 as a year of ours would be a wrong date, so it stays text.
_BIKRAM_SAMBAT_FROM = 2070

# Parsers of JSON and of literals are safe from code but not from depth: a hostile cell may nest until the stack is
# full, here or in whatever writes the value later. Beyond these bounds the cell stays text.
_LONGEST_LITERAL = 65_536
_MAX_BRACKETS = 200
# So few texts are read one by one rather than halved again.
_FEW_TEXTS = 8
_REPR_TOKEN = re.compile(r"""'[^']*'|"[^"]*"|\b(?:None|True|False)\b""")
_JSON_WORDS = {"None": "null", "True": "true", "False": "false"}


class CachedParser(dict[Any, T], Generic[T]):
    """A parser that caches its results, since reports repeat few values over many rows.

    :param read: text of a cell, or value → what it becomes.
    """

    #: A campaign of ten hours has calls in as many seconds.
    LIMIT = 50_000

    def __init__(self, read: Callable[[Any], T]) -> None:
        super().__init__()
        self._read = read

    def __missing__(self, key: Any) -> T:
        if len(self) >= self.LIMIT:
            self.clear()
        value = self[key] = self._read(key)
        return value


def read_status(text: str) -> str:
    """Return a contact's status as TingTing documents it (`not started`, `hungup`, …), or the text unchanged.

    Case, spaces, `_` and `-` do not matter. A status that TingTing does not document stays as it is.

    :param text: the text of the cell.
    """
    text = text.strip()
    return _STATUS_BY_LETTERS.get(re.sub(r"[\s_-]+", "", text).lower(), text)


def read_number(text: str) -> float | Unreadable | None:
    """Return an amount of zero or more, such as credits: `2`, `1.5`, `1,200.50`; nothing as None.

    :param text: the text of the cell.
    """
    text = text.strip()
    if text.lower() in _NOTHING:
        return None
    if not _NUMBER.fullmatch(text):
        return UNREADABLE
    amount = float(text.replace(",", ""))
    return amount if amount <= _LARGEST_AMOUNT else UNREADABLE


def read_percent(text: str) -> float | Unreadable | None:
    """Return percents, 0 to 100: `91`, `91%`, `91.5 %`; nothing as None.

    :param text: the text of the cell.
    """
    return read_number(text.strip().removesuffix("%"))


def read_duration(text: str) -> float | Unreadable | None:
    """Return seconds: `10`, `10s`, `1m 5s`, `0:10`, `1:02:03`; nothing as None.

    :param text: the text of the cell.
    """
    text = text.strip().lower()
    seconds = read_number(text)
    if seconds is not UNREADABLE:
        return seconds
    match = _CLOCK.fullmatch(text) or _UNITS.fullmatch(text)
    if match is None:
        return UNREADABLE
    # Not `int`, which refuses what is too long; `float` makes it infinite.
    hours, minutes, rest = (float(match[unit] or 0) for unit in ("hours", "minutes", "seconds"))
    total = 3600.0 * hours + 60.0 * minutes + rest
    return total if total <= _LARGEST_AMOUNT else UNREADABLE


def read_date(text: str) -> datetime | Unreadable | None:
    """Return the moment of an action, always with its time zone: the one in the text, else Nepal's.

    ISO 8601 with or without offset, `09/07/2025 14:46` (day first, as in Nepal), `July 9, 2025, 2:46 p.m.`,
    `9 Jul 2025`; nothing as None. A date in Bikram Sambat is not converted: unreadable.

    :param text: the text of the cell.
    """
    text = text.strip()
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        if text.lower() in _NOTHING:
            return None
        read = _read_written_date(text)
        if read is UNREADABLE:
            return UNREADABLE
        moment = read
    if not _EARLIEST_YEAR <= moment.year < _BIKRAM_SAMBAT_FROM:
        return UNREADABLE
    return as_nepal_time(moment)


@lru_cache(maxsize=4096)
def _read_written_date(text: str) -> datetime | Unreadable:
    match = _DATE_AND_TIME.fullmatch(text)
    if match is None:
        return UNREADABLE
    day = match["date"].rstrip(", ")
    for form in _DATE_FORMS:
        try:
            moment = datetime.strptime(day, form)
        except ValueError:
            continue
        break
    else:
        return UNREADABLE
    if match["hour"] is None:
        return moment
    hour, half = int(match["hour"]), (match["half"] or "").lower()[:1]
    if match["minute"] is None and not half:
        return UNREADABLE
    if half:
        if not 1 <= hour <= 12:
            return UNREADABLE
        hour = hour % 12 + (12 if half == "p" else 0)
    try:
        return moment.replace(
            hour=hour,
            minute=int(match["minute"] or 0),
            second=int(match["second"] or 0),
            microsecond=int((match["fraction"] or "").ljust(6, "0")[:6]),
            tzinfo=_zone(match["zone"]),
        )
    except ValueError:
        return UNREADABLE


def _zone(text: str | None) -> tzinfo | None:
    if text is None or text.upper() == "NPT":
        return NEPAL
    if text.upper() in {"Z", "UTC", "GMT"}:
        return timezone.utc
    away = timedelta(hours=int(text[1:3]), minutes=int(text[-2:]))
    return timezone(-away if text[0] == "-" else away)


# It refuses infinity, what follows the value, and half a character.
_read_json: Final = msgspec.json.Decoder().decode
_read_json_lines: Final = msgspec.json.Decoder().decode_lines


_encode_json: Final = msgspec.json.Encoder().encode
_encode_lines: Final = msgspec.json.Encoder().encode_lines
_encode_any: Final = json.JSONEncoder(ensure_ascii=False, default=str, separators=(",", ":")).encode


def write_json(value: object) -> bytes:
    """Return a value as JSON in UTF-8, without blanks; what JSON has no type for becomes text.

    :param value: variables from `read_other_info`, or an object with such variables.
    """
    try:
        return _encode_json(value)
    except (msgspec.MsgspecError, TypeError, ValueError, OverflowError, RecursionError):
        # A Python literal may hold a set, or a key that is not text.
        return _encode_any(value).encode("utf-8")


def write_each_json(values: Sequence[Mapping[str, object] | str | None]) -> list[str | None]:
    """Return each value as `write_json` writes it, as text; None for one that is empty.

    :param values: values from `read_other_info`, or dicts of text.
    """
    if all(values):
        with suppress(msgspec.MsgspecError, TypeError, ValueError, OverflowError, RecursionError):
            # JSON has no line break inside of a value.
            return list(_encode_lines(values).decode("utf-8").split("\n")[:-1])
    return [write_json(value).decode("utf-8") if value else None for value in values]


def read_other_info(text: str) -> Mapping[str, object] | str | None:
    """Return a contact's variables: from the repr of a Python dict or from JSON; else the text as it came.

    Nothing in the text is ever evaluated: `ast.literal_eval` reads literals only, within bounds of length and depth.

    :param text: the text of the cell.
    """
    stripped = text.strip()
    if not (stripped.startswith("{") and stripped.endswith("}")):
        return None if stripped.lower() in _NOTHING else text
    value = _read_literal(stripped)
    if not isinstance(value, dict):
        return text
    return value


def read_each_other_info(texts: Sequence[str]) -> list[Mapping[str, object] | str | None]:
    """Return what `read_other_info` returns for each text; plain ones are read together, which costs a third.

    :param texts: the texts of the cells.
    """
    together = _read_together(texts)
    if together is not None:
        return together
    if len(texts) <= _FEW_TEXTS:
        return [read_other_info(text) if text else None for text in texts]
    # Where one text is not plain, those before and after it may be.
    half = len(texts) // 2
    return [*read_each_other_info(texts[:half]), *read_each_other_info(texts[half:])]


def _read_together(texts: Sequence[str]) -> list[Any] | None:
    """Read texts as lines of JSON, or return None where that may differ from reading each by itself.

    Between two texts stands `}`, a line break and `{`, which no JSON value has inside of it. So with as many values as
    texts, each value is that of its text.
    """
    lines = "\n".join(texts)
    if not lines.strip("\n"):
        return [None] * len(texts)
    breaks = len(texts) - 1
    if (
        "\\" in lines
        or lines.count("\n") != breaks
        or lines.count("}\n{") != breaks
        or not (lines[0] == "{" and lines[-1] == "}")
        or (max(map(len, texts)) > 2 * _MAX_BRACKETS and any(map(_has_many_brackets, texts)))
    ):
        return None
    values = None
    if '"' not in lines:
        values = _decode_lines(lines.replace("'", '"'))
    elif lines.startswith('{"') and lines.count('\n{"') == breaks:
        values = _decode_lines(lines)
    if values is None and not (_differs_in_quotes_only(lines) or lines.startswith('{"') or '\n{"' in lines):
        as_json = _REPR_TOKEN.sub(_token_as_json, lines)
        values = _decode_lines(as_json) if as_json.count("\n") == breaks else None
    return values if values is not None and len(values) == len(texts) else None


def _decode_lines(lines: str) -> list[Any] | None:
    try:
        values: list[Any] = _read_json_lines(lines)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    return values


def _has_many_brackets(text: str) -> bool:
    return len(text) > 2 * _MAX_BRACKETS and sum(map(text.count, "{[(")) > _MAX_BRACKETS


def _read_literal(text: str) -> object:
    # Most cells are reprs of plain dicts, and JSON is read about eight times faster than a Python literal. Without a
    # backslash, such a repr differs from JSON in its quotes and in three words only.
    if _has_many_brackets(text):
        return None
    plain = "\\" not in text
    value: object
    try:
        # Without an escape in the text there is nothing in its JSON that cannot be written.
        if plain and _differs_in_quotes_only(text):
            return _read_json(text.replace("'", '"'))
        if plain and not text.startswith('{"'):
            return _read_json(_REPR_TOKEN.sub(_token_as_json, text))
        value = _read_json(text)
        if plain:
            return value
    except (msgspec.MsgspecError, ValueError, RecursionError):
        if len(text) > _LONGEST_LITERAL:
            return None
        try:
            value = ast.literal_eval(text)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            return None
        if isinstance(value, dict):
            value = {str(key): item for key, item in value.items()}
    return value if _can_be_written(value) else None


def _differs_in_quotes_only(text: str) -> bool:
    return not ('"' in text or "None" in text or "True" in text or "False" in text)


def _token_as_json(match: re.Match[str]) -> str:
    token = match.group()
    if token[0] == "'":
        return f'"{token[1:-1]}"' if '"' not in token else json.dumps(token[1:-1])
    return _JSON_WORDS.get(token, token)


def _can_be_written(value: object) -> bool:
    """Whether the value can be written as JSON in UTF-8: an escape may be half a character, `1e999` is infinity."""
    try:
        json.dumps(value, ensure_ascii=False, allow_nan=False, default=str).encode("utf-8")
    except (ValueError, TypeError, RecursionError):
        return False
    return True
