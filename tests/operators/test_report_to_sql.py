"""Bringing reports into a database: the campaign's rows replaced as a whole, or left as they were."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
from datetime import datetime, timedelta, timezone

import pytest
from support.airflow_home import AIRFLOW_VERSION
from support.campaigns import NUMBERS, a_campaign, connection, meanwhile, reads
from support.postgres_server import folder_for_server, programs, running_server
from support.task_context import execute

from airflow_provider_tingting._compat import AirflowFailException
from airflow_provider_tingting.errors import TingTingReportError
from airflow_provider_tingting.operators.report_to_sql import TingTingReportToSqlOperator
from airflow_provider_tingting.reports.layout import ReportRow
from airflow_provider_tingting.reports.table import TableName, load_table, table_columns
from airflow_provider_tingting.reports.writers.tidy import TidyTable

pytestmark = pytest.mark.usefixtures("tingting_conn")

OUTCOMES = ("completed", "hungup", "unanswered", "failed")
COLUMNS = [
    "campaign_id",
    "number",
    "status",
    "duration_seconds",
    "playback_percent",
    "credit_consumed",
    "credit_consumed_sms",
    "action_date",
    "carrier",
    "variables",
    "extra",
]


class Database:
    """A database that tests ask directly, past the code under test."""

    def __init__(self, kind, connect):
        self.kind = kind
        self._connect = connect

    def run(self, *statements):
        """The rows of the last statement."""
        with contextlib.closing(self._connect()) as connection:
            cursor = connection.cursor()
            for statement in statements:
                cursor.execute(statement)
            rows = cursor.fetchall() if cursor.description else []
            connection.commit()
            return rows

    def table(self, name="calls"):
        with contextlib.closing(self._connect()) as connection:
            cursor = connection.cursor()
            cursor.execute(f'SELECT * FROM "{name}" ORDER BY campaign_id, number')
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def tables(self):
        query = {
            "sqlite": "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name",
            "postgres": "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename",
        }
        return [name for (name,) in self.run(query[self.kind])]


@pytest.fixture(scope="module")
def postgres_uri():
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


def a_finished_campaign(sandbox, numbers=NUMBERS, outcomes=OUTCOMES):
    campaign = a_campaign(sandbox, numbers, outcome=None)
    for number, outcome in zip(numbers, outcomes, strict=True):
        sandbox.world.script_outcome(number, outcome)
    sandbox.world.run_campaign(campaign)
    sandbox.play_out()
    return campaign


@pytest.fixture
def campaign(sandbox):
    return a_finished_campaign(sandbox)


def loading(campaign_id, **changes):
    arguments = {"campaign_id": campaign_id, "table": "calls", "sql_conn_id": "warehouse", **changes}
    return TingTingReportToSqlOperator(task_id="load", **arguments)


def statuses(rows):
    return {row["number"]: row["status"] for row in rows}


def test_the_rows_of_the_table_are_the_contacts_of_the_campaign(sandbox, campaign, database):
    result, xcoms = execute(loading(str(campaign)))

    rows = database.table()
    assert statuses(rows) == dict(zip(NUMBERS, OUTCOMES, strict=True))
    assert list(rows[0]) == COLUMNS
    assert {row["campaign_id"] for row in rows} == {campaign}
    assert (result["campaign_id"], result["table"], result["rows"]) == (campaign, "calls", 4)
    assert result["summary"]["reached"] == 2
    assert sum(row["credit_consumed"] for row in rows) == result["summary"]["credits"]
    assert xcoms == {
        "campaign_id": campaign,
        "tingting_campaign_link": f"{sandbox.root_url}#campaign-{campaign}",
        **{key: result[key] for key in ("table", "rows", "summary", "source", "final")},
    }
    assert len(json.dumps(result)) < 2000


def test_variables_are_json_that_the_database_can_read(campaign, database):
    execute(loading(campaign))

    reading = {"sqlite": "json_extract(variables, '$.name')", "postgres": "variables ->> 'name'"}[database.kind]
    found = database.run(f"SELECT number, {reading} FROM calls")
    assert dict(found) == {number: f"Sita {number[-2:]}" for number in NUMBERS}


def test_a_moment_keeps_its_offset_or_is_in_utc(sandbox, campaign, database):
    execute(loading(campaign))

    for row in database.table():
        moment = row["action_date"]
        if database.kind == "sqlite":
            moment = datetime.fromisoformat(moment).replace(tzinfo=timezone.utc)
        assert abs(moment - sandbox.clock.now()) < timedelta(hours=12)
        assert moment.utcoffset() is not None


def test_loading_again_replaces_the_rows_and_leaves_those_of_other_campaigns(sandbox, campaign, database):
    others = ("9841234511", "9841234512")
    other = a_finished_campaign(sandbox, others, ("completed", "failed"))
    execute(loading(other))
    execute(loading(campaign))
    database.run(f"UPDATE calls SET status = 'failed' WHERE campaign_id = {campaign}")

    execute(loading(campaign))

    rows = database.table()
    assert len(rows) == 6
    assert statuses(rows) == dict(zip((*NUMBERS, *others), (*OUTCOMES, "completed", "failed"), strict=True))


@pytest.mark.parametrize("batch_size", [1, 3, 4, 1000])
def test_the_size_of_a_batch_changes_nothing(campaign, database, batch_size):
    result, _ = execute(loading(campaign, batch_size=batch_size))

    assert result["rows"] == len(database.table()) == 4


def test_variables_may_be_columns_or_left_out(campaign, database):
    execute(loading(campaign, variables="columns", table="with_names"))
    execute(loading(campaign, variables="none", table="without"))

    assert {row["number"]: row["name"] for row in database.table("with_names")} == {
        number: f"Sita {number[-2:]}" for number in NUMBERS
    }
    assert list(database.table("without")[0]) == COLUMNS[:-2]


def test_columns_are_chosen_and_renamed(campaign, database):
    execute(loading(campaign, columns=["number", "status"]))
    database.run("CREATE TABLE people (run INTEGER, phone VARCHAR(20), what VARCHAR(20), added INTEGER DEFAULT 7)")
    execute(loading(campaign, table="people", columns={"phone": "number", "what": "status", "run": "campaign_id"}))

    assert list(database.table()[0]) == ["campaign_id", "number", "status"]
    assert dict(database.run("SELECT phone, what FROM people WHERE added = 7")) == dict(
        zip(NUMBERS, OUTCOMES, strict=True)
    )


def test_a_table_of_the_users_own_takes_what_fits_its_types(campaign, database):
    database.run("CREATE TABLE calls (campaign_id VARCHAR(20), NUMBER VARCHAR(20), status TEXT, action_date TEXT)")

    for _ in range(2):
        execute(loading(campaign, columns=["number", "status", "action_date"]))

    found = database.run("SELECT campaign_id, status, action_date FROM calls")
    assert sorted(row[:2] for row in found) == sorted((str(campaign), outcome) for outcome in OUTCOMES)
    assert all(datetime.fromisoformat(row[2]).utcoffset() is not None for row in found)


@pytest.mark.parametrize("name", ['Calls of "ward 7"', "calls; DROP TABLE people; --", "कल", "per%cent", "group"])
def test_a_name_may_be_anything_and_is_never_run(campaign, database, name):
    database.run("CREATE TABLE people (number INTEGER)")

    for _ in range(2):
        execute(loading(campaign, table=name, columns={name: "number", "select": "status"}))

    assert database.tables() == sorted(["people", name])


def test_a_table_in_another_schema(campaign, postgres_uri, monkeypatch):
    import psycopg2

    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", postgres_uri)
    database = Database("postgres", lambda: psycopg2.connect(postgres_uri))
    database.run("DROP SCHEMA IF EXISTS reporting CASCADE", "CREATE SCHEMA reporting")

    first, _ = execute(loading(campaign, table="reporting.calls"))
    second, _ = execute(loading(campaign, table="calls", schema="reporting"))

    assert first["table"] == second["table"] == "reporting.calls"
    assert database.run("SELECT count(*) FROM reporting.calls") == [(4,)]


def test_numbers_may_be_masked_or_hashed(sandbox, campaign, database, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_TINGTING_DEFAULT", connection(sandbox, secret_salt="a long random text"))

    execute(loading(campaign, table="masked", numbers="masked"))
    execute(loading(campaign, table="hashed", numbers="sha256"))

    shown = json.dumps([database.table("masked"), database.table("hashed")], default=str)
    assert [number for number in NUMBERS if number in shown] == []
    assert {row["number"] for row in database.table("masked")} == {
        f"{number[:2]}******{number[-2:]}" for number in NUMBERS
    }
    assert {len(row["number"]) for row in database.table("hashed")} == {64}


def test_when_the_report_fails_the_listing_is_loaded(sandbox, campaign, database):
    sandbox.faults.add("500", call="download_campaign_report", times="*")

    result, _ = execute(loading(campaign, variables="none"))

    assert (result["source"], result["rows"]) == ("listing", 4)
    assert statuses(database.table()) == dict(zip(NUMBERS, OUTCOMES, strict=True))


# -- what is refused, and leaves the table as it was -------------------------------------------------------------------


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
    assert raised.value.__cause__.__cause__ is None
    told = f"{raised.value}\n{logged()}"
    assert [number for number in NUMBERS if number in told] == []


def test_a_load_that_breaks_off_leaves_no_table_behind(campaign, database):
    def rows():
        yield ReportRow("9841234501", "completed")
        raise TingTingReportError("The report breaks off.")

    engine = loading(campaign)._engine()
    columns = table_columns(campaign, TidyTable())

    with pytest.raises(TingTingReportError, match="breaks off"):
        load_table(engine, TableName("calls"), columns, rows(), campaign_id=campaign, batch_size=1)

    assert database.tables() == []


def test_a_report_that_lacks_contacts_is_not_loaded(sandbox, campaign, database):
    execute(loading(campaign))
    call = "download_campaign_report"
    sandbox.faults.add("slow", call=call, value=0.5)
    contact = max(sandbox.world.campaigns[campaign].contacts)

    with (
        meanwhile(
            lambda: reads(sandbox, "download_campaign_report") > 1, lambda: sandbox.world.delete_contact(contact)
        ),
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
        ({"table": ""}, "table must be the name of a table"),
        ({"table": ".calls"}, "table must be the name of a table"),
        ({"campaign_id": "x"}, "campaign_id"),
        ({"campaign_id": 4711}, "4711"),
        ({"variables": "jsonb"}, "variables must be one of json, columns, none"),
        ({"columns": []}, "columns must be a list"),
        ({"columns": "number"}, "columns must be a list"),
        ({"columns": ["number", "oops"]}, "columns asks for 'oops'.*It has 'campaign_id', 'number'"),
        ({"columns": {"a": "campaign_id", "b": "campaign_id"}}, "more than one column"),
        ({"columns": {"a": "number", "A": "status"}}, "takes for the same: 'A', 'a'"),
        ({"columns": {"campaign_id": "number"}}, "fills campaign_id with something else"),
        ({"columns": ["number", " "]}, "a name that is empty"),
        ({"numbers": "hidden"}, "numbers must be one of plain, masked, sha256"),
        ({"numbers": "sha256"}, "needs a salt"),
        ({"batch_size": 0}, "batch_size must be a whole number"),
        ({"sql_conn_id": ""}, "sql_conn_id is empty"),
        ({"sql_conn_id": "strange"}, "of type 'carrier.pigeon', which this Airflow has no hook for.*Install"),
        ({"sql_conn_id": "tingting_default"}, "no database with a common SQL hook"),
    ],
)
def test_a_mistake_is_named_and_no_table_is_made(campaign, tmp_path, monkeypatch, changes, says):
    path = tmp_path / "warehouse.db"
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", f"sqlite://{path}")
    monkeypatch.setenv("AIRFLOW_CONN_STRANGE", "carrier-pigeon://somewhere")

    with pytest.raises(AirflowFailException, match=says):
        execute(loading(**{"campaign_id": campaign, **changes}))

    assert not path.exists() or Database("sqlite", lambda: sqlite3.connect(path)).tables() == []


def test_a_database_that_does_not_answer_is_an_error_that_a_retry_may_cure(campaign, postgres_uri, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", "postgresql://somebody:hidden-word@127.0.0.1:1/postgres")

    with pytest.raises(TingTingReportError, match=r"cannot be loaded into table calls.*refused") as raised:
        execute(loading(campaign))

    assert "hidden-word" not in str(raised.value)
