"""What is refused or breaks off is named, and leaves the table as it was."""

from __future__ import annotations

import sqlite3
import threading

import pytest
from support.airflow_home import AIRFLOW_VERSION
from support.campaigns import NUMBERS, losing_a_contact_before_the_report
from support.report_table import Database, loading
from support.task_context import REFUSED, execute

from airflow_provider_tingting._compat import AirflowFailException
from airflow_provider_tingting.errors import TingTingReportError
from airflow_provider_tingting.reports.rows import ReportRow
from airflow_provider_tingting.reports.table import TableName, load_table, table_columns
from airflow_provider_tingting.reports.tidy import TidyTable
from airflow_provider_tingting.utils.sql_engine import sql_engine

pytestmark = pytest.mark.usefixtures("tingting_conn")


@pytest.mark.parametrize(
    ("made", "changes", "says"),
    [
        ("campaign_id INTEGER, number TEXT, place TEXT", {}, ["It lacks 'status'", "'variables'", "'place'"]),
        ("number TEXT", {"columns": ["number"]}, ["It lacks 'campaign_id'", "It has 'number'"]),
        (
            "campaign_id INTEGER, number TEXT, ward INTEGER NOT NULL",
            {"columns": ["number"]},
            ["demands a value for 'ward'"],
        ),
    ],
    ids=["lacks some", "lacks the campaign", "demands more"],
)
def test_a_table_with_other_columns_is_named_and_untouched(campaign, database, made, changes, says):
    database.run(f"CREATE TABLE calls ({made})", "INSERT INTO calls (number) SELECT '9800000000' WHERE 1 = 0")

    with pytest.raises(AirflowFailException) as raised:
        execute(loading(campaign, **changes))

    for part in ("calls exists with other columns", "columns=", *says):
        assert part in str(raised.value)
    assert database.run("SELECT count(*) FROM calls") == [(0,)]


def test_a_table_that_is_not_there_is_not_made_unasked(campaign, database):
    with pytest.raises(AirflowFailException, match=r"There is no table calls.*'campaign_id', 'number'.*create_table"):
        execute(loading(campaign, create_table=False))

    assert database.tables() == []


def test_a_row_that_the_database_refuses_undoes_the_load_and_is_not_quoted(campaign, database, logged):
    database.run(
        "CREATE TABLE calls (campaign_id INTEGER, number VARCHAR(20), status VARCHAR(20) CHECK (status <> 'failed'))",
        f"INSERT INTO calls VALUES ({campaign}, '9841234501', 'as before')",
    )

    with pytest.raises(TingTingReportError, match=f"Campaign {campaign}: .*table calls.*Nothing was changed") as raised:
        execute(loading(campaign, columns=["number", "status"], batch_size=1))

    assert [row["status"] for row in database.table()] == ["as before"]
    assert raised.value.__cause__ is None
    written = f"{raised.value}\n{logged()}"
    assert [number for number in NUMBERS if number in written] == []


def test_a_load_that_breaks_off_leaves_no_table_behind(campaign, database):
    def rows():
        yield ReportRow("9841234501", "completed")
        raise TingTingReportError("The report breaks off.")

    engine = sql_engine("warehouse")
    columns = table_columns(campaign, TidyTable())

    with pytest.raises(TingTingReportError, match="breaks off"):
        load_table(engine, TableName("calls"), columns, rows, campaign_id=campaign, batch_size=1)

    assert database.tables() == []


def test_a_report_that_lacks_contacts_is_not_loaded(sandbox, campaign, database):
    execute(loading(campaign))

    with (
        losing_a_contact_before_the_report(sandbox, campaign),
        pytest.raises(TingTingReportError, match="4 contacts, 3 came, 1 is missing"),
    ):
        execute(loading(campaign))

    assert len(database.table()) == 4


def test_two_loads_of_a_campaign_at_once_do_not_double_its_rows(sandbox, campaign, database):
    # The reports are held back, so that both loads come to the database together, to a table that is not there yet.
    sandbox.faults.add("slow", call="download_campaign_report", value=0.3, times=2)
    failed = []

    def load():
        if AIRFLOW_VERSION < (3, 0):
            # Airflow 2 lets an operator execute only in the thread that imported it, as each worker process does.
            from airflow.models.baseoperator import ExecutorSafeguard

            ExecutorSafeguard._sentinel.callers = {}
        try:
            execute(loading(campaign, batch_size=1))
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=load) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failed == []
    assert len(database.table()) == 4


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"table": ""}, "table is empty"),
        ({"table": ".calls"}, "table must be the name"),
        ({"campaign_id": "x"}, "campaign_id"),
        ({"campaign_id": 4711}, "4711"),
        ({"variables": "jsonb"}, "variables must be one of json, columns, none"),
        ({"columns": []}, "columns must be a list"),
        ({"columns": "number"}, "columns must be a list"),
        ({"columns": ["number", "oops"]}, "columns asks for 'oops'.*It has 'campaign_id', 'number'"),
        ({"columns": {"a": "campaign_id", "b": "campaign_id"}}, "more than one column"),
        ({"columns": {"a": "number", "A": "status"}}, "takes for the same: 'A', 'a'"),
        ({"columns": {"campaign_id": "number"}}, "fills campaign_id with something else"),
        ({"columns": ["number", " "]}, "columns must be a list of"),
        ({"numbers": "hidden"}, "numbers must be one of plain, masked, sha256"),
        ({"numbers": "sha256"}, "needs a salt"),
        ({"batch_size": 0}, "batch_size must be a whole number"),
        ({"sql_conn_id": ""}, "sql_conn_id is empty"),
        ({"sql_conn_id": "strange"}, "of type 'carrier.pigeon', which this Airflow has no hook for.*Install"),
        ({"sql_conn_id": "tingting_default"}, "not a database with a common SQL hook"),
        # Airflow 3.0 to 3.2 say that such a connection is not defined.
        pytest.param({"sql_conn_id": "listed"}, "The extra must be a JSON object", marks=pytest.mark.newest),
        ({"sql_hook_params": ["schema"]}, "sql_hook_params must be a dict"),
    ],
)
def test_a_mistake_is_named_and_no_table_is_made(campaign, tmp_path, monkeypatch, changes, says):
    path = tmp_path / "warehouse.db"
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", f"sqlite://{path}")
    monkeypatch.setenv("AIRFLOW_CONN_STRANGE", "carrier-pigeon://somewhere")
    monkeypatch.setenv("AIRFLOW_CONN_LISTED", '{"conn_type": "postgres", "host": "127.0.0.1", "extra": "[1, 2]"}')

    with pytest.raises(REFUSED, match=says):
        execute(loading(**{"campaign_id": campaign, **changes}))

    assert not path.exists() or Database("sqlite", lambda: sqlite3.connect(path)).tables() == []


def test_a_database_that_does_not_answer_is_an_error_that_a_retry_may_cure(campaign, postgres_uri, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", "postgresql://somebody:hidden-word@127.0.0.1:1/postgres")

    with pytest.raises(TingTingReportError, match=r"cannot be loaded into table calls.*refused") as raised:
        execute(loading(campaign))

    assert "hidden-word" not in str(raised.value)
