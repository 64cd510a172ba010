"""Writes rejected rows to a file that an office can correct and send again: CSV or .xlsx, whole or not at all."""

from __future__ import annotations

import csv
import io
import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from airflow_provider_tingting.errors import TingTingConfigError
from airflow_provider_tingting.files.placing import place_file

#: A spreadsheet program takes such a text for a formula when it opens a CSV; a signed number is harmless.
_FORMULA = re.compile(r"[=+\-@\t\r]")
_NO_CELL_HOLDS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_LONGEST_CELL = 32_767
_SIGNED_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?")


def write_rejects(target: Any, columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> int:
    """Write rows under their columns, then put the finished file at its place.

    :param target: a path, or an object with `.open`, `.with_name` and `.replace` such as `ObjectStoragePath`.
    :param columns: the header.
    :param rows: the rows; a column that a row lacks stays blank.
    :return: how many rows were written.
    :raises TingTingConfigError: when the name ends in neither `.csv` nor `.xlsx`.
    :raises TingTingContactsError: when it cannot be written; what was at the target is untouched.
    """
    path: Any = target if hasattr(target, "open") else Path(target)
    name = str(path.name)
    if not name.lower().endswith((".csv", ".xlsx")):
        raise TingTingConfigError(f"The file of rejects must be a .csv or .xlsx: '{name}' is neither.")
    with tempfile.TemporaryFile(prefix="tingting-") as finished:
        written = _fill(finished, name, columns, rows)
        finished.seek(0)
        place_file(finished, path, "The rejected rows")
    return written


def formula_safe(value: object) -> object:
    """Return a value that no spreadsheet program takes for a formula: a text like one gets an apostrophe in front."""
    if isinstance(value, str) and _FORMULA.match(value) and not _SIGNED_NUMBER.fullmatch(value):
        return f"'{value}"
    return value


def _fitting(value: object) -> object:
    """Return a value that a cell can hold: a row is set aside for what is wrong with it, not refused once more."""
    if isinstance(value, str):
        return _NO_CELL_HOLDS.sub("\N{REPLACEMENT CHARACTER}", value)[:_LONGEST_CELL]
    return value


def _fill(file: IO[bytes], name: str, columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> int:
    if name.lower().endswith(".xlsx"):
        from airflow_provider_tingting.contacts.workbook import write_sheet

        header = [str(_fitting(column)) for column in columns]
        return write_sheet(file, header, ([_fitting(row.get(column, "")) for column in columns] for row in rows))
    # With the mark, Excel opens Nepali text as what it is.
    text = io.TextIOWrapper(file, "utf-8-sig", newline="")
    writer = csv.writer(text)
    writer.writerow([formula_safe(column) for column in columns])
    written = 0
    for row in rows:
        writer.writerow([formula_safe(row.get(column, "")) for column in columns])
        written += 1
    text.detach()
    return written
