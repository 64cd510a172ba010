"""Makes rows of a grid of cells: finds the header, refuses one that is ambiguous, numbers rows as the file shows them.

Every format that is a grid of cells shares this module.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from operator import itemgetter

from airflow_provider_tingting.contacts.columns import (
    are_personal,
    clean_header,
    find_column,
    is_number_header,
    is_serial_header,
    listed,
)
from airflow_provider_tingting.contacts.contact import Place, Row, are_texts
from airflow_provider_tingting.contacts.numbers import FAILED_FORMULAS, InvalidNumberError, normalise
from airflow_provider_tingting.contacts.row_stream import RowBlock
from airflow_provider_tingting.errors import TingTingContactsError

#: What a worksheet can have; a text file with more columns is not a list of contacts.
MAX_COLUMNS = 16_384
#: Rows with nothing but a serial number that are held back until it is known whether they are the last ones.
_MAX_SERIAL_ROWS = 10_000
#: Digits of the longest serial number: with one digit more it could be a telephone number.
_LONGEST_SERIAL = 6

_ONE_HEADER = (
    "The header must be one row with a name over every column: delete title rows above it, unmerge its cells, "
    "keep one of two header rows."
)


def rows_of(
    blocks: Iterable[Sequence[Sequence[object]]],
    source: str,
    sheet: str | None = None,
    *,
    merged: Sequence[str] = (),
    ragged: bool = False,
    may_be_empty: bool = False,
    number_column: str | None = None,
) -> Iterator[Row | RowBlock]:
    """Yield the rows below the header, sound ones in blocks; blank rows are counted but left out.

    :param blocks: all rows of the table, blank ones included, in lists.
    :param source: the file's name.
    :param sheet: the sheet's name.
    :param merged: ranges of merged cells, such as `A1:C1`.
    :param ragged: whether a row with more cells than the header is that row's own fault, as in CSV, where a
        separator inside a text does it.
    :param may_be_empty: whether a header without rows will do, as for a list of people to leave out.
    :param number_column: the column of numbers, if it is known; it never counts as one of serial numbers.
    Rows at the end that hold nothing but a serial number of at most six digits, as in a table that was prepared for
    more contacts, are blank.

    :raises TingTingContactsError: for an empty table, a header that is missing, doubled, too wide or not one row, and
        data under no name.
    """
    header_row, header, blocks = _from_header(iter(blocks))
    where = f"{source}, sheet '{sheet}'" if sheet is not None else source
    if not header:
        raise TingTingContactsError(f"{where} is empty. It needs a header row and a row for each contact.")
    bare_list = _is_bare_list(header)
    if bare_list:
        columns: tuple[str, ...] = ("number",)
        position = _first_cell(header)
        yield Row(Place(source, header_row, sheet), {"number": header[position]}, columns)
        names = ("",) * position + columns
    else:
        names = _names(header, where, header_row, merged)
        columns = tuple(filter(None, names))
    width = len(names)
    without_gaps = len(columns) == width
    first = True
    serial = _serial_column(names, columns, number_column)
    only_serials: list[Row] = []
    # A row with a value here is neither blank nor a serial number alone.
    telling = itemgetter(1 if serial == 0 else 0)
    row = header_row
    for block in blocks:
        if without_gaps and not first and not only_serials and _is_sound(block, width, telling):
            yield RowBlock(Place(source, row + 1, sheet), columns, block)
            row += len(block)
            continue
        for found in block:
            row += 1
            if serial is not None and _is_serial_only(found, serial) and len(only_serials) < _MAX_SERIAL_ROWS:
                only_serials.append(Row(Place(source, row, sheet), _values(names, found), columns))
                continue
            if only_serials and not _is_blank(found):
                yield from only_serials
                only_serials.clear()
                first = False
            if len(found) != width or not without_gaps or first:
                if _is_blank_row(found, width):
                    continue
                if first:
                    first = False
                    _refuse_second_header(found, where, row)
                _refuse_nameless(found, names, where, row, ragged=ragged)
                if len(found) > width and not _is_blank(found[width:]):
                    values = _values(names, found)
                    values.update((f"column {column_letter(at)}", found[at]) for at in range(width, len(found)))
                    yield Row(Place(source, row, sheet), values, columns, "too_many_cells")
                    continue
                yield Row(Place(source, row, sheet), _values(names, found), columns)
            elif _is_filled(found[0]) or not _is_blank_row(found, width):
                yield Row(Place(source, row, sheet), dict(zip(columns, found, strict=True)), columns)
    if first and not bare_list and not may_be_empty:
        raise TingTingContactsError(f"{where} has a header but no rows below it. Add a row for each contact.")


def column_letter(index: int) -> str:
    """Return a column's letter as spreadsheets show it: `A`, `Z`, `AA`.

    :param index: the column, counted from 0.
    """
    letters = ""
    while index >= 0:
        index, rest = index // 26 - 1, index % 26
        letters = chr(ord("A") + rest) + letters
    return letters


def _from_header(
    blocks: Iterator[Sequence[Sequence[object]]],
) -> tuple[int, Sequence[object], Iterator[Sequence[Sequence[object]]]]:
    """Return the header's row, its cells, and the rows below it; the first of them is in a block of its own."""
    row = 0
    for block in blocks:
        for at, found in enumerate(block, 1):
            if not _is_blank(found):
                return row + at, found, chain((block[at : at + 1], block[at + 1 :]), blocks)
        row += len(block)
    return 0, (), blocks


def _is_sound(block: Sequence[Sequence[object]], width: int, telling: Callable[[Sequence[object]], object]) -> bool:
    if {*map(len, block)} != {width}:
        return False
    cells = list(map(telling, block))
    if are_texts(cells) and all(map(str.strip, cells)) and FAILED_FORMULAS.isdisjoint(cells):
        return True
    return all(map(_is_filled, cells))


def _values(names: Sequence[str], found: Sequence[object]) -> dict[str, object]:
    width = len(found)
    return {name: found[index] if index < width else None for index, name in enumerate(names) if name}


def _is_filled(cell: object) -> bool:
    """Return whether a cell holds something; a formula that failed holds nothing."""
    if not isinstance(cell, str):
        return cell is not None
    return bool(cell) and not cell.isspace() and not (cell[0] in "#E" and cell in FAILED_FORMULAS)


def _is_blank(cells: Sequence[object]) -> bool:
    return not any(map(_is_filled, cells))


def _is_blank_row(cells: Sequence[object], width: int) -> bool:
    """Return whether a row of a table holds nothing.

    Formulas are copied further down than there are contacts, but in a list of one column a failed one is an entry.
    """
    return _is_blank(cells) and not (width == 1 and any(cell in FAILED_FORMULAS for cell in cells if cell))


def _serial_column(names: Sequence[str], columns: Sequence[str], number_column: str | None) -> int | None:
    """Return the index of the column that counts the rows; None when there is none."""
    if len(columns) < 2:
        return None
    numbers = find_column(number_column, columns) if number_column else None
    return next((index for index, name in enumerate(names) if name != numbers and is_serial_header(name)), None)


def _is_serial_only(cells: Sequence[object], serial: int) -> bool:
    """Return whether a row holds a short whole number in its serial column and nothing else.

    A longer one is a telephone number in the wrong column.
    """
    if serial >= len(cells) or any(map(_is_filled, cells[serial + 1 :])) or any(map(_is_filled, cells[:serial])):
        return False
    digits = str(cells[serial]).strip(" .") if _is_filled(cells[serial]) else ""
    return digits.isdecimal() and len(digits) <= _LONGEST_SERIAL


def _first_cell(cells: Sequence[object]) -> int:
    return next(index for index, cell in enumerate(cells) if _is_filled(cell))


def _is_bare_list(header: Sequence[object]) -> bool:
    """Whether the first row is one number alone: a plain list of numbers needs no header."""
    return sum(_is_filled(cell) for cell in header) == 1 and _is_number(header[_first_cell(header)])


def _is_number(cell: object) -> bool:
    try:
        normalise(cell)
    except InvalidNumberError:
        return False
    return True


def _names(header: Sequence[object], where: str, row: int, merged: Sequence[str]) -> tuple[str, ...]:
    if any(map(_is_number, header)):
        raise TingTingContactsError(
            f"{where}: row {row} should be the header but holds a phone number. Add a row of column names above it."
        )
    for cells in merged:
        if _touches(cells, row):
            raise TingTingContactsError(f"{where}: the cells {cells} of the header row are merged. {_ONE_HEADER}")
    names = ["" if cell is None else clean_header(cell) for cell in header]
    while names and not names[-1]:
        names.pop()
    if len(names) > MAX_COLUMNS:
        raise TingTingContactsError(
            f"{where}: the header has {len(names):,} columns, and a worksheet has at most {MAX_COLUMNS:,}. This is no "
            "list of contacts, or the wrong character separates its values."
        )
    counts = Counter(filter(None, names))
    doubled = sorted(name for name, count in counts.items() if count > 1)
    if doubled:
        letters = ", ".join(column_letter(index) for index, name in enumerate(names) if name == doubled[0])
        name = "one column" if are_personal(filter(None, names)) else f"the column {listed(doubled[:1])}"
        raise TingTingContactsError(
            f"{where}: {name} is there {counts[doubled[0]]} times (columns {letters}). Rename or remove all but one, "
            "or add a row of column names if this row is a contact's."
        )
    return tuple(names)


def _touches(cells: str, row: int) -> bool:
    ends = [int("".join(filter(str.isdigit, end)) or 0) for end in cells.split(":")]
    return ends[0] <= row <= ends[-1]


def _refuse_second_header(cells: Sequence[object], where: str, row: int) -> None:
    names = [str(cell) for cell in cells if is_number_header(cell)]
    if names and not any(map(_is_number, cells)):
        raise TingTingContactsError(f"{where}: row {row} looks like a second header ({listed(names)}). {_ONE_HEADER}")


def _refuse_nameless(cells: Sequence[object], names: Sequence[str], where: str, row: int, *, ragged: bool) -> None:
    for index, cell in enumerate(cells):
        beyond = index >= len(names)
        if (beyond and ragged) or (not beyond and names[index]) or not _is_filled(cell):
            continue
        raise TingTingContactsError(
            f"{where}: column {column_letter(index)} has a value in row {row} but no name in the header. {_ONE_HEADER}"
        )
