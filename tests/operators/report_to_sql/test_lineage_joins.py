"""The table that a task loads and another one's query reads is one dataset to OpenLineage."""

from __future__ import annotations

from typing import Any

import pytest
from support.report_table import Database, loading
from support.task_context import execute

from airflow_provider_tingting.operators.contacts import TingTingCheckContactsOperator

pytestmark = pytest.mark.usefixtures("openlineage", "tingting_conn")

QUERY = "SELECT number FROM calls WHERE status <> 'completed'"


@pytest.fixture(scope="module")
def openlineage() -> None:
    """Skip without OpenLineage, whose import takes half a second: each process that collects would pay it."""
    pytest.importorskip("airflow.providers.openlineage.extractors", reason="OpenLineage is not installed")


def lineage(operator: Any) -> Any:
    execute(operator)
    return operator.get_openlineage_facets_on_complete(None)


def checking(sql: str) -> TingTingCheckContactsOperator:
    return TingTingCheckContactsOperator(task_id="check", sql=sql, sql_conn_id="warehouse", message="Hello")


def test_the_tables_of_a_query_are_inputs(database: Database, campaign: int) -> None:
    (written,) = lineage(loading(campaign)).outputs
    read = lineage(checking(QUERY)).inputs

    # Airflow's provider for SQLite gives OpenLineage no names of databases.
    expected = [] if database.kind == "sqlite" else [(written.namespace, written.name)]
    assert [(table.namespace, table.name) for table in read] == expected


def test_a_query_that_lineage_cannot_read_fails_no_task(
    database: Database, campaign: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    parser = "airflow.providers.openlineage.sqlparser.SQLParser.generate_openlineage_metadata_from_sql"
    execute(loading(campaign))

    def refuse(*_: object, **__: object) -> None:
        raise ValueError("no such dialect")

    monkeypatch.setattr(parser, refuse)
    assert lineage(checking(QUERY)).inputs == []
