"""Keeps records on disk between the check and the sending, so that a million contacts take no memory.

The file has no name: only this process can open it, and it is gone with the process, however that ends. msgspec takes a
quarter of the json module's time here.
"""

from __future__ import annotations

import errno
import io
import os
import tempfile
from collections.abc import Iterator
from typing import Any

import msgspec

from airflow_provider_tingting.errors import TingTingContactsError

_BUFFER = 1 << 18
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


class Spool:
    """A private temporary file of JSON records: written once, read any number of times."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="tingting-", buffering=_BUFFER)  # noqa: SIM115

    def write(self, record: object) -> None:
        """Append a record of JSON values.

        :param record: the record.
        :raises UnicodeEncodeError: when a text in it cannot be written as UTF-8; nothing is appended then.
        :raises TingTingContactsError: when the disk is full.
        """
        self.write_lines(_encode(record) + b"\n")

    def write_lines(self, lines: bytes) -> None:
        """Append records that are JSON already.

        :param lines: the records without blanks, each with a line end.
        :raises TingTingContactsError: when the disk is full.
        """
        try:
            self._file.write(lines)
        except OSError as error:
            raise _full(error) from error

    def __iter__(self) -> Iterator[Any]:
        """Yield the records as they were written; several readers do not disturb each other."""
        return map(_decode, self.lines())

    def lines(self) -> Iterator[bytes]:
        """Yield the records as JSON without blanks, each with a line end."""
        try:
            self._file.flush()
        except OSError as error:
            raise _full(error) from error
        return iter(io.BufferedReader(_From(self._file.fileno()), _BUFFER))

    def close(self) -> None:
        """Delete the records."""
        self._file.close()


class _From(io.RawIOBase):
    """Reads an open file from its beginning without moving the place where it is written."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._offset = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        chunk = os.pread(self._descriptor, len(buffer), self._offset)
        buffer[: len(chunk)] = chunk
        self._offset += len(chunk)
        return len(chunk)


def _full(error: OSError) -> TingTingContactsError:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return TingTingContactsError(
            f"The temporary folder {tempfile.gettempdir()} is full, so the contacts could not be checked. Free space "
            "there, or set TMPDIR to a larger disk."
        )
    return TingTingContactsError(f"The contacts could not be kept on disk while they are checked: {error.strerror}.")
