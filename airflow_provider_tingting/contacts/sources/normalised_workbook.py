"""Copies one sheet of an unusual workbook into a package that every workbook library reads.

The copy has nothing but the cells, the texts they share and, where they are asked for, the styles: a library may fail
on the rest, such as the properties of the document or the rules of a filter.
"""

from __future__ import annotations

import re
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from airflow_provider_tingting.contacts.sources.normalised_sheet import write_normalised
from airflow_provider_tingting.contacts.sources.workbook_parts import Book, Sheet, pieces_of

#: The sheet of the copy: its name, and its part.
SHEET = Sheet("Sheet1", "xl/worksheets/sheet1.xml", True)

_CHUNK = 1 << 20
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_KIND = "application/vnd.openxmlformats-officedocument.spreadsheetml"
#: Strict OOXML has another namespace. Of an escaped underscore openpyxl removes the escape in capitals, so that the
#: escape behind it would be read as one.
_REPLACED = (
    (b"http://purl.oclc.org/ooxml/spreadsheetml/main", _MAIN.encode()),
    (b"_x005F_", b"_x005f_"),
)
#: Longer than the code of a format.
_OVERLAP = 1 << 12
_LONGEST = max(len(old) for old, _ in _REPLACED)


#: The formats of dates that have no code in the file, and any code with a letter that may stand for a part of a date.
_DATE_FORMAT = re.compile(
    rb"""\bnumFmtId=["'](?:1[4-9]|2[0-2]|2[7-9]|3[0-6]|4[5-7]|5[0-8])["']|<[^<>]*\bformatCode=["'][^"'<>]*[dmhysDMHYS]"""
)
_ROW_OR_CELL = re.compile(rb'<(?:row\b[^>]*?\br="(\d{1,7})"|c r="([A-Z]{1,3})(\d{1,7})")')


def may_be_misread(package: zipfile.ZipFile, book: Book, part: str) -> bool:
    """Return whether openpyxl may read a sheet of the usual form in another way than a spreadsheet does.

    It loses numbers with the format of a date that are not dates, believes rows and cells in any order, and removes an
    escaped underscore in capitals.

    :param package: the workbook.
    :param book: its parts.
    :param part: the sheet's part.
    """
    if book.styles is not None:
        with package.open(book.styles) as styles:
            if any(map(_DATE_FORMAT.search, _pieces(styles))):
                return True
    if book.strings is not None:
        with package.open(book.strings) as strings:
            if any(old in piece for piece in _pieces(strings) for old, _ in _REPLACED):
                return True
    row, number, column = 0, b"", b""
    for piece in pieces_of(package, part):
        if b"_x005F_" in piece:
            return True
        found = _ROW_OR_CELL.findall(piece)
        if len(found) != piece.count(b"<c ") + piece.count(b"<row"):
            return True
        for of_row, letters, of_cell in found:
            if of_row:
                if int(of_row) <= row:
                    return True
                row, number, column = int(of_row), of_row, b""
            elif of_cell != number or (len(letters), letters) <= (len(column), column):
                return True
            else:
                column = letters
    return False


def _pieces(part: IO[bytes]) -> Iterator[bytes]:
    """Yield a part in pieces that each begin with the end of the one before."""
    before = b""
    while chunk := part.read(_CHUNK):
        yield before + chunk
        before = chunk[-_OVERLAP:]


@contextmanager
def normalised_copy(
    package: zipfile.ZipFile, book: Book, sheet: Sheet, name: str, *, with_styles: bool
) -> Iterator[tuple[IO[bytes], zipfile.ZipFile]]:
    """Yield a temporary copy of one sheet, as a stream and as a package.

    :param package: the workbook.
    :param book: its parts.
    :param sheet: the sheet, which is `SHEET` in the copy.
    :param name: the file's name, for errors.
    :param with_styles: whether the copy says which numbers are dates.
    :raises TingTingContactsError: the sheet is broken.
    """
    styles = book.styles if with_styles else None
    with tempfile.TemporaryFile(prefix="tingting-") as copy:
        with zipfile.ZipFile(copy, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as usual:
            for part, xml in _listings(book.is_1904, strings=book.strings is not None, styles=styles is not None):
                usual.writestr(part, xml)
            with package.open(sheet.part) as source, usual.open(SHEET.part, "w", force_zip64=True) as target:
                write_normalised(source, target, name)
            for wanted, part in ((book.strings, "xl/sharedStrings.xml"), (styles, "xl/styles.xml")):
                if wanted is not None:
                    with package.open(wanted) as source, usual.open(part, "w", force_zip64=True) as target:
                        _copy(source, target)
        copy.seek(0)
        with zipfile.ZipFile(copy) as written:
            yield copy, written


def _listings(is_1904: bool, *, strings: bool, styles: bool) -> Iterator[tuple[str, str]]:
    kinds = {"worksheet": SHEET.part}
    if strings:
        kinds["sharedStrings"] = "xl/sharedStrings.xml"
    if styles:
        kinds["styles"] = "xl/styles.xml"
    types = "".join(
        f'<Override PartName="/{part}" ContentType="{_KIND}.{kind}+xml"/>'
        for kind, part in {"sheet.main": "xl/workbook.xml", **kinds}.items()
    )
    relations = "".join(
        f'<Relationship Id="{kind}" Type="{_OFFICE}/{kind}" Target="/{part}"/>' for kind, part in kinds.items()
    )
    yield (
        "[Content_Types].xml",
        f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" '
        f'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>{types}</Types>',
    )
    yield (
        "_rels/.rels",
        f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="r" Type="{_OFFICE}/officeDocument" '
        'Target="xl/workbook.xml"/></Relationships>',
    )
    yield (
        "xl/workbook.xml",
        f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><workbookPr date1904="{int(is_1904)}"/><sheets>'
        f'<sheet name="{SHEET.name}" sheetId="1" r:id="worksheet"/></sheets></workbook>',
    )
    yield (
        "xl/_rels/workbook.xml.rels",
        f'<Relationships xmlns="{_PACKAGE}/relationships">{relations}</Relationships>',
    )


def _copy(source: IO[bytes], target: IO[bytes]) -> None:
    rest = b""
    while chunk := source.read(_CHUNK):
        piece = rest + chunk
        for old, new in _REPLACED:
            piece = piece.replace(old, new)
        # What is replaced may be cut in two by the end of a piece.
        keep = max(len(piece) - _LONGEST, 0)
        target.write(piece[:keep])
        rest = piece[keep:]
    target.write(rest)
