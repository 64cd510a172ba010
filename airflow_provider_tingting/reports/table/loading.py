"""A report into a database table: the campaign's rows are replaced as a whole, in one transaction.

SQLAlchemy quotes the names, chooses the types and reads what a table has. Rows are sent in batches, so that memory
stays flat. Values of rows never appear in a log or an error.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_tingting.clock import sleep
from airflow_provider_tingting.contacts.number_set import NumberSet
from airflow_provider_tingting.contacts.progress import with_progress
from airflow_provider_tingting.errors import TingTingConfigError, TingTingReportError
from airflow_provider_tingting.reports.rows import ReportBlock, ReportRow, in_blocks
from airflow_provider_tingting.reports.table.columns import TableColumns
from airflow_provider_tingting.reports.table.definition import create_table, existing
from airflow_provider_tingting.reports.table.dialects import (
    drop_if_empty,
    explain,
    is_mysql,
    is_rerun_wanted,
    lock,
    require_transactions,
    transaction,
)
from airflow_provider_tingting.reports.table.inserting import converter, insert_rows
from airflow_provider_tingting.reports.table.naming import TableName, TablePlace, place_of

if TYPE_CHECKING:
    from sqlalchemy import Table
    from sqlalchemy.engine import Connection, Engine

# How often a transaction is run that the database breaks off, such as for a deadlock.
_MAX_RUNS: Final = 5
# The longest pause before the second run (seconds); it doubles with each further one.
_FIRST_PAUSE: Final = 0.5


def load_table(
    engine: Engine,
    target: TableName,
    columns: TableColumns,
    rows: Callable[[], Iterable[ReportRow]],
    *,
    campaign_id: int | str,
    create: bool = True,
    batch_size: int = 1000,
) -> tuple[TablePlace, int]:
    """Replace a campaign's rows in a table by those of its report: all of them, or none.

    Loads of the same campaign wait for each other. A transaction that the database breaks off for a deadlock is run
    again.

    :param engine: the database.
    :param target: the table.
    :param columns: its columns.
    :param rows: returns the rows of a report that has been checked; called once for each run of the transaction.
    :param campaign_id: the campaign whose rows are replaced, as the campaign column has it.
    :param create: whether to create the table when it does not exist.
    :param batch_size: rows sent at once.
    :returns: where the table is, and how many rows it has for the campaign.
    :raises TingTingConfigError: the table does not exist, lacks columns or has no transactions; nothing was changed.
    :raises TingTingReportError: the database refuses or cannot be reached; nothing was changed.
    """
    if is_mysql(engine) and not (target.schema or engine.url.database):
        raise TingTingConfigError(
            f"Table {target} has no database: the connection names none. Put one into the connection's schema, or give "
            "schema=."
        )
    names = {target.name, target.schema or "", *(name for name, _ in columns.columns)}
    with explained(engine, target, names):
        for run in range(1, _MAX_RUNS + 1):
            try:
                sent = _load(engine, target, columns, rows, campaign_id, create, batch_size)
                break
            except _database_errors(engine) as error:
                if run == _MAX_RUNS or not is_rerun_wanted(error):
                    raise
                sleep(random.uniform(0, _FIRST_PAUSE * 2 ** (run - 1)))
    return place_of(engine, target), sent


def _load(
    engine: Engine,
    target: TableName,
    columns: TableColumns,
    rows: Callable[[], Iterable[ReportRow]],
    campaign_id: int | str,
    create: bool,
    batch_size: int,
) -> int:
    made: Table | None = None
    try:
        with transaction(engine) as connection:
            table = existing(connection, target, columns)
            if table is None:
                # Of two loads that both miss the table, the second one waits here and then finds it.
                lock(connection, target)
                table = existing(connection, target, columns)
            if table is None:
                table = made = create_table(connection, target, columns, create=create)
            else:
                require_transactions(connection, target)
            lock(connection, target, campaign_id)
            kind = dict(columns.columns)[columns.campaign_column]
            own = table.c[columns.campaign_column]
            convert = converter(connection, own.type, kind)
            whose = own == (campaign_id if convert is None else convert(campaign_id))
            connection.execute(table.delete().where(whose))
            watched = _Watched(connection, table, columns)
            blocks = with_progress(in_blocks(rows()), f"Table {target}", "rows loaded", size=ReportBlock.size)
            sent = insert_rows(connection, table, columns, blocks, batch_size, watch=watched.watch)
            watched.compare(connection, table, whose, sent, f"table {target}")
            return sent
    except BaseException:
        if made is not None:
            drop_if_empty(engine, made)
        raise


class _Watched:
    """Compares what a table has with what was sent: the rows, and in MySQL also different numbers and longest texts.

    A trigger, a rule or another program may change rows without an error; MySQL may also cut or replace a value.
    """

    def __init__(self, connection: Connection, table: Table, columns: TableColumns) -> None:
        from sqlalchemy import String

        texts = [
            (place, name) for place, (name, _) in enumerate(columns.columns) if isinstance(table.c[name].type, String)
        ]
        self._texts = texts if is_mysql(connection) else []
        self._longest = {name: 0 for _, name in self._texts}
        self._number = next((place for place, name in self._texts if place == columns.number_place), None)
        self._names = [name for name, _ in columns.columns]
        self._numbers = NumberSet()
        self._different = 0

    @property
    def watch(self) -> Callable[[list[tuple[Any, ...]]], None] | None:
        """What notes the values of a batch, or None where rows are counted only."""
        return self._note if self._texts else None

    def _note(self, batch: list[tuple[Any, ...]]) -> None:
        for place, name in self._texts:
            longest = max((len(row[place]) for row in batch if row[place] is not None), default=0)
            self._longest[name] = max(self._longest[name], longest)
        if self._number is not None:
            self._different += sum(self._numbers.add(row[self._number]) for row in batch)

    def compare(self, connection: Connection, table: Table, whose: Any, sent: int, where: str) -> None:
        """Ask the table.

        :raises TingTingReportError: it has something else; the transaction is to be undone.
        """
        from sqlalchemy import distinct, func, select

        columns: list[Any] = [func.count()]
        if self._number is not None:
            # Without `hex` a collation may take two numbers for one.
            columns.append(func.count(distinct(func.hex(table.c[self._names[self._number]]))))
        columns += [func.max(func.char_length(table.c[name])) for name in self._longest]
        found = list(connection.execute(select(*columns).select_from(table).where(whose)).one())
        if found[0] != sent:
            raise TingTingReportError(
                f"{sent:,} rows were sent to {where}, and it has {found[0]:,}: a trigger, a rule or another program "
                "changes them. Nothing was changed there."
            )
        different = found.pop(1) if self._number is not None else self._different
        cut = [name for name, most in zip(self._longest, found[1:], strict=True) if (most or 0) < self._longest[name]]
        if different != self._different or cut:
            which = cut or [self._names[self._number or 0]]
            raise TingTingReportError(
                f"Values of {', '.join(repr(name) for name in which)} are not in {where} as they were sent: the column "
                "is too short, or of another type. Use VARCHAR(255), or a long text type for JSON. Nothing was changed "
                "there."
            )


def _database_errors(engine: Engine) -> tuple[type[Exception], ...]:
    """Return the errors of SQLAlchemy and of the driver, which COPY uses directly."""
    from sqlalchemy.exc import SQLAlchemyError

    driver: Any = getattr(engine.dialect, "dbapi", None)
    return (SQLAlchemyError,) if driver is None else (SQLAlchemyError, driver.Error)


@contextmanager
def explained(
    engine: Engine, target: TableName, names: set[str], *, failed: str = "The report cannot be loaded into"
) -> Iterator[None]:
    """Turn an error of the database into one of this package, without any value of a row.

    :param engine: the database.
    :param target: the table.
    :param names: names that an error may show.
    :param failed: what has failed, as the beginning of a sentence that goes on with the table.
    :raises TingTingConfigError: the database cannot hold such a table, or such a text.
    :raises TingTingReportError: any other error of the database.
    """
    from sqlalchemy.exc import CompileError, IdentifierError, NoSuchModuleError

    try:
        yield
    except (CompileError, IdentifierError, NoSuchModuleError) as error:
        raise TingTingConfigError(
            f"Table {target} cannot be used with {engine.dialect.name}: {error}. Nothing was changed there."
        ) from None
    except UnicodeEncodeError:
        # Not its cause: it quotes the row.
        raise TingTingConfigError(
            f"{failed} table {target}: the connection's character set lacks a letter. Put "
            '"charset": "utf8mb4" into the connection\'s extra. Nothing was changed there.'
        ) from None
    except _database_errors(engine) as error:
        # Without its cause: a driver's error quotes the row.
        raise TingTingReportError(
            f"{failed} table {target}: {explain(error, names)} Nothing was changed there."
        ) from None
