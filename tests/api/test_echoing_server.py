"""Against a server that repeats each request in its response, no log line at DEBUG has a value that was sent."""

from __future__ import annotations

import io
import logging
from typing import Any

import pytest
from support.both_clients import Connect
from support.recording_server import Received, RecordingServer, Reply

from airflow_provider_tingting.api import calls
from airflow_provider_tingting.errors import TingTingAPIError

TOKEN = "s3cret-T0ken-of-the-bank"
NUMBER = "9841234567"
NAME = "Rambahadur"
MESSAGE = "your loan is overdue"
CREATE: dict[str, Any] = {"name": "Dashain", "services": "PHONE", "user_phone": [3], "message": MESSAGE}
ROWS = [{"number": NUMBER, "other_variables": {"name": NAME}}]
CALLS = {
    "create": calls.create_campaign(**CREATE),
    "message": calls.set_campaign_message(79, voice=1, message=MESSAGE),
    "update": calls.update_campaign(79, message=MESSAGE),
    "one contact": calls.add_contact(79, NUMBER, {"name": NAME}),
    "contacts": calls.add_contacts(79, ROWS),
    "attributes": calls.update_contact_attributes(42, {"name": NAME, "number": NUMBER}),
    "number": calls.update_contact_number(42, NUMBER),
    "preview": calls.preview_voice(79, voice=1, message=MESSAGE),
    "run": calls.run_campaign(79),
    "campaign": calls.get_campaign(79),
}


def echo(status: int, how: str) -> Any:
    def reply(received: Received) -> Reply:
        sent = received.body.decode() + " " + " ".join(received.headers.values())
        if how == "html":
            page = f"<html><title>{sent}</title></html>".encode()
            return Reply(page, status, {"Content-Type": "text/html"})
        content: dict[str, Any] = {
            "detail": {"detail": sent},
            "key": {sent: ["is wrong"]},
            "rows": {"errors": [{"row": sent, "field": [sent, sent[::-1]]}]},
            "envelope": {"success": False, "message": sent, "errors": {sent: [sent]}, "data": None},
            "text": sent,
        }
        return Reply(content[how], status)

    return reply


@pytest.mark.parametrize("how", ["html", "detail", "key", "rows", "envelope", "text"])
@pytest.mark.parametrize("status", [200, 400, 401, 500])
def test_neither_logs_nor_errors_repeat_what_was_sent(
    connect: Connect, server: RecordingServer, caplog: pytest.LogCaptureFixture, status: int, how: str
) -> None:
    caplog.set_level(logging.DEBUG)
    client = connect(server, TOKEN, max_retries=1)
    server.reply = echo(status, how)
    seen: list[str] = []
    for name, call in CALLS.items():
        try:
            result = client.send(call)
            # The attributes of a contact are data, which no log shows.
            seen.append(f"{name}: {type(result) if isinstance(result, dict) else result!r}")
        except TingTingAPIError as error:
            seen.append(f"{name}: {error} {error.fields}")
    try:
        client.download(calls.download_campaign_report(79), io.BytesIO())
    except TingTingAPIError as error:
        seen.append(str(error))
    shown = "\n".join([*seen, caplog.text])

    # Only values that the call in question has sent are known to it.
    assert [secret for secret in (TOKEN, NUMBER, MESSAGE) if secret in shown] == []
    for line in seen:
        if line.startswith(("one contact", "contacts", "attributes")):
            assert NAME not in line
