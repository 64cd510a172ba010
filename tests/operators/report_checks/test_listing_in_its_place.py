"""The listing of a campaign's contacts takes the place of a report that does not come."""

from __future__ import annotations

import pytest
from support.campaigns import a_campaign, connection, reads
from support.recording_server import Reply
from support.report_download import BODY, ROWS, downloading, refused, rows_of
from support.task_context import execute


@pytest.mark.parametrize("format", ["csv", "jsonl"])
@pytest.mark.parametrize("fault", ["500", "garbage", "truncate"])
def test_the_listing_takes_the_place_of_a_report_that_fails(
    sandbox, tingting_conn, tmp_path, monkeypatch, logged, fault, format
):
    monkeypatch.setenv("AIRFLOW_CONN_TINGTING_DEFAULT", connection(sandbox, max_retries=0))
    people = [f"98412340{index:02}" for index in range(25)]
    campaign = a_campaign(sandbox, people, outcome=None)
    for number, outcome in zip(people, ["completed", "hungup", "unanswered", "failed", "completed"] * 5, strict=True):
        sandbox.world.script_outcome(number, outcome)
    sandbox.world.run_campaign(campaign)
    sandbox.play_out()
    whole, _ = execute(downloading(campaign, tmp_path / "report", format=format))
    sandbox.faults.add(fault, call="download_campaign_report", times="*")

    result, xcoms = execute(downloading(campaign, tmp_path / "listing", format=format))

    assert (result["source"], xcoms["source"], whole["source"]) == ("listing", "listing", "report")
    assert (result["rows"], result["summary"]) == (25, whole["summary"])
    assert "the listing of its contacts replaces it" in logged()
    assert reads(sandbox, "list_contacts") >= 3
    if format == "csv":
        core = ("number", "status", "duration_seconds", "playback_percent", "credit_consumed", "carrier")
        known, listed = (
            sorted(tuple(row[name] for name in core) for row in rows_of(tmp_path / name))
            for name in ("report", "listing")
        )
        assert listed == known


def test_a_report_that_is_at_neither_address_is_replaced_by_the_listing(server, target):
    server.report = Reply({"detail": "Not found."}, 404)
    server.list(*ROWS)

    result, _ = execute(downloading(79, target))

    assert (result["source"], result["rows"]) == ("listing", 3)
    assert [row["number"] for row in rows_of(target)] == ["9841234501", "9841234502", "9801234503"]
    assert {request.path for request in server.received if "download" in request.path} == {
        "/api/v1/download/79/report/",
        "/api/v1/download/report/79/",
    }


def test_two_contacts_of_a_listing_may_have_one_number(server, target):
    server.report = Reply(status=500)
    server.list(ROWS[0], ROWS[1], ROWS[1])

    result, _ = execute(downloading(79, target))

    assert (result["rows"], result["summary"]["duplicates"]) == (3, 1)


def test_a_listing_that_lacks_contacts_is_refused(server, target):
    server.report = Reply(status=500)
    server.list(*ROWS[:2])

    assert "3 contacts, 2 came, 1 is missing" in refused(target)


def test_a_report_that_came_damaged_is_downloaded_once_more(server, target, logged):
    server.report = [BODY.encode()[:-40], BODY.encode()]

    result, _ = execute(downloading(79, target))

    assert (result["source"], result["rows"]) == ("report", 3)
    assert "is damaged" in logged()


def test_raw_bytes_have_no_substitute(server, target):
    server.report = BODY.encode().replace(b"NTC", b"N\0C")
    server.list(*ROWS)

    assert "NUL" in refused(target, format="raw")
    assert not any("detail" in request.path for request in server.received)
