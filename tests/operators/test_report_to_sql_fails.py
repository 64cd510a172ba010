"""While TingTing's report fails, a table takes the listing of contacts only where nothing is lost by that."""

from __future__ import annotations

import contextlib
import sqlite3

import pytest
from support.campaigns import NUMBERS, a_campaign, connection
from support.task_context import execute

from airflow_provider_tingting.errors import TingTingReportError
from airflow_provider_tingting.sandbox.routes import downloads
from airflow_provider_tingting.transfers.tingting_to_sql import TingTingReportToSqlOperator


@pytest.fixture
def campaign(sandbox):
    campaign = a_campaign(sandbox)
    sandbox.world.run_campaign(campaign)
    sandbox.play_out()
    return campaign


@pytest.fixture
def load(sandbox, campaign, tmp_path, monkeypatch):
    """`load(**arguments)` loads the campaign's report into SQLite; `load.rows()` are the table's, by number."""
    path = tmp_path / "warehouse.db"
    monkeypatch.setenv("AIRFLOW_CONN_TINGTING_DEFAULT", connection(sandbox, max_retries=0))
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", f"sqlite://{path}")

    def run(**arguments):
        operator = TingTingReportToSqlOperator(
            **{"task_id": "load", "campaign_id": campaign, "table": "calls", "sql_conn_id": "warehouse", **arguments}
        )
        return execute(operator)[0]

    def rows():
        with contextlib.closing(sqlite3.connect(path)) as database:
            return database.execute("SELECT * FROM calls ORDER BY 2").fetchall()

    run.rows = rows
    return run


WITH_VARIABLES = [
    {},
    {"columns": ["number", "variables"]},
    {"variables": "columns"},
    {"variables": "columns", "columns": {"phone": "number", "person": "name"}},
]


@pytest.mark.parametrize("arguments", WITH_VARIABLES, ids=str)
@pytest.mark.parametrize("kind", ["500", "garbage", "no address has it"])
def test_a_report_that_fails_for_a_while_takes_no_variables_away_and_is_asked_for_again(
    sandbox, load, arguments, kind, monkeypatch
):
    load(**arguments)
    whole = load.rows()
    with monkeypatch.context() as broken:
        if kind == "no address has it":
            # TingTing's 404 for a campaign that exists.
            broken.setattr(downloads, "campaign_report", lambda *_, **__: sandbox.world.campaign(4711))
        else:
            sandbox.faults.add(kind, call="download_campaign_report", times="*")
        with pytest.raises(TingTingReportError, match="Campaign 1: ") as raised:
            load(**arguments)
    sandbox.faults.clear()

    assert "columns asks for" not in str(raised.value)
    assert load.rows() == whole
    assert all("Sita" in str(row) for row in whole)
    assert load(**arguments)["source"] == "report"


@pytest.mark.parametrize(
    "arguments",
    [
        {"variables": "none"},
        {"columns": ["number", "status"]},
        {"variables": "columns", "columns": {"id": "campaign_id", "phone": "number"}},
    ],
    ids=str,
)
def test_a_table_without_variables_takes_the_listing(sandbox, load, arguments):
    sandbox.faults.add("500", call="download_campaign_report", times="*")

    result = load(**arguments)

    assert (result["source"], result["rows"]) == ("listing", 4)
    assert len(load.rows()) == len(NUMBERS)


@pytest.mark.parametrize("arguments", [*WITH_VARIABLES, {"variables": "none"}], ids=str)
@pytest.mark.parametrize(("fails", "source"), [(True, "listing"), (False, "report")])
def test_a_campaign_without_contacts_has_no_rows_even_where_its_report_fails(sandbox, load, arguments, fails, source):
    empty = a_campaign(sandbox, numbers=())
    load(**arguments)
    if fails:
        sandbox.faults.add("500", call="download_campaign_report", times="*")

    result = load(campaign_id=empty, **arguments)

    assert (result["source"], result["rows"]) == (source, 0)
    assert len(load.rows()) == len(NUMBERS)


def test_a_table_can_begin_with_a_campaign_without_contacts(sandbox, load):
    as_columns = {"variables": "columns", "columns": {"phone": "number", "person": "name"}}
    load(campaign_id=a_campaign(sandbox, numbers=()), **as_columns)

    assert load(**as_columns)["rows"] == 4
    assert all("Sita" in str(row) for row in load.rows())


def test_contacts_that_come_meanwhile_are_not_loaded_without_their_variables(sandbox, load, monkeypatch):
    empty = a_campaign(sandbox, numbers=())

    def added_to(*_, **__):
        sandbox.world.add_contacts(empty, [(NUMBERS[0], {"name": "Sita"})])
        return sandbox.world.campaign(4711)

    monkeypatch.setattr(downloads, "campaign_report", added_to)

    with pytest.raises(TingTingReportError, match=r"it has no variables.*got its first contacts meanwhile"):
        load(campaign_id=empty)
