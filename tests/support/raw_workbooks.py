"""A small workbook part by part, to be changed into what programs other than the usual ones write."""

from __future__ import annotations

import io
import re
import zipfile
from dataclasses import dataclass, replace

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_KIND = "application/vnd.openxmlformats-officedocument.spreadsheetml"
SHEET, BOOK, STRINGS, STYLES = (f"xl/{n}.xml" for n in ("worksheets/sheet1", "workbook", "sharedStrings", "styles"))
RELATIONS, TYPES, ROOT = "xl/_rels/workbook.xml.rels", "[Content_Types].xml", "_rels/.rels"
#: The header and the one contact, whose number and name are shared texts.
HEADER = '<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c></row>'
NUMBER = '<c r="A2" t="s"><v>2</v></c>'
NAME = '<c r="B2" t="s"><v>3</v></c>'
CONTACT = f'<row r="2">{NUMBER}{NAME}</row>'


@dataclass(frozen=True)
class RawWorkbook:
    """The parts of a workbook by their names.

    :param parts: XML, or bytes that are written as they are.
    :param declaration: what begins each part.
    """

    parts: dict[str, str | bytes]
    declaration: str = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\r\n'

    def changed(self, part: str, old: str, new: str) -> RawWorkbook:
        """Return the workbook with a text of a part replaced."""
        xml = self.parts[part]
        assert isinstance(xml, str) and old in xml, (part, old)
        return replace(self, parts={**self.parts, part: xml.replace(old, new)})

    def added(self, part: str, xml: str | bytes) -> RawWorkbook:
        """Return the workbook with another part, or with another content of it."""
        return replace(self, parts={**self.parts, part: xml})

    def without(self, part: str) -> RawWorkbook:
        """Return the workbook without a part that its listings still name."""
        return replace(self, parts={name: xml for name, xml in self.parts.items() if name != part})

    def renamed(self, part: str, name: str) -> RawWorkbook:
        """Return the workbook with a part of another name, unlike its listings."""
        return self.without(part).added(name, self.parts[part])

    def moved(self, part: str, name: str, target: str) -> RawWorkbook:
        """Return the workbook with a part elsewhere, as its listings say."""
        there = self.renamed(part, name).changed(TYPES, f'"/{part}"', f'"/{name}"')
        return there.changed(RELATIONS, f'Target="{part.removeprefix("xl/")}"', f'Target="{target}"')

    def unlisted(self, part: str) -> RawWorkbook:
        """Return the workbook without a part and without the relationship that names it."""
        listing = str(self.parts[RELATIONS])
        bare = re.sub(rf'<Relationship [^>]*Target="{part.removeprefix("xl/")}"/>', "", listing)
        return self.without(part).added(RELATIONS, bare)

    def prefixed(self, *parts: str) -> RawWorkbook:
        """Return the workbook with a prefix at the elements of these parts."""
        book = self
        for part in parts:
            xml = re.sub(r"<(/?)(\w)", r"<\1x:\2", str(book.parts[part]))
            book = book.added(part, xml.replace(' xmlns="', ' xmlns:x="'))
        return book

    def build(self) -> bytes:
        """Return the file's bytes."""
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as package:
            for name, xml in self.parts.items():
                package.writestr(name, xml if isinstance(xml, bytes) else self.declaration + xml)
        return file.getvalue()


def raw_workbook(
    rows: str = CONTACT,
    *,
    text: str = "<t>Sita</t>",
    header: str = HEADER,
    before: str = "",
    behind: str = "",
    sheets: str = '<sheet name="People" sheetId="1" r:id="r0"/>',
    relations: str = "",
    styles: str = '<xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="164"/>',
    code: str = "000",
) -> RawWorkbook:
    """Return a workbook of a header and one contact, `9841234567` with the name `Sita`.

    :param rows: the rows below the header.
    :param text: the shared text of the name.
    :param header: the first row.
    :param before: what stands before the rows in the sheet.
    :param behind: what stands behind them.
    :param sheets: the listing of the sheets.
    :param relations: further relationships of the workbook.
    :param styles: the cell styles.
    :param code: the format of the style 2.
    """
    kinds = {BOOK: "sheet.main", SHEET: "worksheet", STRINGS: "sharedStrings", STYLES: "styles"}
    listed = "".join(f'<Override PartName="/{part}" ContentType="{_KIND}.{kind}+xml"/>' for part, kind in kinds.items())
    targets = {"worksheet": SHEET, "styles": STYLES, "sharedStrings": STRINGS}
    related = "".join(
        f'<Relationship Id="r{number}" Type="{OFFICE}/{kind}" Target="{part.removeprefix("xl/")}"/>'
        for number, (kind, part) in enumerate(targets.items())
    )
    texts = "".join(f"<si>{one}</si>" for one in ("<t>number</t>", "<t>name</t>", "<t>9841234567</t>", text))
    code = code.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
    return RawWorkbook(
        {
            TYPES: f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" '
            f'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>{listed}</Types>',
            ROOT: f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" '
            f'Type="{OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
            BOOK: f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets>{sheets}</sheets></workbook>',
            RELATIONS: f'<Relationships xmlns="{_PACKAGE}/relationships">{related}{relations}</Relationships>',
            SHEET: f'<worksheet xmlns="{MAIN}" xmlns:r="{OFFICE}">{before}<sheetData>{header}{rows}</sheetData>{behind}'
            "</worksheet>",
            STRINGS: f'<sst xmlns="{MAIN}">{texts}</sst>',
            STYLES: f'<styleSheet xmlns="{MAIN}"><numFmts count="1"><numFmt numFmtId="164" formatCode="{code}"/>'
            f"</numFmts><cellXfs>{styles}</cellXfs></styleSheet>",
        }
    )


def row(name: str, number: str = NUMBER, attributes: str = "") -> str:
    """Return the second row with another cell for the name."""
    return f'<row r="2"{attributes}>{number}{name}</row>'
