"""Reads `exclude`: one source of people who must not be contacted, or several, in every form that `contacts` has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from airflow_provider_tingting.contacts.sources import read_rows
from airflow_provider_tingting.errors import TingTingConfigError
from airflow_provider_tingting.utils.arguments import storage_path_of
from airflow_provider_tingting.utils.sql_source import query_rows

_QUERY_KEYS = frozenset({"sql", "sql_conn_id", "sql_parameters", "number_column"})
_FILE_KEYS = frozenset({"contacts", "number_column", "sheet", "encoding", "delimiter"})


def exclusion_rows(source: Any, *, encoding: str | None, sql_conn_id: str | None) -> Iterator[tuple[Any, str | None]]:
    """Yield the rows of each source and the column of its numbers, if it names one; read each before the next.

    :param source: a path, an iterable of numbers, contacts and further sources, or a dict that says how a query (`sql`)
        or a file (`contacts`) is read.
    :param encoding: of text files that do not say their own.
    :param sql_conn_id: of queries that do not say their own.
    :raises TingTingConfigError: for anything else.
    """
    if source is None:
        return
    if isinstance(source, str) and not source.strip():
        # A list of people who must not be called does not vanish without a word.
        raise TingTingConfigError(
            "exclude is an empty text, so nobody would be left out: perhaps its template has rendered to nothing. Give "
            "the source, or None to exclude nobody."
        )
    if isinstance(source, Mapping) and "sql" in source:
        _refuse_stray(source, _QUERY_KEYS)
        conn_id = source.get("sql_conn_id") or sql_conn_id
        rows = query_rows(source["sql"], conn_id, source.get("sql_parameters"), name="the excluding SQL query")
        yield rows, source.get("number_column")
        return
    number_column = None
    how: dict[str, Any] = {"encoding": encoding}
    if isinstance(source, Mapping) and "contacts" in source:
        _refuse_stray(source, _FILE_KEYS)
        number_column = source.get("number_column")
        how |= {key: source[key] for key in ("sheet", "encoding", "delimiter") if source.get(key)}
        source = source["contacts"]
    if isinstance(source, str) and not any(char.isalpha() for char in source):
        source = [source]
    if isinstance(source, str) or hasattr(source, "open") or hasattr(source, "__fspath__"):
        path = storage_path_of(source, "exclude", "do_not_call.csv, or a list of numbers")
        yield read_rows(path, may_be_empty=True, **how), number_column
    elif isinstance(source, Iterable) and not isinstance(source, Mapping | bytes):
        further: list[Any] = []
        yield read_rows(_numbers_in(source, further)), number_column
        # By now they have been read, and the sources among them are known.
        for one in further:
            yield from exclusion_rows(one, encoding=encoding, sql_conn_id=sql_conn_id)
    else:
        yield read_rows(source), number_column


def _refuse_stray(source: Mapping[str, Any], allowed: frozenset[str]) -> None:
    stray = sorted(set(source) - allowed)
    if stray:
        raise TingTingConfigError(f"exclude: '{stray[0]}' is not known; use {', '.join(sorted(allowed))}.")


def _numbers_in(items: Iterable[Any], sources: list[Any]) -> Iterator[Any]:
    """Yield the numbers and contacts among the items, and collect what is a source of its own."""
    for one in items:
        if isinstance(one, str):
            is_source = any(char.isalpha() for char in one)
        elif isinstance(one, Mapping):
            is_source = "sql" in one or "contacts" in one
        else:
            is_source = isinstance(one, list | tuple) or hasattr(one, "open") or hasattr(one, "__fspath__")
        if is_source:
            sources.append(one)
        else:
            yield one
