"""The hook: a connection of Airflow in, TingTing's answers out."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from datetime import datetime, time, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_tingting.api.models import (
    AddContactsResult,
    CallerNumber,
    Campaign,
    CampaignMessage,
    Contact,
    Dashboard,
    MessageResponse,
    UploadResult,
    UserProfile,
    Voice,
)
from airflow_provider_tingting.errors import (
    TingTingConfigError,
    TingTingOutcomeUnknownError,
    TingTingStorageRefusedError,
    TingTingValidationError,
)
from airflow_provider_tingting.hooks.tingting import TingTingHook
from airflow_provider_tingting.sandbox import Sandbox

#: A day that may be scheduled.
DAY = (datetime.now(timezone.utc) + timedelta(days=200)).date()
CREATE: dict[str, Any] = {"name": "Dashain", "services": "PHONE", "user_phone": [3], "message": "नमस्ते {name}"}

PROMISED = """
list_voice_models()
find_voice(name_or_id)
list_caller_numbers()
iter_campaigns(*, status=None, search=None)
get_campaign(campaign_id)
create_campaign(*, name, services, user_phone, message, sms_message=None, description=None, schedule=None, credit_limit=None)
set_campaign_message(campaign_id, *, voice, category='Text', message=None, sms_message=None, length_factor=None, draft=None)
update_campaign(campaign_id, **fields)
delete_campaign(campaign_id)
add_contact(campaign_id, number, other_variables=None)
add_contacts(campaign_id, contacts)
upload_contacts(campaign_id, path)
iter_contacts(campaign_id)
get_contact_attributes(contact_id)
update_contact_attributes(contact_id, attributes)
update_contact_number(contact_id, number)
delete_contact(contact_id)
preview_voice(campaign_id, *, voice, message)
demo_call(contact_id)
run_campaign(campaign_id)
stop_campaign(campaign_id)
download_campaign_report(campaign_id, path)
download_survey_report(survey_id, path, *, format='csv')
get_user_profile()
get_dashboard()
test_connection()
get_conn()
get_async_conn()
"""  # noqa: E501 - a signature a line


# -- the methods -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("signature", PROMISED.strip().splitlines())
def test_a_promised_method_has_its_promised_signature(signature: str) -> None:
    name = signature.partition("(")[0]
    found = inspect.signature(getattr(TingTingHook, name))
    parameters = [
        parameter.replace(annotation=parameter.empty)
        for parameter in found.parameters.values()
        if parameter.name != "self"
    ]

    assert name + str(found.replace(parameters=parameters, return_annotation=found.empty)) == signature


def test_the_hook_takes_a_connection_id_and_has_a_default_one(tingting_conn: str) -> None:
    assert TingTingHook().tingting_conn_id == tingting_conn == TingTingHook.default_conn_name
    assert TingTingHook(tingting_conn_id="other").tingting_conn_id == "other"


def test_a_campaign_is_created_run_and_reported(hook: TingTingHook, sandbox: Sandbox, tmp_path: Path) -> None:
    from openpyxl import Workbook

    book = Workbook()
    book.active.append(["number", "name"])
    book.active.append(["9841000001", "सीता"])
    book.save(tmp_path / "contacts.xlsx")

    campaign = hook.create_campaign(**CREATE, description="weekly", credit_limit=50)
    assert type(campaign) is Campaign
    assert (campaign.status.value, campaign.credit_limit) == ("Not Started", 50)
    message = hook.set_campaign_message(campaign.id, voice=hook.find_voice("Binod").id, length_factor="1.10")
    assert type(message) is CampaignMessage
    assert (message.voice, message.length_factor) == (4, "1.10")
    assert type(hook.upload_contacts(campaign.id, tmp_path / "contacts.xlsx")) is UploadResult
    assert hook.add_contact(campaign.id, "9841000002").message == "New Contact added"
    added = hook.add_contacts(campaign.id, [{"number": "9841000002"}, {"number": "9841000003"}])
    assert type(added) is AddContactsResult
    assert (added.created, added.skipped) == (1, 1)
    contacts = list(hook.iter_contacts(campaign.id))
    assert {type(contact) for contact in contacts} == {Contact}
    by_number = {contact.number: contact.id or 0 for contact in contacts}
    first = by_number["9841000001"]
    assert hook.get_contact_attributes(first) == {"name": "सीता"}
    assert hook.update_contact_attributes(first, {"name": "Sita"}) == {"name": "Sita"}
    assert hook.update_contact_number(first, "9841000009") is None
    assert hook.delete_contact(by_number["9841000002"]) is None
    assert hook.preview_voice(campaign.id, voice=4, message="नमस्ते").endswith(".mp3")
    assert type(hook.demo_call(first)) is MessageResponse
    assert hook.run_campaign(campaign.id).message == "Campaign Began Successfully!!"
    sandbox.play_out()
    assert hook.get_campaign(campaign.id).status.value == "Completed"
    assert [listed.id for listed in hook.iter_campaigns(status="Completed", search="dash")] == [campaign.id]
    size = hook.download_campaign_report(campaign.id, tmp_path / "report.csv")
    assert (tmp_path / "report.csv").stat().st_size == size
    assert hook.delete_campaign(campaign.id) is None
    assert list(hook.iter_campaigns()) == []
    assert sandbox.ledger.times_dialled() == {"9841000003": 1, "9841000009": 1}


def test_the_account_can_be_looked_at(hook: TingTingHook) -> None:
    assert {type(voice) for voice in hook.list_voice_models()} == {Voice}
    assert [(type(number), number.id) for number in hook.list_caller_numbers()] == [
        (CallerNumber, 3),
        (CallerNumber, 12),
    ]
    profile, dashboard = hook.get_user_profile(), hook.get_dashboard()
    assert (type(profile), type(dashboard)) == (UserProfile, Dashboard)
    assert dashboard.remaining_credits == 10_000


def test_a_campaign_that_runs_can_be_stopped(hook: TingTingHook, sandbox: Sandbox) -> None:
    campaign = hook.create_campaign(**CREATE)
    hook.set_campaign_message(campaign.id, voice=1)
    hook.add_contact(campaign.id, 9841000001, {"name": "Sita"})
    hook.run_campaign(campaign.id)

    assert type(hook.stop_campaign(campaign.id)) is MessageResponse
    assert hook.get_campaign(campaign.id).status.value == "Terminated"


def test_a_time_goes_out_with_its_offset_and_without_one_is_nepals(hook: TingTingHook) -> None:
    naive = hook.create_campaign(**CREATE, schedule=datetime.combine(DAY, time(14, 30)))
    aware = hook.create_campaign(**CREATE, schedule=datetime.combine(DAY, time(8, 45), timezone.utc))
    text = hook.create_campaign(**CREATE, schedule=DAY.isoformat())

    assert naive.schedule == aware.schedule == f"{DAY}T14:30:00+05:45"
    assert text.schedule == f"{DAY}T00:00:00+05:45"


def test_an_update_takes_a_time_as_creating_does(hook: TingTingHook) -> None:
    campaign = hook.create_campaign(**CREATE)
    changed = hook.update_campaign(campaign.id, name="Tihar", schedule=datetime.combine(DAY, time(14, 30)))

    assert changed is not None
    assert (changed.name, changed.schedule) == ("Tihar", f"{DAY}T14:30:00+05:45")


def test_a_write_is_sent_once_and_its_unknown_outcome_raised(hook: TingTingHook, sandbox: Sandbox) -> None:
    sandbox.faults.parse("lose-reply:create:*")

    with pytest.raises(TingTingOutcomeUnknownError):
        hook.create_campaign(**CREATE)
    assert sandbox.ledger.times_called("create_campaign") == 1


def test_a_refusal_names_the_field(hook: TingTingHook) -> None:
    with pytest.raises(TingTingValidationError, match=r"user_phone: Invalid pk"):
        hook.create_campaign(**{**CREATE, "user_phone": [77]})


# -- voices ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "found"),
    [(5, 5), ("5", 5), ("Rija", 1), ("rija premium", 2), (" RIJA  ", 1), ("np_binod", 4), ("NP_Shreegya", 5)],
)
def test_a_voice_is_found_by_id_display_name_or_unshared_internal_name(
    hook: TingTingHook, wanted: str | int, found: int
) -> None:
    assert hook.find_voice(wanted).id == found


def test_an_internal_name_that_voices_share_is_an_error(hook: TingTingHook) -> None:
    with pytest.raises(TingTingConfigError, match="'np_rija' is shared by several voices") as caught:
        hook.find_voice("np_rija")
    assert "'Rija' (1), 'Rija premium' (2)" in str(caught.value)


@pytest.mark.parametrize("wanted", ["Rima", 9, "", "1.0"])
def test_the_error_of_an_unknown_voice_lists_the_voices(hook: TingTingHook, wanted: str | int) -> None:
    with pytest.raises(TingTingConfigError, match="does not exist in this account") as caught:
        hook.find_voice(wanted)
    assert "'Rija' (1), 'Rija premium' (2), 'Prashanna' (3), 'Binod' (4), 'Shreegya' (5)." in str(caught.value)


# -- reports -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def reported(hook: TingTingHook) -> int:
    campaign = hook.create_campaign(**CREATE)
    hook.add_contacts(campaign.id, [{"number": f"98410{digits:05}"} for digits in range(100)])
    return campaign.id


@pytest.mark.parametrize("before", [None, b"last week's report"])
def test_a_report_that_breaks_off_leaves_what_was_there(
    connection: Callable[..., TingTingHook], sandbox: Sandbox, reported: int, tmp_path: Path, before: bytes | None
) -> None:
    path = tmp_path / "report.csv"
    if before is not None:
        path.write_bytes(before)
    sandbox.faults.parse("truncate:report:*")
    impatient = connection(host=sandbox.base_url, password=sandbox.token, extra={"max_retries": 0})

    with pytest.raises(TingTingOutcomeUnknownError):
        impatient.download_campaign_report(reported, path)
    assert [file.read_bytes() for file in tmp_path.iterdir()] == ([] if before is None else [before])


def test_a_report_that_breaks_off_once_comes_whole(
    hook: TingTingHook, sandbox: Sandbox, reported: int, tmp_path: Path
) -> None:
    sandbox.faults.parse("truncate:report:1")
    size = hook.download_campaign_report(reported, tmp_path / "report.csv")

    content = (tmp_path / "report.csv").read_bytes()
    assert len(content) == size
    assert content.count(b"\r\n98410") == 100


def test_a_survey_report_comes_in_either_format(hook: TingTingHook, tmp_path: Path) -> None:
    hook.download_survey_report(12, tmp_path / "survey.csv")
    hook.download_survey_report(12, str(tmp_path / "survey.json"), format="json")

    assert (tmp_path / "survey.csv").read_text(encoding="utf-8").startswith("number,question,answer")
    assert len(json.loads((tmp_path / "survey.json").read_bytes())) == 3


def test_a_path_that_cannot_be_written_is_an_error_before_the_download(
    hook: TingTingHook, sandbox: Sandbox, reported: int, tmp_path: Path
) -> None:
    for path in (tmp_path, tmp_path / "a-file" / "report.csv"):
        (tmp_path / "a-file").touch()
        with pytest.raises(TingTingStorageRefusedError, match="cannot be written"):
            hook.download_campaign_report(reported, path)
    assert sandbox.ledger.times_called("download_campaign_report") == 0
