"""Every way in which real servers differ is understood by both clients, and comes out the same."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from support.both_clients import Client, Connect

from airflow_provider_tingting.api import calls
from airflow_provider_tingting.api.statuses import CampaignStatus
from airflow_provider_tingting.errors import (
    TingTingAPIError,
    TingTingAuthError,
    TingTingNotFoundError,
    TingTingRefusedError,
    TingTingServerError,
    TingTingValidationError,
)
from airflow_provider_tingting.sandbox import Dialect, Sandbox
from airflow_provider_tingting.sandbox.refusals import ERROR_SHAPES

Speaking = Callable[..., Sandbox]

CREATE: dict[str, Any] = {
    "name": "Dashain",
    "services": "SMS & PHONE",
    "user_phone": [3, 12],
    "message": "नमस्ते {name}",
    "sms_message": "नमस्ते {name}",
    "credit_limit": 50,
}
#: What a client sees of the default dialect, by kind of client.
DEFAULT: dict[str, dict[str, Any]] = {}
# What this changes changes what TingTing does and not how it responds, so it has a test of its own below.
ANOTHER_WORLD = {("upload", "preview"), ("account", "vendor"), ("dashboard", "403")}
CHOICES = {
    switch.name: [choice for choice in switch.metadata["choices"] if (switch.name, choice) not in ANOTHER_WORLD]
    for switch in fields(Dialect)
    if "choices" in switch.metadata
}
#: Servers that differ from the default one in many ways at once; together they have every choice of every switch.
SERVERS = [
    {switch: choices[number % len(choices)] for switch, choices in CHOICES.items()}
    for number in range(1, max(map(len, CHOICES.values())))
]


@pytest.fixture
def workbook(tmp_path: Path) -> Path:
    from openpyxl import Workbook

    book, path = Workbook(), tmp_path / "contacts.xlsx"
    for row in (["number", "name"], ["9841000001", "सीता"], ["9841000002", "राम"]):
        book.active.append(row)
    book.save(path)
    return path


def create(client: Client, **changes: Any) -> int:
    campaign_id: int = client.send(calls.create_campaign(**{**CREATE, **changes})).id
    client.send(
        calls.set_campaign_message(
            campaign_id, voice=2, message=CREATE["message"], sms_message=CREATE["sms_message"], length_factor="1.10"
        )
    )
    return campaign_id


def every_call(client: Client, sandbox: Sandbox, workbook: Path) -> dict[str, Any]:
    """Carry out every call of the API on one campaign and return what was learnt."""
    seen: dict[str, Any] = {}
    seen["voices"] = [(voice.id, voice.voice_display_name) for voice in client.send(calls.list_voice_models())]
    campaign_id = create(client)
    preview = client.send(calls.upload_contacts(campaign_id, workbook))
    seen["columns"] = [column.column for column in preview.samples]
    seen["validated"], seen["rejected"] = preview.total_validated_rows, preview.error_list
    client.send(calls.add_contact(campaign_id, "9841000003", {"name": "गीता"}))
    rows = [{"number": f"984100000{digit}"} for digit in (3, 4, 5)]
    added = client.send(calls.add_contacts(campaign_id, rows))
    seen["added"] = (added.created, added.skipped, added.errors, len(added.contacts))
    contacts = {contact.number: contact for contact in client.rows(calls.list_contacts(campaign_id))}
    seen["numbers"] = list(contacts)
    first = contacts["9841000001"].id
    seen["attributes"] = client.send(calls.get_contact_attributes(first))
    client.send(calls.update_contact_attributes(first, {"name": "Sita", "age": 30}))
    seen["changed"] = client.send(calls.get_contact_attributes(first))
    client.send(calls.update_contact_number(first, "9841000009"))
    client.send(calls.delete_contact(contacts["9841000002"].id))
    client.send(calls.update_campaign(campaign_id, description="weekly", schedule=None))
    seen["speech"] = client.send(calls.preview_voice(campaign_id, voice=2, message="नमस्ते")).endswith(".mp3")
    seen["demo"] = type(client.send(calls.demo_call(first)))
    seen["ran"] = client.send(calls.run_campaign(campaign_id)).message
    sandbox.play_out()
    campaign = client.send(calls.get_campaign(campaign_id))
    seen["campaign"] = campaign.model_dump(exclude={"updated_at", "bulk_file"})
    (listed,) = client.rows(calls.list_campaigns(status="Completed"))
    seen["listed"] = (listed.id, listed.voice_id, campaign.voice_id, listed.status)
    seen["outcomes"] = [
        (row.number, row.status, row.call_duration, row.playback, row.credit_consumed, row.credit_consumed_sms)
        for row in client.rows(calls.list_contacts(campaign_id))
    ]
    report = io.BytesIO()
    client.download(calls.download_campaign_report(campaign_id), report)
    seen["reported"] = sorted(set(re.findall(r"98410000\d\d", report.getvalue().decode())))
    survey = io.BytesIO()
    client.download(calls.download_survey_report(12, format="json"), survey)
    seen["survey"] = survey.getvalue()
    seen["profile"] = client.send(calls.get_user_profile()).user
    seen["credits"] = client.send(calls.get_dashboard()).remaining_credits
    seen["callers"] = [client.send(call)[0].id for call in (calls.list_broker_numbers(), calls.list_own_numbers())]
    client.send(calls.delete_campaign(campaign_id))
    seen["left"] = client.rows(calls.list_campaigns())
    return seen


@pytest.mark.parametrize("dialect", SERVERS, ids=lambda dialect: "-".join(dialect.values()))
def test_each_dialect_gives_the_same_results(
    connect: Connect, speaking: Speaking, workbook: Path, dialect: dict[str, str]
) -> None:
    default, sandbox = speaking(), speaking(**dialect)
    client = connect(sandbox)
    if client.kind not in DEFAULT:
        DEFAULT[client.kind] = every_call(connect(default), default, workbook)

    assert every_call(client, sandbox, workbook) == DEFAULT[client.kind]


def test_the_default_dialect_passes_the_same_steps(connect: Connect, speaking: Speaking, workbook: Path) -> None:
    sandbox = speaking()
    seen = every_call(connect(sandbox), sandbox, workbook)

    assert seen["added"] == (2, 1, (), 2)
    assert seen["columns"] == ["number", "name"]
    assert seen["attributes"] == {"name": "सीता"}
    assert seen["changed"] == {"name": "Sita", "age": 30}
    assert seen["ran"] == "Campaign Began Successfully!!"
    assert seen["listed"] == (1, 2, 2, CampaignStatus.COMPLETED)
    assert seen["campaign"]["user_phone"] == (3, 12)
    assert seen["campaign"]["length_factor"] == "1.10"
    assert seen["reported"] == ["9841000003", "9841000004", "9841000005", "9841000009"]
    assert seen["left"] == []


# -- how a server says no ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", ERROR_SHAPES)
def test_the_reason_of_a_refusal_is_read_in_each_format(connect: Connect, speaking: Speaking, shape: str) -> None:
    client = connect(speaking(errors=shape))

    with pytest.raises(TingTingValidationError, match=r"schedule: Cannot schedule past dates\.") as caught:
        client.send(calls.create_campaign(**CREATE, schedule="2020-01-01"))
    named = {} if shape in ("message", "error") else {"schedule": ("Cannot schedule past dates.",)}
    assert caught.value.fields == named
    assert caught.value.status_code == 400


@pytest.mark.parametrize("shape", ERROR_SHAPES)
@pytest.mark.parametrize(
    "call",
    [calls.get_campaign(4711), calls.run_campaign(4711), calls.delete_campaign(4711), calls.demo_call(4711)],
    ids=lambda call: call.name,
)
def test_what_is_not_there_is_not_found_in_every_shape(
    connect: Connect, speaking: Speaking, shape: str, call: Any
) -> None:
    with pytest.raises(TingTingNotFoundError, match="Not found"):
        connect(speaking(errors=shape)).send(call)


@pytest.mark.parametrize("shape", ERROR_SHAPES)
def test_a_wrong_token_is_an_auth_error_in_each_format(connect: Connect, speaking: Speaking, shape: str) -> None:
    sandbox = speaking(errors=shape)

    with pytest.raises(TingTingAuthError, match="Invalid token"):
        connect(sandbox, "another-token").send(calls.list_voice_models())
    assert len(sandbox.requests) == 1


@pytest.mark.parametrize("shape", ERROR_SHAPES)
def test_a_report_is_found_at_the_other_path_whatever_shape_the_first_refusal_has(
    connect: Connect, speaking: Speaking, shape: str
) -> None:
    sandbox, target = speaking(errors=shape, report_path="old"), io.BytesIO()
    client = connect(sandbox)
    campaign_id = create(client)
    client.send(calls.add_contact(campaign_id, "9841000001"))

    client.download(calls.download_campaign_report(campaign_id), target)
    assert b"9841000001" in target.getvalue()


def test_a_refusal_with_http_200_leaves_no_file(connect: Connect, speaking: Speaking) -> None:
    target = io.BytesIO()

    with pytest.raises(TingTingNotFoundError):
        connect(speaking(errors="envelope-200")).download(calls.download_survey_report(4711), target)
    assert target.getvalue() == b""


def test_a_contacts_own_variable_named_success_is_no_envelope(connect: Connect, speaking: Speaking) -> None:
    client = connect(speaking())
    campaign_id = create(client)
    client.send(calls.add_contact(campaign_id, "9841000001", {"success": False, "status": 404}))
    (contact,) = client.rows(calls.list_contacts(campaign_id))

    assert client.send(calls.get_contact_attributes(contact.id)) == {"success": False, "status": 404}


# -- what each of the others changes -----------------------------------------------------------------------------------


def test_adding_one_contact_may_return_its_row(connect: Connect, speaking: Speaking) -> None:
    client = connect(speaking(single_add="row"))
    result = client.send(calls.add_contact(create(client), "9841000001"))

    assert (result.created, result.skipped, len(result.contacts)) == (1, 0, 1)


@pytest.mark.parametrize("upload", ["add", "replace", "preview"])
def test_what_an_upload_really_did_is_seen_in_the_campaigns_own_count(
    connect: Connect, speaking: Speaking, workbook: Path, upload: str
) -> None:
    client = connect(speaking(upload=upload))
    campaign_id = create(client)
    client.send(calls.add_contact(campaign_id, "9841000003"))

    assert client.send(calls.upload_contacts(campaign_id, workbook)).total_validated_rows == 2
    counted = client.send(calls.get_campaign(campaign_id)).campaign_action_count
    assert counted == {"add": 3, "replace": 2, "preview": 1}[upload]


def test_a_preview_is_requested_as_json_and_after_a_server_error_once_as_a_form(
    connect: Connect, speaking: Speaking
) -> None:
    sandbox = speaking(preview="form")
    client = connect(sandbox)
    campaign_id = create(client)

    for _ in range(2):
        assert client.send(calls.preview_voice(campaign_id, voice=2, message="नमस्ते")).endswith(".mp3")
    asked = [(entry.content_type, entry.status) for entry in sandbox.requests if entry.call == "preview_voice"]
    form = "application/x-www-form-urlencoded"
    # The way that worked is remembered.
    assert asked == [("application/json", 500), (form, 200), (form, 200)]


def test_a_preview_that_fails_both_ways_is_requested_once_in_each(connect: Connect, sandbox: Sandbox) -> None:
    client = connect(sandbox)
    campaign_id = create(client)
    sandbox.faults.parse("503-html:preview:*")

    with pytest.raises(TingTingServerError):
        client.send(calls.preview_voice(campaign_id, voice=2, message="m"))
    assert sandbox.ledger.times_called("preview_voice") == 2


@pytest.mark.parametrize("fault", ["lose-reply", "429=0.05"])
def test_a_preview_is_not_requested_as_a_form_after_another_error(
    connect: Connect, sandbox: Sandbox, fault: str
) -> None:
    client = connect(sandbox)
    campaign_id = create(client)
    sandbox.faults.parse(f"{fault}:preview:*")

    with pytest.raises(TingTingAPIError):
        client.send(calls.preview_voice(campaign_id, voice=2, message="m"))
    with pytest.raises(TingTingAPIError):
        client.send(calls.preview_voice(campaign_id, voice=2, message="m"))
    types = {entry.content_type for entry in sandbox.requests if entry.call == "preview_voice"}
    assert types == {"application/json"}
    assert sandbox.ledger.times_called("preview_voice") == 2


def test_a_server_that_requires_the_message_again_is_an_error_that_names_it(
    connect: Connect, speaking: Speaking
) -> None:
    client = connect(speaking(message_call="strict"))
    campaign_id = client.send(calls.create_campaign(**CREATE)).id

    with pytest.raises(TingTingValidationError, match="message: This field is required"):
        client.send(calls.set_campaign_message(campaign_id, voice=2))


@pytest.mark.parametrize("stop", ["404", "405"])
def test_a_server_without_a_stop_is_recognised_by_the_status(connect: Connect, speaking: Speaking, stop: str) -> None:
    client = connect(speaking(stop=stop))

    with pytest.raises(TingTingRefusedError) as caught:
        client.send(calls.stop_campaign(create(client)))
    assert caught.value.status_code == int(stop)


def test_a_terminated_campaign_may_say_100_percent(connect: Connect, speaking: Speaking) -> None:
    client = connect(speaking(terminated_progress="100"))
    campaign_id = create(client)
    client.send(calls.add_contacts(campaign_id, [{"number": f"98410000{digits}"} for digits in range(10, 40)]))
    client.send(calls.run_campaign(campaign_id))
    client.send(calls.stop_campaign(campaign_id))

    campaign = client.send(calls.get_campaign(campaign_id))
    assert (campaign.status, campaign.progress_percent) == (CampaignStatus.TERMINATED, 100)


def test_a_second_run_may_be_refused(connect: Connect, speaking: Speaking) -> None:
    client = connect(speaking(rerun="refuse"))
    campaign_id = create(client)
    client.send(calls.add_contact(campaign_id, "9841000001"))
    client.send(calls.run_campaign(campaign_id))

    with pytest.raises(TingTingRefusedError, match="The campaign is Running"):
        client.send(calls.run_campaign(campaign_id))


def test_a_search_may_be_ignored_by_the_server(connect: Connect, speaking: Speaking) -> None:
    client = connect(speaking(search="ignored"))
    create(client)

    assert len(client.rows(calls.list_campaigns(search="Tihar"))) == 1


def test_a_batch_that_is_too_large_is_refused_as_a_whole(connect: Connect, speaking: Speaking) -> None:
    client = connect(speaking(max_batch=2))
    campaign_id = create(client)

    with pytest.raises(TingTingRefusedError, match="exceeded the maximum size") as caught:
        client.send(calls.add_contacts(campaign_id, [{"number": f"984100000{digit}"} for digit in range(3)]))
    assert caught.value.status_code == 413
    assert client.send(calls.get_campaign(campaign_id)).campaign_action_count == 0


@pytest.mark.parametrize("fault", ["partial", "partial=200"])
def test_a_batch_that_is_accepted_in_part_may_return_207_or_200(connect: Connect, sandbox: Sandbox, fault: str) -> None:
    client = connect(sandbox)
    campaign_id = create(client)
    sandbox.faults.parse(f"{fault}:add")
    result = client.send(calls.add_contacts(campaign_id, [{"number": f"984100000{digit}"} for digit in range(4)]))

    assert (result.created, len(result.errors)) == (2, 2)


def test_an_unknown_status_is_a_value_and_neither_an_error_nor_final(connect: Connect, sandbox: Sandbox) -> None:
    client = connect(sandbox)
    campaign_id = create(client)
    sandbox.world.campaign(campaign_id).status = "Paused"

    status = client.send(calls.get_campaign(campaign_id)).status
    assert (status.value, status.is_known, status.is_final, status.has_begun) == ("Paused", False, False, True)
