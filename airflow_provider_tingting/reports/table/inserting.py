"""Rows into a table: by COPY into PostgreSQL, by the driver's `executemany` into SQLite, otherwise by SQLAlchemy."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timezone
from functools import partial
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_tingting.reports.cells import CachedParser
from airflow_provider_tingting.reports.rows import ReportBlock
from airflow_provider_tingting.reports.table.columns import Kind, TableColumns

if TYPE_CHECKING:
    from sqlalchemy import Table
    from sqlalchemy.engine import Connection

_Row = tuple[Any, ...]
_COPIED_AT_ONCE: Final = 1 << 16
# What has a meaning of its own in a line of COPY.
_COPY_ESCAPES: Final = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})
# Databases whose type for a moment keeps the offset when it is declared to.
_KEEP_OFFSETS: Final = frozenset(
    {"cockroachdb", "duckdb", "mssql", "oracle", "postgresql", "redshift", "snowflake", "trino"}
)


def insert_rows(
    connection: Connection,
    table: Table,
    columns: TableColumns,
    blocks: Iterable[ReportBlock],
    batch_size: int,
    *,
    watch: Callable[[list[_Row]], None] | None = None,
) -> int:
    """Insert rows and return how many there were.

    :param connection: in a transaction.
    :param table: the table.
    :param columns: its columns.
    :param blocks: the rows of the report.
    :param batch_size: rows that are sent at once.
    :param watch: called with each batch of rows as they are sent.
    """
    if connection.dialect.name == "postgresql" and _can_be_copied(connection, table, columns):
        return _copy(connection, table, columns, _converted(connection, table, columns, blocks, as_text=True))
    is_sqlite = connection.dialect.name == "sqlite"
    converted = _converted(connection, table, columns, blocks, as_stored=is_sqlite)
    source = chain.from_iterable(zip(*values, strict=True) for values in converted)

    def batches() -> Iterator[list[_Row]]:
        while batch := list(islice(source, batch_size)):
            if watch is not None:
                watch(batch)
            yield batch

    return (_execute_many if is_sqlite else _insert)(connection, table, columns, batches())


def _converted(
    connection: Connection,
    table: Table,
    columns: TableColumns,
    blocks: Iterable[ReportBlock],
    *,
    as_stored: bool = False,
    as_text: bool = False,
) -> Iterator[list[Sequence[Any]]]:
    """Yield the values of each block, a list for each column, as they fit the types of the table's columns.

    :param as_stored: whether SQLAlchemy's own conversion for the driver is done, too.
    :param as_text: whether each value becomes a text.
    """
    from sqlalchemy import String

    changes: list[tuple[int, Callable[[Any], Any]]] = []
    for place, (name, kind) in enumerate(columns.columns):
        column_type = table.c[name].type
        steps = [converter(connection, column_type, kind)]
        if as_text and kind in (Kind.ID, Kind.AMOUNT, Kind.MOMENT):
            steps.append(str)
        # SQLAlchemy's type JSON would make a JSON text of what is JSON already; amounts are floats already.
        elif as_stored and kind not in (Kind.JSON, Kind.AMOUNT):
            steps.append(column_type.dialect_impl(connection.dialect).bind_processor(connection.dialect))
        if any(steps):
            convert = partial(_convert, [step for step in steps if step is not None])
            # Reports repeat few amounts and moments. As texts, two equal moments may differ in their offsets.
            differ = kind is Kind.MOMENT and isinstance(column_type, String)
            changes.append((place, convert if differ else CachedParser(convert).__getitem__))
    for block in blocks:
        values = columns.values(block)
        for place, change in changes:
            values[place] = list(map(change, values[place]))
        yield values


def _convert(steps: Sequence[Callable[[Any], Any]], value: Any) -> Any:
    if value is not None:
        for step in steps:
            value = step(value)
    return value


def converter(connection: Connection, column_type: object, kind: Kind) -> Callable[[Any], Any] | None:
    """Return the function that makes a value fit the type of its column, or None when it fits as it is.

    :param connection: the database.
    :param column_type: SQLAlchemy's type of the column.
    :param kind: what the column holds.
    """
    from sqlalchemy import String

    if isinstance(column_type, String):
        if kind is Kind.MOMENT:
            return lambda moment: moment.isoformat()
        return str if kind in (Kind.ID, Kind.AMOUNT) else None
    if kind is Kind.MOMENT and not (
        getattr(column_type, "timezone", False) and connection.dialect.name in _KEEP_OFFSETS
    ):
        return _in_utc
    return None


def _in_utc(moment: datetime) -> datetime:
    return moment.astimezone(timezone.utc).replace(tzinfo=None)


def _insert(connection: Connection, table: Table, columns: TableColumns, batches: Iterable[list[_Row]]) -> int:
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
    for batch in batches:
        connection.execute(statement, [dict(zip(keys, row, strict=True)) for row in batch])
        sent += len(batch)
    return sent


def _execute_many(connection: Connection, table: Table, columns: TableColumns, batches: Iterable[list[_Row]]) -> int:
    """Insert by the driver itself: SQLAlchemy's handling of parameters takes most of the time of a load."""
    prepare = connection.dialect.identifier_preparer
    names = ", ".join(prepare.format_column(table.c[name]) for name, _ in columns.columns)
    marks = ", ".join("?" * len(columns.columns))
    statement = f"INSERT INTO {prepare.format_table(table)} ({names}) VALUES ({marks})"
    sent = 0
    for batch in batches:
        connection.exec_driver_sql(statement, batch)
        sent += len(batch)
    return sent


def _can_be_copied(connection: Connection, table: Table, columns: TableColumns) -> bool:
    """Whether each value's text is a text of its column's type: COPY converts nothing."""
    from sqlalchemy import JSON, DateTime, Float, Integer, Numeric, String

    if connection.dialect.driver not in ("psycopg2", "psycopg"):
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


def _copy(
    connection: Connection, table: Table, columns: TableColumns, blocks: Iterator[list[Sequence[str | None]]]
) -> int:
    prepare = connection.dialect.identifier_preparer
    names = ", ".join(prepare.format_column(table.c[name]) for name, _ in columns.columns)
    lines = _CopyLines(blocks)
    driver: Any = connection.connection
    statement = f"COPY {prepare.format_table(table)} ({names}) FROM STDIN WITH (NULL '{lines.null}')"
    if prepare.quote_identifier("%") == '"%%"':
        # SQLAlchemy doubles the sign for a driver that fills in parameters; COPY has none.
        statement = statement.replace("%%", "%")
    with driver.cursor() as cursor:
        if connection.dialect.driver == "psycopg2":
            cursor.copy_expert(statement, lines, _COPIED_AT_ONCE)
        else:
            with cursor.copy(statement) as copy:
                while text := lines.read():
                    copy.write(text)
    return lines.sent


class _CopyLines:
    """Rows as the lines of COPY.

    :ivar null: stands for a value that is missing; no value of a report is like it.
    :ivar sent: how many rows were read so far.
    """

    def __init__(self, blocks: Iterator[list[Sequence[str | None]]]) -> None:
        self._blocks = blocks
        self._text = io.StringIO()
        self.null = f"null-{os.urandom(8).hex()}"
        self.sent = 0

    def read(self, size: int = -1) -> str:
        """Return so many characters, or fewer at the end."""
        text = self._text.read(size)
        while not text and (block := next(self._blocks, None)):
            self._text = io.StringIO(self._lines(block), newline="")
            text = self._text.read(size)
        return text

    def _lines(self, block: list[Sequence[str | None]]) -> str:
        rows = len(block[0])
        self.sent += rows
        null = self.null
        columns: list[Any] = [
            [null if value is None else value for value in values] if None in values else values for values in block
        ]
        text = "\n".join(map("\t".join, zip(*columns, strict=True)))
        breaks = (text.count("\t"), text.count("\n"), text.count("\r"))
        if "\\" in text or breaks != (rows * (len(columns) - 1), rows - 1, 0):
            escaped = ([value.translate(_COPY_ESCAPES) for value in values] for values in columns)
            text = "\n".join(map("\t".join, zip(*escaped, strict=True)))
        return f"{text}\n"
