"""One rehearsal of a DAG with everything: it reports what would happen, and reaches nothing real."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from support.airflow_home import AIRFLOW_VERSION

from airflow_provider_tingting.rehearsal import RehearsalRequest, rehearse

pytestmark = [pytest.mark.timeout(300), pytest.mark.dags]

HAS_APPROVAL = AIRFLOW_VERSION >= (3, 1)


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    return tmp_path_factory.mktemp("kept")


@pytest.fixture(scope="module")
def report(real_environment, kept):
    """The report of a rehearsal at three in the night."""
    request = RehearsalRequest("everything", at="2026-12-05T03:00:00+05:45", balance=500, conf={"from": "9841000007"})
    return rehearse(request, keep=kept, environ=real_environment)


@pytest.fixture(scope="module")
def tasks(report):
    from rehearsal.conftest import tasks_of

    return tasks_of(report)


@pytest.fixture(scope="module")
def campaigns(report):
    return {campaign["name"]: campaign for campaign in report["campaigns"]}


def test_no_request_reaches_the_real_account(report, tasks, real_server, real_environment):
    assert real_server.received == []
    result = tasks["real_account_is_out_of_reach"]["result"]
    assert "This process rehearses a DAG" in result["refused"]
    assert result["campaign"] == "Clinic day"
    assert "the-real-token" not in json.dumps(report)
    # A hook that asks Airflow itself gets the sandbox, too.
    assert result["connection"] not in real_environment["REAL_SERVER"]
    assert result["connection"].startswith("http://127.0.0.1:")


def test_other_connections_and_variables_are_those_of_the_user(tasks, campaigns):
    assert tasks["real_account_is_out_of_reach"]["result"]["variable"] == "Bhaktapur"
    assert {call["number"] for call in campaigns["Reminder"]["calls"]} == {"98******01", "98******05"}


def test_tasks_and_callbacks_of_other_providers_do_not_run_and_are_named(report, tasks, real_environment):
    assert tasks["letters"]["state"] == "not run"
    assert tasks["letters"]["why_not_run"] == "SendLetters is not of TingTing"
    assert any("page_the_manager" in note for note in report["notes"])
    assert not Path(real_environment["LETTERS"]).exists()
    # Nor does the listener of a plugin.
    assert not Path(real_environment["PAGES"]).exists()


def test_each_contact_is_called_once_in_the_calling_window_with_its_own_text(campaigns):
    campaign = campaigns["Clinic day"]
    spoken = [call for call in campaign["calls"] if call["channel"] == "call"]

    assert [call["number"] for call in spoken] == ["98******01", "98******02", "98******05"]
    assert {call["at"][:16] for call in campaign["calls"]} == {"2026-12-05T08:00"}
    assert campaign["run_requested_at"].startswith("2026-12-05T08:00")
    assert campaign["voice"] == "Sabina"
    texts = {(text["channel"], text["text"], text["sms_parts"]) for text in campaign["texts"]}
    assert ("call", "नमस्कार Hari जी।", None) in texts
    assert ("sms", "Hari ji, clinic bholi.", 1) in texts
    assert campaign["distinct_texts"] == 6


def test_what_the_account_must_have_is_said(report):
    assert "The rehearsal assumes that the account has the voice Sabina." in report["notes"]
    assert "The rehearsal assumes that the account has the caller number with the id 77." in report["notes"]


def test_each_row_that_is_left_out_has_its_reason(tasks):
    left_out = {(row["reason"], row["row"], row["number"]) for row in tasks["add"]["left_out"]}

    assert left_out == {
        ("duplicate", "people.csv, row 4", "98******01"),
        ("excluded", "people.csv, row 5", "98******03"),
        ("too_short", "people.csv, row 6", None),
        ("filtered out", "people.csv, row 7", None),
    }


def test_files_go_to_the_kept_folder_under_the_names_of_the_dag(report, kept, real_environment):
    written = {one["name"]: one for one in report["written"] if one["kind"] == "file"}
    (rejects,) = [name for name in written if name.startswith("/data/rejects/")]

    assert set(written) == {"/data/reports/clinic.csv", rejects, real_environment["REPORT_ABOVE"]}
    assert "98******01" in (kept / "data/reports/clinic.csv").read_text(encoding="utf-8")
    assert not Path("/data/reports").exists()


def test_a_path_that_leads_upwards_leads_out_of_no_folder(tasks, kept, real_environment):
    real = Path(real_environment["AIRFLOW_HOME"]) / "above.csv"

    assert tasks["above"]["state"] == "success"
    assert not real.exists()
    assert (kept / real.relative_to("/")).exists()


def test_a_table_of_any_database_and_schema_is_loaded_into_the_rehearsals_own(report, tasks, real_environment):
    assert tasks["table"]["errors"] == []
    with sqlite3.connect(Path(real_environment["AIRFLOW_HOME"]) / "clinic.db") as database:
        assert database.execute("select name from sqlite_master").fetchall() == [("people",)]


def test_mapped_tasks_are_rehearsed(campaigns, tasks):
    assert {"Ward 4", "Ward 5"} <= set(campaigns)
    assert tasks["create_for_ward[1]"]["state"] == "success"


def test_a_notifier_calls_in_the_sandbox(campaigns, tasks):
    assert tasks["breaks"]["state"] == "failed"
    assert tasks["breaks"]["errors"] == ["The clinic is closed; call 98******08."]
    (notification,) = [one for name, one in campaigns.items() if "everything" in name]
    assert [call["number"] for call in notification["calls"]] == ["98******09"]


@pytest.mark.skipif(not HAS_APPROVAL, reason="approvals came with Airflow 3.1")
def test_an_approval_is_answered_and_shows_what_a_person_would_read(tasks):
    answer = tasks["approve"]["answer"]

    assert answer["subject"] == "Call 3 people?"
    assert answer["chosen"] == ["Approve"]
    assert tasks["reminder.run_campaign"]["state"] == "success"


def test_credits_are_compared_with_the_balance(report):
    assert report["credits"]["balance"] == 500
    assert report["credits"]["used"] == sum(campaign["credits"] for campaign in report["campaigns"])
    assert report["credits"]["enough"] is True


def test_the_report_shows_no_number_and_its_page_neither(report):
    from airflow_provider_tingting.rehearsal.page import rehearsal_page

    page = rehearsal_page(report)
    for text in (json.dumps(report, ensure_ascii=False), page):
        assert "984100000" not in text
    assert "<script" not in page
    assert "नमस्कार Hari जी।" in page
