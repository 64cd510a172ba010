"""Reads .csv, .tsv and .txt with any separator.

UTF-8 and UTF-16 are recognised. A legacy code page is never guessed, because a wrong guess turns names into nonsense
that is spoken: the user names it with `encoding=`.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterable, Iterator

from airflow_provider_tingting.contacts.contact import Row
from airflow_provider_tingting.contacts.row_stream import RowBlock
from airflow_provider_tingting.contacts.sources.source_file import SourceFile, line_blocks_of
from airflow_provider_tingting.contacts.sources.table import column_letter, rows_of
from airflow_provider_tingting.errors import TingTingConfigError, TingTingContactsError

_SAMPLE = 64 * 1024
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
#: Tried in this order; the second group only when none of the first makes columns.
_SEPARATORS = (",;\t|", "^~:")
_OTHER_FORMATS = {
    b"PK\x03\x04": "a workbook or another zip file; give it the name ending it really has, such as .xlsx",
    b"\xd0\xcf\x11\xe0": "an old or protected workbook; save it as .xlsx without a password",
    b"\x1f\x8b": "packed with gzip; let its name end in .csv.gz",
}
#: A tab is hard to write in a form or a shell.
_DELIMITER_NAMES = {"tab": "\t", "\\t": "\t"}
#: No separators for the csv module; which of them it refuses depends on the version of Python.
_NO_DELIMITERS = '\0\r\n"'
_DECLARED = re.compile(rf"sep=([^{_NO_DELIMITERS}])\r?\n?", re.IGNORECASE)


def read_delimited(
    file: SourceFile,
    encoding: str | None = None,
    delimiter: str | None = None,
    *,
    may_be_empty: bool = False,
    number_column: str | None = None,
) -> Iterator[Row | RowBlock]:
    """Yield the rows of a text file of separated values, sound ones in blocks.

    :param file: the file.
    :param encoding: its encoding, when it is neither UTF-8 nor UTF-16.
    :param delimiter: the one character between values; found by itself when left out.
    :param may_be_empty: whether a header without rows is allowed.
    :param number_column: the column of numbers, if it is known.
    :raises TingTingConfigError: for an unknown encoding, or a delimiter that is none.
    :raises TingTingContactsError: for bytes that are not in that encoding, broken quoting, and all that `rows_of`
        refuses.
    """
    if delimiter is not None:
        delimiter = delimiter_of(delimiter)
    with file.open() as stream:
        sample = stream.read(_SAMPLE)
    for magic, what in _OTHER_FORMATS.items():
        if sample.startswith(magic):
            raise TingTingContactsError(f"{file.name} is not text but {what}.")
    encoding = encoding_of(sample, encoding)
    try:
        text = codecs.getincrementaldecoder(encoding)("replace").decode(sample)
    except UnicodeError as error:
        raise TingTingContactsError(
            f"{file.name} is not {encoding.upper()}: {error}. Save the file as 'CSV UTF-8', or name the encoding it "
            "really has, for example encoding='cp1252'."
        ) from None
    separator, skipped = _separator(text, delimiter, complete=len(sample) < _SAMPLE, suffix=file.suffix)
    with file.open_text(encoding) as lines:
        try:
            yield from rows_of(
                _cells(line_blocks_of(lines, file.name), separator, skipped, file),
                file.name,
                ragged=True,
                may_be_empty=may_be_empty,
                number_column=number_column,
            )
        except UnicodeError as error:
            raise _wrong_encoding(file, encoding, separator, error) from None


def delimiter_of(named: str, argument: str = "delimiter") -> str:
    """Return the character that separates the values of a text file.

    :param named: that character, or `tab`.
    :param argument: how an error calls it.
    :raises TingTingConfigError: when it is not one character, or one that cannot separate values.
    """
    delimiter = _DELIMITER_NAMES.get(named, named)
    if len(delimiter) != 1 or delimiter in _NO_DELIMITERS:
        raise TingTingConfigError(f"{argument} is the one character between values, such as ';' or 'tab'.")
    return delimiter


def encoding_of(sample: bytes, named: str | None) -> str:
    """Return the encoding of a text by its first bytes, or the one that was named.

    :param sample: the first bytes of the file.
    :param named: the encoding that the user named; None for none.
    :raises TingTingConfigError: when Python does not know the named one.
    """
    marked = next((encoding for bom, encoding in _BOMS if sample.startswith(bom)), None)
    if named is not None:
        try:
            # A codec that is not an encoding of text, such as hex, is refused here too.
            "".encode(named)
            known = codecs.lookup(named).name
        except (LookupError, ValueError):
            raise TingTingConfigError(
                f"encoding='{named}' is not known. Name one such as 'utf-8', 'utf-16' or 'cp1252'."
            ) from None
        if known != "utf-16" or marked:
            return "utf-8-sig" if known == "utf-8" and marked == "utf-8-sig" else known
    if marked:
        return marked
    # Without a byte order mark, UTF-16 shows itself by the zero halves of its separators and line ends.
    sample = sample.rstrip(b"\0\r\n\x1a")
    zeros = sample[:4096].count(0), sample[0:4096:2].count(0)
    if named is not None or zeros[0] > len(sample[:4096]) // 20:
        return "utf-16-be" if zeros[1] > zeros[0] // 2 else "utf-16-le"
    return "utf-8"


def _cells(lines: Iterable[list[str]], separator: str, skipped: int, file: SourceFile) -> Iterator[list[list[str]]]:
    """Yield the cells of all rows, in lists that each end with a block of lines."""
    blocks = 0

    def text() -> Iterator[str]:
        nonlocal blocks
        for block in lines:
            blocks += 1
            yield from block

    reader = csv.reader(text(), delimiter=separator, strict=True)
    rows = begun = 0
    found: list[list[str]] = []
    try:
        for cells in reader:
            found.append(cells if len(found) + rows >= skipped else [])
            if blocks != begun:
                begun, rows = blocks, rows + len(found)
                yield found
                found = []
    except csv.Error as error:
        yield found
        raise TingTingContactsError(
            f"{file.name}, row {rows + len(found) + 1} (line {reader.line_num}): {error}. Most often a quotation mark "
            "is missing or not doubled there; correct it, or save the table as CSV again."
        ) from None
    except (UnicodeError, TingTingContactsError):
        # What stands before may be wrong, too, and comes first.
        yield found
        raise
    yield found


def _separator(text: str, named: str | None, *, complete: bool, suffix: str) -> tuple[str, int]:
    """Return the separator, and how many rows at the top only declare it."""
    text = text.removeprefix("\ufeff")
    if declared := _DECLARED.match(text):
        return named or declared.group(1), 1
    if named is not None:
        return named, 0
    if suffix == ".tsv":
        return "\t", 0
    for separators in _SEPARATORS:
        fits = {separator: _fit(text, separator, complete=complete) for separator in separators}
        best = max(fits, key=lambda separator: fits[separator])
        if fits[best] > (0.0, 0):
            return best, 0
    return ",", 0


def _fit(text: str, separator: str, *, complete: bool) -> tuple[float, int]:
    """Return how well a separator explains the text: the share of rows as wide as the header, and that width."""
    widths = []
    try:
        for cells in csv.reader(io.StringIO(text, newline=""), delimiter=separator):
            if any(cells):
                widths.append(len(cells))
    except csv.Error:
        pass
    if not complete and len(widths) > 1:
        widths.pop()
    if not widths or widths[0] < 2:
        return 0.0, 0
    return widths.count(widths[0]) / len(widths), widths[0]


def _wrong_encoding(file: SourceFile, encoding: str, separator: str, error: UnicodeError) -> TingTingContactsError:
    """Read once more, letting bad bytes through, to say where the first one is."""
    where, what = file.name, "some bytes are"
    if isinstance(error, UnicodeDecodeError):
        what = f"the byte 0x{error.object[error.start]:02X} is"
        with file.open_text(encoding, errors="surrogateescape") as text:
            try:
                for row, cells in enumerate(csv.reader(text, delimiter=separator), 1):
                    bad = next((index for index, cell in enumerate(cells) if _is_escaped(cell)), None)
                    if bad is not None:
                        where = f"{file.name}, row {row}, column {column_letter(bad)}"
                        break
            except (csv.Error, UnicodeError):
                pass
    return TingTingContactsError(
        f"{where}: {what} not {encoding.upper()}. Save the file as 'CSV UTF-8', or name the encoding it really has, "
        "for example encoding='cp1252'."
    )


def _is_escaped(cell: str) -> bool:
    return not cell.isascii() and any("\udc80" <= char <= "\udcff" for char in cell)
