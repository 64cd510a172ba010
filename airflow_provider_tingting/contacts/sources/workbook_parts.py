"""Finds the parts of an .xlsx package by its relationships: its sheets, styles and texts.

Targets are relative or absolute, with `.` and `..`, with backslashes, and in another case than the part's name.
"""

from __future__ import annotations

import posixpath
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import unquote
from xml.etree import ElementTree

from airflow_provider_tingting.errors import TingTingContactsError

_MAIN = "xl/workbook.xml"
_STYLES = "xl/styles.xml"
_STRINGS = "xl/sharedStrings.xml"
_TYPES = "[Content_Types].xml"
_LARGEST_LISTING = 16 * 1024**2
_CHUNK = 1 << 20
_STRICT = "{http://purl.oclc.org/ooxml/"
_CELL_START = re.compile(rb"<(?:\w+:)?c[\s>]")
_CELL_WITH_DATA = re.compile(rb"<(?:\w+:)?(?:v|is)(?:\s[^>]*)?>\s*[^\s<]|<(?:\w+:)?is>|<(?:\w+:)?f[\s>/]")
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
#: What a zip file is that is no .xlsx workbook, by the beginnings and endings of its entries.
_OTHER_KINDS = (
    ("content.xml", "an OpenDocument file (.ods)"),
    ("index/", "an Apple Numbers file"),
    ("word/", "a document (.docx)"),
)


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


@dataclass(frozen=True, slots=True)
class Book:
    """The parts of a workbook that matter for its cells.

    :param sheets: the worksheets in the order of their tabs.
    :param styles: the part with the cell styles; None when there is none.
    :param strings: the part with the texts that cells share; None when there is none.
    :param is_1904: whether its dates count from 1904.
    :param is_usual: whether every workbook library finds these parts.
    """

    sheets: tuple[Sheet, ...]
    styles: str | None
    strings: str | None
    is_1904: bool
    is_usual: bool


def book_of(package: zipfile.ZipFile, name: str) -> Book:
    """Return the parts of a workbook.

    :param package: the package.
    :param name: the file's name, for errors.
    :raises TingTingContactsError: it is a zip file but no .xlsx workbook, or its listings are broken.
    """
    parts = {_canonical(entry): entry for entry in package.namelist()}
    try:
        main = _main_part(package, parts)
        if main is None or main.lower().endswith(".bin"):
            raise TingTingContactsError(
                f"{name} is {_kind_of(parts, main)} but no .xlsx workbook. Save the table as .xlsx, or give a .csv."
            )
        folder, base = posixpath.split(_canonical(main))
        relations = _relations(package, parts, folder, posixpath.join(folder, "_rels", f"{base}.rels"))
        root = parse_part(package, main)
    except (KeyError, ValueError, ElementTree.ParseError, zipfile.BadZipFile) as error:
        raise TingTingContactsError(f"{name} is a damaged workbook ({error}). Save it again as .xlsx.") from None
    sheets: list[Sheet] = []
    for element in root.iter():
        if _local(element.tag) == "sheet":
            kind, part = relations.get(_relation_id(element), ("", None))
            if kind != "worksheet":
                continue
            if part is None:
                raise TingTingContactsError(
                    f"{name} is a damaged workbook: the sheet '{element.get('name', '')}' is missing in it. Save it "
                    "again as .xlsx."
                )
            sheets.append(Sheet(element.get("name", ""), part, element.get("state", "visible") == "visible"))
    others = {kind: part for kind, part in relations.values() if kind in {"styles", "sharedstrings"}}
    styles, strings = others.get("styles"), others.get("sharedstrings")
    is_usual = (
        main == _MAIN
        and {_TYPES, "_rels/.rels", "xl/_rels/workbook.xml.rels"}.issubset(parts.values())
        and styles in {None, _STYLES}
        and strings in {None, _STRINGS}
        and all(re.fullmatch(r"xl/worksheets/[\w.-]+", sheet.part) for sheet in sheets)
        and len({sheet.name for sheet in sheets}) == len(sheets)
        and not root.tag.startswith(_STRICT)
        and not _has_odd_target(package.read("xl/_rels/workbook.xml.rels"), parts)
    )
    is_1904 = any(_local(found.tag) == "workbookPr" and _is_on(found.get("date1904")) for found in root)
    return Book(tuple(sheets), styles, strings, is_1904, is_usual)


def has_data(package: zipfile.ZipFile, part: str) -> bool:
    """Return whether a sheet has a cell with anything in it.

    :param package: the workbook.
    :param part: the sheet's part.
    """
    with package.open(part) as xml:
        if xml.read(2) in _UTF_16:
            return True
    return any(_CELL_WITH_DATA.search(cells) for cells in pieces_of(package, part))


def pieces_of(package: zipfile.ZipFile, part: str) -> Iterator[bytes]:
    """Yield a sheet's XML in pieces that never cut a cell in two.

    :param package: the workbook.
    :param part: the sheet's part.
    """
    rest = b""
    with package.open(part) as xml:
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
    :raises xml.etree.ElementTree.ParseError: it is not XML.
    """
    if package.getinfo(part).file_size > _LARGEST_LISTING:
        raise ValueError(f"{part} is too large")
    xml = package.read(part)
    if b"<!DOCTYPE" in xml:
        raise ValueError(f"{part} declares a document type")
    return ElementTree.fromstring(xml)


def _main_part(package: zipfile.ZipFile, parts: Mapping[str, str]) -> str | None:
    for kind, part in _relations(package, parts, "", "_rels/.rels").values():
        if kind == "officedocument" and part is not None:
            return part
    return parts.get(_MAIN)


def _relations(
    package: zipfile.ZipFile, parts: Mapping[str, str], folder: str, listing: str
) -> dict[str | None, tuple[str, str | None]]:
    """Return kind and part of each relationship by its id."""
    if listing not in parts:
        return {}
    found: dict[str | None, tuple[str, str | None]] = {}
    for relation in parse_part(package, parts[listing]):
        kind = relation.get("Type", "").rpartition("/")[2].lower()
        target = relation.get("Target", "")
        spellings = (_resolved(folder, target), _resolved(folder, unquote(target)))
        found[relation.get("Id")] = (kind, next((parts[one] for one in spellings if one in parts), None))
    return found


def _has_odd_target(listing: bytes, parts: Mapping[str, str]) -> bool:
    targets = re.findall(r'\bTarget="([^"]*)"', listing.decode("utf-8", "replace"))
    known = set(parts.values())
    return any(
        "\\" in target or "./" in target or (_resolved("xl", target) in parts and _exact(target) not in known)
        for target in targets
        if "://" not in target
    )


def _exact(target: str) -> str:
    return target[1:] if target.startswith("/") else f"xl/{target}"


def _resolved(folder: str, target: str) -> str:
    target = target.replace("\\", "/").lower()
    path = target if target.startswith("/") else posixpath.join("/", folder, target)
    return posixpath.normpath(path).lstrip("/")


def _canonical(name: str) -> str:
    return name.replace("\\", "/").lower().lstrip("/")


def _relation_id(element: ElementTree.Element) -> str | None:
    return next((value for key, value in element.items() if key.startswith("{") and _local(key) == "id"), None)


def _kind_of(parts: Mapping[str, str], main: str | None) -> str:
    if main is not None:
        return "a binary workbook (.xlsb)"
    return next((kind for start, kind in _OTHER_KINDS if any(part.startswith(start) for part in parts)), "a zip file")


def _is_on(value: str | None) -> bool:
    return value in {"1", "true", "on"}


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]
