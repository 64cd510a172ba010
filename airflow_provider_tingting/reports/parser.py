"""A campaign report as a stream of typed rows, whatever layout it came in.

Open once, iterate as often as needed: every pass reads the spooled file again from its first byte, in flat memory.

Source: Campaign API, "Download report": `GET download/{campaign_id}/report/`, "per-contact call outcomes,
durations, and credit usage".
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from operator import itemgetter
from typing import Any, BinaryIO, Final

from airflow_provider_tingting.errors import TingTingReportError
from airflow_provider_tingting.reports.body import END, Lines, refuse_other_kinds
from airflow_provider_tingting.reports.cells import (
    UNREADABLE,
    CachedParser,
    read_date,
    read_duration,
    read_each_other_info,
    read_number,
    read_percent,
    read_status,
)
from airflow_provider_tingting.reports.header import (
    COLUMN_NAMES,
    ReportFields,
    find_columns,
    plain_name,
    read_preamble,
    unique_names,
)
from airflow_provider_tingting.reports.rows import ReportBlock, ReportRows

_DELIMITERS: Final = (",", ";", "\t", "|")
_HEADER_WITHIN: Final = 1000
_BATCH: Final = 512
#: The columns whose cells become numbers or moments.
READERS: Final[Mapping[str, Callable[[str], object]]] = {
    "duration_seconds": read_duration,
    "playback_percent": read_percent,
    "credit_consumed": read_number,
    "credit_consumed_sms": read_number,
    "action_date": read_date,
}
_STATUS_NAMES: Final = frozenset(COLUMN_NAMES["status"])
_AGAIN: Final = "Download it again."

#: Some rows of a report: the cells of each column.
Columns = Sequence[Sequence[str]]


class Report:
    """A campaign report; made by `open_report`.

    :ivar fields: what the preamble says (see `header.read_preamble`); `{}` when there is none.
    :ivar columns: the names in the header, as they came.
    :ivar positions: field of `ReportRow` → index of its column.
    :ivar typed_columns: field of `ReportRow` → reader of its cells, for numbers and moments.
    """

    def __init__(self, stream: BinaryIO, delimiter: str, above: list[list[str]], header: list[str]) -> None:
        self._stream = stream
        self._delimiter = delimiter
        self._above = len(above)
        self.fields: ReportFields = read_preamble(above)
        while not header[-1].strip():
            header = header[:-1]
        self.columns = tuple(header)
        self.positions: Mapping[str, int] = find_columns(header) or {}
        known = {index: name for name, index in self.positions.items()}
        names = [cell.strip() or f"column {index + 1}" for index, cell in enumerate(header)]
        unique = unique_names(names)
        labels = {known[index]: unique[index] for index in known}
        self.typed_columns = {name: TypedColumn(READERS[name], labels[name]) for name in READERS if name in labels}
        self.unknown_columns: tuple[tuple[str, int], ...] = tuple(
            (name, index) for index, name in enumerate(unique) if index not in known
        )

    def __repr__(self) -> str:
        """Show the layout, never a row."""
        return f"Report(columns={self.columns!r}, fields={self.fields!r})"

    def rows(self) -> ReportRows:
        """Return every contact's row, in the report's order.

        :raises TingTingReportError: while iterating, when the report turns out to be cut, damaged or two reports in
            one; the rows given so far are then worth nothing.
        """
        return ReportRows(self._blocks)

    def batches(self) -> Iterator[Columns]:
        """Return the rows in batches: the cells of each column, blank rows left out, for fast passes.

        :raises TingTingReportError: as `rows`.
        """
        lines = Lines(self._stream)
        width = len(self.columns)
        status = self.positions["status"]
        done, ended = self._above + 1, False
        try:
            for _ in islice(csv.reader(lines, delimiter=self._delimiter), done):
                pass
            while not ended:
                columns: Columns | None = lines.columns(self._delimiter, width)
                if columns is not None and "" not in columns[status]:
                    done += len(columns[status])
                    lines.record_ended()
                    yield columns
                    continue
                if columns is None:
                    batch = list(islice(csv.reader(lines, delimiter=self._delimiter), _BATCH))
                else:
                    batch = list(map(list, zip(*columns, strict=True)))
                lines.record_ended()
                taken = len(batch)
                if not batch:
                    raise TingTingReportError(f"The report breaks off. {_AGAIN}")
                if batch[-1] == [END]:
                    ended = True
                    batch.pop()
                elif batch[-1] and END in batch[-1][-1]:
                    raise TingTingReportError(
                        f"The report breaks off inside a quoted field, in the row that starts at line "
                        f"{self._line_of(done + taken - 1):,}. {_AGAIN}"
                    )
                if set(map(len, batch)) != {width} or "" in map(itemgetter(status), batch):
                    batch = self._check_rows(batch, done, cut=ended and not lines.ends_with_newline)
                done += taken
                if batch:
                    yield list(zip(*batch, strict=True))
        except csv.Error as error:
            raise TingTingReportError(
                f"The report cannot be read as CSV near line {self._line_of_error():,}: {error}. "
                f"A field without an end, or a damaged file. {_AGAIN}"
            ) from None

    def _check_rows(self, batch: list[list[str]], done: int, *, cut: bool) -> list[list[str]]:
        """Leave out blank rows; refuse rows that do not fit the header."""
        width = len(self.columns)
        sifted = []
        for index, cells in enumerate(batch):
            if not any(map(str.strip, cells)):
                continue
            while len(cells) > width and not cells[-1].strip():
                cells.pop()
            if len(cells) != width:
                line = self._line_of(done + index)
                if cut and index == len(batch) - 1 and len(cells) < width:
                    raise TingTingReportError(
                        f"The report breaks off in its last row (line {line:,}): {len(cells)} of {width} cells, and "
                        f"no line end. {_AGAIN}"
                    )
                raise TingTingReportError(
                    f"Line {line:,} of the report has {len(cells)} cells, its header has {width}: it is damaged, or "
                    f"more than one table. {_AGAIN}"
                )
            sifted.append(cells)
        return sifted

    def _line_of(self, record: int) -> int:
        # Only an error needs the line of a record, so only an error reads the file again for it.
        reader = csv.reader(Lines(self._stream), delimiter=self._delimiter)
        for _ in islice(reader, record):
            pass
        return reader.line_num + 1

    def _line_of_error(self) -> int:
        lines = Lines(self._stream)
        reader = csv.reader(lines, delimiter=self._delimiter)
        with suppress(csv.Error):
            for _ in reader:
                lines.record_ended()
        return reader.line_num

    def status_reader(self) -> Callable[[str], str]:
        """Return a parser of status cells that refuses a second header, with its line, when it meets one."""

        def read(text: str) -> str:
            if plain_name(text) in _STATUS_NAMES:
                raise TingTingReportError(
                    f"The report has a second header ({self._where_again()}): two reports in one file. "
                    "Download the report of one campaign."
                )
            return read_status(text)

        return CachedParser(read).__getitem__

    def _where_again(self) -> str:
        reader = csv.reader(Lines(self._stream), delimiter=self._delimiter)
        for _ in islice(reader, self._above + 1):
            pass
        line = reader.line_num + 1
        for cells in reader:
            if find_columns(cells):
                return f"line {line:,}"
            line = reader.line_num + 1
        return "a status that is called status"

    def _blocks(self) -> Iterator[ReportBlock]:
        status_of = self.status_reader()
        carrier_of = CachedParser(lambda text: text.strip() or None).__getitem__
        places = self.positions
        for cells in self.batches():
            count = len(cells[0])
            nothing: list[Any] = [None] * count
            extra = self._extra(cells, count)
            values: dict[str, Any] = dict.fromkeys(READERS, nothing)
            for name, column in self.typed_columns.items():
                values[name] = column.values(cells[places[name]], extra)
            yield ReportBlock(
                number=list(map(str.strip, cells[places["number"]])),
                status=list(map(status_of, cells[places["status"]])),
                other_info=read_each_other_info(cells[places["other_info"]]) if "other_info" in places else nothing,
                carrier=list(map(carrier_of, cells[places["carrier"]])) if "carrier" in places else nothing,
                extra=extra,
                **values,
            )

    def _extra(self, cells: Columns, count: int) -> list[dict[str, str]]:
        if not self.unknown_columns:
            return [{} for _ in range(count)]
        names = [name for name, _ in self.unknown_columns]
        texts = [cells[index] for _, index in self.unknown_columns]
        return [dict(zip(names, row, strict=True)) for row in zip(*texts, strict=True)]


class TypedColumn:
    """Reads the cells of one column; each distinct text once, because reports repeat few of them over many rows.

    :param read: text of a cell → value.
    :param label: the name of the column, under which `ReportRow.extra` has a text that cannot be read.
    """

    def __init__(self, read: Callable[[str], object], label: str) -> None:
        self._any_unreadable = False
        self.label = label
        self._read = read
        self._value_of = CachedParser(self._once).__getitem__

    def _once(self, text: str) -> object:
        value = self._read(text)
        self._any_unreadable |= value is UNREADABLE
        return value

    def has_unreadable(self, texts: Sequence[str]) -> bool:
        """Return whether one of the cells so far, or of these, cannot be read.

        :param texts: the cells.
        """
        for _ in map(self._value_of, texts):
            pass
        return self._any_unreadable

    def values(self, texts: Sequence[str], extra: Sequence[dict[str, str]]) -> list[Any]:
        """Return the values of some cells.

        :param texts: the cells.
        :param extra: for each cell what its row has beside the known columns; gets the text that cannot be read.
        """
        values = list(map(self._value_of, texts))
        if self._any_unreadable:
            for place, value in enumerate(values):
                if value is UNREADABLE:
                    values[place], extra[place][self.label] = None, texts[place]
        return values


def open_report(stream: BinaryIO) -> Report:
    """Find the table in a campaign report.

    :param stream: a readable, seekable binary file, such as a spooled download; read from its first byte, not closed.
    :returns: the report; no row has been read yet.
    :raises TingTingReportError: when the body is empty, HTML, JSON or another kind of file, or has no header.
    """
    refuse_other_kinds(stream)
    for delimiter in _DELIMITERS:
        above: list[list[str]] = []
        reader = csv.reader(Lines(stream), delimiter=delimiter)
        try:
            for cells in islice(reader, _HEADER_WITHIN):
                if find_columns(cells):
                    return Report(stream, delimiter, above, cells)
                above.append(cells)
        except csv.Error as error:
            raise TingTingReportError(
                f"The report cannot be read as CSV near line {reader.line_num:,}: {error}. "
                f"A field without an end, or a damaged file. {_AGAIN}"
            ) from None
    raise TingTingReportError(
        f"The report has no table: none of its first {_HEADER_WITHIN:,} rows has both a number and a status column "
        f"(separated by comma, semicolon, tab or bar). It may be cut before the table, or not be a campaign "
        f"report. {_AGAIN}"
    )
