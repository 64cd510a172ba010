"""Reports through Airflow's hook for MySQL, with both of its clients, into MariaDB.

Airflow's provider for MySQL needs a client library that is compiled; without it this file is skipped, and the tests of
`tests/reports/test_table_in_mariadb.py` go through SQLAlchemy alone.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from support.campaigns import NUMBERS, OUTCOMES, a_finished_campaign
from support.mariadb_server import program, running_mariadb
from support.report_table import loading
from support.task_context import execute

from airflow_provider_tingting.sandbox import Sandbox

pytest.importorskip("airflow.providers.mysql.hooks.mysql", reason="needs Airflow's provider for MySQL")
sqlalchemy = pytest.importorskip("sqlalchemy")
pytestmark = pytest.mark.usefixtures("tingting_conn")


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    if program("mariadbd") is None or program("mariadb-install-db") is None:
        pytest.skip("no MariaDB server is installed (apt-get install mariadb-server)")
    # Latin letters only and a lenient mode, as in an old database.
    with running_mariadb("--character-set-server=latin1", "--sql-mode=") as uri:
        yield sqlalchemy.create_engine(uri).url


@pytest.fixture(params=["mysqlclient", "mysql-connector-python"])
def connection(request: pytest.FixtureRequest, server: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The connection `warehouse` with one of the hook's clients, and an empty database."""
    module = {"mysqlclient": "MySQLdb", "mysql-connector-python": "mysql.connector"}[request.param]
    pytest.importorskip(module, reason=f"needs {request.param}")
    value = {
        "conn_type": "mysql",
        "host": server.host,
        "port": server.port,
        "login": server.username,
        "schema": "test",
        "extra": {"client": request.param},
    }
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps(value))
    run(server, "DROP DATABASE IF EXISTS test", "CREATE DATABASE test")
    return server


def run(server: Any, *statements: str) -> list[tuple[Any, ...]]:
    engine = sqlalchemy.create_engine(server.set(database="mysql"))
    with engine.connect() as connection, connection.begin():
        for statement in statements:
            result = connection.exec_driver_sql(statement)
        rows = [tuple(row) for row in result] if result.returns_rows else []
    engine.dispose()
    return rows


def test_a_report_is_loaded_and_replaced(sandbox: Sandbox, connection: Any) -> None:
    campaign = a_finished_campaign(sandbox)
    for contact in sandbox.world.campaigns[campaign].contacts.values():
        contact.variables["name"] = "सीता"
    for _ in range(2):
        result, _ = execute(loading(campaign))
        assert result["rows"] == len(NUMBERS)

    rows = run(connection, "SELECT number, status, variables FROM test.calls ORDER BY number")
    assert {number: status for number, status, _ in rows} == dict(zip(NUMBERS, OUTCOMES, strict=True))
    assert [json.loads(variables)["name"] for _, _, variables in rows] == ["सीता"] * len(NUMBERS)


def test_reports_of_new_campaigns_are_loaded_at_once(sandbox: Sandbox, connection: Any) -> None:
    campaigns = [a_finished_campaign(sandbox) for _ in range(4)]
    results: list[Any] = []

    def load(campaign: int) -> None:
        results.append(execute(loading(campaign))[0]["rows"])

    threads = [threading.Thread(target=load, args=[campaign]) for campaign in campaigns]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert results == [len(NUMBERS)] * len(campaigns)
    counts = run(connection, "SELECT campaign_id, count(*) FROM test.calls GROUP BY campaign_id ORDER BY campaign_id")
    assert counts == [(campaign, len(NUMBERS)) for campaign in campaigns]
