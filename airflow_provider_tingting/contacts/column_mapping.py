"""Decides which value of a row is the number and which are variables, once for each header."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from airflow_provider_tingting.contacts.columns import closest, find_column, find_number_column, listed
from airflow_provider_tingting.contacts.contact import Row
from airflow_provider_tingting.contacts.message import same_name
from airflow_provider_tingting.contacts.sources.items import SOURCE as GIVEN
from airflow_provider_tingting.contacts.sources.items import is_api_shaped
from airflow_provider_tingting.errors import TingTingContactsError


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """How to read the rows of one header.

    :param number: the column of the numbers; None when a row has none.
    :param pairs: variable and column, for each variable.
    :param nested: whether the variables are under `other_variables`.
    """

    number: str | None
    pairs: tuple[tuple[str, str], ...]
    nested: bool


class ColumnMapper:
    """Finds the mapping for each row, and reports names that no row has.

    A column whose name looks like a needed tag (composed or decomposed letters, joiners) fills that tag, under the
    tag's own spelling.

    :param number_column: the column of the numbers; None finds it by its name.
    :param variables: variable to column; None makes every other column a variable of its own name.
    :param needed: the variables that every contact must have.
    :param given: variables with one value for all contacts, which need no column.
    """

    def __init__(
        self,
        number_column: str | None,
        variables: Mapping[str, str] | None,
        needed: Collection[str],
        given: Collection[str],
    ) -> None:
        self._number_column = number_column
        self._variables = variables
        self._needed = tuple(tag for tag in needed if tag not in given)
        self._last_header: tuple[str, ...] | None = None
        self._last_mapping: ColumnMapping | None = None
        self._mappings: dict[tuple[object, ...], ColumnMapping] = {}
        # Tags that no row has had so far.
        self._unseen = {*self._needed, *(variables or {})}
        self._columns: dict[str, None] = {}
        self._source = ""
        self._is_table = False

    def mapping_for(self, row: Row) -> ColumnMapping:
        """Return how to read a row.

        :param row: the row.
        :raises TingTingContactsError: when its table, or the first of its rows, lacks a column that is needed.
        """
        header = row.columns
        if header is not None and header is self._last_header and self._last_mapping is not None:
            return self._last_mapping
        nested = header is None and is_api_shaped(row.values)
        columns = header if header is not None else _keys(row.values, nested=nested)
        key = (nested, header is not None, *columns)
        mapping = self._mappings.get(key) or self._remember(key, self._make(row, columns, nested=nested))
        self._last_header, self._last_mapping = header, mapping
        return mapping

    def check_all_seen(self) -> None:
        """Refuse a tag or column that was in no row at all.

        :raises TingTingContactsError: naming the closest column.
        """
        for tag in (*self._needed, *(self._variables or {})):
            if tag in self._unseen:
                raise self._unknown(tag, tuple(self._columns), self._source)

    def _remember(self, key: tuple[object, ...], mapping: ColumnMapping) -> ColumnMapping:
        # Limited, so that rows whose keys all differ do not fill the memory.
        if len(self._mappings) < 1_000:
            self._mappings[key] = mapping
        return mapping

    def _make(self, row: Row, columns: tuple[str, ...], *, nested: bool) -> ColumnMapping:
        source = row.place.source
        first = not self._columns
        if len(self._columns) < 1_000:
            self._columns.update(dict.fromkeys(columns))
        self._source = self._source or source
        self._is_table = row.columns is not None
        number = self._number_in(columns, source, nested=nested, strict=first or row.columns is not None)
        if self._variables is None:
            spelt = {same_name(tag): tag for tag in self._needed if tag not in columns}
            pairs = tuple(
                (spelt.get(same_name(column), column) if spelt else column, column)
                for column in columns
                if nested or column != number
            )
        else:
            pairs = self._named_pairs(columns, self._variables)
        present = {tag for tag, _ in pairs}
        self._unseen -= present
        if row.columns is not None:
            # A table has the same columns to its end: there is no need to read on.
            for tag in (*self._needed, *(self._variables or {})):
                if tag not in present:
                    raise self._unknown(tag, columns, source)
        return ColumnMapping(number, pairs, nested)

    def _number_in(self, columns: tuple[str, ...], source: str, *, nested: bool, strict: bool) -> str | None:
        if nested:
            return "number"
        if self._number_column is None:
            try:
                return find_number_column(columns, source)
            except TingTingContactsError:
                if strict:
                    raise
                return None
        found = find_column(self._number_column, columns)
        if found is None and strict:
            raise TingTingContactsError(
                f"{source} has no column '{self._number_column}' (number_column). "
                f"{_suggestion(self._number_column, columns)}The columns are {listed(columns)}."
            )
        return found

    def _named_pairs(self, columns: tuple[str, ...], variables: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
        pairs = []
        for tag, wanted in variables.items():
            column = find_column(wanted, columns)
            if column is not None:
                pairs.append((tag, column))
        return tuple(pairs)

    def _unknown(self, tag: str, columns: tuple[str, ...], source: str) -> TingTingContactsError:
        wanted = (self._variables or {}).get(tag)
        if wanted is not None:
            return TingTingContactsError(
                f"{source} has no column '{wanted}' for the variable '{tag}'. {_suggestion(wanted, columns)}"
                f"The columns are {listed(columns)}."
            )
        column = closest(tag, columns)
        remedy = (
            f"If it means the column '{column}', pass variables={{'{tag}': '{column}'}} or correct the message. "
            if column is not None
            else "Correct the message, or name the variable's column with variables=. "
        )
        names = self._variables if self._variables is not None else columns
        lacks = "have" if source == GIVEN else "has"
        what = "variable" if self._variables is not None else "column" if self._is_table else "key"
        return TingTingContactsError(
            f"The message uses {{{tag}}}, but {source} {lacks} no {what} of that name. {remedy}"
            f"The {what}s are {listed(names)}."
        )


def _keys(values: Mapping[str, object], *, nested: bool) -> tuple[str, ...]:
    inner = values["other_variables"] if nested else values
    return tuple(inner) if isinstance(inner, Mapping) else ()


def _suggestion(wanted: str, columns: tuple[str, ...]) -> str:
    column = closest(wanted, columns)
    return f"Did you mean '{column}'? " if column is not None else ""
