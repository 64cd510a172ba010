"""Runs a query on an Airflow SQL connection and reads its rows in flat memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, suppress
from typing import Any

from airflow_provider_tingting._compat import AirflowException, BaseHook
from airflow_provider_tingting.contacts.contact import Row
from airflow_provider_tingting.contacts.sources.query import FETCH, SOURCE, read_cursor
from airflow_provider_tingting.errors import TingTingConfigError, TingTingSourceError


def query_rows(sql: object, conn_id: object, parameters: object = None, *, name: str = SOURCE) -> Iterator[Row]:
    """Yield the rows of a query; it runs at the first row, and its connection is closed after the last.

    :param sql: one SELECT.
    :param conn_id: an Airflow connection whose provider builds on common-sql.
    :param parameters: what fills the query's placeholders, as the database's driver wants it.
    :param name: what to call the query in errors.
    :raises TingTingConfigError: there is no query, or no connection for it.
    :raises TingTingSourceError: the database cannot be reached, or the query fails.
    """
    if not isinstance(sql, str) or not sql.strip():
        raise TingTingConfigError(f"{name} is empty. Give one SELECT, or the name of a .sql file.")
    if not conn_id:
        raise TingTingConfigError("sql needs sql_conn_id: the Airflow connection of the database.")
    return _rows(sql.strip().rstrip(";"), str(conn_id), parameters, name)


def _rows(sql: str, conn_id: str, parameters: object, name: str) -> Iterator[Row]:
    hook = _hook(conn_id)
    try:
        connection = hook.get_conn()
    except Exception as error:
        raise TingTingSourceError(
            f"The database of the connection '{conn_id}' cannot be reached ({type(error).__name__})."
        ) from error
    with closing(connection):
        cursor = _cursor(connection)
        try:
            yield from read_cursor(cursor, sql, parameters, name=name)
        finally:
            # Some drivers cannot close a cursor in a failed transaction; the connection is closed anyway.
            with suppress(Exception):
                cursor.close()


def _hook(conn_id: str) -> Any:
    try:
        connection: Any = BaseHook.get_connection(conn_id)
        hook = connection.get_hook()
    except (AirflowException, ImportError, AttributeError) as error:
        raise TingTingConfigError(f"sql_conn_id='{conn_id}' cannot be used: {error}") from error
    # Every hook of common-sql has these methods, and its class need not be imported for the check.
    if not hasattr(hook, "get_conn") or not hasattr(hook, "get_records"):
        raise TingTingConfigError(
            f"sql_conn_id='{conn_id}' is not an SQL database: {type(hook).__name__} runs no queries. Give a connection "
            "of a provider for a database, such as postgres or mysql."
        )
    return hook


def _cursor(connection: Any) -> Any:
    """Return a server-side cursor where the driver would otherwise fetch the whole result into memory."""
    driver = type(connection).__module__.partition(".")[0]
    if driver in {"psycopg", "psycopg2"}:
        # A named cursor ends with its transaction, unless it is declared WITH HOLD.
        return connection.cursor(name="tingting_contacts", withhold=bool(connection.autocommit))
    if driver in {"MySQLdb", "pymysql"}:
        from importlib import import_module

        return connection.cursor(import_module(f"{driver}.cursors").SSCursor)
    cursor = connection.cursor()
    # How many rows a driver such as Oracle's fetches at once; other drivers ignore it.
    with suppress(Exception):
        cursor.arraysize = FETCH
    return cursor
