"""A report as tidy CSV: UTF-8, one header, one row a contact, safe to open in a spreadsheet.

May import the standard library and this room only.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, BinaryIO, Final, TextIO

from airflow_provider_tingting.reports.parser import ReportRow
from airflow_provider_tingting.reports.writers.tidy import TidyTable

_STARTS_FORMULA: Final = frozenset("=+-@\t\r\n＝＋－＠")
# A signed number or a phone number: digits, and signs that no spreadsheet can call a function with.
_HARMLESS: Final = re.compile(r"[+-]\(?\d[\d\s().-]*")


def write_csv(file: BinaryIO, table: TidyTable, rows: Iterable[ReportRow]) -> None:
    """Write the table.

    Text that a spreadsheet would take for a formula (it begins with `= + - @`, a tab or a line break) gets a `'` in
    front, as OWASP advises. Plain negative numbers and phone numbers such as `+977 984-1234567` stay as they are.

    :param file: where to write; not closed.
    :param table: the columns.
    :param rows: the rows.
    """
    text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=False)
    write_row = row_writer(text)
    write_row([escape_formula(name) for name, _ in table.columns])
    for cells in _cells(table, rows):
        write_row(cells)
    text.flush()
    text.detach()


def row_writer(text: TextIO) -> Callable[[Sequence[Any]], object]:
    """Make a function that writes one row of CSV with `\\n` at its end.

    Before Python 3.13, `csv.writer` leaves a lone `\\r` unquoted unless it is a part of the line end, and every
    reader then takes it for a new row: such a row is quoted as a whole.
    """
    write = csv.writer(text, lineterminator="\n").writerow
    write_quoted = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL).writerow

    def write_row(cells: Sequence[Any]) -> object:
        for cell in cells:
            if type(cell) is str and "\r" in cell:
                return write_quoted(cells)
        return write(cells)

    return write_row


def escape_formula(text: str) -> str:
    """Put a `'` before text that a spreadsheet would run."""
    if text and text[0] in _STARTS_FORMULA and not _HARMLESS.fullmatch(text):
        return f"'{text}"
    return text


def _cells(table: TidyTable, rows: Iterable[ReportRow]) -> Iterator[list[Any]]:
    kinds = [kind for _, kind in table.columns]
    texts = [index for index, kind in enumerate(kinds) if kind is str]
    amounts = [index for index, kind in enumerate(kinds) if kind is float]
    moments = [index for index, kind in enumerate(kinds) if kind is datetime]
    for row in rows:
        values = table.values(row)
        for index in texts:
            text = values[index]
            if text and text[0] in _STARTS_FORMULA:
                values[index] = escape_formula(text)
        for index in amounts:
            amount = values[index]
            if amount is not None and amount.is_integer():
                values[index] = int(amount)
        for index in moments:
            if moment := values[index]:
                values[index] = moment.isoformat()
        yield values
