"""The campaign's rows come into the table as they were asked for, and replace those of an earlier load."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

import pytest
from support.campaigns import NUMBERS, OUTCOMES, a_campaign, a_finished_campaign, connection
from support.report_table import Database, loading
from support.task_context import execute

from airflow_provider_tingting.reports.rows import ReportRow
from airflow_provider_tingting.reports.table import TableName, load_table, table_columns
from airflow_provider_tingting.reports.tidy import TidyTable
from airflow_provider_tingting.utils.sql_engine import sql_engine

pytestmark = pytest.mark.usefixtures("tingting_conn")

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


@pytest.mark.parametrize(
    ("variables", "columns"),
    [
        pytest.param(
            {"campaign_id": "A", "variable_campaign_id": "B", "amount": "C"},
            {"variable_campaign_id": "A", "variable_campaign_id_2": "B", "amount": "C"},
            id="named like the campaign's column",
        ),
        pytest.param(
            {"variable_campaign_id": "B", "Campaign_ID": "A"},
            {"variable_campaign_id": "B", "variable_Campaign_ID_2": "A"},
            id="in another case",
        ),
        pytest.param(
            {"": "A", " ": "B", "variable": "C", "amount": "D"},
            {"variable": "A", "variable_2": "B", "variable_3": "C", "amount": "D"},
            id="without a name",
        ),
        pytest.param(
            {"number": "A", "variable_number": "B", "carrier": "C"},
            {"variable_number": "A", "variable_number_2": "B", "variable_carrier": "C"},
            id="named like columns of the report",
        ),
    ],
)
def test_each_variable_has_a_column_of_its_own_whatever_it_is_called(sandbox, database, variables, columns):
    campaign = a_campaign(sandbox, [])
    sandbox.world.add_contacts(campaign, [("9841234501", variables)])
    sandbox.world.run_campaign(campaign)
    sandbox.play_out()

    execute(loading(campaign, variables="columns"))
    execute(loading(campaign, variables="columns", columns=["number", *reversed(columns)], table="chosen"))

    [row] = database.table()
    assert {name: row[name] for name in list(row)[len(COLUMNS) - 2 :]} == columns
    [chosen] = database.table("chosen")
    assert chosen == {"campaign_id": campaign, "number": "9841234501", **columns}


@pytest.mark.parametrize(
    "text",
    ["a\\tb", "a\tb", "a\nb", "a\r\nb", "\\N", "\\.", "\N{LINE SEPARATOR}", "'quoted'", '"quoted"', "null", "%s", ""],
    ids=ascii,
)
def test_each_text_comes_into_the_table_as_it_is(database, text):
    rows = [ReportRow("9841234501", text, carrier=text or None), ReportRow("9841234502", "completed")]

    columns = table_columns(7, TidyTable(), columns=["number", "status", "carrier"])
    load_table(sql_engine("warehouse"), TableName("calls"), columns, lambda: rows, campaign_id=7)

    found = [(row["status"], row["carrier"]) for row in database.table()]
    assert found == [(text, text or None), ("completed", None)]


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
