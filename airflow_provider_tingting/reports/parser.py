"""A campaign report as a stream of typed rows, whatever layout it came in.

Open once, iterate as often as needed: every pass reads the spooled file again from its first byte, in flat memory.

Source: Campaign API, "Download report": `GET download/{campaign_id}/report/`, "per-contact call outcomes,
durations, and credit usage".
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from operator import itemgetter
from typing import BinaryIO, Final

from airflow_provider_tingting.errors import TingTingReportError
from airflow_provider_tingting.masking import HIDDEN, mask_number, mask_text
from airflow_provider_tingting.reports.body import END, Lines, refuse_other_kinds
from airflow_provider_tingting.reports.cells import (
    UNREADABLE,
    CachedParser,
    read_date,
    read_duration,
    read_number,
    read_other_info,
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

_DELIMITERS: Final = (",", ";", "\t", "|")
_HEADER_WITHIN: Final = 1000
_BATCH: Final = 512
_FIELDS: Final = tuple(COLUMN_NAMES)
_STATUS_NAMES: Final = frozenset(COLUMN_NAMES["status"])
_AGAIN: Final = "Download it again."


# Not frozen: setting the fields of a frozen one takes a third of the time of reading a report.
@dataclass(slots=True, repr=False)
class ReportRow:
    """What happened to one contact.

    :param number: the phone number, as text, as it came.
    :param status: `completed`, `unanswered`, … as `values.CONTACT_STATUSES` has them; one that is not known as it came.
    :param duration_seconds: length of the call in seconds.
    :param playback_percent: how much of the message was played, 0 to 100.
    :param credit_consumed: credits for the call (or for all, where the report has one column).
    :param other_info: the contact's variables; text when they cannot be read as a dict.
    :param action_date: when it happened, always with a time zone; Nepal time where the report names none.
    :param carrier: `NTC`, `Ncell`, …
    :param extra: columns that are not known, and cells that cannot be read, as text under the column's name.
    :param credit_consumed_sms: credits for the SMS, where the report has a column of its own for them.
    """

    number: str
    status: str
    duration_seconds: float | None = None
    playback_percent: float | None = None
    credit_consumed: float | None = None
    other_info: Mapping[str, object] | str | None = None
    action_date: datetime | None = None
    carrier: str | None = None
    extra: Mapping[str, str] = field(default_factory=dict)
    credit_consumed_sms: float | None = None

    def __repr__(self) -> str:
        """Show the outcome; hide who it was and what is known about them."""
        hidden = HIDDEN if self.other_info or self.extra else None
        return (
            f"ReportRow(number={mask_number(self.number)!r}, status={mask_text(self.status)!r}, "
            f"duration_seconds={self.duration_seconds}, playback_percent={self.playback_percent}, "
            f"credit_consumed={self.credit_consumed}, action_date={self.action_date}, carrier={self.carrier!r}, "
            f"other_info={hidden!r})"
        )


class Report:
    """A campaign report; made by `open_report`.

    :ivar fields: what the preamble says (see `header.read_preamble`); `{}` when there is none.
    :ivar columns: the names in the header, as they came.
    :ivar positions: field of `ReportRow` → index of its column.
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
        self._labels = {known[index]: unique[index] for index in known}
        self.unknown_columns: tuple[tuple[str, int], ...] = tuple(
            (name, index) for index, name in enumerate(unique) if index not in known
        )

    def __repr__(self) -> str:
        """Show the layout, never a row."""
        return f"Report(columns={self.columns!r}, fields={self.fields!r})"

    def label(self, field_name: str) -> str:
        """Return the name of a field's column, as `ReportRow.extra` has it when a cell of it cannot be read.

        :param field_name: the field, such as `duration_seconds`.
        """
        return self._labels[field_name]

    def rows(self) -> Iterator[ReportRow]:
        """Return every contact's row, in the report's order.

        :raises TingTingReportError: when the report turns out to be cut, damaged or two reports in one; the rows
            given so far are then worth nothing.
        """
        build = self._builder()
        for batch in self.batches():
            yield from map(build, batch)

    def batches(self) -> Iterator[list[list[str]]]:
        """Return the rows as lists of cells, as wide as the header, blank rows left out: for fast passes.

        :raises TingTingReportError: as `rows`.
        """
        lines = Lines(self._stream)
        reader = csv.reader(lines, delimiter=self._delimiter)
        width = len(self.columns)
        status = itemgetter(self.positions["status"])
        done, ended = self._above + 1, False
        try:
            for _ in islice(reader, done):
                pass
            while batch := list(islice(reader, _BATCH)):
                lines.record_ended()
                taken = len(batch)
                if batch[-1] == [END]:
                    ended = True
                    batch.pop()
                elif batch[-1] and END in batch[-1][-1]:
                    raise TingTingReportError(
                        f"The report breaks off inside a quoted field, in the row that starts at line "
                        f"{self._line_of(done + taken - 1):,}. {_AGAIN}"
                    )
                if set(map(len, batch)) != {width} or "" in map(status, batch):
                    batch = self._check_rows(batch, done, cut=ended and not lines.ends_with_newline)
                done += taken
                if batch:
                    yield batch
        except csv.Error as error:
            raise TingTingReportError(
                f"The report cannot be read as CSV near line {reader.line_num:,}: {error}. "
                f"A field without an end, or a damaged file. {_AGAIN}"
            ) from None
        if not ended:
            raise TingTingReportError(f"The report breaks off. {_AGAIN}")

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

    def _builder(self) -> Callable[[list[str]], ReportRow]:
        """Make the function that turns cells into a row: its parsers remember what they have read."""
        absent = len(self.columns)
        pick = itemgetter(*(self.positions.get(name, absent) for name in _FIELDS))
        pad = len(self.positions) < len(_FIELDS)
        status_of = self.status_reader()
        duration_of = CachedParser(read_duration).__getitem__
        percent_of = CachedParser(read_percent).__getitem__
        credit_of = CachedParser(read_number).__getitem__
        date_of = CachedParser(read_date).__getitem__
        unknown = self.unknown_columns
        labels = self._labels

        def build(cells: list[str]) -> ReportRow:
            if pad:
                cells = [*cells, ""]
            number, status, duration, playback, credit, credit_sms, info, date, carrier = pick(cells)
            extra = {name: cells[index] for name, index in unknown}
            seconds = duration_of(duration)
            if seconds is UNREADABLE:
                extra[labels["duration_seconds"]], seconds = duration, None
            percent = percent_of(playback)
            if percent is UNREADABLE:
                extra[labels["playback_percent"]], percent = playback, None
            credits = credit_of(credit)
            if credits is UNREADABLE:
                extra[labels["credit_consumed"]], credits = credit, None
            credits_sms = credit_of(credit_sms)
            if credits_sms is UNREADABLE:
                extra[labels["credit_consumed_sms"]], credits_sms = credit_sms, None
            moment = date_of(date) if date else None
            if moment is UNREADABLE:
                extra[labels["action_date"]], moment = date, None
            return ReportRow(
                number.strip(),
                status_of(status),
                seconds,
                percent,
                credits,
                read_other_info(info) if info else None,
                moment,
                carrier.strip() or None,
                extra,
                credits_sms,
            )

        return build


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
