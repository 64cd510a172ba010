"""Opens a file of contacts in any storage and reports clearly why a file cannot be opened.

A file is a path, or any object with `.open("rb")` and `.name`, such as Airflow's `ObjectStoragePath`.
"""

from __future__ import annotations

import gzip
import io
import os
import shutil
import socket
import stat
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePath
from typing import IO, Any, BinaryIO, cast

from airflow_provider_tingting.errors import TingTingConfigError, TingTingContactsError, TingTingSourceError
from airflow_provider_tingting.files.storage_errors import is_storage_error, judge_storage_error

#: Bytes that an unpacked workbook or parquet file may take on disk.
LARGEST_UNPACKED = 4 * 1024**3
#: Lists of contacts compress 5 to 50 times; a large gzip file that compresses more is taken for a decompression bomb.
DENSEST = 200
DENSEST_FROM = 64 * 1024**2
#: A worksheet has about a million rows, and some programs save all of them.
MAX_BLANK_LINES = 2_000_000
#: In characters; a contact with a hundred long variables has far fewer.
LONGEST_LINE = 4 * 1024**2
#: Characters that are read and checked at once: what stays in the processor's cache takes half of the time. Of long
#: lines more are read, so that there are some for a check by column.
_CHUNK = 1 << 14
_LARGEST_CHUNK = 1 << 17
_LINES_AT_ONCE = 200


class SourceFile:
    """A file of contacts that can be opened any number of times.

    :param path: a local path, or an object with `.open("rb")` and `.name`.
    """

    def __init__(self, path: Any) -> None:
        if isinstance(path, str) and "\0" in path:
            raise TingTingConfigError("The path of the contacts contains a NUL character. Correct the path.")
        if isinstance(path, str) and "://" in path:
            raise TingTingConfigError(
                f"'{path}' is an address, not a local path: give it as ObjectStoragePath('{path}')."
            )
        self._path: Any = Path(path) if isinstance(path, str) or not hasattr(path, "open") else path
        self.shown = str(path)
        self.name = str(self._path.name or self.shown.rsplit("/", 1)[-1])
        self._first_state: tuple[object, ...] | None = None

    @property
    def suffix(self) -> str:
        """The ending that names the format, without `.gz`, in lower case."""
        return PurePath(self.name.lower().removesuffix(".gz")).suffix

    @property
    def is_gzip(self) -> bool:
        """Whether the file is packed, by its name."""
        return self.name.lower().endswith(".gz")

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Open the file's content, unpacked, to be read once from beginning to end.

        :raises TingTingContactsError: it may not be read, is not in its store, is cut off, is not a regular file, or
            would grow without measure when unpacked.
        :raises TingTingSourceError: it is not on this machine, it changes meanwhile, or its storage fails.
        """
        self._refuse_special()
        with self._translate_errors(), self._path.open("rb") as raw:
            # Some formats are read in several passes, which must all read the same file.
            self._first_state = self._first_state or self._state(raw)
            self._refuse_change(raw)
            if self.is_gzip:
                with gzip.GzipFile(fileobj=raw) as unpacked:
                    yield cast(BinaryIO, io.BufferedReader(_Unpacked(unpacked, raw, self.shown), 1 << 16))
            else:
                yield raw
            self._refuse_change(raw)

    def _refuse_special(self) -> None:
        """Refuse what is not a file of contacts by its name or kind, before opening it could wait for ever."""
        if self.name.startswith("~$"):
            raise TingTingContactsError(
                f"{self.shown} is the lock file that a spreadsheet program keeps while a workbook is open. Give the "
                f"workbook itself, '{self.name.removeprefix('~$')}'."
            )
        # Asking a stored path for its local name is deprecated, so its protocol is asked first.
        protocol = getattr(self._path, "protocol", None)
        if isinstance(protocol, str) and protocol not in ("", "file", "local"):
            return
        with suppress(AttributeError, OSError, TypeError, ValueError):
            local = self._path.path if isinstance(protocol, str) else self._path
            mode = os.stat(local).st_mode  # noqa: PTH116 - the path may be of another kind
            if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
                raise TingTingContactsError(f"{self.shown} is a pipe or a device. Give the path of a regular file.")

    def _refuse_change(self, raw: Any) -> None:
        if self._state(raw) != self._first_state:
            raise TingTingSourceError(
                f"{self.shown} changed while it was read. Wait until it is written completely, then run again. "
            )

    def _state(self, raw: Any) -> tuple[object, ...] | None:
        found = _state(raw)
        if found is not None:
            # The file that has this name now; it may have been replaced.
            with suppress(OSError, AttributeError, TypeError, ValueError):
                named = self._path.stat()
                return (*found, named.st_ino, named.st_size)
            return found
        with suppress(Exception):
            # The store's facts about the object; a store without any is trusted.
            named = self._path.stat()
            return named.st_size, getattr(named, "st_mtime", None)
        return None

    @contextmanager
    def open_text(self, encoding: str, *, errors: str = "strict") -> Iterator[io.TextIOWrapper]:
        """Open the content as text, line ends as they are.

        :param encoding: its encoding.
        :param errors: what Python does about bytes that are not in it.
        :raises TingTingContactsError: as `open`.
        """
        with self.open() as stream:
            text = io.TextIOWrapper(stream, encoding, errors=errors, newline="")
            try:
                yield text
            finally:
                # Otherwise it would close the file before it is read once more.
                text.detach()

    @contextmanager
    def open_seekable(self) -> Iterator[IO[bytes]]:
        """Open the content for reading here and there: a local file as it is, any other from a private copy.

        :raises TingTingContactsError: as `open`, and when the content is too large.
        """
        with self.open() as stream:
            if _state(stream) is not None and not self.is_gzip:
                yield stream
                return
            with tempfile.TemporaryFile(prefix="tingting-") as copy:
                shutil.copyfileobj(_Limited(stream, self.shown), copy, 1 << 20)
                copy.seek(0)
                yield copy

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        try:
            yield
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            if not self.is_gzip:
                raise
            raise TingTingContactsError(
                f"{self.shown} is not a whole gzip file ({error}). Pack or copy it again, or drop .gz from its name."
            ) from None
        except Exception as error:
            if not is_storage_error(error):
                raise
            raise self._storage_error(error) from error

    def _storage_error(self, error: Exception) -> TingTingContactsError | TingTingSourceError:
        is_local = getattr(self._path, "protocol", "" if isinstance(self._path, Path) else None) in (
            "",
            "file",
            "local",
        )
        if is_local and isinstance(error, FileNotFoundError):
            # Another worker may have written it to a disk of its own, or writes it only now.
            return TingTingSourceError(
                f"There is no file {self.shown} on the machine {socket.gethostname()}. Check the path. If a task wrote "
                "it on another machine, both need shared storage: a shared mount, or object storage such as "
                "s3://bucket/people.jsonl. The next attempt searches again."
            )
        fault = judge_storage_error(error)
        message = f"{self.shown} cannot be read: {fault.reason}. {fault.remedy}"
        return TingTingContactsError(message) if fault.is_final else TingTingSourceError(message)


def line_blocks_of(text: io.TextIOWrapper, name: str) -> Iterator[list[str]]:
    """Yield the lines of a text in short lists, none of which fills the memory; a last Ctrl-Z or NUL is not a line.

    :param text: from `open_text`.
    :param name: the file's name, for the error.
    :raises TingTingContactsError: for a line that no list of contacts has: too long, or with a NUL character.
    """
    number = blank = 0
    rest = ""
    is_last = False
    size = _CHUNK
    while not is_last:
        chunk = text.read(size)
        is_last = not chunk
        rest += chunk
        # A carriage return at the end may be the first half of a line end.
        end = max(rest.rfind("\n"), rest.rfind("\r", 0, -1)) + 1
        if is_last or len(rest) - end >= LONGEST_LINE:
            end = len(rest)
        whole, rest = rest[:end], rest[end:]
        lines = list(io.StringIO(whole, newline=""))
        size = min(max(_CHUNK, _LINES_AT_ONCE * len(whole) // max(len(lines), 1)), _LARGEST_CHUNK)
        if len(whole) < LONGEST_LINE and not ("\0" in whole or "\x1a" in whole or whole.isspace()):
            yield lines
            number, blank = number + len(lines), 0
            continue
        for line in lines:
            number += 1
            blank = blank + 1 if len(line) <= 2 and line.isspace() else 0
            if blank > MAX_BLANK_LINES:
                raise TingTingContactsError(
                    f"{name}, line {number}: more than {MAX_BLANK_LINES:,} blank lines follow each other. This is no "
                    "list of contacts; remove the blank lines."
                )
            if len(line) >= LONGEST_LINE:
                raise TingTingContactsError(
                    f"{name}, line {number} is longer than {LONGEST_LINE:,} characters. This is not a list of "
                    "contacts, or its line ends are missing."
                )
            if "\0" in line or line[-1:] == "\x1a":
                kept = line.rstrip("\0\x1a")
                if "\0" in kept:
                    raise TingTingContactsError(
                        f"{name}, line {number} contains a NUL or Ctrl-Z character, so the file is damaged or no text. "
                        "Save it again as 'CSV UTF-8'."
                    )
                # Without a line end behind them, they are the end of the text.
                line = kept
            if line:
                yield [line]


class _Unpacked(io.RawIOBase):
    """The content of a gzip file, refused when it grows far beyond what a list of contacts does."""

    def __init__(self, stream: gzip.GzipFile, raw: Any, shown: str) -> None:
        self._stream = stream
        self._raw = raw
        self._shown = shown
        self._size = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        chunk = self._stream.read1(len(buffer))
        buffer[: len(chunk)] = chunk
        self._size += len(chunk)
        if self._size > DENSEST_FROM and self._size > DENSEST * max(self._raw.tell(), 1):
            raise TingTingContactsError(
                f"{self._shown} is packed more than {DENSEST} times, which no list of contacts is: it would grow "
                f"beyond {self._size // 1024**2} MiB. Unpack it and check what it holds."
            )
        return len(chunk)


class _Limited:
    """Reads no more than a workbook may reasonably hold, so that a decompression bomb does not fill the disk."""

    def __init__(self, stream: BinaryIO, shown: str) -> None:
        self._stream = stream
        self._shown = shown
        self._left = LARGEST_UNPACKED

    def read(self, size: int = -1, /) -> bytes:
        chunk = self._stream.read(size)
        self._left -= len(chunk)
        if self._left < 0:
            raise TingTingContactsError(
                f"{self._shown} is larger than {LARGEST_UNPACKED // 1024**3} GiB unpacked. Split it, or use CSV."
            )
        return chunk


def _state(stream: Any) -> tuple[int, int] | None:
    """Return size and time of change of the open file, when it is a local one."""
    try:
        found = os.fstat(stream.fileno())
    except (AttributeError, OSError, ValueError):
        return None
    return found.st_size, found.st_mtime_ns
