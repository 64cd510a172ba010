"""Reads from a sheet's XML what a workbook library does not report: hidden rows, merged cells, formulas, formats, size.

The XML is streamed once. A library returns nothing for a formula that was never calculated and for the hidden part of
merged cells, reads rows that a filter hides, and returns 0.13 for a cell that shows 13%.
"""

from __future__ import annotations

import re
import zipfile
from array import array
from collections.abc import Collection
from dataclasses import dataclass, field

from airflow_provider_tingting.contacts.sources.number_formats import Format
from airflow_provider_tingting.contacts.sources.workbook_parts import pieces_of

_NEVER_CALCULATED = re.compile(
    rb"<c\b(?P<attributes>[^>]*)>\s*<(?P<f>f)\b(?:[^>]*/>|[^>]*>[^<]*</(?P=f)>)"
    rb"\s*(?:<v\s*/>|<(?P<v>v)>\s*</(?P=v)>)?\s*</c>"
)
_PLACE = re.compile(rb'\br="([A-Z]+[0-9]+)"')
_TEXT_RESULT = re.compile(rb'\bt="str"')
_MERGED = re.compile(rb'<mergeCell\b[^>]*\bref="([A-Z0-9:]+)"')
_ROW = re.compile(rb"<row\b([^>]*)>")
_ROW_OR_VALUE = re.compile(rb"<(?:row\b(?P<row>[^>]*)|(?:v|is)(?=[\s>/]))[^>]*>")
_CELL = re.compile(rb"<c\b([^>]*)>")
_ROW_NUMBER = re.compile(rb'\br="(\d+)"')
_COLUMN = re.compile(rb'\br="([A-Z]+)(\d+)"')
_STYLE = re.compile(rb'\bs="(\d+)"')
#: A cell's column, style and type, and whether it holds nothing.
_FORMATTED = re.compile(rb'<c r="([A-Z]+)\d+"(?: s="(\d+)")?(?: t="(\w+)")?(/?)')
_WITH_FORMATS = frozenset((b"", b"n", b"d"))
#: What the first piece of a sheet shows about the program that wrote it: prefixes, other quotation marks, spaces around
#: `=`, cells without a place or with their attributes in another order, spaces around values, another encoding.
_UNUSUAL_FORM = re.compile(
    rb"<\w+:(?:worksheet|sheetData|row|c)\b|<(?:row|c|col|mergeCell)\b[^>]*\s=|<(?:row|c|col|mergeCell)\b[^>]*=\s*[ ']"
    rb'|<c(?! r="[A-Z]+\d+"(?: s="\d+")?(?: t="\w+")?[^>]*>)[\s/>]|<row(?! )[\s/>]|<row(?![^>]* r=")[\s/>]'
    rb"|<c [^>]* [st]=[^>]* r=|<v>\s|<v>[^<]*\s</v>|<v [^>]*>|\x00"
    rb'|<c r="\w+"(?: s="\d+")?><is>|purl\.oclc\.org'
)
_NOT_UTF_8 = re.compile(rb"""<\?xml[^>]*encoding=["'](?!utf-?8["'])""", re.IGNORECASE)
_HIDDEN = re.compile(rb'\bhidden="(?:1|true)"')
_SHOWN = re.compile(rb'\bhidden="(?:0|false)"')
_ZERO_HEIGHT = re.compile(rb'<sheetFormatPr\b[^>]*\bzeroHeight="(?:1|true)"')
_HIDDEN_COLUMNS = re.compile(rb'<col\b(?=[^>]*\bhidden="(?:1|true)")(?=[^>]*\bmin="(\d+)")(?=[^>]*\bmax="(\d+)")')
#: A cell right of column Z.
_WIDE = re.compile(rb'"([A-Z]{2,3})\d{1,7}"')
_NARROW = 26
#: What an .xlsx may hold.
_MAX_ROWS = 1_048_576
_MAX_STYLES = 65_000


@dataclass(slots=True)
class CellFormats:
    """The formats of a column's cells, two bytes for each.

    :param styles: the formats, by the index of the cell style.
    :param of_rows: for each row the index of its cell's style and one; 0 for a cell that shows its stored number.
    """

    styles: dict[int, Format]
    of_rows: array[int] = field(default_factory=lambda: array("H"))

    def add(self, row: int, style: int) -> None:
        """Record the style of a row's cell.

        :param row: the index of the row.
        :param style: the index of its cell's style.
        """
        self.of_rows.frombytes(bytes(2 * max(row + 1 - len(self.of_rows), 0)))
        self.of_rows[row] = style + 1 if style in self.styles and style < _MAX_STYLES else 0

    def of(self, row: int) -> Format | None:
        """Return the format of a row's cell; None for a cell that shows its stored number.

        :param row: the index of the row.
        """
        style = self.of_rows[row] if row < len(self.of_rows) else 0
        return self.styles[style - 1] if style else None


@dataclass(slots=True)
class SheetFacts:
    """What a workbook library does not report about a sheet.

    :ivar is_unusual: whether the sheet is written in another form than the usual one, so that nothing else is known.
    :ivar uncalculated: the first cell with a formula whose result was never stored, such as `B7`.
    :ivar merged: ranges of merged cells.
    :ivar hidden: the numbers of hidden rows that hold values.
    :ivar hidden_columns: ranges of hidden columns, counted from 1.
    :ivar rows: the number of the last row.
    :ivar columns: the number of the last column; 26 for fewer.
    :ivar cells: how many cells are stored.
    :ivar formats: how columns, counted from 0, show their numbers, where all numbers of the column share the format.
    :ivar cell_formats: the same for columns whose numbers have several formats, by the number of the row.
    """

    is_unusual: bool = False
    uncalculated: str | None = None
    merged: tuple[str, ...] = ()
    hidden: set[int] = field(default_factory=set)
    hidden_columns: tuple[tuple[int, int], ...] = ()
    rows: int = 0
    columns: int = _NARROW
    cells: int = 0
    formats: dict[int, Format] = field(default_factory=dict)
    cell_formats: dict[int, CellFormats] = field(default_factory=dict)


def facts_of(package: zipfile.ZipFile, part: str, styles: dict[int, Format]) -> SheetFacts:
    """Read a sheet's XML once for its facts.

    :param package: the workbook.
    :param part: the sheet's part.
    :param styles: the formats that matter, by the index of the cell style.
    """
    facts = SheetFacts()
    by_column: dict[int, set[Format | None]] = {}
    zero_height = in_hidden = False
    for number, piece in enumerate(pieces_of(package, part)):
        if _is_unusual(piece, is_first=number < 2):
            facts.is_unusual = True
            return facts
        facts.cells += piece.count(b"<c ")
        # This plain search makes it cheap: hardly any sheet has formulas, and only its end has merged cells.
        if facts.uncalculated is None and b"<f" in piece:
            facts.uncalculated = _uncalculated(piece)
        if b"mergeCell" in piece:
            facts.merged += tuple(cells_range.decode() for cells_range in _MERGED.findall(piece))
        if b"<col" in piece:
            ranges = [(int(first), int(last)) for first, last in _HIDDEN_COLUMNS.findall(piece)]
            facts.hidden_columns += tuple(ranges)
        zero_height = zero_height or (b"zeroHeight" in piece and _ZERO_HEIGHT.search(piece) is not None)
        if zero_height or in_hidden or b"hidden" in piece:
            in_hidden = _add_hidden(facts, piece, in_hidden, zero_height)
        else:
            _count_rows(facts, piece)
        for wide in _WIDE.findall(piece):
            facts.columns = max(facts.columns, column_number(wide))
        if styles:
            _add_formats(by_column, piece, styles)
    for column, found in by_column.items():
        (only, *others) = found
        if only is not None and not others:
            facts.formats[column] = only
    mixed = [column for column, found in by_column.items() if len(found) > 1]
    if mixed:
        # The sheet is read once more, since few sheets have such a column and the others pay nothing.
        facts.cell_formats = _formats_of_cells(package, part, styles, mixed)
    return facts


def column_number(letters: bytes) -> int:
    """Return a column's number, counted from 1: 1 for `A`, 27 for `AA`.

    :param letters: the column's letters.
    """
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def _uncalculated(piece: bytes) -> str | None:
    for found in _NEVER_CALCULATED.finditer(piece):
        # A formula whose result is the empty text stores just that, and says so.
        if not _TEXT_RESULT.search(found["attributes"]):
            place = _PLACE.search(found["attributes"])
            return place.group(1).decode() if place else "one cell"
    return None


def _is_unusual(piece: bytes, *, is_first: bool) -> bool:
    if is_first and (_UNUSUAL_FORM.search(piece) or _NOT_UTF_8.search(piece)):
        return True
    # The search for one byte costs next to nothing. calamine reads a failed formula (`#N/A`) as a blank cell.
    if b"#" in piece and b't="e"' in piece:
        return True
    # Comments and sections of plain characters may hide cells.
    return b"!" in piece and (b"<!--" in piece or b"<![CDATA[" in piece or b"<!DOCTYPE" in piece)


def _count_rows(facts: SheetFacts, piece: bytes) -> None:
    start = piece.rfind(b"<row")
    last = _ROW.search(piece, max(start - 20, 0)) if start >= 0 else None
    number = _ROW_NUMBER.search(last[1]) if last else None
    if number:
        facts.rows = max(facts.rows, int(number[1]))
    elif last:
        facts.rows += len(_ROW.findall(piece))


def _add_hidden(facts: SheetFacts, piece: bytes, in_hidden: bool, zero_height: bool) -> bool:
    """Collect the hidden rows of a piece that hold values; return whether its last row is hidden."""
    for found in _ROW_OR_VALUE.finditer(piece):
        attributes = found["row"]
        if attributes is None:
            if in_hidden:
                facts.hidden.add(facts.rows)
            continue
        number = _ROW_NUMBER.search(attributes)
        facts.rows = int(number[1]) if number else facts.rows + 1
        in_hidden = bool(_HIDDEN.search(attributes)) or (zero_height and not _SHOWN.search(attributes))
    return in_hidden


def _add_formats(by_column: dict[int, set[Format | None]], piece: bytes, styles: dict[int, Format]) -> None:
    for letters, style, kind, blank in set(_FORMATTED.findall(piece)):
        if not blank and kind in _WITH_FORMATS:
            shown = styles.get(int(style)) if style else None
            by_column.setdefault(column_number(letters) - 1, set()).add(shown)


def _formats_of_cells(
    package: zipfile.ZipFile, part: str, styles: dict[int, Format], columns: Collection[int]
) -> dict[int, CellFormats]:
    found = {column: CellFormats(styles) for column in columns}
    for piece in pieces_of(package, part):
        for cell in _CELL.finditer(piece):
            place, style = _COLUMN.search(cell[1]), _STYLE.search(cell[1])
            if place is None or style is None or int(place[2]) > _MAX_ROWS:
                continue
            formats = found.get(column_number(place[1]) - 1)
            if formats is not None:
                formats.add(int(place[2]), int(style[1]))
    return found
