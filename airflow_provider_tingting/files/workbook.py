"""Writes a sheet of a workbook with openpyxl, in flat memory; texts stay texts, and temporary files have no name."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from importlib import import_module
from typing import IO, Any, Final

from airflow_provider_tingting.files.private import private_file
from airflow_provider_tingting.timezones import NEPAL

#: What Excel allows.
MAX_ROWS: Final = 1_048_576
MAX_TEXT: Final = 32_767
#: XML has no way to write these, and a workbook with them does not open.
CONTROL_CHARACTERS: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
# A text like this would be read back as one character.
_ESCAPE: Final = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")


def write_sheet(
    file: IO[bytes], header: Sequence[str], rows: Iterable[Sequence[object]], *, title: str, freeze_header: bool = False
) -> int:
    """Write one workbook with one sheet and return how many rows are below its header.

    A text is a text cell, also one that looks like a formula or an error; a control character is written as `_x0007_`,
    as Excel does. A time is shown in Nepal time, because a workbook knows no time zones. Numbers and truth values are
    cells of their own kind.

    :param file: where the workbook goes; not closed.
    :param header: the first row.
    :param rows: the others; a text may have `MAX_TEXT` characters.
    :param title: the name of the sheet.
    :param freeze_header: whether the header stays visible while the reader scrolls.
    :raises OSError: the disk is full, or the file cannot be written for another reason.
    """
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.worksheet._writer import WorksheetWriter

    class NamelessWriter(WorksheetWriter):
        """Collects the sheet in a file without a name, which is gone with this process."""

        def cleanup(self) -> None:
            """Leave the file to the block that has opened it."""

    book = Workbook(write_only=True)
    sheet: Any = book.create_sheet(title)
    if freeze_header:
        sheet.freeze_panes = "A2"

    def cell_of(value: object) -> object:
        if isinstance(value, datetime):
            return value.astimezone(NEPAL).replace(tzinfo=None)
        if not isinstance(value, str):
            return value
        if not value:
            return None
        if "_x" in value:
            value = _ESCAPE.sub("_x005F_", value)
        value = CONTROL_CHARACTERS.sub(lambda found: f"_x{ord(found.group()):04X}_", value)
        # openpyxl takes a text that begins so for a formula or an error.
        if value[0] in "=#":
            cell = WriteOnlyCell(sheet, value=value)
            cell.data_type = "s"
            return cell
        return value

    written = 0
    with _system_errors(), private_file() as (_, path):
        sheet._writer = NamelessWriter(sheet, out=path)
        sheet._writer.write_top()
        try:
            sheet.append([cell_of(name) for name in header])
            for row in rows:
                written += 1
                sheet.append([cell_of(value) for value in row])
        except BaseException:
            with suppress(Exception):
                sheet.close()
            raise
        book.save(file)
    return written


@contextmanager
def _system_errors() -> Iterator[None]:
    """Raise a write that lxml could not finish as an `OSError`; openpyxl uses lxml wherever it is installed."""
    from openpyxl.xml import LXML

    if not LXML:
        yield
        return
    # lxml has no types.
    serialisation_error: type[Exception] = import_module("lxml.etree").SerialisationError
    try:
        yield
    except serialisation_error as error:
        # All that lxml says is a code such as `IO_ENOSPC`.
        number = getattr(errno, str(error).removeprefix("IO_"), errno.EIO)
        raise OSError(number, os.strerror(number)) from error
