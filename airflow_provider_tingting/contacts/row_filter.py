"""Chooses the rows of a source that belong to the audience: `where=`. Values are compared, never evaluated as code."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping

from airflow_provider_tingting.contacts.columns import closest, find_column, listed
from airflow_provider_tingting.contacts.contact import Row, Shown, plain_value
from airflow_provider_tingting.errors import TingTingConfigError, TingTingContactsError

Where = Mapping[str, object] | Callable[[dict[str, object]], object]

_MAX_HEADERS = 1_000


def row_filter(where: Where | None) -> Callable[[Row], bool] | None:
    """Return a function that says whether a row belongs to the audience; None when all rows do.

    :param where: a function of the row's values by column; or a dict of column and the value, or the list of values,
        that it must have. `5`, `5.0`, `"5"` and `"५"` are the same value; case and the spaces around a text do not
        matter.
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
            # The function's own message may quote the row.
            raise TingTingContactsError(
                f"The function given as where= failed for {row.place} with {type(error).__name__}. Correct it."
            ) from None

    return is_wanted


def _by_values(allowed: Mapping[str, frozenset[str]]) -> Callable[[Row], bool]:
    known: dict[tuple[str, ...], list[tuple[str, frozenset[str]]]] = {}

    def is_wanted(row: Row) -> bool:
        values = _flat(row)
        columns = row.columns or tuple(values)
        pairs = known.get(columns)
        if pairs is None:
            pairs = [(_column(wanted, columns, row), choices) for wanted, choices in allowed.items()]
            if len(known) < _MAX_HEADERS:
                known[columns] = pairs
        return all(not choices.isdisjoint(_keys(values.get(column))) for column, choices in pairs)

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


def _allowed(column: object, values: object) -> frozenset[str]:
    several = values if isinstance(values, list | tuple | set | frozenset) else [values]
    try:
        return frozenset(_folded(value) for value in several)
    except TypeError:
        raise TingTingConfigError(
            f"where: the column '{column}' is compared with values such as texts, numbers and dates."
        ) from None


def _keys(value: object) -> tuple[str, ...]:
    try:
        # A date may be named as the spreadsheet shows it, or as a date.
        return (_folded(value), _folded(value.moment)) if isinstance(value, Shown) else (_folded(value),)
    except TypeError:
        return ()


def _folded(value: object) -> str:
    text = str(plain_value(value)).strip().casefold()
    if text.isascii():
        return text
    digits = (str(unicodedata.decimal(char)) if char.isdecimal() else char for char in text)
    return unicodedata.normalize("NFC", "".join(digits))


def _flat(row: Row) -> dict[str, object]:
    nested = row.values.get("other_variables")
    if isinstance(nested, Mapping):
        return {**{str(key): value for key, value in nested.items()}, "number": row.values.get("number")}
    return dict(row.values)
