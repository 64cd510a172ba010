"""The tidy table that csv, xlsx and parquet share: one row a contact, one column a value.

The first columns are always the same, so that files of different campaigns fit together; then come the contacts'
variables under their own names, then columns that TingTing added since.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, cast

from airflow_provider_tingting.reports.cells import read_each_other_info
from airflow_provider_tingting.reports.header import snake_name, unique_names, variable_columns
from airflow_provider_tingting.reports.parser import Columns, Report
from airflow_provider_tingting.reports.rows import ReportBlock

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

        Variables keep their names where they can, as `variable_columns` says. Unknown columns get their names in snake
        case.
        """
        reserved = [*(name for name, _ in CORE), OTHER_INFO]
        added = variable_columns(self.variables, reserved)
        added += unique_names(map(snake_name, self.extra), [*reserved, *added])
        if self.other_info:
            added.append(OTHER_INFO)
        return (*CORE, *((name, str) for name in added))

    def has_columns_for(self, block: ReportBlock) -> bool:
        """Return whether each value of some rows has a column.

        :param block: the rows.
        """
        infos = block.other_info
        if not self.other_info and str in set(map(type, infos)):
            return False
        return all(map(frozenset(self.variables).issuperset, _taken_apart(infos))) and all(
            map(frozenset(self.extra).issuperset, block.extra)
        )

    def values(self, block: ReportBlock) -> list[list[Any]]:
        """Return the values of some rows, a list for each of the columns: text, numbers, moments, or None.

        :param block: the rows.
        """
        values: list[list[Any]] = [getattr(block, name) for name, _ in CORE]
        infos = block.other_info
        variables = _taken_apart(infos)
        for name in self.variables:
            column: list[Any] = [info.get(name) for info in variables]
            kinds = set(map(type, column))
            if kinds != {str}:
                # Most variables that are not text are whole numbers.
                column = list(map(str if kinds == {int} else as_text, column))
            values.append(column)
        values += [[extra.get(name) for extra in block.extra] for name in self.extra]
        if self.other_info:
            whole = (isinstance(info, str) or not self.variables for info in infos)
            values.append([as_text(info) if one and info else None for one, info in zip(whole, infos, strict=True)])
        return values


def _taken_apart(infos: Sequence[Mapping[str, object] | str | None]) -> Sequence[Mapping[str, object]]:
    """Return the variables of each row; those that could not be taken apart are empty."""
    if set(map(type, infos)) == {dict}:
        return cast("Sequence[Mapping[str, object]]", infos)
    return [{} if info is None or isinstance(info, str) else info for info in infos]


def as_text(value: object) -> str | None:
    """Return a variable as text: as it is, a number or truth as JSON writes it, a list or dict as JSON.

    :param value: the variable's value.
    """
    if value is None or isinstance(value, str):
        return value
    return str(value) if type(value) is int else _encode(value)


def find_table(batches: Iterable[Columns], report: Report) -> TidyTable:
    """Return the tidy table of some rows of a report.

    :param batches: their cells, as `Report.batches` returns them.
    :param report: the report.
    """
    place = report.positions.get(OTHER_INFO)
    variables: dict[str, None] = {}
    names: set[str] = set()
    texts = False
    extra = dict.fromkeys(name for name, _ in report.unknown_columns)
    for cells in batches:
        for name, column in report.typed_columns.items():
            if column.label not in extra and column.has_unreadable(cells[report.positions[name]]):
                extra[column.label] = None
        if place is None or len(variables) > MAX_VARIABLES:
            continue
        infos = list(filter(None, read_each_other_info(cells[place])))
        # Most rows have the same variables.
        if set(map(type, infos)) <= {dict} and all(map(names.issuperset, infos)):
            continue
        for info in infos:
            if isinstance(info, Mapping):
                variables.update(dict.fromkeys(info))
            else:
                texts = True
        names.update(variables)
    if len(variables) > MAX_VARIABLES:
        return TidyTable((), tuple(extra), other_info=True)
    return TidyTable(tuple(variables), tuple(extra), other_info=texts)
