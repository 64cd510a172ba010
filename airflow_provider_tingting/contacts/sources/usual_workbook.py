"""Copies one sheet of an unusual workbook into a package that every workbook library reads.

The copy has nothing but the cells, the texts they share and, where they are asked for, the styles: a library may fail
on the rest, such as the properties of the document or the rules of a filter.
"""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from airflow_provider_tingting.contacts.sources.usual_sheet import write_usual
from airflow_provider_tingting.contacts.sources.workbook_parts import Book, Sheet

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
_LONGEST = max(len(old) for old, _ in _REPLACED)


@contextmanager
def usual_copy(
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
                write_usual(source, target, name)
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
