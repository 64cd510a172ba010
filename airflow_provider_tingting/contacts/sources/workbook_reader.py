"""Reads .xlsx with python-calamine (ten times faster, not flat in memory), or with openpyxl where it cannot.

Both give the same rows: whole floats become integers, other floats have the 15 digits that a spreadsheet shows,
midnights become dates, and escapes, errors, outer spaces and formatted numbers are read alike.
"""

from __future__ import annotations

import logging
import warnings
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime, time
from importlib.metadata import version
from typing import IO, Any

from airflow_provider_tingting.contacts import HIDDEN_ROWS
from airflow_provider_tingting.contacts.columns import listed
from airflow_provider_tingting.contacts.contact import Row
from airflow_provider_tingting.contacts.sources.sheet_facts import CellFormats, NumberFormat, SheetFacts, facts_of
from airflow_provider_tingting.contacts.sources.source_file import SourceFile
from airflow_provider_tingting.contacts.sources.table import MAX_COLUMNS, column_letter, rows_of
from airflow_provider_tingting.contacts.sources.workbook_package import Sheet, has_data, open_workbook, sheets_of
from airflow_provider_tingting.errors import TingTingConfigError, TingTingContactsError
from airflow_provider_tingting.formatting import counted

log = logging.getLogger(__name__)

#: Empty cells that the fast library may keep in memory, in all and for each cell with a value.
_MAX_EMPTY_CELLS = 5_000_000
_MAX_CELLS_FOR_EACH = 4

#: What a spreadsheet shows for a failed formula; it is not a value and must not be spoken.
ERROR_VALUES = frozenset({"#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NUM!", "#NULL!", "#GETTING_DATA"})

#: Outer spaces, which one library keeps and the other removes.
_OUTER = " \t\n\r\xa0"
_CARE = "#" + _OUTER

#: Older ones leave the escapes of control characters as they are, so a text would differ from openpyxl's.
_OLDEST_CALAMINE = (0, 6)


def read_workbook(
    file: SourceFile, sheet: object = None, *, may_be_empty: bool = False, hidden_rows: str = "ask"
) -> Iterator[Row]:
    """Yield the rows of one sheet of an .xlsx workbook.

    :param file: the workbook.
    :param sheet: the sheet's name; needed only when more than one visible sheet has data. A number is read as text.
    :param may_be_empty: whether a header without rows is allowed.
    :param hidden_rows: what happens to rows that a filter or a person has hidden: `ask` refuses a sheet with such rows,
        `include` reads them, `skip` leaves them out.
    :raises TingTingContactsError: for a file that is no workbook, a sheet that does not exist, formulas without stored
        results, hidden rows, and all that `rows_of` refuses.
    :raises TingTingConfigError: `hidden_rows` is unknown.
    """
    if hidden_rows not in HIDDEN_ROWS:
        raise TingTingConfigError(f"hidden_rows must be one of {', '.join(HIDDEN_ROWS)}; it is {hidden_rows!r}.")
    with (
        file.open_seekable() as raw,
        _translate_damage(file.name),
        open_workbook(raw, file.name) as (stream, package),
    ):
        chosen = _choose_sheet(package, file.name, sheet)
        facts = facts_of(package, chosen)
        where = f"{file.name}, sheet '{chosen.name}'"
        if facts.uncalculated:
            raise TingTingContactsError(
                f"{where}, cell {facts.uncalculated}: the result of the formula is not stored in the file. Open it in "
                "a spreadsheet program and save it, or replace formulas by values."
            )
        if facts.hidden and hidden_rows == "ask":
            raise TingTingContactsError(
                f"{where} hides {counted(len(facts.hidden), 'row')} with values, for example by a filter. Read "
                "them with hidden_rows='include', leave them out with hidden_rows='skip', or show all rows and save."
            )
        for first, last in facts.hidden_columns:
            letters = column_letter(first - 1), column_letter(min(last, MAX_COLUMNS) - 1)
            log.info("%s: the hidden columns %s to %s are read like the others", where, *letters)
        is_empty = not has_data(package, chosen)
        stream.seek(0)
        cells = () if is_empty else _cells(stream, chosen.name, facts)
        if facts.formats or facts.cell_formats:
            cells = _as_shown(cells, facts.formats, facts.cell_formats)
        if facts.hidden and hidden_rows == "skip":
            cells = ([] if row in facts.hidden else found for row, found in enumerate(cells, 1))
        yield from rows_of(cells, file.name, chosen.name, merged=facts.merged, may_be_empty=may_be_empty)


def _choose_sheet(package: zipfile.ZipFile, name: str, wanted: object) -> Sheet:
    sheets = sheets_of(package, name)
    names = [sheet.name for sheet in sheets]
    if wanted is not None:
        # A native template makes a number of a name such as 2082.
        text = str(int(wanted)) if isinstance(wanted, float) and wanted.is_integer() else str(wanted)
        for sheet in sheets:
            if text in (sheet.name, sheet.name.strip()):
                return sheet
        raise TingTingContactsError(f"{name} has no sheet '{text}'. Its sheets are {listed(names)}.")
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


def _cells(stream: IO[bytes], sheet: str, facts: SheetFacts) -> Iterable[Sequence[object]]:
    try:
        import python_calamine
    except ImportError:
        return _cells_with_openpyxl(stream, sheet)
    # calamine keeps the whole rectangle in memory, which a stray cell in XFD1048576 makes 549 GB.
    is_sparse = facts.rows * facts.columns > max(_MAX_EMPTY_CELLS, _MAX_CELLS_FOR_EACH * facts.cells)
    if is_sparse or _version("python-calamine") < _OLDEST_CALAMINE:
        return _cells_with_openpyxl(stream, sheet)
    return _cells_with_calamine(python_calamine, stream, sheet)


def _as_shown(
    rows: Iterable[Sequence[object]], formats: Mapping[int, NumberFormat], cell_formats: Mapping[int, CellFormats]
) -> Iterator[Sequence[object]]:
    """Yield the rows with their formatted numbers as the spreadsheet shows them: `007`, `13%`, `1,234.50`."""
    for row, cells in enumerate(rows, 1):
        shown = list(cells)
        of_row = [(column, found) for column, those in cell_formats.items() if (found := those.of(row)) is not None]
        for column, number_format in (*formats.items(), *of_row):
            if column < len(shown) and type(value := shown[column]) in (int, float):
                shown[column] = number_format.show(value)  # type: ignore[arg-type]
        yield shown


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
    # It begins with row 1 even when that is empty, but omits empty columns on the left.
    left = [None] * (sheet.start[1] if sheet.start else 0)
    for cells in sheet.iter_rows():
        # Most texts are plain, and a function call for each of a million texts would take seconds.
        yield left + [
            cell
            if type(cell) is str and cell and cell[0] not in _CARE and cell[-1] not in _OUTER and "\r" not in cell
            else _text(cell)
            if type(cell) is str
            else _value(cell)
            for cell in cells
        ]


def _text(text: str) -> str | None:
    text = text.strip(_OUTER)
    if not text or text in ERROR_VALUES:
        return None
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def _value(cell: object) -> object:
    if isinstance(cell, float):
        # A spreadsheet shows 15 significant digits: 3702.2999999999997 is 3702.3.
        return int(cell) if cell.is_integer() and abs(cell) < 2**53 else float(f"{cell:.15g}")
    if isinstance(cell, datetime) and cell.time() == time():
        return date(cell.year, cell.month, cell.day)
    return cell


@contextmanager
def _translate_damage(name: str) -> Iterator[None]:
    """Raise one error for the many that a workbook library raises over a damaged file."""
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
