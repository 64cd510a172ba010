"""The task that loads a report into a table, and the database that the table is in."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from airflow_provider_tingting.transfers.tingting_to_sql import TingTingReportToSqlOperator


class Database:
    """A database that tests ask directly, past the code under test.

    :param kind: `sqlite` or `postgres`.
    :param connect: makes a connection of Python's database API.
    """

    def __init__(self, kind: str, connect: Callable[[], Any]) -> None:
        self.kind = kind
        self._connect = connect

    def run(self, *statements: str) -> list[tuple[Any, ...]]:
        """The rows of the last statement."""
        with contextlib.closing(self._connect()) as connection:
            cursor = connection.cursor()
            for statement in statements:
                cursor.execute(statement)
            rows: list[tuple[Any, ...]] = cursor.fetchall() if cursor.description else []
            connection.commit()
            return rows

    def table(self, name: str = "calls") -> list[dict[str, Any]]:
        """The rows of a table, by campaign and number."""
        with contextlib.closing(self._connect()) as connection:
            cursor = connection.cursor()
            cursor.execute(f'SELECT * FROM "{name}" ORDER BY campaign_id, number')
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def tables(self) -> list[str]:
        """The names of all tables."""
        query = {
            "sqlite": "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name",
            "postgres": "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename",
        }
        return [name for (name,) in self.run(query[self.kind])]


def loading(campaign_id: int | str, **changes: Any) -> TingTingReportToSqlOperator:
    """The task that loads a campaign's report into the table `calls`."""
    arguments = {"campaign_id": campaign_id, "table": "calls", "sql_conn_id": "warehouse", **changes}
    return TingTingReportToSqlOperator(task_id="load", **arguments)
