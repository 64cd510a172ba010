"""Reads .xlsx with openpyxl, or with python-calamine where it is installed (ten times faster, not flat in memory).

Both give the same rows: whole floats become integers, midnights become dates, escapes and errors are read alike.
Imports a workbook library only when a workbook is read.
"""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, time
from importlib.metadata import version
from typing import IO, Any

from airflow_provider_tingting.contacts.columns import listed
from airflow_provider_tingting.contacts.contact import Row
from airflow_provider_tingting.contacts.sources.source_file import SourceFile
from airflow_provider_tingting.contacts.sources.table import rows_of
from airflow_provider_tingting.contacts.sources.workbook_package import (
    Sheet,
    facts_of,
    has_data,
    open_package,
    sheets_of,
)
from airflow_provider_tingting.errors import TingTingContactsError

#: What a spreadsheet shows for a formula that failed: no value at all, and nothing to be read aloud.
ERROR_VALUES = frozenset({"#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NUM!", "#NULL!", "#GETTING_DATA"})

#: Older ones leave the escapes of control characters as they are, so a text would differ from openpyxl's.
_OLDEST_CALAMINE = (0, 6)


def read_workbook(file: SourceFile, sheet: str | None = None, *, may_be_empty: bool = False) -> Iterator[Row]:
    """Yield the rows of one sheet of an .xlsx workbook.

    :param file: the workbook.
    :param sheet: the sheet's name; needed only when more than one visible sheet has data.
    :param may_be_empty: whether a header without rows will do.
    :raises TingTingContactsError: for a file that is no workbook, a sheet that is not there, formulas without stored
        results, and all that `rows_of` refuses.
    """
    with file.open_seekable() as stream, _damage_told(file.name):
        with open_package(stream, file.name) as package:
            chosen = _chosen(package, file.name, sheet)
            facts = facts_of(package, chosen)
            is_empty = not has_data(package, chosen)
        if facts.uncalculated:
            raise TingTingContactsError(
                f"{file.name}, sheet '{chosen.name}', cell {facts.uncalculated}: the result of the formula is not "
                "stored in the file. Open it in a spreadsheet program and save it, or replace formulas by values."
            )
        stream.seek(0)
        cells = () if is_empty else _cells(stream, chosen.name)
        yield from rows_of(cells, file.name, chosen.name, merged=facts.merged, may_be_empty=may_be_empty)


def _chosen(package: zipfile.ZipFile, name: str, wanted: str | None) -> Sheet:
    sheets = sheets_of(package, name)
    names = [sheet.name for sheet in sheets]
    if wanted is not None:
        for sheet in sheets:
            if sheet.name == wanted:
                return sheet
        raise TingTingContactsError(f"{name} has no sheet '{wanted}'. Its sheets are {listed(names)}.")
    filled = [sheet for sheet in sheets if sheet.visible and has_data(package, sheet)]
    if len(filled) > 1:
        raise TingTingContactsError(
            f"{name} has data on several sheets: {listed(sheet.name for sheet in filled)}. "
            f"Say which one holds the contacts, for example sheet='{filled[0].name}'."
        )
    if not filled:
        raise TingTingContactsError(
            f"{name} is empty: no visible sheet has data ({listed(names)}). It needs a header row and a row for each "
            "contact."
        )
    return filled[0]


def _cells(stream: IO[bytes], sheet: str) -> Iterable[Sequence[object]]:
    try:
        import python_calamine
    except ImportError:
        return _cells_with_openpyxl(stream, sheet)
    if _version("python-calamine") < _OLDEST_CALAMINE:
        return _cells_with_openpyxl(stream, sheet)
    return _cells_with_calamine(python_calamine, stream, sheet)


def _version(distribution: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version(distribution).split(".")[:2] if part.isdigit())


def _cells_with_openpyxl(stream: IO[bytes], name: str) -> Iterator[Sequence[object]]:
    from openpyxl import load_workbook
    from openpyxl.utils.escape import unescape

    def value_of(cell: object) -> object:
        if isinstance(cell, str):
            return _text(unescape(cell) if "_x" in cell else cell)
        return cell if type(cell) is int else _value(cell)

    with warnings.catch_warnings():
        # What it warns of (validation rules, header pictures, styles) is not read here.
        warnings.simplefilter("ignore")
        book = load_workbook(stream, read_only=True, data_only=True)
        sheet: Any = book[name]
        # The size that a workbook claims for itself is often wrong, and would cut rows off.
        sheet.reset_dimensions()
        for cells in sheet.iter_rows(values_only=True):
            yield [value_of(cell) for cell in cells]
        book.close()


def _cells_with_calamine(calamine: Any, stream: IO[bytes], name: str) -> Iterator[Sequence[object]]:
    sheet = calamine.load_workbook(stream).get_sheet_by_name(name)
    # It begins with row 1 whatever is empty, but leaves empty columns on the left out.
    left = [None] * (sheet.start[1] if sheet.start else 0)
    for cells in sheet.iter_rows():
        # Most texts are plain ones, and a million of them are worth no call of a function each.
        yield left + [
            cell
            if type(cell) is str and cell and cell[0] != "#" and "\r" not in cell
            else _text(cell)
            if type(cell) is str
            else _value(cell)
            for cell in cells
        ]


def _text(text: str) -> str | None:
    if not text or text in ERROR_VALUES:
        return None
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def _value(cell: object) -> object:
    if isinstance(cell, float):
        return int(cell) if cell.is_integer() and abs(cell) < 2**53 else cell
    if isinstance(cell, datetime) and cell.time() == time():
        return date(cell.year, cell.month, cell.day)
    return cell


@contextmanager
def _damage_told(name: str) -> Iterator[None]:
    """Say in one sentence what a workbook library says in a hundred ways."""
    try:
        yield
    except (TingTingContactsError, OSError, MemoryError):
        raise
    except BaseException as error:
        # calamine, which is not written in Python, may panic over a damaged file: that is no Exception.
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise TingTingContactsError(
            f"{name} is a damaged workbook ({type(error).__name__}). Open it in a spreadsheet program and save it as "
            ".xlsx again, or give a .csv."
        ) from error
