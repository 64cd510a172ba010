"""What a database table is called: by its reader, by OpenLineage and as an asset."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from airflow_provider_tingting.errors import TingTingConfigError

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine


@dataclass(frozen=True)
class TableName:
    """The name of a table.

    :param name: the table.
    :param schema: the schema that it is in; None for the connection's own.
    """

    name: str
    schema: str | None = None

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}" if self.schema else self.name

    @classmethod
    def read(cls, table: object, schema: object = None) -> TableName:
        """Read `table` or `schema.table`; with a schema given, dots in the name of the table are its own.

        :param table: the name of the table, or schema and table.
        :param schema: the schema, if it was given apart; default None.
        :raises TingTingConfigError: when it is not a name.
        """
        text = str(table or "").strip()
        given = str(schema or "").strip()
        before, dot, name = ("", "", text) if given else text.rpartition(".")
        if not name.strip() or (dot and not before.strip()) or not (text + given).isprintable():
            raise TingTingConfigError(f"table must be the name of a table, or schema.table; it is {table!r}.")
        return cls(name.strip(), given or before.strip() or None)


@dataclass(frozen=True)
class TablePlace:
    """Where a table is, as OpenLineage and asset URIs name it.

    :param namespace: of the table's dataset, as OpenLineage names it.
    :param name: of the table's dataset.
    :param uri: of the table's asset.
    """

    namespace: str
    name: str
    uri: str


def place_of(engine: Engine, target: TableName) -> TablePlace:
    """Return where a table of this database is.

    :param engine: the database's engine.
    :param target: the table.
    """
    url, dialect = engine.url, engine.dialect
    if dialect.name == "sqlite":
        file = os.path.realpath((url.database or "").removeprefix("file:").partition("?")[0])
        return TablePlace("sqlite", f"{file}.{target}", f"sqlite://{quote(file)}/{quote(str(target), safe='')}")
    # The names that OpenLineage and the field's own asset URIs have for it.
    scheme = {"postgresql": "postgres"}.get(dialect.name, dialect.name)
    port = url.port or {"postgresql": 5432, "mysql": 3306}.get(dialect.name)
    host = f"{url.host or 'localhost'}{f':{port}' if port else ''}"
    schema = target.schema or getattr(dialect, "default_schema_name", None)
    parts = [url.database, None if schema == url.database else schema, target.name]
    names = [str(part) for part in parts if part]
    path = "/".join(quote(name, safe="") for name in names)
    return TablePlace(f"{scheme}://{host}", ".".join(names), f"{scheme}://{host}/{path}")
