"""People from a database, through Airflow's own SQL connections."""

from __future__ import annotations

import json
import sqlite3
import traceback
from importlib.util import find_spec
from urllib.parse import urlsplit

import openpyxl
import pytest
from support.campaigns import a_campaign, writes
from support.postgres_server import folder_for_server, programs, running_server
from support.task_context import execute

from airflow_provider_tingting._compat import AirflowFailException, BaseHook
from airflow_provider_tingting.contacts.sources import query
from airflow_provider_tingting.errors import TingTingSourceError
from airflow_provider_tingting.operators.contacts import TingTingAddContactsOperator, TingTingCheckContactsOperator
from airflow_provider_tingting.utils.sql_source import query_rows

pytestmark = pytest.mark.usefixtures("tingting_conn")


@pytest.fixture
def database(tmp_path, monkeypatch):
    """An SQLite database with people, as the Airflow connection `people_db`."""
    path = tmp_path / "people.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE people (phone TEXT, householder TEXT, ward INTEGER)")
        rows = [("+977 984-1234501", "सीता", 7), ("9841234502", "Ram", 7), ("9801234503", "Hari", 8), ("1", "Gita", 9)]
        connection.executemany("INSERT INTO people VALUES (?, ?, ?)", rows)
        connection.execute("CREATE TABLE refused (phone TEXT)")
        connection.execute("INSERT INTO refused VALUES ('9841234502')")
    connection.close()
    monkeypatch.setenv("AIRFLOW_CONN_PEOPLE_DB", json.dumps({"conn_type": "sqlite", "host": str(path)}))
    return path


def checking(sql, **changes):
    return TingTingCheckContactsOperator(
        task_id="check", sql=sql, sql_conn_id="people_db", **{"message": "Hello", **changes}
    )


def numbers_in(sandbox, campaign):
    return sorted(sandbox.world.campaigns[campaign].numbers)


def test_the_columns_of_a_query_are_those_of_a_table(sandbox, database, virtual_time):
    campaign = a_campaign(sandbox, numbers=(), message="नमस्कार {tags_name}, {tags_city}")

    result, _ = execute(
        TingTingAddContactsOperator(
            task_id="add",
            campaign_id=campaign,
            sql="SELECT phone, householder AS name FROM people WHERE ward < ? ORDER BY ward;",
            sql_conn_id="people_db",
            sql_parameters=[9],
            variables={"tags_name": "Name"},
            constants={"tags_city": "Pokhara"},
            exclude={"sql": "SELECT phone FROM refused"},
        )
    )

    assert numbers_in(sandbox, campaign) == ["9801234503", "9841234501"]
    contacts = sandbox.world.campaigns[campaign].contacts.values()
    assert {contact.variables["tags_city"] for contact in contacts} == {"Pokhara"}
    assert (result["total"], result["excluded"], result["invalid"]) == (2, 1, 0)


def test_a_bad_row_of_a_query_is_named_by_its_place(database):
    with pytest.raises(AirflowFailException, match=r"the SQL query, row 4: .* has too few digits"):
        execute(checking("SELECT * FROM people"))


def test_rows_that_a_driver_gives_by_name_are_contacts_too(database, monkeypatch):
    hook = type(BaseHook.get_connection("people_db").get_hook())
    get_conn = hook.get_conn

    def by_name(cursor, row):
        return {column[0]: value for column, value in zip(cursor.description, row, strict=True)}

    def with_rows_by_name(self):
        connection = get_conn(self)
        connection.row_factory = by_name
        return connection

    monkeypatch.setattr(hook, "get_conn", with_rows_by_name)

    rows = list(query_rows("SELECT ward, phone FROM people WHERE ward < 9 ORDER BY phone", "people_db"))

    assert [row.values for row in rows] == [
        {"ward": 7, "phone": "+977 984-1234501"},
        {"ward": 8, "phone": "9801234503"},
        {"ward": 7, "phone": "9841234502"},
    ]


def test_which_to_exclude_may_come_from_several_sources(database, tmp_path):
    listed = tmp_path / "do_not_call.csv"
    listed.write_text("number\n9801234503\n")
    query = {"sql": "SELECT phone FROM refused", "sql_conn_id": "people_db"}

    result, _ = execute(
        TingTingCheckContactsOperator(
            task_id="check",
            contacts=["9841234501", "9841234502", "9801234503", "9841234504", "9841234505"],
            exclude=[str(listed), query, "9841234504", [9841234505]],
        )
    )

    assert (result["valid"], result["excluded"]) == (1, 4)


def test_a_source_to_exclude_may_say_how_it_is_read(database, tmp_path):
    book = openpyxl.Workbook()
    for name, number in (("2025", "9841234501"), ("2026", "9841234502")):
        sheet = book.create_sheet(name)
        sheet.append(("Handset", "Landline of the person"))
        sheet.append((number, "01-4412345"))
    book.save(tmp_path / "refused.xlsx")
    file = {"contacts": str(tmp_path / "refused.xlsx"), "number_column": "Handset", "sheet": "2026"}
    query = {"sql": "SELECT 5 AS phone, '9841234503' AS other", "sql_conn_id": "people_db", "number_column": "other"}
    people = ["9841234501", "9841234502", "9841234503"]

    result, _ = execute(TingTingCheckContactsOperator(task_id="check", contacts=people, exclude=[file, query]))

    assert (result["valid"], result["excluded"]) == (1, 2)
    with pytest.raises(AirflowFailException, match=r"refused.xlsx has no column 'Phone'"):
        execute(
            TingTingCheckContactsOperator(task_id="check", contacts=people, exclude={**file, "number_column": "Phone"})
        )


def test_sources_to_exclude_may_come_one_by_one(tmp_path):
    """As the paths of mapped tasks do: no list, but something that gives its items when asked."""
    listed = tmp_path / "do_not_call.csv"
    listed.write_text("number\n9841234501\n")

    result, _ = execute(
        TingTingCheckContactsOperator(
            task_id="check",
            contacts=["9841234501", "9841234502", "9841234503"],
            exclude=(one for one in (str(listed), listed, "9841234502")),
        )
    )

    assert (result["valid"], result["excluded"]) == (1, 2)


@pytest.mark.parametrize(
    ("sql", "error", "says"),
    [
        ("SELECT * FROM nowhere", TingTingSourceError, ["the SQL query failed", "no such table", "Nothing was sent"]),
        ("SELECT phone, ward AS phone FROM people", AirflowFailException, ["'phone' more than once", "AS"]),
        ("CREATE TABLE other (x TEXT)", AirflowFailException, ["returns no rows at all", "SELECT"]),
        ("SELECT phone FROM people WHERE ward = 70", AirflowFailException, ["audience is empty"]),
        ("SELECT householder FROM people", AirflowFailException, ["no column is named like a phone number"]),
    ],
)
def test_a_query_that_cannot_be_used_says_why(database, sql, error, says):
    with pytest.raises(error) as raised:
        execute(checking(sql))

    for part in says:
        assert part in str(raised.value)
    assert "सीता" not in str(raised.value)


def test_a_query_that_fails_half_way_sends_nothing_and_may_be_retried(sandbox, database, monkeypatch):
    """SQLite evaluates row by row, and one row holds what abs() cannot take."""
    monkeypatch.setattr(query, "FETCH", 1)
    campaign = a_campaign(sandbox, numbers=(), message="Hello")
    sql = "SELECT phone, CASE ward WHEN 8 THEN abs(-9223372036854775807 - 1) ELSE ward END AS ward FROM people"

    with pytest.raises(TingTingSourceError) as raised:
        execute(
            TingTingAddContactsOperator(
                task_id="add", campaign_id=campaign, sql=sql, sql_conn_id="people_db", on_invalid="skip"
            )
        )

    assert "the SQL query failed after row " in str(raised.value)
    assert "Nothing was sent" in str(raised.value)
    assert writes(sandbox) == []


def test_an_excluding_query_may_find_no_contact_but_must_not_fail(database):
    result, _ = execute(checking("SELECT phone FROM people WHERE ward = 7", exclude={"sql": "SELECT '' LIMIT 0"}))
    assert (result["valid"], result["excluded"]) == (2, 0)

    with pytest.raises(TingTingSourceError, match="the SQL query of exclude failed"):
        execute(checking("SELECT phone FROM people", exclude={"sql": "SELECT x"}))


DAG_FILE = """
from airflow_provider_tingting.operators.contacts import TingTingCheckContactsOperator
try:
    from airflow.sdk import DAG
except ImportError:
    from airflow import DAG

with DAG("people_of_a_ward", schedule=None, params={"ward": 7, "refused": "9841234502"}) as dag:
    TingTingCheckContactsOperator(
        task_id="check",
        message="Hello",
        sql="ward.sql",
        sql_conn_id="people_db",
        where={"householder": ["{{ 'Ram' }}", "सीता"]},
        constants={"ward": "{{ params.ward }}"},
        exclude=["{{ params.refused }}", {"sql": "refused.sql"}],
    )
    TingTingCheckContactsOperator(
        task_id="by_function",
        message="Hello",
        sql="SELECT * FROM people",
        sql_conn_id="people_db",
        where=lambda row: row["ward"] == 8,
    )
"""


def test_queries_may_be_files_with_templates(run_dag, tmp_path, database):
    (tmp_path / "dag.py").write_text(DAG_FILE, encoding="utf-8")
    (tmp_path / "ward.sql").write_text("SELECT * FROM people WHERE ward = {{ params.ward }}", encoding="utf-8")
    (tmp_path / "refused.sql").write_text("SELECT '9841234599' AS phone", encoding="utf-8")

    run = run_dag("people_of_a_ward", folder=tmp_path)

    assert run.states == {"check": "success", "by_function": "success"}
    found = run.xcom("check")
    assert (found["total"], found["valid"], found["excluded"]) == (2, 1, 1)
    assert (run.xcom("by_function")["valid"], run.xcom("by_function")["filtered_out"]) == (1, 3)


# -- PostgreSQL: a cursor on the server's side ------------------------------------------------------------------------

needs_postgres = pytest.mark.skipif(
    not (programs() and find_spec("psycopg2") and find_spec("airflow.providers.postgres")),
    reason="needs PostgreSQL and its Airflow provider",
)


@pytest.fixture(scope="module")
def postgres():
    with folder_for_server() as folder, running_server(folder) as uri:
        yield urlsplit(uri)


@pytest.fixture
def postgres_conn(postgres, monkeypatch):
    fields = {
        "conn_type": "postgres",
        "host": postgres.hostname,
        "port": postgres.port,
        "login": postgres.username,
        "schema": "postgres",
    }
    monkeypatch.setenv("AIRFLOW_CONN_PEOPLE_DB", json.dumps(fields))
    return fields


@needs_postgres
@pytest.mark.usefixtures("postgres_conn")
def test_the_result_of_postgresql_stays_on_the_server_and_comes_in_pieces(monkeypatch):
    """A cursor with a name is one on the server's side; it is among the server's cursors while it is read."""
    monkeypatch.setattr(query, "FETCH", 10)
    sql = "SELECT n AS phone, (SELECT string_agg(name, ' ') FROM pg_cursors) AS name FROM generate_series(1, %(n)s) n"

    rows = list(query_rows(sql, "people_db", {"n": 25}))

    assert [row.place.row for row in rows] == list(range(1, 26))
    assert {row.values["name"] for row in rows} == {"tingting_contacts"}


@needs_postgres
@pytest.mark.parametrize("cursor", ["dictcursor", "namedtuplecursor"])
def test_whatever_cursor_the_connection_asks_for_its_rows_are_the_same(postgres_conn, monkeypatch, cursor):
    monkeypatch.setattr(query, "FETCH", 2)
    monkeypatch.setenv("AIRFLOW_CONN_PEOPLE_DB", json.dumps({**postgres_conn, "extra": {"cursor": cursor}}))

    rows = list(query_rows("SELECT n AS phone, 'Sita' AS name FROM generate_series(1, 3) n", "people_db"))

    assert [row.values for row in rows] == [{"phone": number, "name": "Sita"} for number in (1, 2, 3)]


@needs_postgres
def test_so_are_those_of_a_cursor_that_only_the_older_driver_has(postgres_conn):
    import psycopg2.extras

    fields = {"host": postgres_conn["host"], "port": postgres_conn["port"], "user": postgres_conn["login"]}
    with psycopg2.connect(**fields, dbname="postgres") as connection:
        cursor = connection.cursor(name="people", cursor_factory=psycopg2.extras.RealDictCursor)
        rows = list(query.read_cursor(cursor, "SELECT 1 AS phone, 'Sita' AS name"))
    connection.close()

    assert [row.values for row in rows] == [{"phone": 1, "name": "Sita"}]


@needs_postgres
@pytest.mark.usefixtures("postgres_conn")
def test_postgresql_says_what_failed_and_where(monkeypatch):
    monkeypatch.setattr(query, "FETCH", 10)

    with pytest.raises(TingTingSourceError, match=r"the SQL query failed after row 20: DivisionByZero"):
        list(query_rows("SELECT 1 / (25 - n) AS phone FROM generate_series(1, 100) AS n", "people_db"))
    with pytest.raises(TingTingSourceError, match=r"the SQL query failed: UndefinedTable"):
        list(query_rows("SELECT * FROM nowhere", "people_db"))
    assert list(query_rows("SELECT 1 AS phone LIMIT 0;", "people_db")) == []


@needs_postgres
@pytest.mark.usefixtures("postgres_conn")
def test_an_error_of_the_database_quotes_the_query_but_no_row():
    sql = "SELECT name::integer AS phone FROM (SELECT 'Sitara' || ' Devi' AS name) AS people"

    with pytest.raises(TingTingSourceError) as raised:
        list(query_rows(sql, "people_db"))
    failure = "".join(traceback.format_exception(raised.value))
    assert 'invalid input syntax for type integer: "***"' in str(raised.value)
    assert "Sitara Devi" not in failure
    with pytest.raises(TingTingSourceError, match='relation "nowhere" does not exist'):
        list(query_rows("SELECT * FROM nowhere", "people_db"))


@needs_postgres
@pytest.mark.usefixtures("postgres_conn")
def test_what_a_database_holds_becomes_contacts():
    sql = (
        "SELECT 9841234501::bigint AS phone, 'सीता' AS name, 12.50::numeric AS due, date '2026-11-23' AS day,"
        " NULL AS note"
    )

    result, _ = execute(checking(sql, message="{name} {due} {day}", sms_message="{name}"))

    assert (result["valid"], result["sms"]["unicode"]) == (1, 1)


@pytest.mark.usefixtures("postgres_conn")
@needs_postgres
def test_a_database_that_is_away_may_be_retried(monkeypatch):
    fields = {"conn_type": "postgres", "host": "127.0.0.1", "port": 1, "login": "x"}
    monkeypatch.setenv("AIRFLOW_CONN_PEOPLE_DB", json.dumps(fields))

    with pytest.raises(TingTingSourceError, match="'people_db' cannot be reached"):
        execute(checking("SELECT 1 AS phone"))
