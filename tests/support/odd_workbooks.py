"""Builds .xlsx packages byte by byte, as programs other than the usual ones write them."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
#: A name and a cache that exist nowhere, and properties with a date that is none.
_CARELESS = (
    '<definedNames><definedName name="_xlnm.Print_Titles" localSheetId="0">foo bar</definedName></definedNames>'
    '<calcPr calcId="abc"/>'
)
_PROPERTIES = (
    '<cp:coreProperties xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/core-properties" '
    'xmlns:dcterms="http://purl.org/dc/terms/"><dcterms:created>yesterday</dcterms:created></cp:coreProperties>'
)
_STRICT = {
    _MAIN: "http://purl.oclc.org/ooxml/spreadsheetml/main",
    _OFFICE: "http://purl.oclc.org/ooxml/officeDocument/relationships",
}


@dataclass(frozen=True)
class Cell:
    """One stored cell.

    :param value: what is stored: a number, a text, a truth value, or an error such as `#N/A`.
    :param kind: how a text is stored: `inline`, `shared`, `str` (a formula's result), `e` (an error), `d` (a date).
    :param style: the index of its style.
    :param preserve: whether the outer spaces of a text are marked to be kept.
    """

    value: object
    kind: str = "inline"
    style: int = 0
    preserve: bool = False


@dataclass
class OddWorkbook:
    """A workbook with one sheet.

    :param rows: cells by column (counted from 0) for each row (counted from 1).
    :param hidden: rows that are hidden.
    :param formats: number formats of the styles 1, 2, …
    :param strict: whether it is Strict OOXML.
    :param main: the name of the workbook's part.
    :param backslashes: whether part names have backslashes.
    :param upper: whether part names are in capitals, unlike the relationships that name them.
    :param columns: XML of the element `cols`.
    :param prefix: the prefix of the sheet's elements.
    :param single_quotes: whether the sheet's attributes are in single quotation marks.
    :param without_places: whether rows and cells leave out where they are.
    :param encoding: the encoding of the sheet.
    :param is_1904: whether dates count from 1904.
    :param careless: whether the workbook has parts that a reader of all parts fails on.
    """

    rows: Mapping[int, Mapping[int, Cell]]
    hidden: Sequence[int] = ()
    formats: Sequence[str] = ()
    strict: bool = False
    main: str = "xl/workbook.xml"
    backslashes: bool = False
    upper: bool = False
    columns: str = ""
    prefix: str = ""
    single_quotes: bool = False
    without_places: bool = False
    encoding: str = "UTF-8"
    is_1904: bool = False
    careless: bool = False
    _shared: list[tuple[str, bool]] = field(default_factory=list)

    def build(self) -> bytes:
        """Return the file's bytes."""
        folder, _, base = self.main.rpartition("/")
        inside = f"{folder}/" if folder else ""
        sheet = self._sheet()
        strings = "".join(f"<si>{_text(text, preserve)}</si>" for text, preserve in self._shared)
        parts = {
            "[Content_Types].xml": self._types(inside),
            "_rels/.rels": self._relations({"officeDocument": self.main}),
            self.main: f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><workbookPr date1904="{int(self.is_1904)}"/>'
            '<sheets><sheet name="People" sheetId="1" r:id="r0"/></sheets>'
            f"{_CARELESS if self.careless else ''}</workbook>",
            f"{inside}_rels/{base}.rels": self._relations(
                {"worksheet": "worksheets/sheet1.xml", "styles": "styles.xml", "sharedStrings": "sharedStrings.xml"}
            ),
            f"{inside}worksheets/sheet1.xml": sheet,
            f"{inside}sharedStrings.xml": f'<sst xmlns="{_MAIN}">{strings}</sst>',
            f"{inside}styles.xml": self._styles(),
        }
        if self.careless:
            parts["docProps/core.xml"] = _PROPERTIES
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as package:
            for name, xml in parts.items():
                if self.strict:
                    for transitional, strict in _STRICT.items():
                        xml = xml.replace(transitional, strict)
                if self.upper and name not in ("[Content_Types].xml", "_rels/.rels"):
                    name = name.upper()
                entry = zipfile.ZipInfo("x")
                entry.filename = name.replace("/", "\\") if self.backslashes else name
                entry.compress_type = zipfile.ZIP_DEFLATED
                encoding = self.encoding if name.lower().endswith("sheet1.xml") else "UTF-8"
                package.writestr(entry, f'<?xml version="1.0" encoding="{encoding}"?>{xml}'.encode(encoding))
        return file.getvalue()

    def _types(self, inside: str) -> str:
        base = "application/vnd.openxmlformats-officedocument.spreadsheetml"
        overrides = {
            self.main: f"{base}.sheet.main+xml",
            f"{inside}worksheets/sheet1.xml": f"{base}.worksheet+xml",
            f"{inside}sharedStrings.xml": f"{base}.sharedStrings+xml",
            f"{inside}styles.xml": f"{base}.styles+xml",
        }
        listed = "".join(f'<Override PartName="/{name}" ContentType="{kind}"/>' for name, kind in overrides.items())
        relations = '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        return f'<Types xmlns="{_PACKAGE}/content-types">{relations}{listed}</Types>'

    def _relations(self, targets: Mapping[str, str]) -> str:
        listed = "".join(
            f'<Relationship Id="r{index}" Type="{_OFFICE}/{kind}" Target="{target}"/>'
            for index, (kind, target) in enumerate(targets.items())
        )
        return f'<Relationships xmlns="{_PACKAGE}/relationships">{listed}</Relationships>'

    def _styles(self) -> str:
        formats = "".join(
            f'<numFmt numFmtId="{164 + index}" formatCode="{escape(code, {chr(34): "&quot;"})}"/>'
            for index, code in enumerate(self.formats)
        )
        styles = "".join(
            f'<xf numFmtId="{number}" fontId="0" fillId="0" borderId="0" xfId="0"/>'
            for number in (0, *(164 + index for index in range(len(self.formats))))
        )
        return (
            f'<styleSheet xmlns="{_MAIN}"><numFmts count="{len(self.formats)}">{formats}</numFmts>'
            '<fonts count="1"><font/></fonts><fills count="1"><fill><patternFill patternType="none"/></fill></fills>'
            '<borders count="1"><border/></borders>'
            f'<cellStyleXfs count="1"><xf/></cellStyleXfs><cellXfs>{styles}</cellXfs></styleSheet>'
        )

    def _sheet(self) -> str:
        rows = []
        numbers = range(1, max(self.rows) + 1) if self.without_places else sorted(self.rows)
        for number in numbers:
            cells = self.rows.get(number, {})
            hidden = ' hidden="1"' if number in self.hidden else ""
            columns = range(max(cells, default=-1) + 1) if self.without_places else sorted(cells)
            content = "".join(
                self._cell(f"{_letters(column)}{number}", cells[column]) if column in cells else "<c/>"
                for column in columns
            )
            rows.append(f'<row r="{number}"{hidden}>{content}</row>')
        xml = f'<worksheet xmlns="{_MAIN}">{self.columns}<sheetData>{"".join(rows)}</sheetData></worksheet>'
        if self.without_places:
            xml = re.sub(r'<(row|c) r="\w+"', r"<\1", xml)
        if self.single_quotes:
            xml = re.sub(r"<[^>]+>", lambda tag: tag[0].replace('"', "'"), xml)
        if self.prefix:
            xml = re.sub(r"<(/?)(\w)", rf"<\1{self.prefix}:\2", xml).replace(" xmlns=", f" xmlns:{self.prefix}=", 1)
        return xml

    def _cell(self, place: str, cell: Cell) -> str:
        style = f' s="{cell.style}"' if cell.style else ""
        if isinstance(cell.value, bool):
            return f'<c r="{place}"{style} t="b"><v>{int(cell.value)}</v></c>'
        if not isinstance(cell.value, str):
            return f'<c r="{place}"{style}><v>{cell.value!r}</v></c>'
        if cell.kind == "shared":
            self._shared.append((cell.value, cell.preserve))
            return f'<c r="{place}"{style} t="s"><v>{len(self._shared) - 1}</v></c>'
        if cell.kind == "inline":
            return f'<c r="{place}"{style} t="inlineStr"><is>{_text(cell.value, cell.preserve)}</is></c>'
        return f'<c r="{place}"{style} t="{cell.kind}"><v>{escape(cell.value)}</v></c>'


def _text(text: str, preserve: bool) -> str:
    return f"<t{' xml:space=' + chr(34) + 'preserve' + chr(34) if preserve else ''}>{escape(text)}</t>"


def _letters(column: int) -> str:
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return letters
