"""Copies an unusual but valid .xlsx package so that every workbook library reads it.

Valid packages differ from the usual ones: the workbook's part has another name, names are in another case or with
backslashes, or the file is Strict OOXML, whose XML has other namespaces. Each library reads some of these only.
"""

from __future__ import annotations

import posixpath
import re
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO
from xml.etree import ElementTree

_MAIN = "xl/workbook.xml"
_TYPES = "[content_types].xml"
_TARGET = re.compile(r'\b(Target|PartName)="([^"]*)"')
_OFFICE_DOCUMENT = "/officedocument"
_STRICT = b"http://purl.oclc.org/ooxml/"
#: Strict namespaces and relationship types, and the transitional ones that mean the same.
_NAMESPACES = (
    (b"http://purl.oclc.org/ooxml/spreadsheetml/main", b"http://schemas.openxmlformats.org/spreadsheetml/2006/main"),
    (
        b"http://purl.oclc.org/ooxml/officeDocument/relationships",
        b"http://schemas.openxmlformats.org/officeDocument/2006/relationships",
    ),
    (
        b"http://purl.oclc.org/ooxml/officeDocument/extendedProperties",
        b"http://schemas.openxmlformats.org/officeDocument/2006/extended-properties",
    ),
    (b"http://purl.oclc.org/ooxml/drawingml/main", b"http://schemas.openxmlformats.org/drawingml/2006/main"),
)
_CHUNK = 1 << 20
_LONGEST_NAMESPACE = max(len(strict) for strict, _ in _NAMESPACES)


def main_part(package: zipfile.ZipFile) -> str | None:
    """Return the name of the workbook's part as the package's relationships give it; None when it has none.

    :param package: the package.
    """
    names = {_canonical(name): name for name in package.namelist()}
    relations = names.get("_rels/.rels")
    if relations is None:
        return names.get(_MAIN)
    try:
        xml = package.read(relations)
        root = ElementTree.fromstring(xml) if b"<!DOCTYPE" not in xml else ()
    except ElementTree.ParseError:
        return None
    for relation in root:
        if relation.get("Type", "").lower().endswith(_OFFICE_DOCUMENT):
            return names.get(_canonical(relation.get("Target", "").lstrip("/\\")))
    return None


def is_unusual(package: zipfile.ZipFile, main: str) -> bool:
    """Return whether a workbook library may fail on a valid package.

    :param package: the package.
    :param main: its workbook's part.
    """
    if main != _MAIN or any("\\" in name for name in package.namelist()):
        return True
    names = set(package.namelist())
    if "xl/_rels/workbook.xml.rels" not in names or "[Content_Types].xml" not in names:
        return True
    relations = package.read("xl/_rels/workbook.xml.rels").decode("utf-8", "replace")
    targets = [target for _, target in _TARGET.findall(relations)]
    parts = {posixpath.normpath(target.lstrip("/") if target.startswith("/") else f"xl/{target}") for target in targets}
    lower = {name.lower() for name in names}
    if any(part not in names and part.lower() in lower for part in parts) or any("\\" in target for target in targets):
        return True
    with package.open(main) as part:
        return _STRICT in part.read(4096)


@contextmanager
def usual_copy(package: zipfile.ZipFile, main: str) -> Iterator[IO[bytes]]:
    """Yield a temporary copy of a package with the usual names and namespaces.

    :param package: the package.
    :param main: its workbook's part.
    """
    rename = _renamer(_canonical(main))
    with tempfile.TemporaryFile(prefix="tingting-") as copy:
        with zipfile.ZipFile(copy, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as usual:
            for entry in package.infolist():
                name = rename(_canonical(entry.filename))
                if name.endswith("/"):
                    continue
                with package.open(entry) as source, usual.open(_spelt(name), "w", force_zip64=True) as target:
                    if name == _TYPES or name.endswith(".rels"):
                        text = _transitional(source.read()).decode("utf-8-sig")
                        target.write(_TARGET.sub(lambda found: _renamed(found, rename), text).encode())
                    else:
                        _copy_transitional(source, target)
        copy.seek(0)
        yield copy


def _canonical(name: str) -> str:
    return name.replace("\\", "/").lower()


def _spelt(name: str) -> str:
    return "[Content_Types].xml" if name == _TYPES else name


def _renamer(main: str) -> Callable[[str], str]:
    """Return a function that maps canonical part names so that the workbook becomes `xl/workbook.xml`."""
    folder, base = posixpath.split(main)

    def rename(name: str) -> str:
        inside = name if not folder else name.removeprefix(f"{folder}/") if name.startswith(f"{folder}/") else None
        if inside is None or (not folder and (name in (_TYPES, "_rels/.rels") or name.startswith("docprops/"))):
            return name
        if inside == base:
            return _MAIN
        if inside == f"_rels/{base}.rels":
            return "xl/_rels/workbook.xml.rels"
        return f"xl/{inside}"

    return rename


def _renamed(found: re.Match[str], rename: Callable[[str], str]) -> str:
    kind, target = found[1], _canonical(found[2])
    if "://" in target or target.startswith("mailto:"):
        return found[0]
    if target.startswith("/"):
        return f'{kind}="/{rename(target[1:])}"'
    renamed = rename(target)
    # Targets of the package itself name the workbook; those inside the workbook's folder stay relative to it.
    return f'{kind}="{renamed if renamed == _MAIN else target}"'


def _transitional(data: bytes) -> bytes:
    for strict, transitional in _NAMESPACES:
        data = data.replace(strict, transitional)
    return data


def _copy_transitional(source: IO[bytes], target: IO[bytes]) -> None:
    rest = b""
    while chunk := source.read(_CHUNK):
        piece = _transitional(rest + chunk)
        # A namespace may be cut in two by the end of a piece.
        keep = max(len(piece) - _LONGEST_NAMESPACE, 0)
        target.write(piece[:keep])
        rest = piece[keep:]
    target.write(rest)
