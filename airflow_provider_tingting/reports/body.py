"""The body of a report: which kind of file it is, and its lines of text in flat memory, for `csv.reader`.

Lines end at `\\n`, `\\r\\n` or `\\r` only, so a field keeps its `U+2028` and its own line breaks; `iter_lines` of
requests and of httpx drops or adds line breaks (measured). What cannot be CSV in UTF-8 is an error that names the line:
a NUL byte, a wrong byte, a line or a field without an end.
"""

from __future__ import annotations

import codecs
import io
import json
from collections.abc import Iterator
from itertools import chain
from typing import BinaryIO, Final

from airflow_provider_tingting.errors import TingTingReportError

BLOCK: Final = 1 << 16
LONGEST_LINE: Final = 1 << 20
MAX_TEXT: Final = 1 << 24
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
        self._lines = chain.from_iterable(self._blocks())

    def __iter__(self) -> Iterator[str]:
        # The bare C iterator: a Python-level `__next__` would cost more than the parsing.
        return self._lines

    def record_ended(self) -> None:
        """Record that the parser has returned a record, so that the limit on the length of a field begins again."""
        self._allowance = MAX_TEXT

    def _blocks(self) -> Iterator[io.StringIO | tuple[str, ...]]:
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
                yield io.StringIO(text[:cut], newline="")
        tail += self._decode(decoder, b"", offset, final=True)
        self.ends_with_newline = not tail or tail.endswith("\r")
        if tail:
            yield io.StringIO(tail, newline="")
        yield (END,)

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
