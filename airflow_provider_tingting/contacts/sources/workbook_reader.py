"""Reads .xlsx with python-calamine (ten times faster, not flat in memory), or with openpyxl where it cannot.

Both give the same rows: whole floats become integers, other floats have the 15 digits that a spreadsheet shows,
midnights become dates, and escapes, errors, outer spaces and formatted numbers are read alike.
"""

from __future__ import annotations

import logging
import math
import re
import warnings
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from importlib.metadata import version
from itertools import islice
from typing import IO, Any
from xml.etree import ElementTree

from airflow_provider_tingting.contacts import HIDDEN_ROWS
from airflow_provider_tingting.contacts.columns import listed
from airflow_provider_tingting.contacts.contact import Row, shown_as
from airflow_provider_tingting.contacts.row_stream import RowBlock
from airflow_provider_tingting.contacts.sources.normalised_workbook import SHEET, may_be_misread, normalised_copy
from airflow_provider_tingting.contacts.sources.number_formats import (
    DateFormat,
    Format,
    NumberFormat,
    formats_of,
    shows_something,
)
from airflow_provider_tingting.contacts.sources.sheet_facts import CellFormats, SheetFacts, facts_of
from airflow_provider_tingting.contacts.sources.source_file import SourceFile
from airflow_provider_tingting.contacts.sources.table import MAX_COLUMNS, column_letter, rows_of
from airflow_provider_tingting.contacts.sources.workbook_package import open_package
from airflow_provider_tingting.contacts.sources.workbook_parts import Book, Sheet, book_of, has_data, parse_part
from airflow_provider_tingting.errors import TingTingConfigError, TingTingContactsError
from airflow_provider_tingting.formatting import counted

log = logging.getLogger(__name__)

#: Empty cells that the fast library may keep in memory, in all and for each cell with a value.
_MAX_EMPTY_CELLS = 5_000_000
_MAX_CELLS_FOR_EACH = 4

#: Bytes that show how a program writes texts.
_SAMPLE = 64 * 1024
#: Rows that are read at once.
_BLOCK = 500

#: Outer spaces, which one library keeps and the other removes.
_OUTER = " \t\n\r\xa0"
_ESCAPE = re.compile(r"_x([0-9A-Fa-f]{4})_")

#: Older ones leave the escapes of control characters as they are, so a text would differ from openpyxl's.
_OLDEST_CALAMINE = (0, 6)


def read_workbook(
    file: SourceFile,
    sheet: object,
    *,
    several_sheets: str,
    may_be_empty: bool = False,
    hidden_rows: str = "ask",
    number_column: str | None = None,
) -> Iterator[Row | RowBlock]:
    """Yield the rows of one sheet of an .xlsx workbook, sound ones in blocks.

    :param file: the workbook.
    :param sheet: the sheet's name; needed only when more than one visible sheet has data. A number is read as text.
    :param several_sheets: what the error says to do when a name is needed; `{sheet}` in it stands for one.
    :param may_be_empty: whether a header without rows is allowed.
    :param hidden_rows: what happens to rows that a filter or a person has hidden: `ask` refuses a sheet with such rows,
        `include` reads them, `skip` leaves them out.
    :param number_column: the column of numbers, if it is known.
    :raises TingTingContactsError: for a file that is not a workbook, a sheet that does not exist, formulas without
        stored results, hidden rows, and all that `rows_of` refuses.
    :raises TingTingConfigError: `hidden_rows` is unknown.
    """
    if hidden_rows not in HIDDEN_ROWS:
        raise TingTingConfigError(f"hidden_rows must be one of {', '.join(HIDDEN_ROWS)}; it is {hidden_rows!r}.")
    with (
        file.open_seekable() as raw,
        _translate_damage(file.name),
        open_package(raw, file.name) as package,
        ExitStack() as copies,
    ):
        book = book_of(package, file.name)
        chosen = _choose_sheet(package, book.sheets, file.name, sheet, several_sheets)
        opened = _Opened(raw, package, book, chosen, file.name, copies)
        facts = opened.facts
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
        cells: Iterable[Sequence[object]] = opened.cells() if has_data(package, chosen.part) else ()
        if facts.hidden and hidden_rows == "skip":
            cells = ([] if row in facts.hidden else found for row, found in enumerate(cells, 1))
        rows = iter(cells)
        blocks = iter(lambda: list(islice(rows, _BLOCK)), [])
        yield from rows_of(
            blocks,
            file.name,
            chosen.name,
            merged=facts.merged,
            may_be_empty=may_be_empty,
            number_column=number_column,
        )


class _Opened:
    """The chosen sheet of an open workbook, read by the fast library if it can be, else by openpyxl.

    :ivar facts: what the libraries do not report about the sheet.
    """

    def __init__(
        self, stream: IO[bytes], package: zipfile.ZipFile, book: Book, sheet: Sheet, name: str, copies: ExitStack
    ) -> None:
        self._stream, self._package = stream, package
        self._book, self._original, self._sheet, self._name = book, sheet, sheet, name
        self._copies = copies
        self._calamine = _calamine()
        self._formats = _formats(package, book)
        self.facts = self._read_facts()
        is_sparse = self.facts.rows * self.facts.columns > max(
            # calamine keeps the whole rectangle in memory, which a stray cell in XFD1048576 makes 549 GB.
            _MAX_EMPTY_CELLS,
            _MAX_CELLS_FOR_EACH * self.facts.cells,
        )
        if is_sparse or _has_plain_sections(package, book):
            self._calamine = None
        self._is_copy = False
        is_unusual = self.facts.is_unusual or not book.is_usual
        if is_unusual or (self._calamine is None and may_be_misread(package, book, sheet.part)):
            self._use_copy()

    def cells(self) -> Iterator[Sequence[object]]:
        """Yield the sheet's rows of cells, as the spreadsheet shows them."""
        done = 0
        while True:
            try:
                for row in islice(self._rows(), done, None):
                    yield row
                    done += 1
            except BaseException as error:
                # calamine fails on a single cell of a kind that it does not know, and openpyxl on parts that no cell
                # needs, such as the rules of a filter.
                if not _is_damage(error) or (self._calamine is None and self._is_copy):
                    raise
                reader = "openpyxl" if self._calamine is None else "calamine"
                log.debug("%s: openpyxl reads a copy, since %s raised %s", self._name, reader, type(error).__name__)
            else:
                return
            self._calamine = None
            self._use_copy()

    def _rows(self) -> Iterator[Sequence[object]]:
        if self._calamine is None:
            return self._as_shown(_cells_with_openpyxl(self._stream, self._sheet.name))
        return self._as_shown(_cells_with_calamine(self._calamine, self._stream, self._sheet.name))

    def _use_copy(self) -> None:
        self._is_copy = True
        copy = normalised_copy(
            self._package, self._book, self._original, self._name, with_styles=self._calamine is not None
        )
        self._stream, package = self._copies.enter_context(copy)
        self._sheet = SHEET
        self.facts = self._read_facts(package)

    def _read_facts(self, package: zipfile.ZipFile | None = None) -> SheetFacts:
        # openpyxl loses numbers that have the format of a date and are not dates, so it gets all numbers as plain ones.
        matter = self._calamine is None or shows_something(self._formats)
        return facts_of(package or self._package, self._sheet.part, self._formats if matter else {})

    def _as_shown(self, rows: Iterator[Sequence[object]]) -> Iterator[Sequence[object]]:
        facts = self.facts
        if not facts.formats and not facts.cell_formats:
            return rows
        epoch = None if self._calamine is not None else 1904 if self._book.is_1904 else 1900
        return _as_shown(rows, facts.formats, facts.cell_formats, epoch)


def _choose_sheet(
    package: zipfile.ZipFile, sheets: Sequence[Sheet], name: str, wanted: object, several_sheets: str
) -> Sheet:
    names = [sheet.name for sheet in sheets]
    if wanted is not None:
        # A native template makes a number of a name such as 2082.
        text = str(int(wanted)) if isinstance(wanted, float) and wanted.is_integer() else str(wanted)
        for sheet in sheets:
            if text in (sheet.name, sheet.name.strip()):
                return sheet
        raise TingTingContactsError(f"{name} has no sheet '{text}'. Its sheets are {listed(names)}.")
    filled = [sheet for sheet in sheets if sheet.visible and has_data(package, sheet.part)]
    if len(filled) > 1:
        remedy = several_sheets.replace("{sheet}", filled[0].name)
        raise TingTingContactsError(
            f"{name} has data on several sheets: {listed(sheet.name for sheet in filled)}. {remedy}"
        )
    if not filled:
        raise TingTingContactsError(
            f"{name} is empty: no visible sheet has data ({listed(names)}). It needs a header row and a row for each "
            "contact."
        )
    return filled[0]


def _calamine() -> Any:
    """Return the fast library; None where it cannot be used."""
    try:
        import python_calamine
    except ImportError:
        return None
    return python_calamine if _version("python-calamine") >= _OLDEST_CALAMINE else None


def _has_plain_sections(package: zipfile.ZipFile, book: Book) -> bool:
    """Return whether shared texts are CDATA sections, which older versions of calamine leave out."""
    if book.strings is None:
        return False
    with package.open(book.strings) as texts:
        return b"<![CDATA[" in texts.read(_SAMPLE)


def _formats(package: zipfile.ZipFile, book: Book) -> dict[int, Format]:
    try:
        return formats_of(parse_part(package, book.styles)) if book.styles is not None else {}
    except (ValueError, ElementTree.ParseError):
        return {}


def _as_shown(
    rows: Iterable[Sequence[object]],
    formats: Mapping[int, Format],
    cell_formats: Mapping[int, CellFormats],
    epoch: int | None,
) -> Iterator[Sequence[object]]:
    """Yield the rows with numbers and dates as the spreadsheet shows them: `007`, `13%`, `1,234.50`, `8-Jul-25`.

    :param rows: the rows of cells.
    :param formats: the formats of whole columns.
    :param cell_formats: the formats of other columns, by row.
    :param epoch: the year from which dates count that are still numbers; None when they are dates already.
    """
    for row, cells in enumerate(rows, 1):
        shown = list(cells)
        of_row = [(column, found) for column, those in cell_formats.items() if (found := those.of(row)) is not None]
        for column, how in (*formats.items(), *of_row):
            if column >= len(shown):
                continue
            value = shown[column]
            if type(value) in (int, float):
                if isinstance(how, NumberFormat):
                    shown[column] = how.show(value)  # type: ignore[arg-type]
                    continue
                value = value if epoch is None else _moment(value, epoch, how.is_duration)  # type: ignore[arg-type]
            if isinstance(how, DateFormat) and isinstance(value, date | time | timedelta):
                shown[column] = _shown_date(how, value)
        yield shown


@lru_cache(maxsize=10_000)
def _shown_date(how: DateFormat, value: date | time | timedelta) -> object:
    """Return a date as its format shows it. A list has few different dates, so they are kept."""
    text = how.show(value)
    return value if text is None else shown_as(value, text)


def _moment(value: float, epoch: int, is_duration: bool) -> object:
    """Return the date, time or duration of a stored number; the number itself when it is beyond all dates."""
    from openpyxl.utils.datetime import MAC_EPOCH, WINDOWS_EPOCH, from_excel

    if value < 0:
        # Spreadsheets show nothing for it, and calamine reads midnight.
        return time()
    try:
        moment = from_excel(value, MAC_EPOCH if epoch == 1904 else WINDOWS_EPOCH, timedelta=is_duration)
    except (OverflowError, ValueError):
        return value
    return _value(moment)


def _version(distribution: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version(distribution).split(".")[:2] if part.isdigit())


def _cells_with_openpyxl(stream: IO[bytes], name: str) -> Iterator[Sequence[object]]:
    from openpyxl import load_workbook

    def value_of(cell: object) -> object:
        if isinstance(cell, str):
            return _text(_ESCAPE.sub(_unescaped, cell) if "_x" in cell else cell)
        return cell if type(cell) is int and abs(cell) < 2**53 else _value(cell)

    with warnings.catch_warnings():
        # What it warns of (validation rules, header pictures, styles) is not read here.
        warnings.simplefilter("ignore")
        stream.seek(0)
        book = load_workbook(stream, read_only=True, data_only=True)
        sheet: Any = book[name]
        # The size that a workbook claims for itself is often wrong, and would cut rows off.
        sheet.reset_dimensions()
        for cells in sheet.iter_rows(values_only=True):
            # As for calamine: most cells are blank or plain texts.
            yield [
                cell
                if cell is None
                or (
                    type(cell) is str
                    and cell
                    and cell[0] not in _OUTER
                    and cell[-1] not in _OUTER
                    and "_" not in cell
                    and "\r" not in cell
                )
                else value_of(cell)
                for cell in cells
            ]
        book.close()


def _unescaped(escape: re.Match[str]) -> str:
    char = chr(int(escape[1], 16))
    # Half a character stays as it is written.
    return escape[0] if "\ud800" <= char <= "\udfff" else char


def _cells_with_calamine(calamine: Any, stream: IO[bytes], name: str) -> Iterator[Sequence[object]]:
    stream.seek(0)
    sheet = calamine.load_workbook(stream).get_sheet_by_name(name)
    # It begins with row 1 even when that is empty, but omits empty columns on the left.
    left = [None] * (sheet.start[1] if sheet.start else 0)
    for cells in sheet.iter_rows():
        # Most texts are plain, and a function call for each of a million texts would take seconds.
        yield left + [
            cell
            if type(cell) is str and cell and cell[0] not in _OUTER and cell[-1] not in _OUTER and "\r" not in cell
            else _text(cell)
            if type(cell) is str
            else _value(cell)
            for cell in cells
        ]


def _text(text: str) -> str | None:
    text = text.strip(_OUTER)
    if not text:
        return None
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def _value(cell: object) -> object:
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        if not math.isfinite(cell):
            return None
        cell = float(cell)
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
        if not _is_damage(error):
            raise
        raise TingTingContactsError(
            f"{name} is a damaged workbook ({type(error).__name__}). Open it in a spreadsheet program and save it as "
            ".xlsx again, or give a .csv."
        ) from error


def _is_damage(error: BaseException) -> bool:
    # calamine, which is not written in Python, may panic over a damaged file: that is not an Exception.
    return isinstance(error, Exception) or type(error).__name__ == "PanicException"
