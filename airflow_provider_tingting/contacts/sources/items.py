"""Reads Python values and JSON lines: numbers, flat dicts, dicts in the API's shape, or finished rows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain

from airflow_provider_tingting.contacts.contact import Place, Row
from airflow_provider_tingting.contacts.sources.delimited import encoding_of
from airflow_provider_tingting.contacts.sources.source_file import SourceFile, line_blocks_of
from airflow_provider_tingting.errors import TingTingContactsError

#: The source that errors name for rows from Python values.
SOURCE = "the given contacts"

_BARE = ("number",)
_API_KEYS = frozenset({"number", "other_variables"})


def read_items(items: Iterable[object]) -> Iterator[Row]:
    """Yield a row for each item.

    :param items: numbers (text or int), flat dicts, dicts as the API takes them, or rows.
    :raises TingTingContactsError: for an item of another kind.
    """
    for position, item in enumerate(items, 1):
        yield item if isinstance(item, Row) else row_of(item, Place(SOURCE, position))


def row_of(item: object, place: Place) -> Row:
    """Return one value as a row.

    :param item: a number or a dict.
    :param place: where it is.
    :raises TingTingContactsError: when it is neither, or mixes the API's shape with other keys.
    """
    if isinstance(item, Mapping):
        return Row(place, _checked(item, place))
    if isinstance(item, str | int | float) and not isinstance(item, bool):
        return Row(place, {"number": item}, _BARE)
    raise TingTingContactsError(
        f"{place} is a {type(item).__name__}. Give a number, or a dict such as "
        '{"number": "98…", "name": "…"} or {"number": "98…", "other_variables": {"name": "…"}}.'
    )


def is_api_shaped(values: Mapping[str, object]) -> bool:
    """Return whether a row is in the API's own shape, its variables under `other_variables`.

    :param values: the row's values.
    """
    return "other_variables" in values


def _checked(item: Mapping[object, object], place: Place) -> dict[str, object]:
    values = {str(key): value for key, value in item.items()}
    if not is_api_shaped(values):
        return values
    variables = values["other_variables"] or {}
    if not isinstance(variables, Mapping):
        raise TingTingContactsError(f"{place}: other_variables must be a dict of tag and value.")
    stray = sorted(values.keys() - _API_KEYS)
    if stray:
        raise TingTingContactsError(
            f"{place} has other_variables and also '{stray[0]}'. Put every variable into other_variables, or none."
        )
    return {"number": values.get("number"), "other_variables": dict(variables)}


def read_jsonl(file: SourceFile, encoding: str | None = None) -> Iterator[Row]:
    """Yield the rows of a file of JSON lines; blank lines are counted but left out.

    :param file: the file.
    :param encoding: its encoding, when it is neither UTF-8 nor UTF-16.
    :raises TingTingContactsError: for a line that is not JSON, or JSON of another shape.
    """
    with file.open() as stream:
        encoding = encoding_of(stream.read(4096), encoding)
    line = 0
    with file.open_text(encoding) as lines:
        try:
            for line, text in enumerate(chain.from_iterable(line_blocks_of(lines, file.name)), 1):
                if text.strip():
                    yield row_of(_decoded(text, file.name, line), Place(file.name, line))
        except UnicodeError:
            raise TingTingContactsError(
                f"{file.name}, after row {line}: there are bytes that are not {encoding.upper()}. JSON is UTF-8: "
                "write the file again, or name the encoding with encoding=."
            ) from None


def _decoded(text: str, name: str, line: int) -> object:
    try:
        return json.loads(text, parse_float=_number)
    except (ValueError, RecursionError) as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else "it cannot be read"
        raise TingTingContactsError(
            f"{name}, row {line}: this line is not JSON ({reason}). Write one object a line, such as "
            '{"number": "98…", "name": "…"}.'
        ) from None


def _number(literal: str) -> float | str:
    # 9.84E+09 has lost its digits, which a float would hide.
    return literal if "e" in literal.lower() else float(literal)
