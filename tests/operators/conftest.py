"""What tests of several operators ask for."""

from __future__ import annotations

import sqlite3

import pytest
from support.postgres_server import folder_for_server, programs, running_server
from support.report_table import Database


@pytest.fixture(params=[False, True], ids=["in a worker", "deferred"])
def deferrable(request):
    return request.param


@pytest.fixture
def fast_world(sandbox, virtual_time):
    """Virtual time, in which calls take hundredths of a second."""
    sandbox.clock.speed = 2000


@pytest.fixture
def still_world(sandbox, virtual_time):
    """Virtual time, in which no call goes on."""
    sandbox.clock.speed = 0


@pytest.fixture(scope="session")
def postgres_uri():
    """A PostgreSQL, started once for all files of this folder and those below."""
    psycopg2 = pytest.importorskip("psycopg2", reason="needs psycopg2 (pip install psycopg2-binary)")
    pytest.importorskip("airflow.providers.postgres.hooks.postgres", reason="needs Airflow's provider for PostgreSQL")
    if programs() is None:
        pytest.skip("no PostgreSQL server is installed (apt-get install postgresql)")
    with folder_for_server() as folder, running_server(folder) as uri:
        psycopg2.connect(uri).close()
        yield uri


@pytest.fixture(params=["sqlite", "postgres"])
def database(request, tmp_path, monkeypatch):
    """An empty database with the connection `warehouse` to it."""
    if request.param == "sqlite":
        path = tmp_path / "warehouse.db"
        monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", f"sqlite://{path}")
        return Database("sqlite", lambda: sqlite3.connect(path))
    import psycopg2

    uri = request.getfixturevalue("postgres_uri")
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", uri)
    fresh = Database("postgres", lambda: psycopg2.connect(uri))
    fresh.run("DROP SCHEMA public CASCADE", "CREATE SCHEMA public", "DROP SCHEMA IF EXISTS reporting CASCADE")
    return fresh
