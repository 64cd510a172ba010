"""Writes contacts as .xlsx for TingTing's bulk upload, in flat memory.

Every number is a text cell, that of a variable too: a reader that guesses at columns makes 98… a float, and 1200 beside
a blank cell 1200.0, which would be read aloud so. Texts are never formulas. rustpy-xlsxwriter writes, or openpyxl where
the former cannot be imported, with the same cells; either is loaded with the first workbook.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from itertools import chain, islice
from pathlib import Path
from typing import Any

from airflow_provider_tingting.contacts.contact import Contact, plain_value
from airflow_provider_tingting.errors import TingTingContactsError
from airflow_provider_tingting.files.workbook import CONTROL_CHARACTERS, MAX_ROWS, MAX_TEXT, write_sheet

_SHEET = "Contacts"
#: Control characters and the carriage return, which libraries and readers treat differently.
_NEEDS_CARE = re.compile(r"[\x00-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]")
#: The oldest version whose output was compared cell by cell.
_OLDEST_RUSTPY = (0, 8)


@dataclass(frozen=True, slots=True)
class WorkbookPart:
    """One workbook that was written.

    :param path: where it is.
    :param contacts: how many contacts it holds.
    """

    path: Path
    contacts: int


def write_workbook(
    contacts: Iterable[Contact],
    path: str | Path | Callable[[], str],
    *,
    max_rows: int = MAX_ROWS,
    variables: Sequence[str] | None = None,
) -> list[WorkbookPart]:
    """Write contacts to one workbook, or to several when one cannot hold them (`people.xlsx`, `people-2.xlsx`, …).

    The first column is `number`, the others are the variables. Values are as `Contact.as_api` sends them, numbers
    written out as text.

    :param contacts: the contacts; none gives no workbook.
    :param path: where the first workbook goes; it must end in `.xlsx`. Or a function that returns the path of each
        workbook, such as one of a file without a name.
    :param max_rows: the most rows of one workbook, header included.
    :param variables: the columns after the number. By default those of the first contact.
    :return: the workbooks in their order. After an error none is left behind.
    :raises TingTingContactsError: when a contact has a variable without a column or called `number`, or a text that no
        workbook can hold.
    """
    if max_rows < 2:
        raise ValueError("max_rows must be at least 2: the header and a contact")
    stream = iter(contacts)
    write = _writer()
    parts: list[WorkbookPart] = []
    current = Path()
    try:
        for first in stream:
            if variables is None:
                variables = tuple(first.variables)
            if "number" in variables:
                raise TingTingContactsError(
                    "A variable is called 'number', like the column of the numbers. Rename it, or use transport='json'."
                )
            if callable(path):
                current = Path(path())
            else:
                first_path = Path(path)
                number = f"-{len(parts) + 1}" if parts else ""
                current = first_path.with_name(f"{first_path.stem}{number}{first_path.suffix}")
            those = chain((first,), islice(stream, max_rows - 2))
            parts.append(WorkbookPart(current, write(current, tuple(variables), those)))
    except BaseException:
        for leftover in {*(part.path for part in parts), current}:
            with suppress(OSError):
                leftover.unlink()
        raise
    return parts


def _writer() -> Callable[[Path, tuple[str, ...], Iterable[Contact]], int]:
    try:
        from rustpy_xlsxwriter import write_worksheet
    except ImportError:
        return _write_with_openpyxl
    if tuple(int(part) for part in version("rustpy-xlsxwriter").split(".")[:2] if part.isdigit()) < _OLDEST_RUSTPY:
        return _write_with_openpyxl

    def write_with_rustpy(path: Path, variables: tuple[str, ...], contacts: Iterable[Contact]) -> int:
        header = ("number", *variables)
        names = tuple(_checked(name, "the header", name) for name in header)
        unchanged = names == header
        written = 0

        def records() -> Iterator[dict[str, object]]:
            nonlocal written
            for contact in contacts:
                written += 1
                if unchanged and _is_plain(contact, variables):
                    yield {"number": contact.number, **contact.variables}
                else:
                    (row,) = _rows((contact,), variables)
                    cells = zip(header, row, strict=True)
                    values = [_checked(value, f"row {written + 1}", name) for name, value in cells]
                    yield dict(zip(names, values, strict=True))

        # A path, because the library writes to an open file in one piece from memory.
        write_worksheet(records(), str(path), _SHEET)
        return written

    return write_with_rustpy


def _write_with_openpyxl(path: Path, variables: tuple[str, ...], contacts: Iterable[Contact]) -> int:
    header = ("number", *variables)
    names = [_checked(name, "the header", name) for name in header]
    with path.open("wb") as file:
        return write_sheet(file, names, _checked_rows(contacts, variables, header), title=_SHEET)


def _checked_rows(
    contacts: Iterable[Contact], variables: tuple[str, ...], header: tuple[str, ...]
) -> Iterator[list[object]]:
    for number, row in enumerate(_rows(contacts, variables), 2):
        yield [_checked(value, f"row {number}", name) for value, name in zip(row, header, strict=True)]


def _is_plain(contact: Contact, variables: tuple[str, ...]) -> bool:
    """Whether all is text that needs no care: one test of all cells instead of one each halves the time."""
    values = contact.variables
    if tuple(values) != variables:
        return False
    try:
        joined = contact.number + "".join(values.values())  # type: ignore[arg-type]
    except TypeError:
        return False
    return len(joined) <= MAX_TEXT and not _NEEDS_CARE.search(joined)


def _rows(contacts: Iterable[Contact], variables: tuple[str, ...]) -> Iterator[list[object]]:
    known = frozenset(variables)
    for contact in contacts:
        values = contact.variables
        if tuple(values) == variables:
            yield [contact.number, *[value if type(value) is str else _written(value) for value in values.values()]]
            continue
        if not known.issuperset(values):
            extra = next(name for name in values if name not in known)
            raise TingTingContactsError(
                f"{contact.place or 'A contact'} has the variable '{extra}', which the others lack. A workbook needs "
                "the same variables for all: name them with variables=, or use transport='json'."
            )
        yield [contact.number, *(_written(values.get(name)) for name in variables)]


def _written(value: object) -> str | bool:
    value = plain_value(value)
    return value if isinstance(value, bool) else str(value)


def _checked(value: object, row: str, column: str) -> Any:
    """Return a value that a cell can hold; line ends become what a spreadsheet program writes."""
    if not isinstance(value, str):
        return value
    if len(value) > MAX_TEXT:
        raise TingTingContactsError(
            f"{row}, column '{column}': the text has {len(value)} characters, but a cell of a workbook holds "
            f"{MAX_TEXT}. Shorten it, or use transport='json'."
        )
    if CONTROL_CHARACTERS.search(value):
        raise TingTingContactsError(
            f"{row}, column '{column}': the text holds a control character, which no workbook can. Remove it, or "
            "use transport='json'."
        )
    return value.replace("\r\n", "\n").replace("\r", "\n") if "\r" in value else value
