"""A report as tidy CSV or as JSON lines, both in UTF-8 with one line a contact.

CSV has one header and is safe to open in a spreadsheet program; in JSON lines the variables stay an object.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, BinaryIO

from airflow_provider_tingting.files.csv_escaping import FORMULA_STARTS, escape_formula, row_writer
from airflow_provider_tingting.reports.cells import write_json
from airflow_provider_tingting.reports.parser import ReportRow
from airflow_provider_tingting.reports.tidy import TidyTable


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


def _cells(table: TidyTable, rows: Iterable[ReportRow]) -> Iterator[list[Any]]:
    kinds = [kind for _, kind in table.columns]
    texts = [index for index, kind in enumerate(kinds) if kind is str]
    amounts = [index for index, kind in enumerate(kinds) if kind is float]
    moments = [index for index, kind in enumerate(kinds) if kind is datetime]
    for row in rows:
        values = table.values(row)
        for index in texts:
            text = values[index]
            if text and text[0] in FORMULA_STARTS:
                values[index] = escape_formula(text)
        for index in amounts:
            amount = values[index]
            if amount is not None and amount.is_integer():
                values[index] = int(amount)
        for index in moments:
            if moment := values[index]:
                values[index] = moment.isoformat()
        yield values


def write_jsonl(file: BinaryIO, table: TidyTable, rows: Iterable[ReportRow]) -> None:
    """Write one object a line, in UTF-8.

    The report's own columns are keys; the variables are an object `variables` (text that could not be taken apart is
    `other_info`), unknown columns an object `extra`. Numbers are text, moments ISO 8601 with their offset.

    :param file: where to write; not closed.
    :param table: not needed: every line says what it has.
    :param rows: the rows.
    """
    for row in rows:
        file.write(write_json(_as_object(row)) + b"\n")


def _as_object(row: ReportRow) -> dict[str, Any]:
    info = row.other_info
    plain: dict[str, Any] = {
        "number": row.number,
        "status": row.status,
        "duration_seconds": row.duration_seconds,
        "playback_percent": row.playback_percent,
        "credit_consumed": row.credit_consumed,
        "credit_consumed_sms": row.credit_consumed_sms,
        "action_date": row.action_date.isoformat() if row.action_date else None,
        "carrier": row.carrier,
        "variables": {} if info is None or isinstance(info, str) else info,
    }
    if isinstance(info, str):
        plain["other_info"] = info
    if row.extra:
        plain["extra"] = row.extra
    return plain
