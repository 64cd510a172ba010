"""Opens an .xlsx package before a workbook library does: whether it is one, and whether it is safe."""

from __future__ import annotations

import codecs
import re
import zipfile
from pathlib import PurePath
from typing import IO

from airflow_provider_tingting.errors import TingTingContactsError

_OLE = b"\xd0\xcf\x11\xe0"
#: A million rows of five texts take 272 MB of XML. What declares more than this is not a list of contacts.
LARGEST_DECLARED = 4 * 1024**3
#: Sheets compress 20 to 50 times; a large sheet that compresses more is taken for a decompression bomb.
DENSEST = 200
DENSEST_FROM = 64 * 1024**2
_CHUNK = 1 << 20
_SAMPLE = 4096
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f\x7f]")


def open_package(stream: IO[bytes], name: str) -> zipfile.ZipFile:
    """Return the workbook's package.

    :param stream: the file, seekable.
    :param name: its name, for errors.
    :raises TingTingContactsError: when it is not a workbook, an old or protected one, or a zip bomb.
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
