"""A report as tidy CSV or as JSON lines, both in UTF-8 with one line a contact.

CSV has one header and is safe to open in a spreadsheet program; in JSON lines the variables stay an object.
"""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, BinaryIO

from airflow_provider_tingting.files.csv_escaping import FORMULA_STARTS, escape_formula, rows_writer
from airflow_provider_tingting.reports.cells import CachedParser, write_json
from airflow_provider_tingting.reports.rows import ReportBlock, ReportRow
from airflow_provider_tingting.reports.tidy import TidyTable


def write_csv(file: BinaryIO, table: TidyTable, blocks: Iterable[ReportBlock]) -> None:
    """Write the table.

    Text that a spreadsheet would take for a formula (it begins with `= + - @`, a tab or a line break) gets a `'` in
    front, as OWASP advises. Plain negative numbers and phone numbers such as `+977 984-1234567` stay as they are.

    :param file: where to write; not closed.
    :param table: the columns.
    :param blocks: the rows.
    """
    text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=False)
    write_rows = rows_writer(text)
    write_rows([[escape_formula(name) for name, _ in table.columns]])
    # Reports repeat few amounts and moments. Two moments that are equal may have different offsets.
    amount_as_cell = CachedParser(_amount_as_cell).__getitem__
    moments_as_cells: dict[object, CachedParser[str]] = defaultdict(lambda: CachedParser(_moment_as_cell))

    def as_cells(moments: list[Any]) -> list[str]:
        return [moments_as_cells[moment and moment.tzinfo][moment] for moment in moments]

    cells_of: dict[type, Callable[[list[Any]], list[str]]] = {
        str: lambda texts: [escape_formula(one) if one and one[0] in FORMULA_STARTS else one or "" for one in texts],
        float: lambda amounts: list(map(amount_as_cell, amounts)),
        datetime: as_cells,
    }
    kinds = [kind for _, kind in table.columns]
    for block in blocks:
        columns = zip(kinds, table.values(block), strict=True)
        write_rows(list(zip(*(cells_of[kind](values) for kind, values in columns), strict=True)))
    text.flush()
    text.detach()


def _amount_as_cell(amount: float | None) -> str:
    return "" if amount is None else str(int(amount) if amount.is_integer() else amount)


def _moment_as_cell(moment: datetime | None) -> str:
    return "" if moment is None else moment.isoformat()


def write_jsonl(file: BinaryIO, table: TidyTable, blocks: Iterable[ReportBlock]) -> None:
    """Write one object a line, in UTF-8.

    The report's own columns are keys; the variables are an object `variables` (text that could not be taken apart is
    `other_info`), unknown columns an object `extra`. Numbers are text, moments ISO 8601 with their offset.

    :param file: where to write; not closed.
    :param table: not needed: every line says what it has.
    :param blocks: the rows.
    """
    for block in blocks:
        file.writelines(write_json(_as_object(row)) + b"\n" for row in block.rows())


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
