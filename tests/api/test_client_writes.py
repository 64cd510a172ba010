"""A write is never repeated blindly: sent again only when it certainly never left."""

from __future__ import annotations

import datetime
import decimal
import socket
import threading
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.both_clients import Client, Connect
from support.campaigns import wait_until
from support.recording_server import RecordingServer

from airflow_provider_tingting.api import calls
from airflow_provider_tingting.errors import (
    TingTingAPIError,
    TingTingConfigError,
    TingTingContactsError,
    TingTingNeverSentError,
    TingTingOutcomeUnknownError,
    TingTingRateLimitedError,
    TingTingRedirectError,
    TingTingRefusedError,
    TingTingServerError,
    TingTingUnreadableReplyError,
    TingTingValidationError,
)
from airflow_provider_tingting.sandbox import Sandbox

CREATE: dict[str, Any] = {"name": "Dashain", "services": "PHONE", "user_phone": [3], "message": "नमस्ते {name}"}


@pytest.fixture
def client(connect: Connect, sandbox: Sandbox) -> Client:
    return connect(sandbox, timeout=60.0)


@pytest.fixture
def campaign_id(client: Client, sandbox: Sandbox) -> int:
    """A campaign with a voice and a contact, ready to run; the ledger of requests is empty."""
    campaign = client.send(calls.create_campaign(**CREATE))
    client.send(calls.set_campaign_message(campaign.id, voice=1))
    client.send(calls.add_contacts(campaign.id, [{"number": "9841234567"}]))
    sandbox.world.ledger.requests.clear()
    return campaign.id  # type: ignore[no-any-return]


@pytest.fixture
def writes(campaign_id: int, sandbox: Sandbox, tmp_path: Path) -> dict[str, Any]:
    """Every write of the API, on the campaign and its contact."""
    from openpyxl import Workbook

    book, path = Workbook(), tmp_path / "contacts.xlsx"
    book.active.append(["number"])
    book.active.append(["9841234568"])
    book.save(path)
    (contact_id,) = sandbox.world.campaign(campaign_id).contacts
    return {
        "create_campaign": calls.create_campaign(**CREATE),
        "set_campaign_message": calls.set_campaign_message(campaign_id, voice=1),
        "update_campaign": calls.update_campaign(campaign_id, name="Tihar"),
        "delete_campaign": calls.delete_campaign(campaign_id),
        "add_contact": calls.add_contact(campaign_id, "9841234569"),
        "add_contacts": calls.add_contacts(campaign_id, [{"number": "9841234569"}]),
        "upload_contacts": calls.upload_contacts(campaign_id, path),
        "update_contact_attributes": calls.update_contact_attributes(contact_id, {"name": "Sita"}),
        "update_contact_number": calls.update_contact_number(contact_id, "9841234560"),
        "delete_contact": calls.delete_contact(contact_id),
        "demo_call": calls.demo_call(contact_id),
        "run_campaign": calls.run_campaign(campaign_id),
        "stop_campaign": calls.stop_campaign(campaign_id),
    }


UNKNOWN = {
    "lose-reply": TingTingOutcomeUnknownError,
    "cut-before": TingTingOutcomeUnknownError,
    "500": TingTingServerError,
    "500-after-commit": TingTingServerError,
    "502-empty": TingTingServerError,
    "503-html": TingTingServerError,
    "503-after-commit": TingTingServerError,
    "garbage=html": TingTingUnreadableReplyError,
    "garbage=json": TingTingUnreadableReplyError,
    "truncate": TingTingOutcomeUnknownError,
}


@pytest.mark.parametrize("fault", UNKNOWN)
def test_a_create_with_an_unknown_outcome_is_sent_once(client: Client, sandbox: Sandbox, fault: str) -> None:
    sandbox.faults.parse(f"{fault}:create:*")

    with pytest.raises(TingTingOutcomeUnknownError) as caught:
        client.send(calls.create_campaign(**CREATE))
    assert type(caught.value) is UNKNOWN[fault]
    assert [entry.call for entry in sandbox.requests] == ["create_campaign"]
    assert len(sandbox.world.campaigns) <= 1


def send_on_an_open_connection(client: Client, call: Any) -> Any:
    """Send a call in the client's own time, of which connecting takes none.

    So the request arrives, however slow the machine, before a client gives up that waits for a fraction of a second.
    """
    for one, extra in ((calls.list_voice_models(), 60), (call, 0)):
        response = client.send(replace(one, request=replace(one.request, extra_read_timeout=extra)))
    return response


@pytest.mark.parametrize("fault", ["lose-reply", "503-html", "stuck-after-commit"])
def test_no_write_of_any_kind_is_sent_twice(
    connect: Connect, sandbox: Sandbox, writes: dict[str, Any], fault: str
) -> None:
    client = connect(sandbox, timeout=0.3 if fault.startswith("stuck") else 60)
    sandbox.faults.parse(f"{fault}:write:*")

    for name, call in writes.items():
        with pytest.raises(TingTingOutcomeUnknownError):
            send_on_an_open_connection(client, call)
        wait_until(lambda name=name: sandbox.ledger.times_called(name))
        assert sandbox.ledger.times_called(name) == 1, name
    sent = [entry.call for entry in sandbox.requests if entry.call != "list_voice_models"]
    assert sent == list(writes)


def test_a_run_without_a_response_is_unknown_and_each_contact_is_called_once(
    connect: Connect, sandbox: Sandbox, campaign_id: int
) -> None:
    sandbox.faults.parse("stuck-after-commit:run:*")

    with pytest.raises(TingTingOutcomeUnknownError, match="no response came in time") as caught:
        send_on_an_open_connection(connect(sandbox, timeout=0.3), calls.run_campaign(campaign_id))
    wait_until(lambda: sandbox.ledger.times_called("run_campaign"))
    assert "check there before you send it again" in str(caught.value)
    sandbox.play_out()
    assert sandbox.ledger.times_dialled() == {"9841234567": 1}


def test_a_refused_write_is_sent_once_and_names_the_field(client: Client, sandbox: Sandbox) -> None:
    with pytest.raises(TingTingValidationError, match=r"schedule: Cannot schedule past dates\.") as caught:
        client.send(calls.create_campaign(**CREATE, schedule="2020-01-01"))

    assert caught.value.fields == {"schedule": ("Cannot schedule past dates.",)}
    assert len(sandbox.requests) == 1
    assert not sandbox.world.campaigns


@pytest.mark.parametrize("fault", ["429=0.05", "413"])
def test_a_write_that_the_server_turns_away_is_refused_and_not_sent_again(
    client: Client, sandbox: Sandbox, fault: str
) -> None:
    sandbox.faults.parse(f"{fault}:create:*")

    with pytest.raises(TingTingRefusedError) as caught:
        client.send(calls.create_campaign(**CREATE))
    assert isinstance(caught.value, TingTingRateLimitedError) == fault.startswith("429")
    assert len(sandbox.requests) == 1


def test_a_write_in_part_comes_back_with_what_was_left_out(client: Client, sandbox: Sandbox, campaign_id: int) -> None:
    sandbox.faults.parse("partial:add")
    rows = [{"number": f"984123456{digit}"} for digit in (1, 2, 3)]

    result = client.send(calls.add_contacts(campaign_id, rows))
    assert (result.created, result.skipped, len(result.errors)) == (2, 0, 1)


# -- never sent --------------------------------------------------------------------------------------------------------


def _closed_port() -> int:
    with socket.socket() as once:
        once.bind(("127.0.0.1", 0))
        return int(once.getsockname()[1])


@contextmanager
def _plain_port() -> Iterator[tuple[int, list[bytes]]]:
    """A port where plain HTTP is spoken, to which a client speaks TLS; and what came in there."""
    came: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    came.append(connection.recv(4096))
                    connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1], came
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def test_a_write_to_a_closed_port_was_never_sent_and_is_tried_again(
    connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="airflow_provider_tingting")
    port = _closed_port()

    with pytest.raises(TingTingNeverSentError, match=rf"cannot connect to 127\.0\.0\.1:{port} \(Connection refused\)"):
        connect(f"http://127.0.0.1:{port}/api/v1/", max_retries=2).send(calls.create_campaign(**CREATE))
    assert caplog.text.count("Sending create_campaign again") == 2


def test_a_name_with_several_addresses_is_tried_at_each_of_them(connect: Connect) -> None:
    with pytest.raises(TingTingNeverSentError, match=r"cannot connect to localhost:\d+ \(Connection refused\)"):
        connect(f"http://localhost:{_closed_port()}/api/v1/", max_retries=0).send(calls.create_campaign(**CREATE))


def test_a_write_to_an_unknown_host_was_never_sent(connect: Connect) -> None:
    with pytest.raises(TingTingNeverSentError, match=r"cannot connect to tingting\.invalid") as caught:
        connect("https://tingting.invalid/api/v1/", max_retries=1).send(calls.create_campaign(**CREATE))
    assert "Nothing was sent." in str(caught.value)


def test_a_write_by_tls_to_a_port_without_it_is_tried_again_only_when_it_certainly_never_left(connect: Connect) -> None:
    with _plain_port() as (port, came), pytest.raises(TingTingAPIError) as caught:
        connect(f"https://127.0.0.1:{port}/api/v1/", max_retries=1).send(calls.create_campaign(**CREATE))
    assert isinstance(caught.value, TingTingNeverSentError)
    assert len(came) == 2
    assert not any(b"Dashain" in piece for piece in came)


def test_a_write_is_sent_when_the_server_is_reachable_again(connect: Connect, sandbox: Sandbox) -> None:
    client = connect(sandbox, max_retries=12)
    sandbox.stop()
    up_again = threading.Timer(0.3, sandbox.start)
    up_again.start()
    try:
        campaign = client.send(calls.create_campaign(**CREATE))
    finally:
        up_again.join()
    assert list(sandbox.world.campaigns) == [campaign.id]


def test_what_was_never_sent_before_does_not_make_the_next_write_seem_so(
    client: Client, connect: Connect, sandbox: Sandbox, campaign_id: int
) -> None:
    """Python chains the error being handled to every new one: it must not be taken for the cause."""
    sandbox.faults.parse("lose-reply:run:*")
    nowhere = connect(f"http://127.0.0.1:{_closed_port()}/api/v1/", max_retries=0)

    try:
        nowhere.send(calls.run_campaign(campaign_id))
    except TingTingNeverSentError:
        with pytest.raises(TingTingOutcomeUnknownError):
            client.send(calls.run_campaign(campaign_id))
    assert sandbox.ledger.times_called("run_campaign") == 1


# -- redirects ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_write_is_never_redirected(
    connect: Connect, server: RecordingServer, other_server: RecordingServer, status: int
) -> None:
    server.always(status=status, Location=other_server.base_url)

    with pytest.raises(TingTingRedirectError, match="redirected to http"):
        connect(server).send(calls.run_campaign(79))
    assert len(server.received) == 1
    assert other_server.received == []


# -- what goes out -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (decimal.Decimal("1.5"), "Decimal"),
        (datetime.date(2026, 11, 23), "date"),
        (float("nan"), "JSON"),
        ("half a \ud83d", "surrogate"),
    ],
)
def test_what_json_cannot_hold_is_refused_before_anything_is_sent(
    client: Client, sandbox: Sandbox, value: object, kind: str
) -> None:
    with pytest.raises(TingTingConfigError, match=f"add_contact was not sent: .*{kind}"):
        client.send(calls.add_contact(1, "9841234567", {"amount": value}))
    assert not sandbox.requests


@pytest.mark.parametrize("name", ["absent.xlsx", "."])
def test_a_workbook_that_cannot_be_read_is_refused_before_anything_is_sent(tmp_path: Path, name: str) -> None:
    with pytest.raises(TingTingContactsError, match="cannot be read") as caught:
        calls.upload_contacts(79, tmp_path / name)
    assert str(tmp_path) in str(caught.value)


def test_a_large_workbook_is_sent_without_lying_in_memory(
    connect: Connect, server: RecordingServer, tmp_path: Path
) -> None:
    path, size = tmp_path / "large.xlsx", 24 << 20
    with path.open("wb") as file:
        file.truncate(size)
    server.always({"error_list": [], "samples": [], "total_validated_rows": 0})
    client = connect(server)
    tracemalloc.start()
    try:
        client.send(calls.upload_contacts(79, path))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert server.received[0].size > size
    assert peak < size / 4


def test_a_large_batch_is_given_more_time(connect: Connect, sandbox: Sandbox, campaign_id: int) -> None:
    rows = [{"number": f"98412{digits:05}"} for digits in range(400)]
    sandbox.options.latency_per_contact = 0.001
    try:
        result = connect(sandbox, timeout=0.3).send(calls.add_contacts(campaign_id, rows))
    finally:
        sandbox.options.latency_per_contact = 0.0
    assert result.created == 400
