"""Reads an uploaded file of contacts as TingTing does."""

from __future__ import annotations

import csv
import io
import zipfile
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_tingting.sandbox.refusals import Refused, invalid
from airflow_provider_tingting.sandbox.request_bodies import phone_number

#: A workbook that unpacks to more is refused.
MAX_UNPACKED_BYTES = 1 << 30
NUMBER_COLUMNS = ("number", "numbers")


@dataclass
class Workbook:
    """The contacts of a workbook and what TingTing says of it."""

    rows: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    #: Each column with the first value that it holds.
    samples: dict[str, str] = field(default_factory=dict)


def read_workbook(content: bytes, rule: str) -> Workbook:
    """Read the first sheet: a header row with `number` (or `numbers`), then a contact a row.

    :param content: the bytes of the file.
    :param rule: which numbers are accepted, see `bodies.phone_number`.
    :raises Refused: 400; the file is not a workbook, or has no number column.
    """
    from openpyxl import load_workbook

    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sum(part.file_size for part in archive.infolist()) > MAX_UNPACKED_BYTES:
                raise invalid(bulk_file="The file is too large.")
        sheet = load_workbook(io.BytesIO(content), read_only=True, data_only=True).worksheets[0]
        lines = sheet.iter_rows(values_only=True)
        header = [_text(cell).strip() for cell in next(lines, ())]
    except Refused:
        raise
    except Exception:
        # A broken file fails in openpyxl in any of a dozen ways; to the uploader they are one.
        raise invalid(bulk_file="Upload a valid Excel file (.xlsx).") from None
    book, number_at = _new_workbook(header)
    try:
        for row_number, line in enumerate(lines, 2):
            cells = [_text(cell) for cell in line]
            if any(cells):
                _read_row(book, header, cells, number_at, row_number, rule)
    except Exception:
        raise invalid(bulk_file="Upload a valid Excel file (.xlsx).") from None
    return book


def read_csv(content: bytes, rule: str) -> Workbook:
    """Return the contacts of a CSV file with a header row.

    :param content: the bytes of the file.
    :param rule: which numbers are accepted, see `request_bodies.phone_number`.
    :raises Refused: 400; the file is not UTF-8 text, or has no number column.
    """
    try:
        lines = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    except (UnicodeDecodeError, csv.Error):
        raise invalid(bulk_file="Upload a valid CSV file.") from None
    header = [cell.strip() for cell in lines[0]] if lines else []
    book, number_at = _new_workbook(header)
    for row_number, cells in enumerate(lines[1:], 2):
        if any(cells):
            _read_row(book, header, cells, number_at, row_number, rule)
    return book


def _new_workbook(header: list[str]) -> tuple[Workbook, int]:
    """Return an empty workbook and the position of its number column."""
    numbers = [position for position, name in enumerate(header) if name.lower() in NUMBER_COLUMNS]
    if not numbers:
        listed = {"error_list": ["The column 'number' was not found."], "samples": [], "total_validated_rows": 0}
        raise Refused(400, listed)
    return Workbook(samples=dict.fromkeys((name for name in header if name), "")), numbers[0]


def _read_row(book: Workbook, header: list[str], cells: list[str], number_at: int, row_number: int, rule: str) -> None:
    values = {name: cell for name, cell in zip(header, cells, strict=False) if name}
    for name, value in values.items():
        book.samples[name] = book.samples[name] or value
    number = phone_number(cells[number_at] if number_at < len(cells) else "", rule)
    if number is None:
        book.errors.append(f"Row {row_number}: invalid phone number.")
    else:
        del values[header[number_at]]
        book.rows.append((number, values))


def _text(cell: object) -> str:
    if cell is None:
        return ""
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)
