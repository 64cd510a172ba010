"""Reads `exclude` and the do-not-call list: one source of contacts that must not be called, or several.

A source has every form that `contacts` has.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from airflow_provider_tingting.contacts.sources import read_rows
from airflow_provider_tingting.errors import TingTingConfigError
from airflow_provider_tingting.utils.arguments import is_like_a_path, storage_path_of
from airflow_provider_tingting.utils.sql_source import query_rows

_QUERY_KEYS = frozenset({"sql", "sql_conn_id", "sql_parameters", "number_column"})
_FILE_KEYS = frozenset({"contacts", "number_column", "sheet", "hidden_rows", "encoding", "delimiter"})


def exclusion_rows(
    source: object,
    *,
    encoding: str | None = None,
    sql_conn_id: str | None = None,
    hidden_rows: str = "ask",
    name: str = "exclude",
) -> Iterator[tuple[Any, str | None]]:
    """Yield the rows of each source and the column of its numbers, if it names one; read each before the next.

    :param source: a path, an iterable of numbers, contacts and further sources, or a dict that says how a query (`sql`)
        or a file (`contacts`) is read; None excludes no contact.
    :param encoding: the encoding of text files that do not name their own.
    :param sql_conn_id: the connection of queries that do not name their own.
    :param hidden_rows: what happens to hidden rows of workbooks that do not say it themselves.
    :param name: the argument or field, for errors.
    :raises TingTingConfigError: for anything else.
    """
    if source is None:
        return
    if isinstance(source, str) and not source.strip():
        # An exclusion list must not vanish silently.
        raise TingTingConfigError(
            f"{name} is an empty text, so no contact would be excluded: perhaps its template has rendered to nothing. "
            "Give the source, or None to exclude no contact."
        )
    if isinstance(source, Mapping) and "sql" in source:
        _refuse_unknown_keys(source, _QUERY_KEYS, name)
        conn_id = source.get("sql_conn_id") or sql_conn_id
        rows = query_rows(source["sql"], conn_id, source.get("sql_parameters"), name=f"the SQL query of {name}")
        yield rows, source.get("number_column")
        return
    number_column = None
    options: dict[str, Any] = {
        "encoding": encoding,
        "hidden_rows": hidden_rows,
        "several_sheets": 'Say which one is meant, for example {"contacts": …, "sheet": "{sheet}"}.',
    }
    if isinstance(source, Mapping) and "contacts" in source:
        _refuse_unknown_keys(source, _FILE_KEYS, name)
        number_column = source.get("number_column")
        options |= {key: source[key] for key in ("sheet", "hidden_rows", "encoding", "delimiter") if source.get(key)}
        source = source["contacts"]
    if isinstance(source, str) and not _is_path(source):
        source = [source]
    if isinstance(source, str) or hasattr(source, "open") or hasattr(source, "__fspath__"):
        path = storage_path_of(source, name, "do_not_call.csv, or a list of numbers")
        yield read_rows(path, may_be_empty=True, number_column=number_column, **options), number_column
    elif isinstance(source, Iterable) and not isinstance(source, Mapping | bytes):
        further: list[Any] = []
        yield read_rows(_numbers_in(source, further)), number_column
        # The caller has read the numbers by now, so the sources among them are known.
        for one in further:
            yield from exclusion_rows(
                one, encoding=encoding, sql_conn_id=sql_conn_id, hidden_rows=hidden_rows, name=name
            )
    else:
        yield read_rows(source), number_column


def files_in(source: object, name: str) -> Iterator[tuple[str, Any]]:
    """Yield the files that a source of contacts reads, each behind the name that errors call it.

    :param source: as for `exclusion_rows`.
    :param name: the argument or field.
    """
    if isinstance(source, Mapping):
        source = None if "sql" in source else source.get("contacts")
    if isinstance(source, str):
        if source.strip() and _is_path(source):
            yield name, storage_path_of(source, name, "do_not_call.csv")
    elif isinstance(source, list | tuple):
        for one in source:
            yield from files_in(one, name)
    elif hasattr(source, "__fspath__") or (hasattr(source, "open") and hasattr(source, "parent")):
        yield name, source


def _refuse_unknown_keys(source: Mapping[str, Any], allowed: frozenset[str], name: str) -> None:
    unknown = sorted(set(source) - allowed)
    if unknown:
        raise TingTingConfigError(f"{name}: '{unknown[0]}' is not known; use {', '.join(sorted(allowed))}.")


def _is_path(text: str) -> bool:
    return is_like_a_path(text) or ("/" in text.strip("/ ") and any(char.isalpha() for char in text))


def _numbers_in(items: Iterable[Any], sources: list[Any]) -> Iterator[Any]:
    """Yield the numbers and contacts among the items, and collect the items that are sources of their own."""
    for one in items:
        if isinstance(one, str):
            is_source = _is_path(one)
        elif isinstance(one, Mapping):
            is_source = "sql" in one or "contacts" in one
        else:
            is_source = isinstance(one, list | tuple) or hasattr(one, "open") or hasattr(one, "__fspath__")
        if is_source:
            sources.append(one)
        else:
            yield one
