"""The body of a report: which kind of file it is, its lines of text in flat memory, and their cells by column.

Lines end at `\\n`, `\\r\\n` or `\\r` only, so a field keeps its `U+2028` and its own line breaks; `iter_lines` of
requests and of httpx drops or adds line breaks (measured). What cannot be CSV in UTF-8 is an error that names the line:
a NUL byte, a wrong byte, a line or a field without an end.
"""

from __future__ import annotations

import codecs
import io
import json
from collections.abc import Iterator
from itertools import chain, islice
from typing import BinaryIO, Final

from airflow_provider_tingting.errors import TingTingReportError

BLOCK: Final = 1 << 16
LONGEST_LINE: Final = 1 << 20
MAX_TEXT: Final = 1 << 24
# Beyond this length a field may be one that the csv module refuses.
LONGEST_PLAIN: Final = 1 << 17
# Sent to the CSV parser as a last line. If it does not come back as a record of its own, a quoted field was still
# open at the end of the file: the body was cut. Private-use characters; `csv` of Python 3.10 does not take NUL.
END: Final = "\ue000\ue001end of report\ue001\ue000"
_OTHER_KINDS: Final = (
    (b"PK\x03\x04", "a workbook or a zip file"),
    (b"\x1f\x8b", "gzip"),
    (b"%PDF", "a PDF"),
    (b"\xff\xfe", "text in UTF-16"),
    (b"\xfe\xff", "text in UTF-16"),
)


def refuse_other_kinds(stream: BinaryIO, *, wanted: str = "CSV") -> None:
    """Refuse a body that is not even the requested kind of file.

    :param stream: a readable, seekable binary file; read from its first byte.
    :param wanted: `CSV` or `JSON`.
    :raises TingTingReportError: when the body is empty, HTML, or of another kind; it says which.
    """
    stream.seek(0)
    head = stream.read(4096)
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not text:
        raise TingTingReportError(
            "The report is empty: not one line came. Download it again; a campaign without contacts has no report."
        )
    kind = next((name for magic, name in _OTHER_KINDS if head.startswith(magic)), "")
    if text.startswith(b"<"):
        kind = "a web page (HTML)"
    elif text.startswith((b"{", b"[")):
        kind = "" if wanted == "JSON" else f"JSON{_quoted_error(text)}"
    if kind:
        raise TingTingReportError(
            f"The report is not {wanted} but {kind}. TingTing, or something before it, answered with this instead: "
            "check the connection's base URL and the id, then try again."
        )


def _quoted_error(text: bytes) -> str:
    """Quote what an error in JSON says, if it says it in the usual places."""
    try:
        reply = json.loads(text)
    except ValueError:
        return ""
    if not isinstance(reply, dict):
        return ""
    message = next((reply[key] for key in ("detail", "message", "error") if key in reply), "")
    return f" that says {message[:200]!r}" if message and isinstance(message, str) else ""


class Lines:
    """The lines of a binary file, then `END` as a line of its own.

    :param stream: a readable, seekable binary file; it is read from its first byte.
    :raises TingTingReportError: while iterating, for a NUL byte, a byte that is not UTF-8, a line of more than
        1 MiB, or more than 16 Mi characters between two calls of `record_ended`.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._allowance = MAX_TEXT
        self.ends_with_newline = True
        self._texts = self._read()
        self._current = io.StringIO()

    def __iter__(self) -> Iterator[str]:
        # Bare C iterators: a Python-level `__next__` would cost more than the parsing.
        return chain(self._current, chain.from_iterable(self._blocks()))

    def columns(self, delimiter: str, width: int) -> list[list[str]] | None:
        """Return the cells of the next lines, a list for each column; None where `csv.reader` has to read them.

        Only to be called where a record begins. Lines whose columns are returned are not iterated any more.

        :param delimiter: one character.
        :param width: how many cells a line has.
        """
        text = self._current.read() or next(self._texts, "")
        columns = columns_of(text, delimiter, width)
        if columns is None:
            self._current = io.StringIO(text, newline="")
        return columns

    def record_ended(self) -> None:
        """Record that the parser has returned a record, so that the limit on the length of a field begins again."""
        self._allowance = MAX_TEXT

    def _blocks(self) -> Iterator[io.StringIO]:
        for text in self._texts:
            self._current = io.StringIO(text, newline="")
            yield self._current

    def _read(self) -> Iterator[str]:
        self._stream.seek(0)
        decoder = codecs.getincrementaldecoder("utf-8")()
        offset = 0
        tail = ""
        while block := self._stream.read(BLOCK):
            if offset == 0 and block.startswith(codecs.BOM_UTF8):
                block = block[len(codecs.BOM_UTF8) :]
                offset = len(codecs.BOM_UTF8)
            offset += len(block)
            text = tail + self._decode(decoder, block, offset, final=False)
            cut = text.rfind("\n") + 1
            tail = text[cut:]
            if len(tail) > LONGEST_LINE:
                line = self._line_at(offset - len(tail.encode()))
                raise TingTingReportError(
                    f"The report has a line of more than {LONGEST_LINE:,} characters (line {line:,}): that is not a "
                    "campaign report. Download it again."
                )
            self._allowance -= len(text) - len(tail)
            if self._allowance < 0:
                raise TingTingReportError(
                    f"The report has a field that does not end (a quote before line {self._line_at(offset):,} is never "
                    "closed). It is damaged: download it again."
                )
            if cut:
                yield text[:cut]
        tail += self._decode(decoder, b"", offset, final=True)
        self.ends_with_newline = not tail or tail.endswith("\r")
        if tail:
            yield tail
        yield END

    def _decode(self, decoder: codecs.IncrementalDecoder, block: bytes, end: int, *, final: bool) -> str:
        nul = block.find(b"\0")
        if nul >= 0:
            at = end - len(block) + nul
            raise TingTingReportError(
                f"The report has a NUL byte at byte {at:,} (line {self._line_at(at):,}): it is not CSV in UTF-8, or it "
                "was damaged on the way. Download it again."
            )
        try:
            return decoder.decode(block, final)
        except UnicodeDecodeError as error:
            at = end - len(error.object) + error.start
            wrong = error.object[error.start]
            raise TingTingReportError(
                f"The report is not UTF-8: byte 0x{wrong:02x} at byte {at:,} (line {self._line_at(at):,}). "
                "Download it again; a file that was edited must be saved as UTF-8."
            ) from None

    def _line_at(self, offset: int) -> int:
        # Lines are counted only for an error, which names the line.
        self._stream.seek(0)
        line, left = 1, offset
        while left > 0 and (block := self._stream.read(min(BLOCK, left))):
            line += block.count(b"\n")
            left -= len(block)
        return line


def columns_of(text: str, delimiter: str, width: int) -> list[list[str]] | None:
    """Return the cells of some lines as `csv.reader` reads them, a list for each column: in less time.

    :param text: whole lines, from the beginning of a record.
    :param delimiter: one character.
    :param width: how many cells each line must have.
    :returns: the columns, or None where a line has another number of cells or the text is not plain: it ends within
        a quoted field, or has quotes or carriage returns at other places than around a field or before a line feed.
    """
    # Every other part is a quoted one. A NUL, which a report does not have, takes its place.
    parts = text.split('"')
    quoted = parts[1::2]
    plain = "\0".join(parts[::2])
    # The line ends become cells of their own, so that each must come after as many cells as there are columns.
    end = "\r\n" if plain.endswith("\r\n") else "\n"
    plain = plain.replace(end, f"{delimiter}\n{delimiter}")
    cells = plain.split(delimiter)
    lines = len(cells) // (width + 1)
    if (
        len(parts) % 2 == 0
        or len(text) > LONGEST_PLAIN
        or "\r" in plain
        or cells.pop() != ""
        or len(cells) != lines * (width + 1)
        or not cells[width :: width + 1].count("\n") == plain.count("\n") == lines
    ):
        return None
    whole = [place for place in range(width) if cells[place] == "\0"]
    columns = [cells[place :: width + 1] for place in range(width)]
    if len(quoted) == lines * len(whole) and all(columns[place].count("\0") == lines for place in whole):
        for index, place in enumerate(whole):
            columns[place] = quoted[index :: len(whole)]
        return columns
    return columns if _fill(columns, quoted) else None


def _fill(columns: list[list[str]], quoted: list[str]) -> bool:
    """Put the quoted parts into their cells, or return False where a cell is quoted in part only."""
    source = iter(quoted)
    for line, cells in enumerate(zip(*columns, strict=True)):
        for column, cell in zip(columns, cells, strict=True):
            if "\0" in cell:
                if cell.strip("\0"):
                    return False
                # A quote within a quoted field is doubled, so it ends one part and begins the next.
                column[line] = '"'.join(islice(source, len(cell)))
    return True
