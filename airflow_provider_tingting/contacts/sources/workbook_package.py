"""Opens an .xlsx package before a workbook library does: whether it is one, whether it is safe, which sheets it has."""

from __future__ import annotations

import codecs
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePath
from typing import IO
from xml.etree import ElementTree

from airflow_provider_tingting.contacts.sources.workbook_repair import is_unusual, main_part, usual_copy
from airflow_provider_tingting.errors import TingTingContactsError

_OLE = b"\xd0\xcf\x11\xe0"
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_STRICT_RELATION = "{http://purl.oclc.org/ooxml/officeDocument/relationships}id"
#: A million rows of five texts take 272 MB of XML. What declares more than this is not a list of contacts.
LARGEST_DECLARED = 4 * 1024**3
#: Sheets compress 20 to 50 times; a large sheet that compresses more is taken for a decompression bomb.
DENSEST = 200
DENSEST_FROM = 64 * 1024**2
_LARGEST_LISTING = 16 * 1024**2
_CHUNK = 1 << 20
_SAMPLE = 4096
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f\x7f]")
_CELL_START = re.compile(rb"<(?:\w+:)?c[\s>]")
_CELL_WITH_DATA = re.compile(rb"<(?:\w+:)?(?:v|is)>\s*[^\s<]|<(?:\w+:)?is>|<(?:\w+:)?f[\s>/]")


@dataclass(frozen=True, slots=True)
class Sheet:
    """A worksheet of a workbook.

    :param name: its name on the tab.
    :param part: its file inside the package.
    :param visible: whether its tab is shown.
    """

    name: str
    part: str
    visible: bool


def open_package(stream: IO[bytes], name: str) -> zipfile.ZipFile:
    """Return the workbook's package.

    :param stream: the file, seekable.
    :param name: its name, for errors.
    :raises TingTingContactsError: when it is no workbook, an old or protected one, or a zip bomb.
    """
    head = stream.read(8)
    stream.seek(0)
    if head.startswith(_OLE):
        raise _old_or_protected(stream, name)
    try:
        package = zipfile.ZipFile(stream)
    except zipfile.BadZipFile:
        raise _no_workbook(stream, name) from None
    for entry in package.infolist():
        dense = entry.file_size > DENSEST_FROM and entry.file_size > DENSEST * max(entry.compress_size, 1)
        if dense or entry.file_size > LARGEST_DECLARED:
            raise TingTingContactsError(
                f"{name} was not opened: its part {entry.filename} would grow from {_mib(entry.compress_size)} to "
                f"{_mib(entry.file_size)}. Save only the rows with contacts into a new workbook, or give a .csv."
            )
        if entry.flag_bits & 1:
            raise TingTingContactsError(f"{name} is protected by a password. Save it without one.")
    return package


@contextmanager
def open_workbook(stream: IO[bytes], name: str) -> Iterator[tuple[IO[bytes], zipfile.ZipFile]]:
    """Yield a workbook as a stream and as its package, both with the usual names and namespaces.

    :param stream: the file, seekable.
    :param name: its name, for errors.
    :raises TingTingContactsError: as `open_package`, and for a zip file that is no .xlsx workbook.
    """
    with open_package(stream, name) as package:
        main = main_part(package)
        if main is None or main.lower().endswith(".bin"):
            raise TingTingContactsError(
                f"{name} is a zip file but no .xlsx workbook. Save the table as .xlsx, or give a .csv."
            )
        if not is_unusual(package, main):
            yield stream, package
            return
        with usual_copy(package, main) as copy, zipfile.ZipFile(copy) as usual:
            yield copy, usual


def sheets_of(package: zipfile.ZipFile, name: str) -> list[Sheet]:
    """Return the worksheets in the order of their tabs.

    :param package: the workbook.
    :param name: the file's name, for the error.
    :raises TingTingContactsError: when the package's own listing is broken.
    """
    try:
        targets = {
            relation.get("Id"): relation.get("Target", "")
            for relation in parse_part(package, "xl/_rels/workbook.xml.rels")
            if relation.get("Type", "").endswith("/worksheet")
        }
        book = parse_part(package, "xl/workbook.xml")
    except (KeyError, ValueError, ElementTree.ParseError, zipfile.BadZipFile) as error:
        raise TingTingContactsError(f"{name} is a damaged workbook ({error}). Save it again as .xlsx.") from None
    found = []
    for element in book.iter():
        if element.tag.rpartition("}")[2] == "sheet":
            target = targets.get(element.get(_RELATION) or element.get(_STRICT_RELATION))
            if target is not None:
                part = target.removeprefix("/") if target.startswith("/") else f"xl/{target}"
                found.append(Sheet(element.get("name", ""), part, element.get("state", "visible") == "visible"))
    return found


def has_data(package: zipfile.ZipFile, sheet: Sheet) -> bool:
    """Whether the sheet has a cell with anything in it.

    :param package: the workbook.
    :param sheet: the sheet.
    """
    return any(_CELL_WITH_DATA.search(cells) for cells in pieces_of(package, sheet))


def pieces_of(package: zipfile.ZipFile, sheet: Sheet) -> Iterator[bytes]:
    """Yield the sheet's XML in pieces that never cut a cell in two.

    :param package: the workbook.
    :param sheet: the sheet.
    """
    rest = b""
    with package.open(sheet.part) as xml:
        while chunk := xml.read(_CHUNK):
            piece = rest + chunk
            cut = piece.rfind(b"<c ")
            if cut < 0:
                starts = [found.start() for found in _CELL_START.finditer(piece)]
                cut = starts[-1] if starts else max(piece.rfind(b"<"), 0)
            if cut:
                yield piece[:cut]
            rest = piece[cut:]
            if len(rest) > 8 * _CHUNK:
                yield rest
                rest = b""
    yield rest


def parse_part(package: zipfile.ZipFile, part: str) -> ElementTree.Element:
    """Return the XML of a small part.

    :param package: the workbook.
    :param part: the part's name.
    :raises ValueError: it is too large, or declares a document type.
    :raises xml.etree.ElementTree.ParseError: it is no XML.
    """
    if package.getinfo(part).file_size > _LARGEST_LISTING:
        raise ValueError(f"{part} is too large")
    xml = package.read(part)
    if b"<!DOCTYPE" in xml:
        raise ValueError(f"{part} declares a document type")
    return ElementTree.fromstring(xml)


def _mib(size: int) -> str:
    return f"{size / 1024**2:,.1f} MiB"


def _no_workbook(stream: IO[bytes], name: str) -> TingTingContactsError:
    stream.seek(0)
    sample = stream.read(_SAMPLE)
    kind, remedy = "damaged or cut off", "Open it in a spreadsheet program and save it as .xlsx, or give a .csv"
    if not sample:
        kind = "empty"
    elif sample.lstrip()[:1] in (b"<", b"{"):
        kind = "a web page or text under a workbook's name"
    elif _is_text(sample):
        kind = "a text, perhaps a CSV under a workbook's name"
        remedy = f"If it is one, let its name end in .csv: '{PurePath(name).stem}.csv'"
    return TingTingContactsError(f"{name} is not a workbook: it is {kind}. {remedy}.")


def _is_text(sample: bytes) -> bool:
    if sample.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return True
    # Every legacy code page, and half a character at the sample's end, is text without control characters too.
    return not _CONTROL.search(sample)


def _old_or_protected(stream: IO[bytes], name: str) -> TingTingContactsError:
    # A protected .xlsx is an OLE file that names its stream "EncryptedPackage", in UTF-16.
    before = b""
    while chunk := stream.read(_CHUNK):
        if "EncryptedPackage".encode("utf-16-le") in before + chunk:
            return TingTingContactsError(f"{name} is protected by a password. Save it without one.")
        before = chunk[-64:]
    return TingTingContactsError(f"{name} is an old workbook (.xls). Open it and save it as .xlsx, or give a .csv.")
