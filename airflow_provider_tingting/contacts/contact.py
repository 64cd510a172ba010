"""A contact: a number, the variables of its message, and the place it comes from; and the row that it is read from.

There is one of these objects for every row, and structs of msgspec take a third of the time of frozen dataclasses.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from numbers import Integral, Real
from typing import Any, TypeGuard
from uuid import UUID

import msgspec

from airflow_provider_tingting.masking import mask_number

_UNCHANGED = frozenset({str, bool})
#: Above this a float no longer names one whole number.
_EXACT = 2**53
#: Above this an integer is an account or serial number, which JSON readers round.
_LARGEST_INTEGER = 2**63 - 1
#: No message names a larger number, and Python refuses to write much larger ones out.
_LARGEST_TEXT = 10**1000


_BEFORE_NUMBER = b'{"number":"'
#: What JSON escapes within a text.
_ESCAPED = bytes(range(0x20)) + b'"\\'
_encode = msgspec.json.Encoder().encode
_encode_lines = msgspec.json.Encoder().encode_lines


class Place(msgspec.Struct, frozen=True):
    """The place of a row, as a person finds it in the source.

    :param source: the file's name, or a description of another source.
    :param row: the row's number in the file or sheet, counted from 1 with the header; in a list, the item's.
    :param sheet: the sheet's name, in a workbook.
    """

    source: str
    row: int
    sheet: str | None = None

    def __str__(self) -> str:
        sheet = f"sheet '{self.sheet}', " if self.sheet is not None else ""
        return f"{self.source}, {sheet}row {self.row}"


class Contact(msgspec.Struct, frozen=True):
    """One contact of a campaign.

    :param number: the number as TingTing receives it.
    :param variables: the values of the message's `{tags}`.
    :param place: where the contact was read; None when it comes from no source.
    """

    number: str
    variables: Mapping[str, object]
    place: Place | None = None

    def __repr__(self) -> str:
        return f"<Contact {mask_number(self.number)}, variables {', '.join(self.variables) or 'none'}, {self.place}>"

    def as_api(self) -> dict[str, object]:
        """Return the contact as the API takes it (API page: Add multiple contacts).

        :raises TypeError: when a variable's value cannot be sent; see `plain_value`.
        """
        return {
            "number": self.number,
            "other_variables": {
                tag: value if type(value) is str else plain_value(value) for tag, value in self.variables.items()
            },
        }


class EncodedContact(msgspec.Struct, frozen=True):
    """One contact as the bytes that a request takes.

    :param body: the contact as `Contact.as_api` gives it, as `encode_contacts` writes it.
    """

    body: bytes

    @property
    def number(self) -> str:
        """The number, which has digits and a plus sign only."""
        return self.body[len(_BEFORE_NUMBER) : self.body.index(b'"', len(_BEFORE_NUMBER))].decode()

    def __repr__(self) -> str:
        return f"<EncodedContact {mask_number(self.number)}>"

    def as_api(self) -> msgspec.Raw:
        """Return the contact as the API takes it (API page: Add multiple contacts)."""
        return msgspec.Raw(self.body)


def encode_contact(number: str, variables: Mapping[str, object]) -> bytes:
    """Return one contact as `encode_contacts` does, which costs less than by column.

    :param number: its number.
    :param variables: its variables, already plain.
    :raises UnicodeEncodeError: when a text cannot be written as UTF-8.
    """
    return _encode({"number": number, "other_variables": variables}) + b"\n"


def encode_contacts(numbers: Sequence[str], variables: Mapping[str, Sequence[object]]) -> bytes:
    """Return contacts in the shape of the API as lines of JSON.

    :param numbers: their numbers.
    :param variables: for each tag, the values of all contacts, already plain.
    :raises UnicodeEncodeError: when a text cannot be written as UTF-8.
    """
    if all(map(are_texts, variables.values())):
        parts, escaped = _parts_of(tuple(variables))
        pieces: list[Any] = list(parts) * len(numbers)
        for at, texts in enumerate((numbers, *variables.values())):
            pieces[2 * at + 1 :: len(parts)] = texts
        lines = "".join(pieces).encode()
        # When the texts hold no sign that JSON escapes, all of them are of the parts between the texts.
        if len(lines) - len(lines.translate(None, _ESCAPED)) == escaped * len(numbers):
            return lines
    return _encode_lines(
        [
            {"number": number, "other_variables": dict(zip(variables, values, strict=True))}
            for number, *values in zip(numbers, *variables.values(), strict=True)
        ]
    )


def are_texts(values: Sequence[object]) -> TypeGuard[Sequence[str]]:
    """Return whether all values are plain texts.

    :param values: the values of a column.
    """
    return {*map(type, values)} <= {str}


@lru_cache(maxsize=32)
def _parts_of(tags: tuple[str, ...]) -> tuple[tuple[str, ...], int]:
    """Return what stands before, between and behind the texts of a contact, and how many signs of it JSON escapes."""
    names = [_encode(tag).decode() for tag in tags]
    parts = ['{"number":"']
    for before, name in zip(('","other_variables":{', *['",'] * len(names)), names, strict=False):
        parts += ["", f'{before}{name}:"']
    parts += ["", '"}}\n' if names else '","other_variables":{}}\n']
    written = "".join(parts).encode()
    return tuple(parts), len(written) - len(written.translate(None, _ESCAPED))


class Row(msgspec.Struct, frozen=True):
    """One row as it was read.

    :param place: where it was.
    :param values: what it held, by column; values as the format gives them.
    :param columns: the header, when the source is a table: one and the same tuple for all its rows. None when each
        row names its own values (JSON lines, Python dicts).
    :param problem: why the row itself cannot be read rightly, such as `too_many_cells`; None for a sound row.
    """

    place: Place
    values: Mapping[str, object]
    columns: tuple[str, ...] | None = None
    problem: str | None = None

    def __repr__(self) -> str:
        return f"<Row {self.place}, columns {', '.join(map(str, self.values)) or 'none'}>"


class Shown:
    """A date or time that a spreadsheet shows in a form of its own.

    :ivar text: how it is shown, which is what a message says.
    :ivar moment: the date or time itself.
    """

    text: str
    moment: date | time | timedelta


class _ShownDate(Shown, date):
    """A date."""


class _ShownDatetime(Shown, datetime):
    """A date with a time."""


class _ShownTime(Shown, time):
    """A time."""


class _ShownDuration(Shown, timedelta):
    """A duration."""


def shown_as(moment: date | time | timedelta, text: str) -> Shown:
    """Return a date or time that compares as such and is sent as a text.

    :param moment: the date or time.
    :param text: how a spreadsheet shows it.
    """
    made: _ShownDate | _ShownDatetime | _ShownTime | _ShownDuration
    if isinstance(moment, datetime):
        made = _ShownDatetime.combine(moment.date(), moment.time())
    elif isinstance(moment, date):
        made = _ShownDate(moment.year, moment.month, moment.day)
    elif isinstance(moment, time):
        made = _ShownTime(moment.hour, moment.minute, moment.second, moment.microsecond)
    else:
        made = _ShownDuration(moment.days, moment.seconds, moment.microseconds)
    made.text, made.moment = text, moment
    return made


def plain_value(value: object) -> str | int | float | bool:
    """Return a cell's value as it is sent to TingTing: a text, a number or a truth value.

    A blank cell (None, NaN) becomes an empty text and stays in the contact: an absent variable could be spoken as its
    braces, an empty one cannot. Whole floats become integers (`5.0` is `5`). Dates become ISO text: `2025-07-08`
    (also for a time stamp at midnight, which is how a spreadsheet keeps a date), `2025-07-08 10:30:00`, `10:30`;
    durations `30:00:00`; what a spreadsheet shows in a form of its own stays so (`8-Jul-25`). Decimals keep their
    digits as text unless whole, integers beyond 64 bits theirs as text.

    :param value: any scalar that a file, a database or Python code may hold.
    :raises TypeError: for lists, mappings, bytes and anything else that is not a single value, and for infinite or
        immense numbers.
    """
    if type(value) in _UNCHANGED:
        return value  # type: ignore[return-value]
    if type(value) is int:
        return _plain_integer(value)
    if value is None:
        return ""
    if isinstance(value, enum.Enum):
        return plain_value(value.value)
    if isinstance(value, str | UUID):
        return str(value)
    if isinstance(value, Decimal):
        return _plain_decimal(value)
    if isinstance(value, Integral):
        return _plain_integer(int(value))
    if isinstance(value, Real):
        return _plain_float(float(value))
    moment = _plain_moment(value)
    if moment is None:
        raise TypeError(f"a {type(value).__name__} cannot be sent as a variable")
    return moment


def _plain_integer(value: int) -> str | int:
    if abs(value) > _LARGEST_TEXT:
        raise TypeError("a number of more than 1,000 digits cannot be sent as a variable")
    return value if abs(value) <= _LARGEST_INTEGER else str(value)


def _plain_float(value: float) -> str | int | float:
    if value != value:
        return ""
    if value in (float("inf"), float("-inf")):
        raise TypeError("an infinite number cannot be sent as a variable")
    return int(value) if value.is_integer() and abs(value) < _EXACT else value


def _plain_decimal(value: Decimal) -> str | int:
    if value.is_nan():
        return ""
    if value.is_infinite():
        raise TypeError("an infinite number cannot be sent as a variable")
    return _plain_integer(int(value)) if value == value.to_integral_value() else format(value, "f")


def _plain_moment(value: object) -> str | None:
    if isinstance(value, Shown):
        return value.text
    if isinstance(value, datetime):
        # Pandas has `NaT`, a time stamp without a time.
        if value != value:
            return ""
        if value.tzinfo is None and value.time() == time():
            return value.date().isoformat()
        return value.isoformat(sep=" ", timespec="seconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, time):
        return value.isoformat(timespec="seconds" if value.second else "minutes")
    if isinstance(value, timedelta):
        minutes, seconds = divmod(round(value.total_seconds()), 60)
        return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"
    return None
