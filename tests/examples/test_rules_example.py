"""The example of the rules: no contact of the do-not-call list is called, and no other one more than twice a week."""

from __future__ import annotations

import csv
import hmac
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from support.airflow_home import EXAMPLE_DAGS
from support.campaigns import connection

pytestmark = pytest.mark.dags

DATA = EXAMPLE_DAGS / "data"
LISTED = {"9840000102", "9850000104"}
SALT = "a long random text of the tests"


@pytest.fixture(autouse=True)
def _connected(sandbox, monkeypatch, tmp_path):
    """The connections that the example's page names."""
    rules = {
        "do_not_call": str(DATA / "do_not_call.csv"),
        "contact_log": json.dumps({"sql_conn_id": "tingting_warehouse", "table": "contact_log", "create_table": True}),
        "secret_salt": SALT,
        "daily_credit_limit": 500,
    }
    monkeypatch.setenv("AIRFLOW_CONN_TINGTING_WITH_RULES", connection(sandbox, **rules))
    monkeypatch.setenv("AIRFLOW_CONN_TINGTING_WAREHOUSE", f"sqlite://{tmp_path / 'warehouse.db'}")
    monkeypatch.setenv("TINGTING_POLL_INTERVAL", "0.1")
    monkeypatch.setenv("TINGTING_CALLING_WINDOW", "00:00-24:00")
    sandbox.clock.speed = 500


def log_another_call(path, number):
    """Log the call of another campaign to a number of the first one."""
    columns = "campaign_id, number, purpose, occasion, services, outcome, credits, called_at"
    copied = f"SELECT 'another', {columns} FROM contact_log WHERE number = ?"
    hashed = hmac.new(SALT.encode(), number.encode(), "sha256").hexdigest()
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(f"INSERT INTO contact_log (campaign, {columns}) {copied}", (hashed,))


def test_the_rules_hold_over_three_runs_of_the_example(sandbox, run_dag, tmp_path):
    with (DATA / "patients.csv").open(encoding="utf-8", newline="") as file:
        numbers = sorted({row["mobile"] for row in csv.DictReader(file)} - LISTED)

    first = run_dag("tingting_rules_of_the_connection")
    log_another_call(tmp_path / "warehouse.db", numbers[0])
    second, third = (run_dag("tingting_rules_of_the_connection") for _ in range(2))

    added = [run.xcom("reminder.add_contacts") for run in (first, second)]
    assert [run.state for run in (first, second, third)] == ["success", "success", "failed"]
    assert [(one["total"], one["do_not_call"], one["over_cap"]) for one in added] == [
        (len(numbers), len(LISTED), 0),
        (len(numbers) - 1, len(LISTED), 1),
    ]
    with Path(added[1]["rejects_path"]).open(encoding="utf-8-sig", newline="") as file:
        assert [row["mobile"] for row in csv.DictReader(file)] == numbers[:1]
    checked = third.xcom("reminder.check_contacts", key="summary")
    assert (checked["valid"], checked["do_not_call"], checked["over_cap"]) == (0, len(LISTED), len(numbers))
    assert dict(sandbox.ledger.times_dialled()) == {number: 1 if number == numbers[0] else 2 for number in numbers}
