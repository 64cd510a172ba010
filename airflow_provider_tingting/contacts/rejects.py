"""Writes rejected rows to a CSV or .xlsx file, in which they can be corrected and sent again."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from airflow_provider_tingting.errors import TingTingConfigError
from airflow_provider_tingting.files.atomic import whole_file
from airflow_provider_tingting.files.csv_escaping import escape_formula, row_writer
from airflow_provider_tingting.files.workbook import CONTROL_CHARACTERS, MAX_TEXT, write_sheet


def write_rejects(target: Any, columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> int:
    """Write rows under their columns to a file that appears whole or not at all.

    :param target: a local path, or any path of universal-pathlib, fsspec or Airflow, that ends in `.csv` or `.xlsx`.
    :param columns: the header.
    :param rows: the rows; a column that a row lacks stays blank.
    :return: how many rows were written.
    :raises TingTingConfigError: the name ends in neither `.csv` nor `.xlsx`.
    :raises TingTingStorageError: the target cannot be written; what was there is untouched.
    """
    path: Any = target if hasattr(target, "open") else Path(target)
    name = str(path.name)
    if not name.lower().endswith((".csv", ".xlsx")):
        raise TingTingConfigError(f"The file of rejects must be a .csv or .xlsx: '{name}' is neither.")
    with whole_file(path, what="The file of rejected rows") as file:
        return _fill(file, name, columns, rows)


def _fitting(value: object) -> object:
    """Return a value that a cell can hold; what it cannot hold is replaced or cut, as the row is rejected already."""
    if isinstance(value, str):
        return CONTROL_CHARACTERS.sub("\N{REPLACEMENT CHARACTER}", value)[:MAX_TEXT]
    return value


def _fill(file: IO[bytes], name: str, columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> int:
    if name.lower().endswith(".xlsx"):
        header = [str(_fitting(column)) for column in columns]
        fitting = ([_fitting(row.get(column, "")) for column in columns] for row in rows)
        return write_sheet(file, header, fitting, title="Contacts")
    # Excel takes a CSV without a byte order mark for the encoding of its own system.
    text = io.TextIOWrapper(file, "utf-8-sig", newline="", errors="replace")
    write_row = row_writer(text)
    write_row([escape_formula(column) for column in columns])
    written = 0
    for row in rows:
        cells = [row.get(column, "") for column in columns]
        write_row([escape_formula(cell) if isinstance(cell, str) else cell for cell in cells])
        written += 1
    text.detach()
    return written
