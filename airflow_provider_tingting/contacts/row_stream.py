"""The rows of a source, one after the other, or in blocks where the source is a table.

A block keeps the cells of its rows as they were read, so that a check can go through it by column. Its rows as objects
are the same rows; a caller that reads them one by one loses time only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from airflow_provider_tingting.contacts.contact import Place, Row


@dataclass(frozen=True, slots=True)
class RowBlock:
    """Sound rows of a table that follow each other without a gap.

    :param first: the place of the first row.
    :param columns: the header: one and the same tuple for all rows of the table.
    :param cells: the cells of each row, as many as there are columns.
    """

    first: Place
    columns: tuple[str, ...]
    cells: Sequence[Sequence[object]]

    def __len__(self) -> int:
        return len(self.cells)

    def __iter__(self) -> Iterator[Row]:
        source, sheet, columns = self.first.source, self.first.sheet, self.columns
        for row, found in enumerate(self.cells, self.first.row):
            yield Row(Place(source, row, sheet), dict(zip(columns, found, strict=True)), columns)

    def halves(self) -> tuple[RowBlock, RowBlock]:
        """Return the first and the second half of the rows."""
        half, first = len(self.cells) // 2, self.first
        second = Place(first.source, first.row + half, first.sheet)
        return RowBlock(first, self.columns, self.cells[:half]), RowBlock(second, self.columns, self.cells[half:])


class RowStream(Iterator[Row]):
    """The rows of a source: an iterator of them, or of the parts in which they are read.

    :param parts: the rows, and blocks of rows, in their order.
    """

    def __init__(self, parts: Iterator[Row | RowBlock]) -> None:
        self._parts = parts
        self._rows = _rows_of(parts)

    def __iter__(self) -> Iterator[Row]:
        return self._rows

    def __next__(self) -> Row:
        return next(self._rows)

    def parts(self) -> Iterator[Row | RowBlock]:
        """Return the rest of the rows in the parts in which they are read."""
        return self._parts

    def close(self) -> None:
        """Close the source."""
        for each in (self._rows, self._parts):
            close = getattr(each, "close", None)
            if close is not None:
                close()


def _rows_of(parts: Iterator[Row | RowBlock]) -> Iterator[Row]:
    for part in parts:
        if isinstance(part, Row):
            yield part
        else:
            yield from part
