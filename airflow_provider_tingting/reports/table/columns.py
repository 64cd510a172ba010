"""The columns of a campaign's rows in a database table, and their values.

Every row carries its campaign's id, so that one table holds many campaigns. The contacts' variables differ from
campaign to campaign: as JSON in one column they leave the table's shape alone, as columns they are easier to query.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, Final

from airflow_provider_tingting.errors import TingTingConfigError
from airflow_provider_tingting.reports import VARIABLE_MODES
from airflow_provider_tingting.reports.cells import write_each_json
from airflow_provider_tingting.reports.header import variable_columns
from airflow_provider_tingting.reports.rows import ReportBlock
from airflow_provider_tingting.reports.tidy import CORE, TidyTable

CAMPAIGN_ID: Final = "campaign_id"
VARIABLES: Final = "variables"
EXTRA: Final = "extra"


class Kind(Enum):
    """What a column holds."""

    ID = "id"
    WORD = "word"
    TEXT = "text"
    JSON = "json"
    AMOUNT = "amount"
    MOMENT = "moment"


_KINDS: Final[Mapping[type, Kind]] = {str: Kind.WORD, float: Kind.AMOUNT, datetime: Kind.MOMENT}


@dataclass(frozen=True)
class TableColumns:
    """The columns of a table and where each gets its values.

    :param columns: name in the table and kind, in the order of `values`.
    :param campaign_column: the name of the column that holds the campaign's id.
    :param number_place: which of the columns holds the phone number, counted from 0; None when none does.
    :param indexed: the columns that get an index beside that of the campaign.
    :param remedy: what to do about a table with other columns.
    """

    columns: tuple[tuple[str, Kind], ...]
    campaign_column: str
    number_place: int | None
    _values: Callable[[ReportBlock], Sequence[Sequence[Any]]]
    _picked: tuple[int, ...] | None
    indexed: tuple[str, ...] = ()
    remedy: str = "Choose with columns= what goes where, load into another table, or alter this one."

    def values(self, block: ReportBlock) -> list[Sequence[Any]]:
        """Return the values of some rows, for each of the columns: ids, text, JSON as text, numbers, moments, or None.

        :param block: the rows.
        """
        values = self._values(block)
        return list(values) if self._picked is None else [values[index] for index in self._picked]


def table_columns(
    campaign_id: int,
    tidy: TidyTable,
    *,
    variables: str = "json",
    columns: Sequence[str] | Mapping[str, str] | None = None,
    empty: bool = False,
) -> TableColumns:
    """Return the columns of a table.

    :param campaign_id: the campaign that the rows belong to.
    :param tidy: the columns that its report has.
    :param variables: `json` for one column `variables`, and one `extra` for what TingTing has added to its report;
        `columns` for a column each; `none` to leave them out.
    :param columns: the report's columns to take, or a mapping of the table's columns to those of the report; None for
        all. The campaign's id is always taken.
    :param empty: whether the report has no rows, so that the variables of its contacts are unknown.
    :raises TingTingConfigError: when the report has no such column; the text names those that it has.
    """
    offered, values = _offered(campaign_id, tidy, variables)
    wanted = _wanted(columns, list(offered))
    unknown = sorted({source for source in wanted.values() if source not in offered})
    if empty and variables == "columns":
        offered |= dict.fromkeys(unknown, Kind.TEXT)
    elif unknown:
        raise TingTingConfigError(
            f"columns asks for {_listed(unknown)}, which the report does not have. It has {_listed(offered)}."
        )
    places = {name: index for index, name in enumerate(offered)}
    picked = tuple(places[source] for source in wanted.values())
    (campaign_column,) = [name for name, source in wanted.items() if source == CAMPAIGN_ID]
    return TableColumns(
        columns=tuple((name, offered[source]) for name, source in wanted.items()),
        campaign_column=campaign_column,
        number_place=next((place for place, source in enumerate(wanted.values()) if source == "number"), None),
        _values=values,
        _picked=None if picked == tuple(range(len(offered))) else picked,
    )


def takes_variables(variables: str, columns: Sequence[str] | Mapping[str, str] | None) -> bool:
    """Whether a table takes more than every report and the listing of contacts have: the contacts' variables.

    :param variables: as for `table_columns`.
    :param columns: as for `table_columns`.
    """
    if variables == "none":
        return False
    if columns is None:
        return True
    sources = columns.values() if isinstance(columns, Mapping) else columns
    return not {CAMPAIGN_ID, *(name for name, _ in CORE)}.issuperset(sources)


def check_columns(variables: str, columns: Any) -> None:
    """Check the two arguments as far as is possible without a report.

    :param variables: what the operator's `variables` says.
    :param columns: what the operator's `columns` says.
    :raises TingTingConfigError: one of them is invalid.
    """
    if variables not in VARIABLE_MODES:
        raise TingTingConfigError(f"variables must be one of {', '.join(VARIABLE_MODES)}; it is {variables!r}.")
    if columns is None:
        return
    names = list(columns.values()) + list(columns) if isinstance(columns, Mapping) else columns
    if isinstance(columns, str) or not isinstance(columns, Mapping | Sequence) or not columns:
        raise TingTingConfigError(
            "columns must be a list of the report's columns, or a dict of the table's columns and the report's, such "
            f'as {{"phone": "number"}}; it is {columns!r}.'
        )
    if not all(isinstance(name, str) and name.strip() for name in names):
        raise TingTingConfigError("columns has a name that is empty or no text.")
    _wanted(columns, [])


def _offered(
    campaign_id: int, tidy: TidyTable, variables: str
) -> tuple[dict[str, Kind], Callable[[ReportBlock], list[Any]]]:
    core = {CAMPAIGN_ID: Kind.ID, **{name: _KINDS[kind] for name, kind in CORE}}
    if variables == "columns":
        # A variable may have the name of the campaign's column, and another one the name that the first one gets then.
        added = variable_columns((name for name, _ in tidy.columns[len(CORE) :]), core)
        return core | dict.fromkeys(added, Kind.TEXT), lambda block: [
            [campaign_id] * len(block.number),
            *tidy.values(block),
        ]
    plain = TidyTable()
    if variables == "none":
        return core, lambda block: [[campaign_id] * len(block.number), *plain.values(block)]

    def with_json(block: ReportBlock) -> list[Any]:
        added = [write_each_json(values) for values in (block.other_info, block.extra)]
        return [[campaign_id] * len(block.number), *plain.values(block), *added]

    return core | {VARIABLES: Kind.JSON, EXTRA: Kind.JSON}, with_json


def _wanted(columns: Sequence[str] | Mapping[str, str] | None, offered: Sequence[str]) -> dict[str, str]:
    """Return the table's columns with those of the report that fill them; the campaign's id first if not named."""
    if columns is None:
        return {name: name for name in offered}
    wanted = dict(columns) if isinstance(columns, Mapping) else {name: name for name in columns}
    named = [name for name, source in wanted.items() if source == CAMPAIGN_ID]
    if len(named) > 1:
        raise TingTingConfigError(f"columns puts campaign_id into more than one column: {_listed(named)}.")
    if not named and CAMPAIGN_ID in wanted:
        raise TingTingConfigError("columns fills campaign_id with something else. Name the campaign's own column too.")
    folded = [name.casefold() for name in wanted]
    twice = sorted({name for name in wanted if folded.count(name.casefold()) > 1})
    if twice:
        raise TingTingConfigError(f"columns has names that a database takes for the same: {_listed(twice)}.")
    return wanted if named else {CAMPAIGN_ID: CAMPAIGN_ID, **wanted}


def _listed(names: Any) -> str:
    shown = list(names)
    more = f" and {len(shown) - 30} more" if len(shown) > 30 else ""
    return ", ".join(f"'{name}'" for name in shown[:30]) + more
