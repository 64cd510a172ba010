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
from decimal import ROUND_HALF_UP, Decimal
from xml.etree import ElementTree

from airflow_provider_tingting.contacts.sources.workbook_package import Sheet, parse_part, pieces_of

_NEVER_CALCULATED = re.compile(
    rb"<(?:\w+:)?c\b(?P<attributes>[^>]*)>\s*<(?P<f>(?:\w+:)?f)\b(?:[^>]*/>|[^>]*>[^<]*</(?P=f)>)"
    rb"\s*(?:<(?:\w+:)?v\s*/>|<(?P<v>(?:\w+:)?v)>\s*</(?P=v)>)?\s*</(?:\w+:)?c>"
)
_PLACE = re.compile(rb'\br="([A-Z]+[0-9]+)"')
_TEXT_RESULT = re.compile(rb'\bt="str"')
_MERGED = re.compile(rb'<(?:\w+:)?mergeCell\b[^>]*\bref="([A-Z0-9:]+)"')
_ROW = re.compile(rb"<(?:\w+:)?row\b([^>]*)>")
_ROW_OR_VALUE = re.compile(rb"<(?:\w+:)?(?:row\b(?P<row>[^>]*)|(?:v|is)(?=[\s>/]))[^>]*>")
_CELL = re.compile(rb"<(?:\w+:)?c\b([^>]*)>")
_ROW_NUMBER = re.compile(rb'\br="(\d+)"')
_COLUMN = re.compile(rb'\br="([A-Z]+)(\d+)"')
_STYLE = re.compile(rb'\bs="(\d+)"')
_TYPE = re.compile(rb'\bt="(\w+)"')
_HIDDEN = re.compile(rb'\bhidden="(?:1|true)"')
_SHOWN = re.compile(rb'\bhidden="(?:0|false)"')
_ZERO_HEIGHT = re.compile(rb'<(?:\w+:)?sheetFormatPr\b[^>]*\bzeroHeight="(?:1|true)"')
_HIDDEN_COLUMNS = re.compile(
    rb'<(?:\w+:)?col\b(?=[^>]*\bhidden="(?:1|true)")(?=[^>]*\bmin="(\d+)")(?=[^>]*\bmax="(\d+)")'
)
#: A cell right of column Z.
_WIDE = re.compile(rb'"([A-Z]{2,3})\d{1,7}"')
_NARROW = 26
#: What an .xlsx may hold.
_MAX_ROWS = 1_048_576
_MAX_STYLES = 65_000

_BUILT_IN = {
    **{2: "0.00", 3: "#,##0", 4: "#,##0.00", 9: "0%", 10: "0.00%"},
    **dict.fromkeys((37, 38), "#,##0"),
    **dict.fromkeys((39, 40), "#,##0.00"),
}
_FORMAT = re.compile(r"(?P<zeros>0{2,})|(?P<grouped>#,##)?0(?:\.(?P<decimals>0+))?(?P<percent>%)?")


@dataclass(frozen=True, slots=True)
class NumberFormat:
    """How a spreadsheet shows the numbers of a cell.

    :param digits: the least digits, with zeros in front.
    :param decimals: the digits after the point.
    :param is_grouped: whether commas stand between thousands.
    :param is_percent: whether it shows per cent.
    """

    digits: int = 1
    decimals: int = 0
    is_grouped: bool = False
    is_percent: bool = False

    def show(self, value: float) -> str:
        """Return a number as the spreadsheet shows it.

        :param value: the stored number.
        """
        number = Decimal(f"{value:.15g}") * (100 if self.is_percent else 1)
        rounded = number.quantize(Decimal(1).scaleb(-self.decimals), ROUND_HALF_UP)
        sign, text = "-" if rounded < 0 else "", f"{abs(rounded):{',' if self.is_grouped else ''}f}"
        return f"{sign}{text.zfill(self.digits)}{'%' if self.is_percent else ''}"


@dataclass(slots=True)
class CellFormats:
    """The formats of a column's cells, two bytes for each.

    :param styles: the formats, by the index of the cell style.
    :param of_rows: for each row the index of its cell's style and one; 0 for a cell that shows its stored number.
    """

    styles: dict[int, NumberFormat]
    of_rows: array[int] = field(default_factory=lambda: array("H"))

    def add(self, row: int, style: int) -> None:
        """Record the style of a row's cell.

        :param row: the index of the row.
        :param style: the index of its cell's style.
        """
        self.of_rows.frombytes(bytes(2 * max(row + 1 - len(self.of_rows), 0)))
        self.of_rows[row] = style + 1 if style in self.styles and style < _MAX_STYLES else 0

    def of(self, row: int) -> NumberFormat | None:
        """Return the format of a row's cell; None for a cell that shows its stored number.

        :param row: the index of the row.
        """
        style = self.of_rows[row] if row < len(self.of_rows) else 0
        return self.styles[style - 1] if style else None


@dataclass(slots=True)
class SheetFacts:
    """What a workbook library does not report about a sheet.

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

    uncalculated: str | None = None
    merged: tuple[str, ...] = ()
    hidden: set[int] = field(default_factory=set)
    hidden_columns: tuple[tuple[int, int], ...] = ()
    rows: int = 0
    columns: int = _NARROW
    cells: int = 0
    formats: dict[int, NumberFormat] = field(default_factory=dict)
    cell_formats: dict[int, CellFormats] = field(default_factory=dict)


def facts_of(package: zipfile.ZipFile, sheet: Sheet) -> SheetFacts:
    """Read a sheet's XML once for its facts.

    :param package: the workbook.
    :param sheet: the sheet.
    """
    facts = SheetFacts()
    styles = _number_formats(package)
    by_column: dict[int, set[NumberFormat | None]] = {}
    zero_height = in_hidden = False
    for piece in pieces_of(package, sheet):
        facts.cells += piece.count(b"<c ") + piece.count(b":c ")
        # This plain search makes it cheap: hardly any sheet has formulas, and only its end has merged cells.
        if facts.uncalculated is None and b"f" in piece and (b"<f" in piece or b":f" in piece):
            facts.uncalculated = _uncalculated(piece)
        if b"mergeCell" in piece:
            facts.merged += tuple(cells_range.decode() for cells_range in _MERGED.findall(piece))
        if b"<col" in piece or b":col" in piece:
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
        facts.cell_formats = _formats_of_cells(package, sheet, styles, mixed)
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


def _count_rows(facts: SheetFacts, piece: bytes) -> None:
    start = max(piece.rfind(b"<row"), piece.rfind(b":row"))
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


def _add_formats(by_column: dict[int, set[NumberFormat | None]], piece: bytes, styles: dict[int, NumberFormat]) -> None:
    for found in _CELL.finditer(piece):
        attributes = found[1]
        kind, place = _TYPE.search(attributes), _COLUMN.search(attributes)
        if attributes.endswith(b"/") or place is None or (kind is not None and kind[1] != b"n"):
            continue
        style = _STYLE.search(attributes)
        shown = styles.get(int(style[1])) if style else None
        by_column.setdefault(column_number(place[1]) - 1, set()).add(shown)


def _formats_of_cells(
    package: zipfile.ZipFile, sheet: Sheet, styles: dict[int, NumberFormat], columns: Collection[int]
) -> dict[int, CellFormats]:
    found = {column: CellFormats(styles) for column in columns}
    for piece in pieces_of(package, sheet):
        for cell in _CELL.finditer(piece):
            place, style = _COLUMN.search(cell[1]), _STYLE.search(cell[1])
            if place is None or style is None or int(place[2]) > _MAX_ROWS:
                continue
            formats = found.get(column_number(place[1]) - 1)
            if formats is not None:
                formats.add(int(place[2]), int(style[1]))
    return found


def _number_formats(package: zipfile.ZipFile) -> dict[int, NumberFormat]:
    """Return the formats that change how a number is shown, by the index of the cell style."""
    name = next((name for name in package.namelist() if name.lower() == "xl/styles.xml"), None)
    try:
        root = parse_part(package, name) if name else None
    except (ValueError, ElementTree.ParseError):
        root = None
    if root is None:
        return {}
    codes = dict(_BUILT_IN)
    formats: dict[int, NumberFormat] = {}
    for element in root.iter():
        kind = element.tag.rpartition("}")[2]
        if kind == "numFmt":
            codes[_integer(element.get("numFmtId"))] = element.get("formatCode", "")
        elif kind == "cellXfs":
            for index, style in enumerate(element):
                shown = _read_format(codes.get(_integer(style.get("numFmtId")), ""))
                if shown is not None:
                    formats[index] = shown
    return formats


def _integer(text: str | None) -> int:
    return int(text) if text and text.isdecimal() else -1


def _read_format(code: str) -> NumberFormat | None:
    """Return a format that this module can show; None for General, dates, texts and everything with words in it."""
    found = _FORMAT.fullmatch(re.sub(r"_.|\\[ ()-]", "", code.partition(";")[0]).strip())
    if found is None or code == "0":
        return None
    decimals = len(found["decimals"] or "")
    return NumberFormat(len(found["zeros"] or "0"), decimals, bool(found["grouped"]), bool(found["percent"]))
