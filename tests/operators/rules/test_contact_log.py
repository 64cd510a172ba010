"""The contact log: a table with one row for each contact of each campaign that has ended."""

from __future__ import annotations

import hmac
import json
import sqlite3
from contextlib import closing
from datetime import datetime, timedelta, timezone
from functools import partial

import pytest
from support.campaigns import NUMBERS, OUTCOMES, a_campaign, a_finished_campaign, connection, writes
from support.report_download import HEADER, ROWS, Server
from support.report_table import loading
from support.run_task import run_task
from support.task_context import context_of, execute, execute_through

from airflow_provider_tingting._compat import AirflowFailException
from airflow_provider_tingting.errors import TingTingCampaignFailedError, TingTingReportError
from airflow_provider_tingting.operators.campaign import TingTingCreateCampaignOperator
from airflow_provider_tingting.operators.contacts import TingTingAddContactsOperator
from airflow_provider_tingting.operators.report import TingTingDownloadReportOperator

SALT = "a long random text of the tests"
COLUMNS = ["campaign", "campaign_id", "number", "purpose", "occasion", "services", "outcome", "credits", "called_at"]

running = partial(run_task, poll_interval=10)


def log_at(**changes):
    return {"sql_conn_id": "warehouse", "table": "contact_log", "create_table": True, **changes}


@pytest.fixture
def logs(connect, database):
    """`logs(**changes)` puts a contact log into the connection; the database is SQLite and PostgreSQL in turn."""

    def change(**changes):
        connect(contact_log=log_at(**changes), secret_salt=SALT)

    change()
    return change


@pytest.fixture
def sqlite_log(connect, tmp_path, monkeypatch):
    """The same with SQLite only, for what has nothing to do with the database."""
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", f"sqlite://{tmp_path / 'warehouse.db'}")

    def change(**changes):
        connect(contact_log=log_at(**changes), secret_salt=SALT)

    return change


def hashed(number):
    return hmac.new(SALT.encode(), number.encode(), "sha256").hexdigest()


def downloading(campaign, tmp_path, **changes):
    arguments = {"campaign_id": campaign, "path": str(tmp_path / "report.csv"), **changes}
    return TingTingDownloadReportOperator(task_id="report", **arguments)


def test_the_run_task_records_each_contact_with_its_outcome_and_a_hash_of_its_number(
    sandbox, logs, database, deferrable
):
    outcomes = dict(zip(NUMBERS, OUTCOMES, strict=True))
    campaign = a_campaign(sandbox, outcome=None, description="[purpose: reminder] [occasion: 2083-08-16] by the ward")
    for number, outcome in outcomes.items():
        sandbox.world.script_outcome(number, outcome)
    operator = running(campaign, deferrable=deferrable)

    execute_through(lambda: operator, context_of(operator))

    rows = database.table("contact_log")
    assert list(rows[0]) == COLUMNS
    assert {row["number"]: row["outcome"] for row in rows} == {hashed(one): outcomes[one] for one in NUMBERS}
    about = {(row["campaign_id"], row["purpose"], row["occasion"], row["services"]) for row in rows}
    assert about == {(campaign, "reminder", "2083-08-16", "PHONE")}
    [uri] = {row["campaign"] for row in rows}
    assert uri.startswith("tingting://127.0.0.1")
    assert uri.endswith(f"/{campaign}")
    assert sum(row["credits"] for row in rows) == sandbox.world.campaigns[campaign].spent


def test_purpose_and_occasion_of_the_create_task_are_those_of_the_log(sandbox, logs, database):
    create = TingTingCreateCampaignOperator(
        task_id="create",
        name="Reminder",
        user_phone=[3],
        message="नमस्कार",
        voice="Rija",
        description="For the [ward] office",
        purpose="  school   reminder ",
        occasion="week [48]",
    )
    campaign, _ = execute(create)
    sandbox.world.add_contacts(campaign, [(NUMBERS[0], {})])
    sandbox.world.script_outcome(NUMBERS[0], "completed")

    execute(running(campaign))

    assert [(row["purpose"], row["occasion"]) for row in database.table("contact_log")] == [
        ("school reminder", "week (48)")
    ]


def test_recording_a_campaign_again_changes_nothing(sandbox, logs, database, tmp_path):
    campaign = a_finished_campaign(sandbox)
    execute(downloading(campaign, tmp_path))
    first = database.table("contact_log")

    execute(downloading(campaign, tmp_path))
    execute(loading(campaign))

    assert database.table("contact_log") == first
    assert len(first) == len(NUMBERS)


@pytest.mark.parametrize(
    ("outcomes", "logged"),
    [
        pytest.param(("unanswered", "completed"), "completed", id="reached by its second row"),
        pytest.param(("hungup", "failed"), "hungup", id="reached by its first row"),
        pytest.param(("failed", "unanswered"), "failed", id="not reached"),
    ],
)
def test_a_number_that_stands_twice_in_a_report_is_one_contact_that_was_called_once(
    sandbox, sqlite_log, tmp_path, monkeypatch, outcomes, logged
):
    numbers = ["9841234501", "9841234502", "9801234503"]
    with Server() as server:
        fields = {"conn_type": "tingting", "host": server.base_url, "password": "a-long-token-of-a-test"}
        extra = {"contact_log": log_at(numbers="plain")}
        monkeypatch.setenv("AIRFLOW_CONN_TINGTING_DEFAULT", json.dumps({**fields, "extra": extra}))
        row = ROWS[0].replace("Completed", outcomes[0])
        again = ROWS[0].replace("Completed", outcomes[1]).replace("9841234501", "+977 984-1234501")
        server.report = "".join([HEADER, row, *ROWS[1:], again]).encode()
        result, _ = execute(downloading(79, tmp_path))

    with closing(sqlite3.connect(tmp_path / "warehouse.db")) as database:
        rows = database.execute("SELECT number, outcome, credits FROM contact_log").fetchall()
    assert result["summary"]["duplicates"] == 1
    assert {row[0]: row[1] for row in rows} == dict.fromkeys(numbers, "completed") | {numbers[0]: logged}
    assert len(rows) == len(numbers)
    assert sum(row[2] for row in rows) == result["summary"]["credits"] == 4

    sqlite_log(numbers="plain")
    capped = a_campaign(sandbox, [])
    cap = {"calls": 2, "per": timedelta(days=36500)}
    people = [{"number": number, "name": "Sita"} for number in numbers]
    execute(TingTingAddContactsOperator(task_id="add", campaign_id=capped, contacts=people, frequency_cap=cap))
    assert [one.number for one in sandbox.world.campaigns[capped].contacts.values()] == numbers


@pytest.mark.parametrize("format", ["raw", "csv", "xlsx", "jsonl"])
def test_a_report_of_each_format_is_recorded_and_written_whole(sandbox, sqlite_log, tmp_path, format):
    sqlite_log(table="with_log")
    campaign = a_finished_campaign(sandbox)
    path = tmp_path / f"report.{'csv' if format == 'raw' else format}"
    execute(downloading(campaign, tmp_path, path=str(path), format=format))
    with_log = path.read_bytes()

    with closing(sqlite3.connect(tmp_path / "warehouse.db")) as database:
        assert database.execute("SELECT COUNT(*) FROM with_log").fetchone() == (len(NUMBERS),)
    assert len(with_log) > 100
    assert format == "xlsx" or with_log.count(b"98") >= len(NUMBERS)


def test_a_campaign_that_failed_has_called_its_contacts_and_is_recorded(sandbox, logs, database):
    campaign = a_campaign(sandbox, outcome="unanswered")

    with pytest.raises(TingTingCampaignFailedError):
        execute(running(campaign))

    assert [row["outcome"] for row in database.table("contact_log")] == ["unanswered"] * len(NUMBERS)


def test_a_campaign_that_has_not_ended_is_not_recorded(sandbox, logs, database, tmp_path):
    campaign = a_campaign(sandbox)
    sandbox.world.run_campaign(campaign)

    execute(downloading(campaign, tmp_path))

    assert database.tables() == []


def test_the_log_can_hold_plain_numbers_without_a_salt(sandbox, connect, database, tmp_path):
    connect(contact_log=log_at(numbers="plain"))

    execute(downloading(a_finished_campaign(sandbox), tmp_path))

    assert {row["number"] for row in database.table("contact_log")} == set(NUMBERS)


def test_the_time_is_that_of_the_call(sandbox, logs, database, tmp_path):
    campaign = a_finished_campaign(sandbox)
    began = min(entry.seconds for entry in sandbox.ledger.dialled)
    ended = max(entry.seconds for entry in sandbox.ledger.dialled)

    execute(downloading(campaign, tmp_path))

    for row in database.table("contact_log"):
        at = row["called_at"] if isinstance(row["called_at"], datetime) else datetime.fromisoformat(row["called_at"])
        at = at if at.tzinfo else at.replace(tzinfo=timezone.utc)
        assert began - 60 <= at.timestamp() <= ended + 600


WRONG = {
    "no table and no leave to create it": ({"create_table": False}, "There is no table contact_log"),
    "a key that is not known": ({"tabel": "x"}, "'tabel' is not known"),
    "no table named": ({"table": ""}, "table must be the name of a table"),
    "no connection": ({"sql_conn_id": ""}, "sql_conn_id is empty"),
    "a connection that does not exist": ({"sql_conn_id": "nowhere"}, "nowhere"),
    "a connection that is not a database": ({"sql_conn_id": "tingting_default"}, "'tingting_default' is of type"),
    "masked numbers": ({"numbers": "masked"}, "numbers must be sha256 or plain"),
    "create_table as a text": ({"create_table": "yes"}, "create_table must be true or false"),
}


@pytest.mark.parametrize(("changes", "says"), WRONG.values(), ids=WRONG)
def test_a_log_that_cannot_be_used_is_named_before_any_call(sandbox, sqlite_log, changes, says):
    sqlite_log(**changes)

    with pytest.raises(AirflowFailException, match=f"The contact_log of connection 'tingting_default'.*{says}"):
        execute(running(a_campaign(sandbox)))

    assert writes(sandbox) == []


def test_a_log_without_a_salt_is_named_before_any_call(sandbox, connect, sqlite_log):
    connect(contact_log=log_at())

    with pytest.raises(AirflowFailException, match=r"contact_log .*secret_salt"):
        execute(running(a_campaign(sandbox)))

    assert writes(sandbox) == []


def test_a_log_that_is_no_object_is_named(sandbox, connect):
    connect(contact_log="crm.contact_log")

    with pytest.raises(AirflowFailException, match=r"Extra 'contact_log' .* must be a JSON object"):
        execute(running(a_campaign(sandbox)))

    assert writes(sandbox) == []


def test_a_table_with_other_columns_is_named_before_any_call_and_left_as_it_was(sandbox, logs, database):
    database.run("CREATE TABLE contact_log (campaign_id INTEGER, number TEXT)")

    with pytest.raises(
        AirflowFailException, match=r"Table contact_log exists with other columns.*lacks 'campaign', 'pur"
    ):
        execute(running(a_campaign(sandbox)))

    assert writes(sandbox) == []
    assert database.table("contact_log") == []


def test_a_database_that_cannot_be_reached_fails_the_task_before_any_call_and_a_retry_runs_the_campaign(
    sandbox, sqlite_log, tmp_path, monkeypatch
):
    sqlite_log()
    campaign = a_campaign(sandbox)
    with monkeypatch.context() as away:
        away.setenv("AIRFLOW_CONN_WAREHOUSE", f"sqlite://{tmp_path / 'nowhere' / 'warehouse.db'}")
        with pytest.raises(TingTingReportError, match="Calls cannot be recorded in table contact_log"):
            execute(running(campaign))
    assert writes(sandbox) == []

    result, _ = execute(running(campaign), try_number=2)

    assert result["reached"] == len(NUMBERS)


def test_a_log_that_fails_at_the_end_is_tried_again_without_another_call(sandbox, logs, database):
    campaign = a_campaign(sandbox)
    execute(running(campaign, wait_for_completion=False))
    sandbox.play_out()
    database.run("DROP TABLE contact_log")
    logs(create_table=False)
    with pytest.raises(AirflowFailException, match="There is no table contact_log"):
        execute(running(campaign), try_number=2)
    logs()

    result, _ = execute(running(campaign), try_number=3)

    assert result["reached"] == len(database.table("contact_log")) == len(NUMBERS)
    assert dict(sandbox.ledger.times_dialled()) == dict.fromkeys(NUMBERS, 1)


def test_campaigns_of_two_servers_with_the_same_id_are_both_kept(sandbox, logs, database, tmp_path, monkeypatch):
    campaign = a_finished_campaign(sandbox)
    execute(downloading(campaign, tmp_path))
    host = sandbox.root_url.replace("127.0.0.1", "localhost")
    monkeypatch.setenv(
        "AIRFLOW_CONN_TINGTING_DEFAULT", connection(sandbox, host=host, contact_log=log_at(), secret_salt=SALT)
    )

    execute(downloading(campaign, tmp_path))

    assert len({row["campaign"] for row in database.table("contact_log")}) == 2
