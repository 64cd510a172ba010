"""The doctor on a good day and on bad ones: each line, and the exit code."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import datetime, timedelta, timezone

import pytest
from support.airflow_home import CHECKOUT
from support.campaigns import connection
from support.recording_server import RecordingServer


def found(tingting, arguments=""):
    code, out, _ = tingting(f"doctor --json {arguments}")
    checks = json.loads(out)["checks"]
    return code, {check["check"]: check for check in checks}


def test_without_problems_every_check_is_ok(tingting):
    code, checks = found(tingting)

    assert code == 0
    assert {name for name, check in checks.items() if check["verdict"] == "problem"} == set()
    for name in ("versions", "common-compat", "database", "connection", "reachable", "token", "clock", "credits"):
        assert checks[name]["verdict"] == "ok"
    assert "3, 12" in checks["caller numbers"]["message"]


def test_it_prints_a_line_for_each_check_and_no_token(tingting):
    code, out, err = tingting("doctor")

    assert code == 0
    assert "ok       token          TingTing accepts it." in out
    assert "tingting-sandbox-token" not in out + err


def test_it_only_reads_with_at_most_four_requests(tingting, sandbox):
    found(tingting)

    assert {request.method for request in sandbox.requests} == {"GET"}
    assert len(sandbox.requests) <= 4


def test_a_refused_token_is_a_problem_and_the_server_is_reachable(tingting, sandbox):
    sandbox.world.rotate_token("another-token")
    code, checks = found(tingting)

    assert code == 1
    assert checks["reachable"]["verdict"] == "ok"
    assert checks["token"]["verdict"] == "problem"
    assert "API token" in checks["token"]["remedy"]


def test_a_server_that_is_down_is_a_problem(tingting, sandbox):
    with sandbox.outage():
        code, checks = found(tingting)

    assert code == 1
    assert "cannot be reached" in checks["reachable"]["message"]
    assert "token" not in checks


def test_a_connection_that_is_not_there_is_a_problem(tingting):
    code, checks = found(tingting, "--conn-id nowhere")

    assert code == 1
    assert "nowhere" in checks["connection"]["message"]
    assert "AIRFLOW_CONN_NOWHERE" in checks["connection"]["remedy"]


BAD_CONNECTIONS = {
    "no token": ({"password": ""}, "connection", "problem"),
    "no address": ({"host": "not an address"}, "connection", "problem"),
    "a strange timeout": ({"timeout": "soon"}, "connection", "problem"),
    "in the clear": ({"host": "http://192.0.2.1/", "connect_timeout": 0.01}, "TLS", "warning"),
    "no certificate": ({"host": "https://127.0.0.1:1/", "verify": False}, "TLS", "warning"),
}


@pytest.mark.parametrize("what", BAD_CONNECTIONS)
def test_an_invalid_connection_is_reported_in_its_line(what, tingting, sandbox, monkeypatch):
    changes, name, verdict = BAD_CONNECTIONS[what]
    monkeypatch.setenv("AIRFLOW_CONN_TINGTING_DEFAULT", connection(sandbox, **changes))
    code, checks = found(tingting)

    assert code == 1
    assert checks[name]["verdict"] == verdict
    assert checks[name]["remedy"]


def test_an_account_without_credits_or_caller_number_is_a_problem(tingting, sandbox):
    sandbox.world.set_credits(0)
    sandbox.world.callers.clear()
    code, checks = found(tingting)

    assert code == 1
    assert checks["credits"]["verdict"] == checks["caller numbers"]["verdict"] == "problem"


RULES = {"do_not_call": "do_not_call.csv", "contact_log": {"sql_conn_id": "crm", "table": "log", "create_table": True}}


def test_the_rules_of_the_connection_are_read_and_nothing_is_written(tingting, sandbox, monkeypatch, tmp_path):
    (tmp_path / "do_not_call.csv").write_text("Mobile\n9841234501\n9841234502\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AIRFLOW_CONN_CRM", f"sqlite://{tmp_path / 'crm.db'}")
    monkeypatch.setenv("AIRFLOW_CONN_TINGTING_DEFAULT", connection(sandbox, secret_salt="a salt", **RULES))

    code, checks = found(tingting)

    assert code == 0
    assert checks["do-not-call list"]["message"] == "It has 2 numbers."
    assert checks["contact log"]["verdict"] == "ok"
    with closing(sqlite3.connect(tmp_path / "crm.db")) as database:
        assert database.execute("SELECT name FROM sqlite_master").fetchall() == []


def test_rules_that_cannot_be_used_are_named(tingting, sandbox, monkeypatch, tmp_path):
    (tmp_path / "do_not_call.csv").write_text("Mobile\n9.84E+09\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AIRFLOW_CONN_TINGTING_DEFAULT", connection(sandbox, **RULES))

    _, checks = found(tingting)

    assert checks["do-not-call list"]["verdict"] == checks["contact log"]["verdict"] == "warning"
    assert "do_not_call.csv, row 2" in checks["do-not-call list"]["message"]
    assert "secret_salt" in checks["contact log"]["message"]


def test_a_daily_limit_without_a_contact_log_is_a_problem(tingting, sandbox, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_TINGTING_DEFAULT", connection(sandbox, daily_credit_limit=100))

    code, checks = found(tingting)

    assert code == 1
    assert checks["contact log"]["verdict"] == "problem"


def test_a_clock_that_is_off_is_a_warning():
    from airflow_provider_tingting.cli.connection_checks import check_clock

    now = datetime.now(timezone.utc).replace(microsecond=0)
    ahead = check_clock((now - timedelta(minutes=5)).strftime("%a, %d %b %Y %H:%M:%S GMT"), now.timestamp())

    assert ahead.verdict.value == "warning"
    assert "300 s ahead of" in ahead.message
    assert check_clock(None, now.timestamp()).verdict.value == "ok"
    assert check_clock("half past ten", now.timestamp()).verdict.value == "ok"


def test_a_missing_triggerer_is_a_warning_and_a_running_one_is_not(tingting):
    from airflow.jobs.job import Job
    from airflow.utils.session import create_session

    assert found(tingting)[1]["triggerer"]["message"] == "No triggerer has run yet."
    with create_session() as session:
        alive = Job(job_type="TriggererJob", heartrate=30, state="running")
        alive.job_type = "TriggererJob"
        alive.hostname = "a-machine"
        alive.latest_heartbeat = datetime.now(timezone.utc)
        session.add(alive)
    try:
        assert found(tingting)[1]["triggerer"]["verdict"] == "ok"
        with create_session() as session:
            session.query(Job).update({"latest_heartbeat": datetime.now(timezone.utc) - timedelta(hours=1)})
        stale = found(tingting)[1]["triggerer"]
        assert stale["verdict"] == "warning"
        assert "a-machine" in stale["message"]
    finally:
        with create_session() as session:
            session.query(Job).delete()


def doctor(home, database, *options, **variables):
    """Run the command in a process of its own, whose Airflow has this database and these connections only."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_CONN_")}
    return subprocess.run(
        [sys.executable, "-m", "airflow_provider_tingting", "doctor", *options],
        env={
            **kept,
            "PYTHONPATH": str(CHECKOUT),
            "PYTHONWARNINGS": "ignore",
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{database}",
            **variables,
        },
        capture_output=True,
        text=True,
        timeout=170,
    )


def test_with_an_empty_database_the_other_checks_still_run(tmp_path, sandbox):
    done = doctor(tmp_path, tmp_path / "empty.db", "--json", AIRFLOW_CONN_TINGTING_DEFAULT=sandbox.connection_json())
    checks = {check["check"]: check for check in json.loads(done.stdout)["checks"]}

    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "it is not initialized" in checks["database"]["message"]
    assert checks["triggerer"]["verdict"] == "warning"
    assert checks["token"]["verdict"] == "ok"


def test_without_database_and_connection_it_prints_its_lines_and_no_traceback(tmp_path):
    done = doctor(tmp_path, tmp_path / "nowhere" / "airflow.db")

    assert done.returncode == 1
    assert "Airflow has no connection 'tingting_default'" in done.stdout
    assert "cannot be reached" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert len(done.stdout.splitlines() + done.stderr.splitlines()) < 30


def test_something_that_is_not_tingting_is_a_problem(tingting, sandbox, monkeypatch):
    with RecordingServer() as other:
        monkeypatch.setenv("AIRFLOW_CONN_TINGTING_DEFAULT", connection(sandbox, host=other.base_url))
        code, checks = found(tingting)

    assert code == 1
    assert checks["reachable"]["verdict"] == "problem"


def test_a_connection_in_airflows_database_is_found(tingting, sandbox):
    from airflow.models.connection import Connection
    from airflow.utils.session import create_session

    stored = Connection(conn_id="in_the_database", conn_type="tingting", host=sandbox.base_url, password=sandbox.token)
    with create_session() as session:
        session.add(stored)
    try:
        code, checks = found(tingting, "--conn-id in_the_database")
    finally:
        with create_session() as session:
            session.query(Connection).filter(Connection.conn_id == "in_the_database").delete()

    assert code == 0
    assert checks["token"]["verdict"] == "ok"
    assert tingting("voices --conn-id in_the_database")[0] == 2
