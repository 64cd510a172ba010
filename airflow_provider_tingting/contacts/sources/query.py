"""Reads the rows of a database query as a stream, through Python's database interface (PEP 249)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from airflow_provider_tingting.contacts.contact import Place, Row
from airflow_provider_tingting.errors import TingTingContactsError, TingTingSourceError
from airflow_provider_tingting.masking import HIDDEN

#: The source that errors name for rows of a query.
SOURCE = "the SQL query"

_QUOTED = re.compile(r"(?P<mark>[\"'`])(?P<text>.*?)(?P=mark)")

#: Rows fetched at once: few enough for flat memory, enough that the way to the database does not count.
FETCH = 5_000


def read_cursor(cursor: Any, sql: str, parameters: Any = None, *, name: str = SOURCE) -> Iterator[Row]:
    """Run a query and yield its rows, counted from 1; only a few thousand are in memory at any time.

    :param cursor: a cursor of PEP 249, whose rows are sequences or mappings of the columns' names; best one on the
        server's side, where the database has them.
    :param sql: one query.
    :param parameters: what fills the query's placeholders.
    :param name: what to call it in errors.
    :raises TingTingSourceError: when the query fails, also half-way.
    :raises TingTingContactsError: when it returns no table, or two columns of one name.
    """
    with_parameters = () if parameters is None else (parameters,)
    try:
        cursor.execute(sql, *with_parameters)
        # A named cursor of PostgreSQL knows its columns only with the first rows.
        rows = cursor.fetchmany(FETCH) if _may_have_rows(cursor) else []
    except Exception as error:
        raise TingTingSourceError(f"{name} failed: {_said(error, sql)}. Try it in the database itself.") from None
    columns = _columns(cursor, name)
    position = 0
    while rows:
        # Cursors of some connections give rows by name, such as PostgreSQL's with the extra `cursor`.
        by_name = isinstance(rows[0], Mapping)
        for fetched in rows:
            position += 1
            values = [fetched[column] for column in columns] if by_name else fetched
            yield Row(Place(name, position), dict(zip(columns, values, strict=True)), columns)
        try:
            rows = cursor.fetchmany(FETCH)
        except Exception as error:
            raise TingTingSourceError(
                f"{name} failed after row {position}: {_said(error, sql)}. Run the task again when the database "
                "answers."
            ) from None


def _may_have_rows(cursor: Any) -> bool:
    # A server-side cursor has no description before the first fetch.
    return cursor.description is not None or getattr(cursor, "name", None) is not None


def _columns(cursor: Any, name: str) -> tuple[str, ...]:
    if cursor.description is None:
        raise TingTingContactsError(f"{name} returns no rows at all. Give one SELECT.")
    columns = tuple(str(column[0]) for column in cursor.description)
    doubled = sorted(column for column, count in Counter(columns).items() if count > 1)
    if doubled:
        raise TingTingContactsError(f"{name} has the column '{doubled[0]}' more than once. Name each column with AS.")
    return columns


def _said(error: Exception, sql: str) -> str:
    """Return the kind of error and its first line; later lines and quotations may hold values of a row."""

    def quoted(found: re.Match[str]) -> str:
        return found.group() if found.group("text") in sql else f"{found['mark']}{HIDDEN}{found['mark']}"

    first = _QUOTED.sub(quoted, str(error).strip().partition("\n")[0].rstrip("."))
    return f"{type(error).__name__}: {first}" if first else type(error).__name__
