"""No token, phone number or message reaches a `repr`, a log line or an error."""

from __future__ import annotations

import io
import logging
import pickle
import traceback
from pathlib import Path
from typing import Any

import pytest
from support.both_clients import Client, Connect
from support.recording_server import RecordingServer

from airflow_provider_tingting.api import AsyncTingTingClient, TingTingClient, calls
from airflow_provider_tingting.errors import (
    TingTingAPIError,
    TingTingAuthError,
    TingTingConfigError,
    TingTingNotFoundError,
    TingTingRedirectError,
    TingTingServerError,
    TingTingUnreadableReplyError,
)
from airflow_provider_tingting.masking import mask_text
from airflow_provider_tingting.sandbox import Sandbox

TOKEN = "s3cret-T0ken-of-the-bank"
NUMBER, OTHER_NUMBER = "9841234567", "9779841234568"
MESSAGE, NAME = "तपाईंको ऋण बाँकी छ", "सीता शर्मा"
SECRETS = (TOKEN, NUMBER, OTHER_NUMBER, MESSAGE, NAME)
CREATE: dict[str, Any] = {
    "name": "Dashain",
    "services": "SMS & PHONE",
    "user_phone": [3],
    "message": MESSAGE,
    "sms_message": MESSAGE,
}


def assert_silent(text: str) -> None:
    for secret in SECRETS:
        assert secret not in text


@pytest.fixture
def client(connect: Connect, sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> Client:
    caplog.set_level(logging.DEBUG, logger="airflow_provider_tingting")
    sandbox.world.rotate_token(TOKEN)
    return connect(sandbox, TOKEN)


def test_the_repr_of_each_call_and_result_has_no_personal_data(
    client: Client, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    from openpyxl import Workbook

    book, path = Workbook(), tmp_path / f"{NUMBER}.xlsx"
    book.active.append(["number", "name"])
    book.active.append([NUMBER, NAME])
    book.save(path)
    shown: list[Any] = []

    def send(call: Any) -> Any:
        answer = client.send(call)
        shown.extend((call, answer))
        return answer

    campaign_id = send(calls.create_campaign(**CREATE)).id
    send(calls.set_campaign_message(campaign_id, voice=1, message=MESSAGE, sms_message=MESSAGE))
    send(calls.add_contact(campaign_id, NUMBER, {"name": NAME}))
    send(calls.add_contacts(campaign_id, [{"number": NUMBER, "other_variables": {"name": NAME}}, {"number": "12"}]))
    send(calls.upload_contacts(campaign_id, path))
    contact = send(calls.list_contacts(campaign_id)).results[0]
    shown.append(contact)
    send(calls.update_contact_number(contact.id, "9841234569"))
    send(calls.preview_voice(campaign_id, voice=1, message=MESSAGE))
    send(calls.list_campaigns(search="Dash"))
    send(calls.list_broker_numbers())
    send(calls.get_user_profile())
    send(calls.run_campaign(campaign_id))
    shown.append(client.download(calls.download_campaign_report(campaign_id), io.BytesIO()))
    shown.append(client.itself)

    for value in shown:
        assert_silent(f"{value!r} {value!s} {value}")
    assert_silent(caplog.text)


def test_the_repr_of_an_attributes_call_has_no_values() -> None:
    assert_silent(repr(calls.update_contact_attributes(42, {"name": NAME, "phone": NUMBER})))


FAULTS = ["cut-before", "lose-reply", "500", "502-empty", "503-html", "429=0.05", "429=3600", "413", "truncate"]
FAULTS += ["garbage=html", "garbage=json", "redirect", "rotate-token", "stuck"]


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_can_be_shown(
    connect: Connect, client: Client, sandbox: Sandbox, caplog: pytest.LogCaptureFixture, fault: str
) -> None:
    campaign_id = client.send(calls.create_campaign(**CREATE)).id
    client_with_short_timeout = connect(sandbox, TOKEN, timeout=0.15, max_retries=1)
    tries = [
        calls.get_campaign(campaign_id),
        calls.add_contact(campaign_id, NUMBER, {"name": NAME}),
        calls.create_campaign(**CREATE),
    ]
    for call in tries:
        sandbox.world.rotate_token(TOKEN)
        sandbox.faults.clear()
        sandbox.faults.parse(f"{fault}:*:*")
        with pytest.raises(TingTingAPIError) as caught:
            client_with_short_timeout.send(call)
        error = caught.value
        assert_silent(f"{error} {error!r} {vars(error)} {pickle.loads(pickle.dumps(error))}")
        # The whole chain, as it stands in a task's log.
        assert_silent("".join(traceback.format_exception(error)))
    assert_silent(caplog.text)


def test_a_number_in_the_servers_message_is_masked_everywhere_in_the_error(client: Client) -> None:
    campaign_id = client.send(calls.create_campaign(**CREATE)).id
    client.send(calls.add_contact(campaign_id, NUMBER))

    with pytest.raises(TingTingAPIError) as caught:
        client.send(calls.add_contact(campaign_id, NUMBER))
    assert_silent(f"{caught.value} {vars(caught.value)}")


@pytest.mark.parametrize(
    ("status", "content", "kind", "error"),
    [
        (401, {"detail": f"Given token not valid: {TOKEN}, of {NUMBER}"}, "application/json", TingTingAuthError),
        (400, {"token": [f"'{TOKEN}' for +{OTHER_NUMBER}"]}, "application/json", TingTingAPIError),
        (500, f"<html><title>Error for {TOKEN}</title>".encode(), "text/html", TingTingServerError),
        (200, f"Authorization: {TOKEN} {NUMBER}".encode(), "text/plain", TingTingUnreadableReplyError),
        (200, {"success": False, "message": f"{TOKEN} {NUMBER}"}, "application/json", TingTingAPIError),
        (200, {"id": TOKEN, "status": NUMBER}, "application/json", TingTingUnreadableReplyError),
    ],
)
def test_a_server_that_repeats_the_token_or_a_number_is_not_quoted_with_it(
    connect: Connect, server: RecordingServer, status: int, content: Any, kind: str, error: type[Exception]
) -> None:
    server.always(content, status, Content_Type=kind)

    with pytest.raises(error) as caught:
        connect(server, TOKEN).send(calls.get_campaign(79))
    assert_silent(f"{caught.value} {vars(caught.value)}")


def test_a_download_that_is_no_report_is_not_quoted_with_what_is_in_it(
    connect: Connect, server: RecordingServer
) -> None:
    server.always([{"number": NUMBER, "name": NAME}])
    with pytest.raises(TingTingUnreadableReplyError, match="not a report but JSON") as caught:
        connect(server, TOKEN).download(calls.download_campaign_report(79), io.BytesIO())
    assert_silent(str(caught.value))

    server.always({"detail": f"{TOKEN} may not download", "name": NAME})
    with pytest.raises(TingTingUnreadableReplyError, match=r"\*\*\* may not download") as caught:
        connect(server, TOKEN).download(calls.download_campaign_report(79), io.BytesIO())
    assert_silent(str(caught.value))


def test_the_address_of_a_redirect_is_shown_without_its_query(connect: Connect, server: RecordingServer) -> None:
    server.always(status=302, Location=f"https://login.example/?next={NUMBER}&token={TOKEN}")

    with pytest.raises(TingTingRedirectError, match=r"redirected to https://login\.example/\.") as caught:
        connect(server, TOKEN).send(calls.run_campaign(79))
    assert_silent(str(caught.value))


@pytest.mark.parametrize("kind", [TingTingClient, AsyncTingTingClient])
@pytest.mark.parametrize("token", ["", f"{TOKEN} ", f"{TOKEN}\r\nHost: elsewhere", "तोकन", f"Bearer {TOKEN}"])
def test_a_token_that_no_header_can_hold_is_refused_and_not_shown(kind: type, token: str) -> None:
    with pytest.raises(TingTingConfigError, match="token") as caught:
        kind(token)
    assert_silent(str(caught.value))


@pytest.mark.parametrize("kind", [TingTingClient, AsyncTingTingClient])
@pytest.mark.parametrize("url", ["app.tingting.io", "ftp://app.tingting.io/", "https:///api/v1/", ""])
def test_a_base_url_that_is_none_is_refused_with_an_example(kind: type, url: str) -> None:
    with pytest.raises(TingTingConfigError, match=r"like https://app\.tingting\.io/api/v1/"):
        kind(TOKEN, base_url=url)


@pytest.mark.parametrize(("name", "value"), [("max_retries", -1), ("rate_limit", 0), ("rate_limit", float("nan"))])
def test_a_setting_that_cannot_be_used_is_refused(name: str, value: float) -> None:
    with pytest.raises(TingTingConfigError, match=name):
        TingTingClient(TOKEN, **{name: value})


def test_the_clients_show_where_they_go_and_nothing_else() -> None:
    assert repr(TingTingClient(TOKEN)) == "TingTingClient(base_url='https://app.tingting.io/api/v1/')"
    assert repr(AsyncTingTingClient(TOKEN)) == "AsyncTingTingClient(base_url='https://app.tingting.io/api/v1/')"
    assert_silent(repr(vars(TingTingClient(TOKEN))))


def test_what_an_error_advises_stays_readable(connect: Connect, sandbox: Sandbox) -> None:
    with pytest.raises(TingTingNotFoundError, match="that the connection's token belongs to the account"):
        connect(sandbox).send(calls.get_campaign(4711))


@pytest.mark.parametrize("text", ["token=abc123456", "Token: 'abc123456'", "token abc123456", "Bearer abcdefghij"])
def test_what_looks_like_a_token_is_masked_in_any_text(text: str) -> None:
    assert "abc" not in mask_text(f"The server text {text} and more.")


def test_a_request_and_what_is_made_of_it_show_no_content() -> None:
    from airflow_provider_tingting.api.transport import Origin

    origin = Origin("https://app.tingting.io/api/v1/", TOKEN, 60, 10)
    assert repr(origin) == "Origin(base_url='https://app.tingting.io/api/v1/')"
    assert_silent(repr(calls.create_campaign(**CREATE).request))
