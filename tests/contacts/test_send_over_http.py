"""Sending over HTTP to the sandbox, with its faults: each contact is in the campaign once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from support.recording_server import Received, RecordingServer, Reply

from airflow_provider_tingting.api import TingTingClient, calls
from airflow_provider_tingting.contacts.audience import AudienceOptions, ValidatedAudience, check_audience
from airflow_provider_tingting.contacts.message import tags_in
from airflow_provider_tingting.contacts.send import BatchRetries, send_batches
from airflow_provider_tingting.contacts.sources import read_rows
from airflow_provider_tingting.contacts.workbook import write_workbook
from airflow_provider_tingting.errors import TingTingAuthError, TingTingValidationError

if TYPE_CHECKING:
    from airflow_provider_tingting.sandbox import Sandbox

MESSAGE = "नमस्कार {tags_name}, {amount} रुपैयाँ"
SOON = BatchRetries(attempts=5, max_wait=1.0)
SIZE = 250


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[TingTingClient]:
    with TingTingClient(sandbox.token, base_url=sandbox.base_url, max_retries=0) as client:
        yield client


@pytest.fixture
def campaign_id(client: TingTingClient) -> int:
    callers = [caller.id for caller in client.send(calls.list_own_numbers())]
    made = client.send(
        calls.create_campaign(name="festival", services="PHONE", user_phone=callers[:1], message=MESSAGE)
    )
    return made.id


@pytest.fixture
def audience(tmp_path: Path) -> Iterator[ValidatedAudience]:
    path = tmp_path / "people.csv"
    rows = [f"+977 984-{row:07};नाम {row};{row}.50" for row in range(SIZE)]
    path.write_text("\n".join(["मोबाइल नं.;tags_name;amount", *rows, rows[0], "984;x;1"]), "utf-16")
    options = AudienceOptions(required_tags=tags_in(MESSAGE), on_invalid="skip")
    with check_audience(read_rows(path), options) as audience:
        audience.raise_if_refused()
        yield audience


def numbers_in(client: TingTingClient, campaign_id: int) -> list[str]:
    return sorted(contact.number[-10:] for contact in client.iterate(calls.list_contacts(campaign_id)))


def all_numbers() -> list[str]:
    return [f"984{row:07}" for row in range(SIZE)]


def test_all_contacts_of_a_file_are_in_the_campaign_with_their_variables(
    client: TingTingClient, campaign_id: int, audience: ValidatedAudience
) -> None:
    def post(batch: list[dict[str, object]]) -> Any:
        return client.send(calls.add_contacts(campaign_id, batch))

    result = send_batches(audience.contacts(), post, batch_size=40)
    assert (result.sent, result.created, result.skipped, result.rejected_count) == (SIZE, SIZE, 0, 0)
    assert numbers_in(client, campaign_id) == all_numbers()
    contact = next(client.iterate(calls.list_contacts(campaign_id)))
    attributes = client.send(calls.get_contact_attributes(contact.id or 0))
    row = int(contact.number[-7:])
    assert f"नाम {row}" in str(attributes)
    assert f"{row}.50" in str(attributes)
    again = send_batches(audience.contacts(), post, batch_size=40)
    assert (again.sent, again.created, again.skipped) == (SIZE, 0, SIZE)


@pytest.mark.parametrize(
    ("kind", "created", "resent"),
    [
        ("cut-before", 250, 40),
        ("lose-reply", 210, 40),
        ("503-after-commit", 210, 40),
        ("503-html", 250, 40),
        ("garbage", 210, 40),
        ("truncate", 210, 40),
        ("429", 250, 0),
        ("413", 250, 0),
    ],
)
def test_a_fault_in_the_middle_loses_and_doubles_no_contact(
    sandbox: Sandbox,
    client: TingTingClient,
    campaign_id: int,
    audience: ValidatedAudience,
    kind: str,
    created: int,
    resent: int,
) -> None:
    sandbox.faults.add(kind, call="add_contacts", skip=2)
    result = send_batches(
        audience.contacts(),
        lambda batch: client.send(calls.add_contacts(campaign_id, batch)),
        batch_size=40,
        concurrency=2,
        retries=SOON,
    )
    assert numbers_in(client, campaign_id) == all_numbers()
    assert result.sent == SIZE
    # The last batch has ten contacts; whichever is struck, the sums hold.
    assert created <= result.created <= SIZE
    assert result.created + result.skipped == SIZE
    assert result.resent in ({40, 10} if resent else {0})


def test_a_server_that_finds_a_request_too_large_gets_smaller_batches(audience: ValidatedAudience) -> None:
    too_large = Reply(b"<html><title>413 Request Entity Too Large</title></html>", 413, {"Content-Type": "text/html"})
    taken: list[str] = []

    def answer(received: Received) -> Reply:
        numbers = [contact["number"] for contact in received.json["contacts"]]
        if len(numbers) > 100:
            return too_large
        taken.extend(numbers)
        return Reply({"created": len(numbers), "skipped": 0})

    with RecordingServer() as server, TingTingClient("token", base_url=server.base_url) as client:
        server.reply = answer
        result = send_batches(audience.contacts(), lambda batch: client.send(calls.add_contacts(79, batch)))
    assert sorted(taken) == all_numbers()
    assert (result.sent, result.created) == (SIZE, SIZE)


@pytest.mark.parametrize(
    "refusal",
    [
        pytest.param(Reply({"contacts": ["Ensure this field has no more than 100 elements."]}, 400), id="a field"),
        pytest.param(Reply({"detail": "Too many contacts in one request."}, 400), id="a detail"),
        pytest.param(
            Reply({"status": 400, "success": False, "message": "At most 100 contacts are allowed.", "data": None}, 200),
            id="an envelope",
        ),
    ],
)
def test_another_refusal_ends_the_sending_whatever_its_words_are(audience: ValidatedAudience, refusal: Reply) -> None:
    with RecordingServer() as server, TingTingClient("token", base_url=server.base_url) as client:
        server.reply = lambda _received: refusal
        with pytest.raises(TingTingValidationError, match="TingTing did nothing"):
            send_batches(audience.contacts(), lambda batch: client.send(calls.add_contacts(79, batch)), batch_size=SIZE)
        assert len(server.received) == 1


def test_contacts_that_tingting_rejects_are_counted_and_shown_masked(
    sandbox: Sandbox, client: TingTingClient, campaign_id: int, audience: ValidatedAudience
) -> None:
    sandbox.faults.add("partial", call="add_contacts")
    result = send_batches(
        audience.contacts(), lambda batch: client.send(calls.add_contacts(campaign_id, batch)), batch_size=100
    )
    assert result.created == len(numbers_in(client, campaign_id)) < SIZE
    assert result.rejected_count == SIZE - result.created
    assert not any(number in said for said in result.rejected for number in all_numbers())


def test_a_token_that_is_replaced_meanwhile_stops_the_sending(
    sandbox: Sandbox,
    client: TingTingClient,
    campaign_id: int,
    audience: ValidatedAudience,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    sandbox.faults.add("rotate-token", call="add_contacts", skip=3)
    with pytest.raises(TingTingAuthError):
        send_batches(
            audience.contacts(),
            lambda batch: client.send(calls.add_contacts(campaign_id, batch)),
            batch_size=20,
            concurrency=1,
        )
    assert "acknowledged 60 contacts" in caplog.text


def test_workbooks_for_the_upload_bring_the_same_contacts(
    client: TingTingClient, campaign_id: int, audience: ValidatedAudience, tmp_path: Path
) -> None:
    parts = write_workbook(audience.contacts(), tmp_path / "out.xlsx", max_rows=101, variables=audience.variables)
    assert [part.contacts for part in parts] == [100, 100, 50]
    for part in parts:
        # The call is one request or several, as TingTing's responses require.
        assert client.send(calls.upload_contacts(campaign_id, part.path)).total_validated_rows == part.contacts
    assert numbers_in(client, campaign_id) == all_numbers()
