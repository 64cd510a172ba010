"""Rows into a table: by COPY into PostgreSQL, by the driver's `executemany` into SQLite, otherwise by SQLAlchemy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timezone
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_tingting.reports.table.columns import Kind, TableColumns

if TYPE_CHECKING:
    from sqlalchemy import Table
    from sqlalchemy.engine import Connection

_Row = list[Any]
# Databases whose type for a moment keeps the offset when it is declared to.
_KEEP_OFFSETS: Final = frozenset(
    {"cockroachdb", "duckdb", "mssql", "oracle", "postgresql", "redshift", "snowflake", "trino"}
)


def insert_rows(
    connection: Connection, table: Table, columns: TableColumns, rows: Iterable[_Row], batch_size: int
) -> int:
    """Insert rows and return how many there were.

    :param connection: in a transaction.
    :param table: the table.
    :param columns: its columns, in the order of the values.
    :param rows: the values.
    :param batch_size: rows that are sent at once.
    """
    converters = [converter(connection, table.c[name].type, kind) for name, kind in columns.columns]
    converted = (
        [None if v is None else convert(v) for v, convert in zip(row, converters, strict=True)] for row in rows
    )
    if connection.dialect.name == "postgresql" and _can_be_copied(connection, table, columns):
        return _copy(connection, table, columns, converted)
    if connection.dialect.name == "sqlite":
        return _execute_many(connection, table, columns, converted, batch_size)
    return _insert(connection, table, columns, converted, batch_size)


def converter(connection: Connection, column_type: Any, kind: Kind) -> Callable[[Any], Any]:
    """Return the function that makes a value fit the type of its column.

    :param connection: the database.
    :param column_type: SQLAlchemy's type of the column.
    :param kind: what the column holds.
    """
    from sqlalchemy import String

    if isinstance(column_type, String):
        if kind is Kind.MOMENT:
            return lambda moment: moment.isoformat()
        return str
    if kind is Kind.MOMENT and not (
        getattr(column_type, "timezone", False) and connection.dialect.name in _KEEP_OFFSETS
    ):
        return _in_utc
    return _unchanged


def _in_utc(moment: datetime) -> datetime:
    return moment.astimezone(timezone.utc).replace(tzinfo=None)


def _unchanged(value: Any) -> Any:
    return value


def _insert(connection: Connection, table: Table, columns: TableColumns, rows: Iterator[_Row], batch_size: int) -> int:
    from sqlalchemy import JSON, Text, bindparam, cast

    # Parameters get names of their own: a column may be called anything.
    keys = [f"c{index}" for index in range(len(columns.columns))]
    cells: dict[Any, Any] = {}
    for key, (name, _) in zip(keys, columns.columns, strict=True):
        column = table.c[name]
        if isinstance(column.type, JSON):
            # It is JSON already: the type's own way would make a JSON text of it.
            cells[column] = bindparam(key, type_=Text())
            if connection.dialect.name == "postgresql":
                cells[column] = cast(cells[column], column.type)
        else:
            cells[column] = bindparam(key, type_=column.type)
    statement = table.insert().values(cells)
    sent = 0
    while chunk := [dict(zip(keys, row, strict=True)) for row in islice(rows, batch_size)]:
        connection.execute(statement, chunk)
        sent += len(chunk)
    return sent


def _execute_many(
    connection: Connection, table: Table, columns: TableColumns, rows: Iterator[_Row], batch_size: int
) -> int:
    """Insert by the driver itself: SQLAlchemy's handling of parameters takes most of the time of a load."""
    dialect = connection.dialect
    prepare = dialect.identifier_preparer
    types = [table.c[name].type.dialect_impl(dialect) for name, _ in columns.columns]
    processors = [(place, one.bind_processor(dialect)) for place, one in enumerate(types)]
    needed = [(place, process) for place, process in processors if process is not None]
    # SQLAlchemy's type JSON would make a JSON text of what is JSON already.
    needed = [(place, process) for place, process in needed if columns.columns[place][1] is not Kind.JSON]
    names = ", ".join(prepare.format_column(table.c[name]) for name, _ in columns.columns)
    marks = ", ".join("?" * len(types))
    statement = f"INSERT INTO {prepare.format_table(table)} ({names}) VALUES ({marks})"
    sent = 0
    while chunk := list(islice(rows, batch_size)):
        for row in chunk:
            for place, process in needed:
                row[place] = process(row[place])
        connection.exec_driver_sql(statement, list(map(tuple, chunk)))
        sent += len(chunk)
    return sent


def _can_be_copied(connection: Connection, table: Table, columns: TableColumns) -> bool:
    """Whether each value's text is a text of its column's type: COPY converts nothing."""
    from sqlalchemy import JSON, DateTime, Float, Integer, Numeric, String

    if connection.dialect.driver != "psycopg2":
        return False
    fitting = {
        Kind.ID: (Integer, Numeric, String),
        Kind.WORD: (String,),
        Kind.TEXT: (String,),
        Kind.JSON: (JSON, String),
        Kind.AMOUNT: (Float, Numeric, String),
        Kind.MOMENT: (DateTime, String),
    }
    return all(isinstance(table.c[name].type, fitting[kind]) for name, kind in columns.columns)


def _copy(connection: Connection, table: Table, columns: TableColumns, rows: Iterator[_Row]) -> int:
    prepare = connection.dialect.identifier_preparer
    names = ", ".join(prepare.format_column(table.c[name]) for name, _ in columns.columns)
    lines = _CopyLines(rows)
    driver: Any = connection.connection
    with driver.cursor() as cursor:
        # Through the driver: an error of it is one of SQLAlchemy's for the reader all the same.
        cursor.copy_expert(f"COPY {prepare.format_table(table)} ({names}) FROM STDIN WITH (FORMAT csv)", lines)
    return lines.sent


class _CopyLines:
    """Rows as the lines of COPY: a text is quoted, and what is not there is nothing at all."""

    def __init__(self, rows: Iterator[_Row]) -> None:
        self._rows = rows
        self._rest = ""
        self.sent = 0

    def read(self, size: int = -1) -> str:
        """Return at least so many characters, or the rest."""
        parts = [self._rest]
        length = len(self._rest)
        while size < 0 or length < size:
            chunk = list(islice(self._rows, 500))
            if not chunk:
                break
            self.sent += len(chunk)
            text = "".join(",".join(map(_copied, row)) + "\n" for row in chunk)
            parts.append(text)
            length += len(text)
        whole = "".join(parts)
        if size < 0:
            self._rest = ""
            return whole
        self._rest = whole[size:]
        return whole[:size]


def _copied(value: Any) -> str:
    if value is None:
        return ""
    if type(value) is str:
        return '"' + value.replace('"', '""') + '"'
    return value.isoformat() if isinstance(value, datetime) else repr(value)
