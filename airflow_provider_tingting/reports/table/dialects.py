"""What each database needs beside the SQL of a load: locks, isolation, strictness, transactions, error codes.

Tried with SQLite, PostgreSQL and MariaDB. Other databases get the portable path: one transaction, without locks of
their own.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_tingting.errors import TingTingConfigError, TingTingReportError
from airflow_provider_tingting.masking import HIDDEN, mask_text
from airflow_provider_tingting.reports.table.naming import TableName

if TYPE_CHECKING:
    from sqlalchemy import Table
    from sqlalchemy.engine import Connection, Engine

MYSQL: Final = frozenset({"mysql", "mariadb"})
#: Options of a new table in MySQL: an engine with transactions, and a character set with every letter.
MYSQL_OPTIONS: Final[dict[str, Any]] = {
    f"{name}_{option}": value
    for name in sorted(MYSQL)
    for option, value in (("engine", "InnoDB"), ("charset", "utf8mb4"))
}
#: How long a load waits for another load of the same campaign (seconds).
_LOCK_WAIT: Final = 120
# Deadlock, lock wait time-out, and a table that another load has dropped meanwhile: the transaction is run again.
_RERUN_CODES: Final = frozenset({1213, 1205, 1146})
_RERUN_STATES: Final = frozenset({"40001", "40P01"})
# What a database may quote of a row: everything in quotes or brackets, but for the lengths of types. An apostrophe
# within a word is none.
_QUOTED: Final = re.compile(r"""(?<!\w)'[^']*'|"[^"]*"|\((?!\d{1,5}\))[^()]*\)""")
_REMEDIES: Final = {
    1044: "Grant the connection's user the rights on the database.",
    1045: "Correct login and password of the connection.",
    1142: "Grant the connection's user the right to create, read, insert and delete there.",
    1205: "Another program holds the table locked. A retry of this task tries again.",
    1213: "Other programs change the same rows. A retry of this task tries again.",
    1264: "A column of the table is too small for a number. Use BIGINT, DOUBLE or VARCHAR(255) for it.",
    1366: "A column's character set lacks a letter. Run ALTER TABLE … CONVERT TO CHARACTER SET utf8mb4.",
    1406: "A column of the table is too short. Use VARCHAR(255), or LONGTEXT for JSON.",
}
_REMEDY: Final = "Check the table's types, the rights of the connection's user and that the database answers."


def is_mysql(connection: Connection | Engine) -> bool:
    """Whether the database is MySQL or MariaDB.

    :param connection: the database.
    """
    return connection.dialect.name in MYSQL


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """Open a connection and a transaction in which a load neither loses a value nor blocks the loads of others.

    :param engine: the database.
    """
    # A delete under MySQL's default, REPEATABLE READ, locks the gaps between rows, where other loads insert.
    options = {"isolation_level": "READ COMMITTED"} if is_mysql(engine) else {}
    with engine.connect().execution_options(**options) as connection:
        try:
            with connection.begin():
                if engine.dialect.name == "sqlite":
                    # Python's driver opens the transaction at the first change of a row only, after a CREATE TABLE.
                    connection.exec_driver_sql("BEGIN IMMEDIATE")
                elif is_mysql(engine):
                    # Without it a value that does not fit is cut, and the load succeeds.
                    connection.exec_driver_sql(
                        "SET SESSION sql_mode = CONCAT(@@SESSION.sql_mode, ',STRICT_ALL_TABLES')"
                    )
                yield connection
        finally:
            if is_mysql(engine):
                with suppress(Exception), connection.begin():
                    connection.exec_driver_sql("DO RELEASE_ALL_LOCKS()")


def lock(connection: Connection, target: TableName, campaign_id: int | str | None = None) -> None:
    """Let loads of the same campaign into the same table, or the making of the table, wait for each other.

    PostgreSQL and MySQL would let two loads delete nothing and then both insert. SQLite has one writer at a time.

    :param connection: from `transaction`; the lock ends with its transaction.
    :param target: the table.
    :param campaign_id: the campaign; None for the table as a whole.
    :raises TingTingReportError: another load holds the lock for too long.
    """
    from sqlalchemy import text

    digest = hashlib.sha256(f"tingting {target} {'' if campaign_id is None else campaign_id}".encode())
    if connection.dialect.name == "postgresql":
        key = int.from_bytes(digest.digest()[:8], "big", signed=True)
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})
    elif is_mysql(connection):
        # One lock of the server for all of its databases.
        name = f"tingting {digest.hexdigest()[:48]}"
        got = connection.execute(text("SELECT GET_LOCK(:name, :wait)"), {"name": name, "wait": _LOCK_WAIT}).scalar()
        if got != 1:
            raise TingTingReportError(
                f"Another load into table {target} has been running for {_LOCK_WAIT} seconds. Nothing was changed "
                "there; a retry of this task tries again."
            )


def require_transactions(connection: Connection, target: TableName) -> None:
    """Refuse a table that cannot undo a load that breaks off.

    :param connection: from `transaction`.
    :param target: a table that exists.
    :raises TingTingConfigError: its storage engine has no transactions.
    """
    from sqlalchemy import text

    if not is_mysql(connection):
        return
    query = """
        SELECT tables.engine, engines.transactions
        FROM information_schema.tables AS tables
        LEFT JOIN information_schema.engines AS engines ON engines.engine = tables.engine
        WHERE tables.table_name = :name AND tables.table_schema = COALESCE(:schema, DATABASE())
    """
    found = connection.execute(text(query), {"name": target.name, "schema": target.schema}).first()
    if found is not None and found[0] is not None and found[1] != "YES":
        raise TingTingConfigError(
            f"Table {target} has the storage engine {found[0]}, which has no transactions: a load that breaks off "
            f"would lose rows. Run ALTER TABLE {target} ENGINE=InnoDB. Nothing was changed there."
        )


def drop_if_empty(engine: Engine, table: Table) -> None:
    """Remove a table that a failed load has made, where a CREATE TABLE is not undone with its transaction.

    Under the table's write lock no other load can fill it between the check and the removal.

    :param engine: the database; nothing happens unless it is MySQL or MariaDB.
    :param table: the table.
    """
    from sqlalchemy import select

    if not is_mysql(engine):
        return
    quoted = engine.dialect.identifier_preparer.format_table(table)
    with suppress(Exception), engine.connect() as connection, connection.begin():
        connection.exec_driver_sql(f"LOCK TABLES {quoted} WRITE")
        try:
            if connection.execute(select(*table.columns).limit(1)).first() is None:
                connection.exec_driver_sql(f"DROP TABLE {quoted}")
        finally:
            connection.exec_driver_sql("UNLOCK TABLES")


def is_rerun_wanted(error: Exception) -> bool:
    """Whether the database has broken off a transaction that is to be run again, such as for a deadlock.

    :param error: an error of SQLAlchemy or a driver.
    """
    original = getattr(error, "orig", None) or error
    state = getattr(original, "sqlstate", None) or getattr(original, "pgcode", None)
    return state in _RERUN_STATES or _code(original) in _RERUN_CODES


def explain(error: Exception, names: set[str]) -> str:
    """Return the first line of the error of the database, and what to do; values of rows are hidden.

    :param error: an error of SQLAlchemy or a driver.
    :param names: names of the table and its columns, which are shown.
    """
    original = getattr(error, "orig", None) or error
    code = _code(original)
    # The drivers of MySQL give a number and a text.
    message = next((part for part in original.args if isinstance(part, str)), "") if code is not None else str(original)
    first = next(iter(message.strip().splitlines()), "")
    shown = _QUOTED.sub(lambda found: found.group() if found.group()[1:-1] in names else HIDDEN, first)
    number = "" if code is None else f" {code}"
    return f"{type(original).__name__}{number}: {mask_text(shown).rstrip('.')}. {_REMEDIES.get(code or 0, _REMEDY)}"


def _code(error: Any) -> int | None:
    """Return the error number of MySQL, whose drivers put it first."""
    number = error.args[0] if getattr(error, "args", ()) else None
    return number if isinstance(number, int) and not isinstance(number, bool) and len(error.args) > 1 else None
