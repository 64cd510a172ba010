"""Escapes rows of CSV, so that every reader splits them alike and no spreadsheet program runs a formula in them."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Sequence
from typing import Any, Final, TextIO

#: A text that begins so may be a formula; a spreadsheet program also folds full-width signs, and skips line breaks.
FORMULA_STARTS: Final = frozenset("=+-@\t\r\n＝＋－＠")
# A signed number or a phone number: digits, and signs that no spreadsheet program can call a function with.
_HARMLESS: Final = re.compile(r"[+-]\(?\d[\d\s().-]*")


def escape_formula(text: str) -> str:
    """Return a text that no spreadsheet program takes for a formula: one like a formula gets a `'` in front.

    Negative numbers and phone numbers such as `+977 984-1234567` stay as they are.

    Source: OWASP, "CSV Injection".

    :param text: the content of a cell.
    """
    if text and text[0] in FORMULA_STARTS and not _HARMLESS.fullmatch(text):
        return f"'{text}"
    return text


def unescape_formula(text: str) -> str:
    """Return the text that `escape_formula` was given.

    :param text: what it returned.
    """
    return text[1:] if text.startswith("'") and escape_formula(text[1:]) == text else text


def row_writer(text: TextIO) -> Callable[[Sequence[Any]], object]:
    """Return a function that writes one row of CSV with `\\n` at its end.

    Before Python 3.13, `csv.writer` leaves a lone `\\r` unquoted unless it is a part of the line end, and every
    reader then takes it for a new row: such a row is quoted as a whole.

    :param text: the file, opened with `newline=""`.
    """
    write = csv.writer(text, lineterminator="\n").writerow
    write_quoted = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL).writerow

    def write_row(cells: Sequence[Any]) -> object:
        for cell in cells:
            if type(cell) is str and "\r" in cell:
                return write_quoted(cells)
        return write(cells)

    return write_row


def rows_writer(text: TextIO) -> Callable[[Sequence[Sequence[str]]], None]:
    """Return a function that writes many rows at once, as `row_writer` writes each of them.

    :param text: the file, opened with `newline=""`. Each row has two cells or more, and all have equally many.
    """
    write_row = row_writer(text)

    def write_rows(rows: Sequence[Sequence[str]]) -> None:
        lines = "\n".join(map(",".join, rows))
        needs_quotes = (
            lines.count(",") != len(rows) * (len(rows[0]) - 1)
            or lines.count("\n") != len(rows) - 1
            or '"' in lines
            or "\r" in lines
        )
        if needs_quotes:
            for row in rows:
                write_row(row)
        else:
            text.write(f"{lines}\n")

    return write_rows
