"""A download is whole, or it is an error; it is begun again from the start, and the path that works is remembered."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable
from typing import Any

import pytest
from support.both_clients import Client, Connect
from support.recording_server import Received, RecordingServer, Reply

from airflow_provider_tingting.api import calls
from airflow_provider_tingting.errors import (
    TingTingAuthError,
    TingTingConfigError,
    TingTingNotFoundError,
    TingTingOutcomeUnknownError,
    TingTingRefusedError,
    TingTingServerError,
    TingTingUnreadableReplyError,
)
from airflow_provider_tingting.sandbox import Sandbox

REPORT = calls.download_campaign_report(79)


def campaign_with_contacts(client: Client, contacts: int = 200) -> int:
    campaign = client.send(calls.create_campaign(name="Dashain", services="PHONE", user_phone=[3], message="m"))
    if contacts:
        rows = [{"number": f"98412{digits:05}"} for digits in range(contacts)]
        client.send(calls.add_contacts(campaign.id, rows))
    return campaign.id  # type: ignore[no-any-return]


def test_a_report_comes_whole_with_its_size_and_type(connect: Connect, sandbox: Sandbox) -> None:
    client, target = connect(sandbox), io.BytesIO()
    campaign_id = campaign_with_contacts(client)

    done = client.download(calls.download_campaign_report(campaign_id), target)

    assert done.size == len(target.getvalue())
    assert done.content_type.startswith("text/csv")
    assert target.getvalue().count(b"\r\n9841200") == 200


def test_a_download_goes_on_from_where_the_file_is(connect: Connect, sandbox: Sandbox) -> None:
    client, target = connect(sandbox), io.BytesIO(b"kept, not kept")
    campaign_id = campaign_with_contacts(client)
    target.seek(5)

    done = client.download(calls.download_campaign_report(campaign_id), target)
    assert target.getvalue().startswith(b"kept,Campaign Name")
    assert len(target.getvalue()) == 5 + done.size


@pytest.mark.parametrize("fault", ["truncate", "cut-before", "503-html", "429=0.05"])
def test_a_download_that_breaks_off_is_begun_again_from_the_start(
    connect: Connect, sandbox: Sandbox, fault: str
) -> None:
    client, target = connect(sandbox), io.BytesIO()
    campaign_id = campaign_with_contacts(client)
    client.download(calls.download_campaign_report(campaign_id), target)
    whole = target.getvalue()
    sandbox.faults.parse(f"{fault}:report:2")

    again = io.BytesIO()
    done = client.download(calls.download_campaign_report(campaign_id), again)
    assert again.getvalue() == whole
    assert done.size == len(whole)
    assert sandbox.ledger.times_called("download_campaign_report") == 4


def test_a_download_that_always_breaks_off_is_an_error(connect: Connect, sandbox: Sandbox) -> None:
    client = connect(sandbox, max_retries=2)
    campaign_id = campaign_with_contacts(client)
    sandbox.faults.parse("truncate:report:*")

    with pytest.raises(TingTingOutcomeUnknownError, match="broke off before the whole response came"):
        client.download(calls.download_campaign_report(campaign_id), io.BytesIO())
    assert sandbox.ledger.times_called("download_campaign_report") == 3


def test_a_shorter_second_attempt_leaves_nothing_of_the_first(connect: Connect, server: RecordingServer) -> None:
    def reply(_: Received) -> Reply:
        if len(server.received) == 1:
            return Reply(b"x" * 300_000, headers={"Content-Type": "text/csv", "Content-Length": "400000"})
        return Reply(b"Number\r\n", headers={"Content-Type": "text/csv"})

    server.reply = reply
    with tempfile.TemporaryFile() as target:
        assert connect(server).download(REPORT, target).size == 8
        target.seek(0)
        assert target.read() == b"Number\r\n"


def test_a_download_that_stands_still_ends_in_time(connect: Connect, sandbox: Sandbox) -> None:
    from dataclasses import replace

    client = connect(sandbox, timeout=0.3, max_retries=0)
    campaign_id = campaign_with_contacts(client, 1)
    call = calls.download_campaign_report(campaign_id)
    sandbox.faults.parse("stuck:report:*")

    # Reports are given a minute more than other calls; not in a test.
    assert call.request.extra_read_timeout == 60
    with pytest.raises(TingTingOutcomeUnknownError, match="no response came in time"):
        client.download(replace(call, request=replace(call.request, extra_read_timeout=0)), io.BytesIO())


@pytest.mark.parametrize("way", ["seed", "old"])
def test_a_report_is_found_at_either_path_and_the_path_is_remembered(
    connect: Connect, speaking: Callable[..., Sandbox], way: str
) -> None:
    sandbox = speaking(report_path=way)
    client = connect(sandbox)
    campaign_id = campaign_with_contacts(client, 1)
    sandbox.world.ledger.requests.clear()

    for _ in range(3):
        assert client.download(calls.download_campaign_report(campaign_id), io.BytesIO()).size > 0
    seed, old = f"/api/v1/download/{campaign_id}/report/", f"/api/v1/download/report/{campaign_id}/"
    assert [entry.path for entry in sandbox.requests] == ([seed] * 3 if way == "seed" else [seed, old, old, old])


def test_a_server_that_changes_its_path_is_followed(connect: Connect, server: RecordingServer) -> None:
    csv = Reply(b"Number\r\n", headers={"Content-Type": "text/csv"})
    seed, old = "/api/v1/download/79/report/", "/api/v1/download/report/79/"
    known = [""]
    server.reply = lambda received: csv if received.path in known else Reply(status=404)
    client = connect(server)
    for known[0] in (old, seed, old):
        assert client.download(REPORT, io.BytesIO()).size == 8
        server.received.clear()
        assert client.download(REPORT, io.BytesIO()).size == 8
        assert [received.path for received in server.received] == known


def test_the_report_of_an_unknown_campaign_is_requested_at_both_paths_and_not_found(
    connect: Connect, sandbox: Sandbox
) -> None:
    with pytest.raises(TingTingNotFoundError, match="download_campaign_report for campaign 4711"):
        connect(sandbox).download(calls.download_campaign_report(4711), io.BytesIO())
    assert len(sandbox.requests) == 2


def test_the_report_of_a_campaign_without_contacts_may_be_a_server_error(
    connect: Connect, speaking: Callable[..., Sandbox]
) -> None:
    client = connect(speaking(empty_report="500"))
    campaign_id = campaign_with_contacts(client, 0)

    with pytest.raises(TingTingServerError, match=r"an HTML page titled 'Server Error \(500\)'"):
        client.download(calls.download_campaign_report(campaign_id), io.BytesIO())


def test_a_survey_report_comes_as_csv_or_as_json(connect: Connect, sandbox: Sandbox) -> None:
    client, csv, json = connect(sandbox), io.BytesIO(), io.BytesIO()

    assert client.download(calls.download_survey_report(12), csv).content_type.startswith("text/csv")
    assert client.download(calls.download_survey_report(12, format="json"), json).content_type == "application/json"
    assert csv.getvalue().startswith(b"number,question,answer")
    assert json.getvalue().startswith(b'[{"number"')
    assert [entry.query for entry in sandbox.requests] == ["", "format=json"]


def test_a_format_that_no_survey_has_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(TingTingConfigError, match="format must be csv or json; it is 'xlsx'"):
        calls.download_survey_report(12, format="xlsx")


@pytest.mark.parametrize(
    ("content", "kind", "error"),
    [
        (b"<html><title>Sign in</title></html>", "text/html; charset=utf-8", TingTingUnreadableReplyError),
        ({"success": False, "status": 404, "message": "Not found.", "data": None}, "", TingTingNotFoundError),
        ({"success": False, "status": 401, "message": "Invalid token.", "data": None}, "", TingTingAuthError),
        ({"success": False, "message": "Not yet."}, "application/json; charset=utf-8", TingTingRefusedError),
        ({"detail": "No report yet."}, "", TingTingUnreadableReplyError),
    ],
)
def test_a_page_with_status_200_is_not_a_report(
    connect: Connect, server: RecordingServer, content: Any, kind: str, error: type[Exception]
) -> None:
    server.always(content, **({"Content_Type": kind} if kind else {}))
    target = io.BytesIO()

    with pytest.raises(error):
        connect(server, max_retries=0).download(REPORT, target)
    assert target.getvalue() == b""


def test_a_json_report_may_hold_anything(connect: Connect, server: RecordingServer) -> None:
    server.always({"detail": "an answer of the survey"})
    target = io.BytesIO()

    connect(server).download(calls.download_survey_report(12, format="json"), target)
    assert target.getvalue() == b'{"detail": "an answer of the survey"}'


def test_a_file_that_cannot_be_written_is_the_files_error_and_not_the_networks(
    connect: Connect, sandbox: Sandbox
) -> None:
    class Full(io.BytesIO):
        def write(self, _: Any) -> int:
            raise OSError(28, "No space left on device")

    client = connect(sandbox)
    campaign_id = campaign_with_contacts(client, 1)

    with pytest.raises(OSError, match="No space left on device"):
        client.download(calls.download_campaign_report(campaign_id), Full())
    assert sandbox.ledger.times_called("download_campaign_report") == 1
