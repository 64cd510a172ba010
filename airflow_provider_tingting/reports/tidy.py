"""The tidy table that csv, xlsx and parquet share: one row a contact, one column a value.

The first columns are always the same, so that files of different campaigns fit together; then come the contacts'
variables under their own names, then columns that TingTing added since.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Any, Final

from airflow_provider_tingting.reports.cells import (
    UNREADABLE,
    read_date,
    read_duration,
    read_number,
    read_other_info,
    read_percent,
)
from airflow_provider_tingting.reports.header import snake_name, unique_names
from airflow_provider_tingting.reports.parser import Report, ReportRow

CORE: Final[tuple[tuple[str, type], ...]] = (
    ("number", str),
    ("status", str),
    ("duration_seconds", float),
    ("playback_percent", float),
    ("credit_consumed", float),
    ("credit_consumed_sms", float),
    ("action_date", datetime),
    ("carrier", str),
)
OTHER_INFO: Final = "other_info"
# A report whose contacts have more different variables than this has keys that are data; they stay in one column.
MAX_VARIABLES: Final = 500
_READERS: Final[Mapping[str, Callable[[str], object]]] = {
    "duration_seconds": read_duration,
    "playback_percent": read_percent,
    "credit_consumed": read_number,
    "credit_consumed_sms": read_number,
    "action_date": read_date,
}


# `json.dumps` with arguments would make an encoder for every value.
_encode = json.JSONEncoder(ensure_ascii=False, default=str).encode


@dataclass(frozen=True, slots=True)
class TidyTable:
    """The columns of a tidy table.

    :param variables: the contacts' variables that have a column.
    :param extra: names in `ReportRow.extra` that have a column.
    :param other_info: whether there is a column for variables that could not be taken apart.
    """

    variables: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    other_info: bool = False

    @property
    def columns(self) -> tuple[tuple[str, type], ...]:
        """Name and type of each column; no two names are alike, not even in another case.

        Variables keep their names, for they are the tags of a message; one that is called like a column of the
        report becomes `variable_…`. Unknown columns get their names in snake case.
        """
        core = [name for name, _ in CORE]
        reserved = {*core, OTHER_INFO}
        variables = [f"variable_{name}" if name.casefold() in reserved else name for name in self.variables]
        added = unique_names([*variables, *map(snake_name, self.extra)], reserved)
        if self.other_info:
            added.append(OTHER_INFO)
        return (*CORE, *((name, str) for name in added))

    def values(self, row: ReportRow) -> list[Any]:
        """Return a row's values in the order of the columns: text, numbers, a moment, or None.

        :param row: the row of the report.
        """
        values: list[Any] = [
            row.number,
            row.status,
            row.duration_seconds,
            row.playback_percent,
            row.credit_consumed,
            row.credit_consumed_sms,
            row.action_date,
            row.carrier,
        ]
        info = row.other_info
        if isinstance(info, Mapping):
            values += [item if type(item) is str else as_text(item) for item in map(info.get, self.variables)]
        else:
            values += [None] * len(self.variables)
        if self.extra:
            values += [row.extra.get(name) for name in self.extra]
        if self.other_info:
            whole = isinstance(info, str) or not self.variables
            values.append(as_text(info) if whole and info else None)
        return values


def as_text(value: object) -> str | None:
    """Return a variable as text: as it is, a number or truth as JSON writes it, a list or dict as JSON.

    :param value: the variable's value.
    """
    if value is None or isinstance(value, str):
        return value
    return str(value) if type(value) is int else _encode(value)


class TableFinder:
    """Learns from the cells of a report which columns its tidy table has.

    :param report: the report whose batches `add` gets.
    """

    def __init__(self, report: Report) -> None:
        self._info = report.positions.get(OTHER_INFO)
        self._variables: dict[str, None] = {}
        self._texts = False
        self._extra = dict.fromkeys(name for name, _ in report.unknown_columns)
        self._known = [
            (report.label(name), itemgetter(report.positions[name]), read)
            for name, read in _READERS.items()
            if name in report.positions
        ]

    def add(self, batch: list[list[str]]) -> None:
        """Collect the columns of some rows of the report.

        :param batch: the cells of the rows.
        """
        for label, getter, read in self._known:
            if label not in self._extra and UNREADABLE in map(read, set(map(getter, batch))):
                self._extra[label] = None
        if self._info is None or len(self._variables) > MAX_VARIABLES:
            return
        for cells in batch:
            info = read_other_info(cells[self._info])
            if isinstance(info, Mapping):
                self._variables.update(dict.fromkeys(info))
            elif info:
                self._texts = True

    def result(self) -> TidyTable:
        """Return the table for the rows that were added."""
        extra = tuple(self._extra)
        if len(self._variables) > MAX_VARIABLES:
            return TidyTable((), extra, other_info=True)
        return TidyTable(tuple(self._variables), extra, other_info=self._texts)
