"""What columns a table has, or is to have. SQLAlchemy, imported inside functions, reads and makes it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_tingting.errors import TingTingConfigError
from airflow_provider_tingting.reports.table.columns import Kind, TableColumns
from airflow_provider_tingting.reports.table.dialects import MYSQL, MYSQL_OPTIONS
from airflow_provider_tingting.reports.table.naming import TableName

if TYPE_CHECKING:
    from sqlalchemy import Table
    from sqlalchemy.engine import Connection

_WORD: Final = 255


def existing(connection: Connection, target: TableName, columns: TableColumns) -> Table | None:
    """Return the table if it is there.

    :param connection: an open connection of SQLAlchemy.
    :param target: the table.
    :param columns: the columns that the report needs.
    :raises TingTingConfigError: when it lacks columns, or has one that must be filled and is not.
    """
    from sqlalchemy import Column, MetaData, Table, inspect

    inspector = inspect(connection)
    if not inspector.has_table(target.name, schema=target.schema):
        return None
    there = {found["name"]: found for found in inspector.get_columns(target.name, schema=target.schema)}
    folded = {name.casefold(): name for name in there}
    spelt = {name: name if name in there else folded.get(name.casefold(), "") for name, _ in columns.columns}
    missing = [name for name, found in spelt.items() if not found]
    unfilled = [
        name
        for name, found in there.items()
        if not found.get("nullable", True)
        and found.get("default") is None
        and not found.get("identity")
        and not found.get("computed")
        and found.get("autoincrement") is not True
        and name not in spelt.values()
        and not _fills_itself(inspector, target, name, found)
    ]
    if missing or unfilled:
        lacks = f" It lacks {_listed(missing)}." if missing else ""
        needs = f" It demands a value for {_listed(unfilled)}, which the report does not have." if unfilled else ""
        raise TingTingConfigError(
            f"Table {target} exists with other columns.{lacks}{needs} It has {_listed(there)}. {columns.remedy} "
            "Nothing was changed there."
        )
    return Table(
        target.name,
        MetaData(),
        *(Column(found, there[found]["type"], key=name) for name, found in spelt.items()),
        schema=target.schema,
    )


def _fills_itself(inspector: Any, target: TableName, name: str, found: Any) -> bool:
    """Whether a column is SQLite's row number: an integer that is the primary key alone."""
    from sqlalchemy import Integer

    if inspector.bind.dialect.name != "sqlite" or not isinstance(found["type"], Integer):
        return False
    return bool(inspector.get_pk_constraint(target.name, schema=target.schema)["constrained_columns"] == [name])


def create_table(connection: Connection, target: TableName, columns: TableColumns, *, create: bool) -> Table:
    """Make the table.

    :param connection: an open connection of SQLAlchemy.
    :param target: the table.
    :param columns: the columns that the report needs.
    :param create: whether that is allowed.
    :raises TingTingConfigError: when it is not, or a name is too long for the database.
    """
    from sqlalchemy import Column, MetaData, Table

    if not create:
        raise TingTingConfigError(
            f"There is no table {target}. Create it with the columns {_listed(name for name, _ in columns.columns)}, "
            "or let this task do so with create_table=True."
        )
    longest = connection.dialect.max_identifier_length
    too_long = [name for name, _ in columns.columns if len(name.encode()) > longest]
    if too_long:
        raise TingTingConfigError(
            f"The names {_listed(too_long)} are longer than this database allows ({longest} bytes). Give them others "
            'with columns={"short": "the long name"}, or use variables="json".'
        )
    table: Table = Table(
        target.name,
        MetaData(),
        *(
            Column(
                name,
                _type_of(kind, connection.dialect.name),
                key=name,
                nullable=name != columns.campaign_column,
                index=name == columns.campaign_column or name in columns.indexed,
                autoincrement=False,
            )
            for name, kind in columns.columns
        ),
        schema=target.schema,
        **MYSQL_OPTIONS,
    )
    table.create(connection)
    return table


def _type_of(kind: Kind, dialect: str) -> Any:
    from sqlalchemy import BigInteger, DateTime, Float, Unicode, UnicodeText
    from sqlalchemy.dialects.mysql import DATETIME, LONGTEXT
    from sqlalchemy.dialects.postgresql import JSONB

    # MySQL's TEXT ends at 65,535 bytes, and its DATETIME at the second.
    text: Any = LONGTEXT() if dialect in MYSQL else UnicodeText()
    types = {
        Kind.ID: BigInteger(),
        Kind.WORD: Unicode(_WORD),
        Kind.TEXT: text,
        Kind.JSON: JSONB() if dialect == "postgresql" else text,
        Kind.AMOUNT: Float(53),
        Kind.MOMENT: DATETIME(fsp=6) if dialect in MYSQL else DateTime(timezone=True),
    }
    return types[kind]


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in names) or "none"
