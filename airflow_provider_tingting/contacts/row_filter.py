"""Chooses rows of a source: `where=`. Values are compared, nothing is ever evaluated as code.

Imports the standard library and this package only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from airflow_provider_tingting.contacts.columns import closest, find_column, listed
from airflow_provider_tingting.contacts.contact import Row, plain_value
from airflow_provider_tingting.errors import TingTingConfigError, TingTingContactsError

Where = Mapping[str, object] | Callable[[dict[str, object]], object]


def row_filter(where: Where | None) -> Callable[[Row], bool] | None:
    """Return what says of a row whether it belongs to the audience; None when all do.

    :param where: a function of the row's values by column; or a dict of column and the value, or the list of values,
        that it must have. `5`, `5.0` and `"5"` are the same value; case and the spaces around a text do not matter.
    :raises TingTingConfigError: for anything else.
    """
    if where is None:
        return None
    if callable(where):
        return _by_function(where)
    if not isinstance(where, Mapping) or not where:
        raise TingTingConfigError(
            "where is a function of a row, or a dict of column and value, such as {'Ward': 7} or {'Ward': [7, 8]}."
        )
    return _by_values({str(column): _allowed(column, values) for column, values in where.items()})


def _by_function(where: Callable[[dict[str, object]], object]) -> Callable[[Row], bool]:
    def is_wanted(row: Row) -> bool:
        try:
            return bool(where(_flat(row)))
        except Exception as error:
            # What it says may quote the row.
            raise TingTingContactsError(
                f"The function given as where= failed for {row.place} with {type(error).__name__}. Correct it. "
            ) from None

    return is_wanted


def _by_values(allowed: Mapping[str, frozenset[str]]) -> Callable[[Row], bool]:
    found: dict[tuple[str, ...], list[tuple[str, frozenset[str]]]] = {}

    def is_wanted(row: Row) -> bool:
        values = _flat(row)
        columns = row.columns or tuple(values)
        pairs = found.get(columns)
        if pairs is None:
            pairs = [(_column(wanted, columns, row), these) for wanted, these in allowed.items()]
            if len(found) < 1_000:
                found[columns] = pairs
        return all(_key(values.get(column)) in these for column, these in pairs)

    return is_wanted


def _column(wanted: str, columns: tuple[str, ...], row: Row) -> str:
    column = find_column(wanted, columns)
    if column is not None:
        return column
    if row.columns is None:
        # A dict may lack a key that others have.
        return wanted
    near = closest(wanted, columns)
    hint = f"Did you mean '{near}'? " if near is not None else ""
    raise TingTingContactsError(
        f"{row.place.source} has no column '{wanted}' (where). {hint}The columns are {listed(columns)}."
    )


def _allowed(column: Any, values: object) -> frozenset[str]:
    several = values if isinstance(values, list | tuple | set | frozenset) else [values]
    try:
        return frozenset(str(plain_value(value)).strip().casefold() for value in several)
    except TypeError:
        raise TingTingConfigError(
            f"where: the column '{column}' is compared with values such as texts, numbers and dates."
        ) from None


def _key(value: object) -> str:
    try:
        return str(plain_value(value)).strip().casefold()
    except TypeError:
        return "\0"


def _flat(row: Row) -> dict[str, object]:
    nested = row.values.get("other_variables")
    if isinstance(nested, Mapping):
        return {**{str(key): value for key, value in nested.items()}, "number": row.values.get("number")}
    return dict(row.values)
