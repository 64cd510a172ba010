"""All twenty calls of the vendor's Campaign API page go out exactly as its samples show, and come back as models.

What really goes over the wire is recorded by a plain HTTP server, which answers what the page shows. Each sample is
sent by the synchronous client, by the asynchronous one, and by the hook.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.parser import BytesParser
from enum import Enum
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from pydantic import BaseModel
from support.both_clients import KINDS, connecting
from support.recording_server import Received, RecordingServer, Reply

from airflow_provider_tingting.api import calls
from airflow_provider_tingting.api.models import (
    AddContactsResult,
    Campaign,
    CampaignMessage,
    Contact,
    MessageResponse,
    UploadResult,
    Voice,
)
from airflow_provider_tingting.hooks.tingting import TingTingHook

SAMPLES = {
    path.stem[3:]: json.loads(path.read_text(encoding="utf-8"))
    for path in sorted((Path(__file__).parent / "samples").glob("*.json"))
}
TOKEN = "YOUR_TOKEN"
WORKBOOK = bytes(range(256)) * 40
REPORT = b"Number,Status\r\n98******67,completed\r\n"

# What the page does not show, as `tingting-api.md`'s sources have it.
UNSHOWN = {
    "delete_campaign": Reply(status=204),
    "list_contacts": Reply(
        {
            "count": 1,
            "next": None,
            "results": [{"id": 42, "number": "98******67", "status": "hungup", "call_duration": "10s", "playback": ""}],
            "total_credits_consumed": 2,
            "carrier_summary": {"NTC": 1},
        }
    ),
    "demo_call": Reply({"message": "Demo call placed."}),
    "download_campaign_report": Reply(REPORT, headers={"Content-Type": "text/csv"}),
    "download_survey_report": Reply([{"answer": "1"}]),
}


@dataclass(frozen=True)
class Case:
    """One sample: the call, the same through the hook, and what must come back.

    :param of: the model of the result, or of its rows.
    """

    call: Callable[[Path], Any]
    hook: Callable[[TingTingHook, Path], Any]
    of: type | None = None


def _body(name: str) -> dict[str, Any]:
    return json.loads(SAMPLES[name]["request"]["data"])  # type: ignore[no-any-return]


MANY = _body("add_contacts")["contacts"]
ATTRIBUTES = _body("update_contact_attributes")
CREATE, UPDATE, PREVIEW = _body("create_campaign"), _body("update_campaign"), _body("preview_voice")
ONE = _body("add_contact")
SPEAK = {"voice": PREVIEW["voice_input"], "message": PREVIEW["message"]}

CASES = {
    "list_voice_models": Case(lambda _: calls.list_voice_models(), lambda hook, _: hook.list_voice_models(), Voice),
    "list_campaigns": Case(
        lambda _: calls.list_campaigns(status="Completed", limit=10),
        lambda hook, _: list(hook.iter_campaigns(status="Completed")),
        Campaign,
    ),
    "get_campaign": Case(lambda _: calls.get_campaign(79), lambda hook, _: hook.get_campaign(79), Campaign),
    "create_campaign": Case(
        lambda _: calls.create_campaign(**CREATE), lambda hook, _: hook.create_campaign(**CREATE), Campaign
    ),
    "set_campaign_message": Case(
        lambda _: calls.set_campaign_message(79, voice=3),
        lambda hook, _: hook.set_campaign_message(79, voice=3),
        CampaignMessage,
    ),
    "add_contact": Case(
        lambda _: calls.add_contact(79, **ONE), lambda hook, _: hook.add_contact(79, **ONE), AddContactsResult
    ),
    "add_contacts": Case(
        lambda _: calls.add_contacts(79, MANY), lambda hook, _: hook.add_contacts(79, MANY), AddContactsResult
    ),
    "upload_contacts": Case(
        lambda book: calls.upload_contacts(79, book), lambda hook, book: hook.upload_contacts(79, book), UploadResult
    ),
    "update_campaign": Case(
        lambda _: calls.update_campaign(79, **UPDATE), lambda hook, _: hook.update_campaign(79, **UPDATE)
    ),
    "delete_campaign": Case(lambda _: calls.delete_campaign(79), lambda hook, _: hook.delete_campaign(79)),
    "list_contacts": Case(lambda _: calls.list_contacts(79), lambda hook, _: list(hook.iter_contacts(79)), Contact),
    "get_contact_attributes": Case(
        lambda _: calls.get_contact_attributes(42), lambda hook, _: hook.get_contact_attributes(42), dict
    ),
    "update_contact_number": Case(
        lambda _: calls.update_contact_number(42, 9808684325),
        lambda hook, _: hook.update_contact_number(42, 9808684325),
    ),
    "update_contact_attributes": Case(
        lambda _: calls.update_contact_attributes(42, ATTRIBUTES),
        lambda hook, _: hook.update_contact_attributes(42, ATTRIBUTES),
    ),
    "delete_contact": Case(lambda _: calls.delete_contact(42), lambda hook, _: hook.delete_contact(42)),
    "preview_voice": Case(
        lambda _: calls.preview_voice(79, **SPEAK), lambda hook, _: hook.preview_voice(79, **SPEAK), str
    ),
    "demo_call": Case(lambda _: calls.demo_call(42), lambda hook, _: hook.demo_call(42), MessageResponse),
    "run_campaign": Case(lambda _: calls.run_campaign(79), lambda hook, _: hook.run_campaign(79), MessageResponse),
    "download_campaign_report": Case(
        lambda _: calls.download_campaign_report(79),
        lambda hook, book: hook.download_campaign_report(79, book.with_name("report")),
    ),
    "download_survey_report": Case(
        lambda _: calls.download_survey_report(12, format="json"),
        lambda hook, book: hook.download_survey_report(12, book.with_name("report"), format="json"),
    ),
}


@pytest.fixture
def server() -> Iterator[RecordingServer]:
    with RecordingServer() as running:
        yield running


@pytest.fixture(params=[*KINDS, "hook"])
def send(
    request: pytest.FixtureRequest, server: RecordingServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], Any]]:
    """`send(name)` sends a sample by one of the three and returns what came back; of a download the bytes."""
    book = tmp_path / "contacts.xlsx"
    book.write_bytes(WORKBOOK)
    if request.param == "hook":
        connection = {"conn_type": "tingting", "host": server.base_url, "password": TOKEN}
        monkeypatch.setenv("AIRFLOW_CONN_TINGTING_DEFAULT", json.dumps(connection))

        def by_hook(name: str) -> Any:
            result = CASES[name].hook(TingTingHook(), book)
            return book.with_name("report").read_bytes() if name.startswith("download") else result

        yield by_hook
        return
    with connecting(request.param) as connect:
        client = connect(server, TOKEN)

        def by_client(name: str) -> Any:
            call = CASES[name].call(book)
            if not name.startswith("download"):
                return client.send(call)
            target = io.BytesIO()
            client.download(call, target)
            return target.getvalue()

        yield by_client


@pytest.fixture
def exchange(server: RecordingServer, send: Callable[[str], Any]) -> Callable[[str], tuple[Received, Any]]:
    """`exchange(name)` answers a sample with what the page shows, and returns what went out and what came back."""

    def exchange(name: str) -> tuple[Received, Any]:
        shown = SAMPLES[name].get("response")
        server.reply = lambda _: UNSHOWN.get(name, Reply()) if shown is None else Reply(shown)
        result = send(name)
        received, *more = server.received
        # The page's list counts more campaigns than it shows: whether there are more is looked up once.
        assert len(more) <= (name == "list_campaigns")
        return received, result

    return exchange


def test_every_sample_of_the_page_has_its_case() -> None:
    assert list(CASES) == list(SAMPLES)


@pytest.mark.parametrize("name", SAMPLES)
def test_a_call_goes_out_as_the_page_shows_it(
    exchange: Callable[[str], tuple[Received, Any]], name: str, request: pytest.FixtureRequest
) -> None:
    sample = SAMPLES[name]["request"]
    url = urlsplit(sample["url"])
    query = dict(parse_qsl(url.query))
    by_hook = "hook" in request.node.callspec.id.split("-")
    if name == "list_contacts" or (name == "list_campaigns" and by_hook):
        # The page asks for the first ten; the hook for all, in pages as large as the server gives.
        query |= {"limit": "100", "offset": "0"}

    received, _ = exchange(name)

    assert (received.method, received.path, received.query) == (sample["method"], url.path, query)
    assert received.headers["authorization"] == sample["headers"]["Authorization"]
    if "data" in sample:
        assert received.headers["content-type"] == sample["headers"]["Content-Type"]
        assert_same_json(received.json, json.loads(sample["data"]))
        # As curl would send the page's own text, not escaped.
        assert b"\\u" not in received.body
    elif "form" not in sample:
        assert received.body == b""
        assert "content-type" not in received.headers


@pytest.mark.parametrize("name", SAMPLES)
def test_an_answer_comes_back_as_a_model(exchange: Callable[[str], tuple[Received, Any]], name: str) -> None:
    _, result = exchange(name)

    if name.startswith("download"):
        assert result == UNSHOWN[name].body
        return
    kind, shown = CASES[name].of, SAMPLES[name].get("response", UNSHOWN.get(name, Reply()).content)
    if kind is None:
        assert result is None
        return
    rows, shown_rows = [result], [shown]
    if kind in (Voice, Campaign, Contact) and isinstance(shown, list):
        rows, shown_rows = list(result), shown
    elif isinstance(shown, dict) and "results" in shown:
        rows, shown_rows = list(getattr(result, "results", result)), shown["results"]
    assert [type(row) for row in rows] == [kind] * len(shown_rows)
    for row, shown_row in zip(rows, shown_rows, strict=True):
        assert_carries(row, shown_row)


def test_an_upload_is_one_multipart_field_named_bulk_file_of_a_known_length(
    exchange: Callable[[str], tuple[Received, Any]],
) -> None:
    received, result = exchange("upload_contacts")

    head = f"Content-Type: {received.headers['content-type']}\r\n\r\n".encode()
    (part,) = BytesParser().parsebytes(head + received.body).get_payload()  # type: ignore[misc]
    assert received.headers["content-type"].startswith("multipart/form-data; boundary=")
    assert "transfer-encoding" not in received.headers
    assert int(received.headers["content-length"]) == received.size == len(received.body)
    assert part.get_param("name", header="content-disposition") == "bulk_file"
    assert part.get_filename() == "contacts.xlsx"
    assert part.get_payload(decode=True) == WORKBOOK
    assert result.total_validated_rows == 150


def test_running_a_campaign_sends_no_body_and_announces_no_json(
    exchange: Callable[[str], tuple[Received, Any]],
) -> None:
    received, result = exchange("run_campaign")

    assert (received.method, received.path, received.query) == ("POST", "/api/v1/run-campaign/79/", {})
    assert "content-type" not in received.headers
    assert received.headers["content-length"] == "0"
    assert received.body == b""
    assert result.message == "Campaign Scheduled successfully for 2082-03-25 at 14:46:00"


def test_every_request_says_which_program_sends_it(exchange: Callable[[str], tuple[Received, Any]]) -> None:
    received, _ = exchange("get_campaign")

    assert received.headers["user-agent"].startswith("airflow-provider-tingting/")


def assert_same_json(sent: Any, sample: Any) -> None:
    """Same keys in the same order, same types, same values."""
    assert json.dumps(sent) == json.dumps(sample)


def assert_carries(result: Any, shown: Any) -> None:
    """Every value that the page shows is in the model, under the page's name."""
    if isinstance(shown, dict):
        for name, value in shown.items():
            assert_carries(result[name] if isinstance(result, dict) else getattr(result, name), value)
    elif isinstance(shown, list):
        assert len(result) == len(shown)
        for one, value in zip(result, shown, strict=True):
            assert_carries(one, value)
    elif isinstance(result, float | None) and not isinstance(shown, int | float | None):
        # "10s" and "" are read as numbers: the first as 10, the second as none.
        assert result == (float(shown.rstrip("s")) if shown else None)
    else:
        assert not isinstance(result, BaseModel)
        assert (result.value if isinstance(result, Enum) else result) == shown
