"""A report into a database table: the campaign's rows replaced as a whole, in one transaction.

SQLAlchemy quotes the names, chooses the types and reads what a table has, for every database that it knows; it is
imported inside functions. Rows go in chunk by chunk, so that memory stays flat, and values never appear in a log or an
error.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_tingting.errors import TingTingConfigError, TingTingReportError
from airflow_provider_tingting.masking import HIDDEN
from airflow_provider_tingting.reports.parser import ReportRow
from airflow_provider_tingting.reports.table.columns import Kind, TableColumns
from airflow_provider_tingting.reports.table.definition import create_table, existing
from airflow_provider_tingting.reports.table.naming import TableName, TablePlace, place_of

if TYPE_CHECKING:
    from sqlalchemy import Table
    from sqlalchemy.engine import Connection, Engine

# What a database may quote of a row: everything in quotes or brackets, but for the lengths of types.
_QUOTED: Final = re.compile(r"""'[^']*'|"[^"]*"|\((?!\d{1,5}\))[^()]*\)""")


def load_table(
    engine: Engine,
    target: TableName,
    columns: TableColumns,
    rows: Iterable[ReportRow],
    *,
    campaign_id: int,
    create: bool = True,
    batch_size: int = 1000,
) -> tuple[TablePlace, int]:
    """Replace a campaign's rows in a table by those of its report: all of them, or none.

    :param engine: the database.
    :param target: the table.
    :param columns: its columns.
    :param rows: the rows of a report that has been checked.
    :param campaign_id: whose rows are replaced.
    :param create: whether to make the table when it does not exist.
    :param batch_size: rows sent at once.
    :returns: where the table is, and how many rows it has for the campaign.
    :raises TingTingConfigError: when the table does not exist, or lacks columns; nothing was changed.
    :raises TingTingReportError: when the database refuses or cannot be reached; nothing was changed.
    """
    from sqlalchemy import func, select

    names = {target.name, target.schema or "", *(name for name, _ in columns.columns)}
    with _told(engine, target, names), _transaction(engine) as connection:
        table = existing(connection, target, columns)
        if table is None:
            # Of two loads that both miss the table, the second one waits here and then finds it.
            _one_at_a_time(connection, target)
            table = existing(connection, target, columns)
        if table is None:
            table = create_table(connection, target, columns, create=create)
        _one_at_a_time(connection, target, campaign_id)
        kinds = dict(columns.columns)
        own = table.c[columns.campaign_column]
        whose = own == _converter(connection, own.type, kinds[columns.campaign_column])(campaign_id)
        connection.execute(table.delete().where(whose))
        sent = _insert(connection, table, columns, rows, batch_size)
        found = connection.execute(select(func.count()).select_from(table).where(whose)).scalar_one()
        if found != sent:
            raise TingTingReportError(
                f"{sent:,} rows of campaign {campaign_id} were sent to table {target}, and it has {found:,}: a "
                "trigger, a rule or another program changes them. Nothing was changed there."
            )
    return place_of(engine, target), sent


def _insert(
    connection: Connection, table: Table, columns: TableColumns, rows: Iterable[ReportRow], batch_size: int
) -> int:
    from sqlalchemy import JSON, Text, bindparam, cast

    # Parameters get names of their own: a column may be called anything.
    keys = [f"c{index}" for index in range(len(columns.columns))]
    cells: dict[Any, Any] = {}
    converters: list[Callable[[Any], Any]] = []
    for key, (name, kind) in zip(keys, columns.columns, strict=True):
        column = table.c[name]
        if isinstance(column.type, JSON):
            # It is JSON already: the type's own way would make a JSON text of it.
            cells[column] = bindparam(key, type_=Text())
            if connection.dialect.name == "postgresql":
                cells[column] = cast(cells[column], column.type)
        else:
            cells[column] = bindparam(key, type_=column.type)
        converters.append(_converter(connection, column.type, kind))
    insert = table.insert().values(cells)
    source: Iterator[list[Any]] = map(columns.values, rows)
    sent = 0
    while chunk := list(islice(source, batch_size)):
        connection.execute(
            insert,
            [
                {
                    key: None if value is None else convert(value)
                    for key, value, convert in zip(keys, values, converters, strict=True)
                }
                for values in chunk
            ],
        )
        sent += len(chunk)
    return sent


# Databases whose type for a moment keeps the offset when it is declared to.
_KEEP_OFFSETS: Final = frozenset(
    {"cockroachdb", "duckdb", "mssql", "oracle", "postgresql", "redshift", "snowflake", "trino"}
)


def _converter(connection: Connection, column_type: Any, kind: Kind) -> Callable[[Any], Any]:
    """Return the function that makes a value fit the type of its column."""
    from sqlalchemy import String

    if isinstance(column_type, String):
        if kind is Kind.MOMENT:
            return lambda moment: moment.isoformat()
        return str
    if kind is Kind.MOMENT and not (
        getattr(column_type, "timezone", False) and connection.dialect.name in _KEEP_OFFSETS
    ):
        return _in_utc
    return _as_it_is


def _in_utc(moment: datetime) -> datetime:
    return moment.astimezone(timezone.utc).replace(tzinfo=None)


def _as_it_is(value: Any) -> Any:
    return value


def _one_at_a_time(connection: Connection, target: TableName, campaign_id: int | None = None) -> None:
    """Let two loads of the same campaign into the same table wait for each other.

    PostgreSQL would let both delete nothing and then both insert. SQLite has one writer anyway; elsewhere the locks of
    the database decide.
    """
    from sqlalchemy import text

    if connection.dialect.name == "postgresql":
        name = f"tingting {target} {'' if campaign_id is None else campaign_id}"
        key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})


@contextmanager
def _transaction(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as connection, connection.begin():
        if engine.dialect.name == "sqlite":
            # Python's driver would open the transaction at the first change of a row only, after a CREATE TABLE.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        yield connection


@contextmanager
def _told(engine: Engine, target: TableName, names: set[str]) -> Iterator[None]:
    """Tell in the reader's words what the database says, without any value of a row."""
    from sqlalchemy.exc import CompileError, IdentifierError, NoSuchModuleError, SQLAlchemyError

    try:
        yield
    except (CompileError, IdentifierError, NoSuchModuleError) as error:
        raise TingTingConfigError(
            f"Table {target} cannot be used with {engine.dialect.name}: {error}. Nothing was changed there."
        ) from None
    except SQLAlchemyError as error:
        # Without its cause: a driver's error quotes the row.
        raise TingTingReportError(
            f"The report cannot be loaded into table {target}: {_said(error, names)} Check the table's types, the "
            "rights of the connection's user and that the database answers. Nothing was changed there."
        ) from None


def _said(error: Exception, names: set[str]) -> str:
    """Return the first line of what the database said; what it quotes is hidden unless it is a name of ours."""
    original = getattr(error, "orig", None) or error
    # The drivers of MySQL give a number and a text.
    words = original.args[1] if len(original.args) == 2 and isinstance(original.args[0], int) else original
    first = next(iter(str(words).strip().splitlines()), "")
    shown = _QUOTED.sub(lambda found: found.group() if found.group()[1:-1] in names else HIDDEN, first)
    return f"{type(original).__name__}: {shown.rstrip('.')}."
