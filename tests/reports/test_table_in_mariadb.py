"""Reports in MariaDB: loads at once, character sets, strictness, engines without transactions, and messages."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.mariadb_server import program, running_mariadb
from support.report_files import report_body

from airflow_provider_tingting.errors import TingTingConfigError, TingTingReportError
from airflow_provider_tingting.reports.read_report import read_report
from airflow_provider_tingting.reports.rows import ReportRow
from airflow_provider_tingting.reports.table import TableName, load_table, table_columns

pymysql = pytest.importorskip("pymysql", reason="needs PyMySQL")
sqlalchemy = pytest.importorskip("sqlalchemy")

Database = Any


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    if program("mariadbd") is None or program("mariadb-install-db") is None:
        pytest.skip("no MariaDB server is installed (apt-get install mariadb-server)")
    # Latin letters only and a lenient mode, as in an old database.
    with running_mariadb("--character-set-server=latin1", "--sql-mode=") as uri:
        yield uri


@pytest.fixture
def database(server: str) -> Iterator[Database]:
    from sqlalchemy.pool import NullPool

    engine = sqlalchemy.create_engine(server, poolclass=NullPool, hide_parameters=True)
    with engine.connect() as connection, connection.begin():
        connection.exec_driver_sql("DROP DATABASE IF EXISTS test")
        connection.exec_driver_sql("CREATE DATABASE test")
    yield engine
    engine.dispose()


def run(database: Database, *statements: str) -> list[tuple[Any, ...]]:
    with database.connect() as connection, connection.begin():
        for statement in statements:
            result = connection.exec_driver_sql(statement)
        return [tuple(row) for row in result] if result.returns_rows else []


def load(database: Database, campaign: int, body: bytes, **changes: Any) -> int:
    read = read_report(io.BytesIO(body))
    columns = table_columns(campaign, read.table, **{key: changes.pop(key) for key in ("columns",) if key in changes})
    rows = changes.pop("rows", read.report.rows)
    target = changes.pop("target", TableName("calls"))
    return load_table(database, target, columns, rows, campaign_id=campaign, **changes)[1]


def body_of(campaign: int, rows: int = 3, **more: str) -> bytes:
    return report_body(
        {
            "Number": f"98{campaign:02}{row:06}",
            "Status": "Completed",
            "Other Info": json.dumps({"name": "सीता"}),
            **more,
        }
        for row in range(rows)
    )


def at_once(*jobs: Callable[[], object]) -> list[BaseException]:
    """Run jobs in threads that begin together; gives their errors."""
    errors: list[BaseException] = []
    together = threading.Barrier(len(jobs))

    def work(job: Callable[[], object]) -> None:
        together.wait()
        try:
            job()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


def test_rows_are_replaced_and_every_letter_is_kept(database: Database) -> None:
    for _ in range(2):
        assert load(database, 7, body_of(7)) == 3
    load(database, 8, body_of(8, 1))

    rows = run(database, "SELECT campaign_id, number, variables FROM calls ORDER BY number")
    assert [row[:2] for row in rows] == [(7, "9807000000"), (7, "9807000001"), (7, "9807000002"), (8, "9808000000")]
    assert json.loads(rows[0][2]) == {"name": "सीता"}


@pytest.mark.parametrize("there", [False, True], ids=["a new table", "a table that exists"])
def test_reports_of_four_new_campaigns_load_at_once(database: Database, there: bool) -> None:
    if there:
        load(database, 99, body_of(99))

    def job(campaign: int) -> Callable[[], object]:
        return lambda: load(database, campaign, body_of(campaign, 40), batch_size=5)

    for first in (10, 20, 30):
        assert at_once(*map(job, range(first, first + 4))) == []

    counted = run(database, "SELECT campaign_id, COUNT(*) FROM calls WHERE campaign_id <> 99 GROUP BY campaign_id")
    assert sorted(counted) == [(first + n, 40) for first in (10, 20, 30) for n in range(4)]


def test_loads_of_one_campaign_at_once_do_not_double_its_rows(database: Database) -> None:
    assert at_once(*[lambda: load(database, 7, body_of(7, 40), batch_size=5)] * 4) == []
    assert run(database, "SELECT COUNT(*) FROM calls") == [(40,)]


def test_a_deadlock_runs_the_transaction_again(database: Database) -> None:
    load(database, 7, body_of(7))
    runs = []

    def rows() -> Iterator[ReportRow]:
        runs.append(1)
        if len(runs) == 1:
            raise sqlalchemy.exc.OperationalError("INSERT", {}, pymysql.err.OperationalError(1213, "Deadlock found"))
        yield ReportRow("9841234567", "completed")

    assert load(database, 7, body_of(7), rows=rows) == 1
    assert len(runs) == 2
    assert run(database, "SELECT number FROM calls") == [("9841234567",)]


def test_long_json_is_not_cut(database: Database) -> None:
    info = json.dumps({"note": "x" * 100_000})
    load(database, 7, body_of(7, 1, **{"Other Info": info}))
    [(variables,)] = run(database, "SELECT variables FROM calls")
    assert json.loads(variables) == json.loads(info)


@pytest.mark.parametrize(
    ("made", "says"),
    [
        ("campaign_id BIGINT, number VARCHAR(5), status VARCHAR(20)", "1406.*'number'.*too short"),
        ("campaign_id BIGINT, number INT, status VARCHAR(20)", "1264.*'number'.*too small"),
        ("campaign_id BIGINT, number VARCHAR(20), status VARCHAR(3)", "1406.*'status'"),
    ],
    ids=["a short text", "a small number", "a short status"],
)
def test_a_value_that_does_not_fit_is_refused_in_a_lenient_database(database: Database, made: str, says: str) -> None:
    run(database, f"CREATE TABLE calls ({made})", "INSERT INTO calls VALUES (7, '1', 'old')")

    with pytest.raises(TingTingReportError, match=says) as raised:
        load(database, 7, body_of(7), columns=["number", "status"])

    assert "9807000000" not in str(raised.value)
    assert len(run(database, "SELECT * FROM calls")) == 1


def test_a_letter_that_the_table_lacks_names_the_remedy(database: Database) -> None:
    run(
        database,
        "CREATE TABLE calls (campaign_id BIGINT, number VARCHAR(20), status VARCHAR(20), carrier VARCHAR(50)) "
        "CHARACTER SET latin1",
    )
    with pytest.raises(TingTingReportError, match="CONVERT TO CHARACTER SET utf8mb4"):
        load(database, 7, body_of(7, Carrier="नेपाल टेलिकम"), columns=["number", "status", "carrier"])
    assert run(database, "SELECT COUNT(*) FROM calls") == [(0,)]


def test_a_table_without_transactions_is_refused(database: Database) -> None:
    run(
        database,
        "CREATE TABLE calls (campaign_id BIGINT, number VARCHAR(20), status VARCHAR(20)) ENGINE=MyISAM",
        "INSERT INTO calls VALUES (7, '1', 'old'), (7, '2', 'old')",
    )
    with pytest.raises(TingTingConfigError, match=r"MyISAM, which has no transactions.*ENGINE=InnoDB"):
        load(database, 7, body_of(7), columns=["number", "status"])
    assert run(database, "SELECT COUNT(*) FROM calls") == [(2,)]


def test_a_failed_load_leaves_no_table_that_it_made(database: Database) -> None:
    def rows() -> Iterator[ReportRow]:
        yield ReportRow("9841234567", "completed")
        raise TingTingReportError("The report breaks off.")

    with pytest.raises(TingTingReportError, match="breaks off"):
        load(database, 7, body_of(7), rows=rows)
    assert run(database, "SHOW TABLES") == []


def test_a_trigger_that_changes_numbers_is_noticed(database: Database) -> None:
    load(database, 7, body_of(7))
    run(database, "CREATE TRIGGER spoil BEFORE INSERT ON calls FOR EACH ROW SET NEW.number = '9800000000'")
    with pytest.raises(TingTingReportError, match="'number' are not in table calls as they were sent"):
        load(database, 7, body_of(7))
    assert run(database, "SELECT COUNT(DISTINCT number) FROM calls") == [(3,)]


def test_a_connection_without_a_database_is_named(server: str) -> None:
    engine = sqlalchemy.create_engine(server.removesuffix("/test"))
    with pytest.raises(TingTingConfigError, match="the connection names none"):
        load(engine, 7, body_of(7))


@pytest.mark.parametrize(
    ("uri", "says"),
    [
        ("mysql+pymysql://root@127.0.0.1:1/test", r"2003: Can't connect to MySQL server"),
        ("mysql+pymysql://stranger:wrong@{host}/test", r"1045: Access denied.*Correct login and password"),
    ],
    ids=["no server", "a wrong password"],
)
def test_a_database_that_refuses_is_quoted(server: str, uri: str, says: str) -> None:
    host = server.rpartition("@")[2].partition("/")[0]
    engine = sqlalchemy.create_engine(uri.format(host=host))
    with pytest.raises(TingTingReportError, match=says) as raised:
        load(engine, 7, body_of(7))
    assert "wrong@" not in str(raised.value)
