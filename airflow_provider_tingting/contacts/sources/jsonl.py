"""Reads .jsonl: one contact a line, as an object or a bare number. Standard library only."""

from __future__ import annotations

import json
from collections.abc import Iterator

from airflow_provider_tingting.contacts.contact import Place
from airflow_provider_tingting.contacts.sources.delimited import encoding_of
from airflow_provider_tingting.contacts.sources.files import SourceFile, lines_of
from airflow_provider_tingting.contacts.sources.items import row_of
from airflow_provider_tingting.contacts.sources.row import Row
from airflow_provider_tingting.errors import TingTingContactsError


def read_jsonl(file: SourceFile, encoding: str | None = None) -> Iterator[Row]:
    """Yield the rows of a file of JSON lines; blank lines are counted but left out.

    :param file: the file.
    :param encoding: its encoding, when it is neither UTF-8 nor UTF-16.
    :raises TingTingContactsError: for a line that is no JSON, or JSON of another shape.
    """
    with file.open() as stream:
        encoding = encoding_of(stream.read(4096), encoding)
    line = 0
    with file.open_text(encoding) as lines:
        try:
            for line, text in enumerate(lines_of(lines, file.name), 1):
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
            f"{name}, row {line}: this line is no JSON ({reason}). Write one object a line, such as "
            '{"number": "98…", "name": "…"}.'
        ) from None


def _number(literal: str) -> float | str:
    # 9.84E+09 has lost its digits; as a float nobody could tell any more.
    return literal if "e" in literal.lower() else float(literal)
