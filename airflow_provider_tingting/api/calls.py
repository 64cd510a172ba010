"""The endpoints of TingTing as functions that return a `Call`.

Paths, methods and bodies are those of the vendor's Campaign API page; each function names its section, or says that the
page does not have the call. Arguments are sent as they are given; an argument that is None is omitted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from os import PathLike
from typing import Any

import msgspec
from pydantic import TypeAdapter

from airflow_provider_tingting.api import arguments as given
from airflow_provider_tingting.api import models
from airflow_provider_tingting.api.protocol import Alternative, Call, MismatchedResponseError, Request, RetrySafety
from airflow_provider_tingting.api.transport import workbook_size
from airflow_provider_tingting.errors import TingTingConfigError

PAGE_SIZE = 100
_WRITE = RetrySafety.IF_NOT_SENT

# The server takes 6 to 11 ms to insert a contact, so large batches have a longer timeout.
_SECONDS_PER_CONTACT = 0.015
# A contact takes about 40 bytes of a compressed workbook.
_SECONDS_PER_UPLOADED_BYTE = _SECONDS_PER_CONTACT / 40
_REPORT_EXTRA_TIMEOUT = 60.0


def _ignore(_: object) -> None:
    return None


def list_voice_models() -> Call[tuple[models.Voice, ...]]:
    """Return the call that lists the voices (API page: List voice models)."""
    return Call("list_voice_models", Request("GET", "voice-models/"), models.rows_of(models.Voice))


def list_broker_numbers() -> Call[tuple[models.CallerNumber, ...]]:
    """Return the call that lists the caller numbers of TingTing (vendor's client, not on the API page)."""
    return Call("list_broker_numbers", Request("GET", "active-broker-phone/"), models.rows_of(models.CallerNumber))


def list_own_numbers() -> Call[tuple[models.CallerNumber, ...]]:
    """Return the call that lists the account's own caller numbers (vendor's client, not on the API page)."""
    return Call("list_own_numbers", Request("GET", "phone-number/active/"), models.rows_of(models.CallerNumber))


def list_campaigns(
    *, status: str | None = None, search: str | None = None, draft: bool | None = None, limit: int = PAGE_SIZE
) -> Call[models.Page[models.Campaign]]:
    """Return the call for the first page of campaigns, newest first (API page: List campaigns).

    :param status: only campaigns in this status; case-sensitive. Default: all.
    :param search: only campaigns whose name contains this text. Default: all.
    :param draft: whether to list drafts (not on the API page). Default: TingTing hides them.
    :param limit: rows a page, default 100; the server may return fewer.
    """
    query = given.without_none(
        limit=limit,
        offset=0,
        **given.texts_of(status=status, search=search),
        draft=None if draft is None else str(draft).lower(),
    )
    return Call("list_campaigns", Request("GET", "campaign/", query), models.Page[models.Campaign].model_validate)


def get_campaign(campaign_id: int) -> Call[models.Campaign]:
    """Return the call that reads a campaign (API page: Get campaign details).

    :param campaign_id: the campaign's id.
    """
    number = given.campaign_of(campaign_id)

    def parse(content: object) -> models.Campaign:
        campaign = models.Campaign.model_validate(content)
        if campaign.id != number:
            raise MismatchedResponseError(f"the response has campaign {campaign.id} instead of {number}.")
        return campaign

    return Call("get_campaign", Request("GET", f"campaign/{number}/"), parse, campaign_id=number)


def create_campaign(
    *,
    name: str,
    services: str,
    user_phone: Iterable[int],
    message: str,
    sms_message: str | None = None,
    description: str | None = None,
    schedule: str | None = None,
    credit_limit: float | None = None,
) -> Call[models.Campaign]:
    """Return the call that creates a campaign (API page: Create a campaign).

    It does not send `voice`, since sources disagree about its form here; `set_campaign_message` sets it.

    :param name: the campaign's name.
    :param services: `PHONE`, `SMS` or `SMS & PHONE`.
    :param user_phone: ids of the caller numbers.
    :param message: the text to speak, with `{tags}`.
    :param sms_message: the text to send as SMS, with `{tags}`.
    :param description: a note.
    :param schedule: an ISO date and time with its offset.
    :param credit_limit: the most credits to spend.
    """
    body = given.without_none(
        name=given.text_of(name, "name"),
        services=given.text_of(services, "services"),
        user_phone=given.ids_of(user_phone, "user_phone"),
        message=given.text_of(message, "message"),
        **given.texts_of(sms_message=sms_message, description=description, schedule=schedule),
        credit_limit=given.amount_or_none(credit_limit, "credit_limit"),
    )
    request = Request("POST", "campaign/create/", json=body)
    return Call("create_campaign", request, models.Campaign.model_validate, _WRITE)


def set_campaign_message(
    campaign_id: int,
    *,
    voice: int,
    category: str = "Text",
    message: str | None = None,
    sms_message: str | None = None,
    length_factor: str | None = None,
    draft: bool | None = None,
) -> Call[models.CampaignMessage]:
    """Return the call that sets a campaign's voice and category (API page: Set voice and category).

    :param campaign_id: the campaign's id.
    :param voice: the voice's id.
    :param category: what the voice speaks; default `Text`, the text in `message`.
    :param message: the text to speak; not on the API page, but required by some versions of the server.
    :param sms_message: the text to send as SMS, likewise.
    :param length_factor: the speed of premium voices.
    :param draft: whether the campaign is a draft.
    """
    body = given.without_none(
        voice=given.id_of(voice, "voice"),
        category=given.text_of(category, "category"),
        **given.texts_of(message=message, sms_message=sms_message, length_factor=length_factor),
        draft=given.flag_or_none(draft, "draft"),
    )
    request = Request("PATCH", f"campaign/create/{given.campaign_of(campaign_id)}/message/", json=body)
    return Call(
        "set_campaign_message", request, models.CampaignMessage.model_validate, _WRITE, campaign_id=int(campaign_id)
    )


def update_campaign(campaign_id: int, **fields: Any) -> Call[models.Campaign | None]:
    """Return the call that changes fields of a campaign (API page: Update a campaign).

    The API page shows no response: the result is None when the response has no campaign.

    :param campaign_id: the campaign's id.
    :param fields: the fields to change, as for `create_campaign`.
    """

    def parse(content: object) -> models.Campaign | None:
        if isinstance(content, Mapping) and {"id", "status"} <= content.keys():
            return models.Campaign.model_validate(content)
        return None

    request = Request("PATCH", f"campaign/{given.campaign_of(campaign_id)}/", json=fields)
    return Call("update_campaign", request, parse, _WRITE, campaign_id=int(campaign_id))


def delete_campaign(campaign_id: int) -> Call[None]:
    """Return the call that deletes a campaign (API page: Delete a campaign).

    :param campaign_id: the campaign's id.
    """
    request = Request("DELETE", f"campaign/{given.campaign_of(campaign_id)}/")
    return Call("delete_campaign", request, _ignore, _WRITE, campaign_id=int(campaign_id))


def add_contact(
    campaign_id: int, number: str | int, other_variables: Mapping[str, Any] | None = None
) -> Call[models.AddContactsResult]:
    """Return the call that adds one contact (API page: Add a single contact).

    :param campaign_id: the campaign's id.
    :param number: the phone number.
    :param other_variables: values for the `{tags}` of the message.
    """
    body = given.without_none(
        number=given.phone_number_of(number), other_variables=given.dict_or_none(other_variables, "other_variables")
    )

    def parse(content: object) -> models.AddContactsResult:
        # The API page shows `{"message": …}`; some versions of the server return the new row.
        if isinstance(content, Mapping) and "number" in content:
            content = {"created": 1, "skipped": 0, "contacts": [content]}
        return models.AddContactsResult.model_validate(
            content if isinstance(content, Mapping) else {"message": content}
        )

    request = Request("POST", f"campaign/{given.campaign_of(campaign_id)}/add-contact/", json=body)
    return Call("add_contact", request, parse, _WRITE, campaign_id=int(campaign_id))


def add_contacts(
    campaign_id: int, contacts: Iterable[Mapping[str, Any] | msgspec.Raw]
) -> Call[models.AddContactsResult]:
    """Return the call that adds contacts (API page: Add multiple contacts).

    TingTing skips numbers that the campaign has.

    :param campaign_id: the campaign's id.
    :param contacts: one `{"number": …, "other_variables": {…}}` for each contact, or each as JSON.
    """
    rows = [
        contact if isinstance(contact, msgspec.Raw) else given.dict_of(contact, "contacts")
        for contact in given.items_of(contacts, "contacts")
    ]
    request = Request(
        "POST",
        f"campaign/{given.campaign_of(campaign_id)}/add-contact/",
        json={"contacts": rows},
        extra_read_timeout=len(rows) * _SECONDS_PER_CONTACT,
    )
    return Call("add_contacts", request, models.AddContactsResult.model_validate, _WRITE, campaign_id=int(campaign_id))


def upload_contacts(campaign_id: int, path: str | PathLike[str]) -> Call[models.UploadResult]:
    """Return the call that uploads a workbook of contacts (API page: Upload bulk contacts).

    The result is a preview; the campaign's `campaign_action_count` shows how many contacts were added.

    :param campaign_id: the campaign's id.
    :param path: the path of the .xlsx file.
    :raises TingTingContactsError: the file cannot be read.
    """
    number, workbook = given.campaign_of(campaign_id), given.path_of(path, "path")
    size = workbook_size(workbook)
    request = Request(
        "PATCH",
        f"campaign/create/{number}/detail/",
        upload=("bulk_file", workbook),
        extra_read_timeout=size * _SECONDS_PER_UPLOADED_BYTE,
    )
    return Call("upload_contacts", request, models.UploadResult.model_validate, _WRITE, campaign_id=int(campaign_id))


def list_contacts(campaign_id: int, *, limit: int = PAGE_SIZE, offset: int = 0) -> Call[models.Page[models.Contact]]:
    """Return the call for a page of a campaign's contacts (API page: List contacts).

    :param campaign_id: the campaign's id.
    :param limit: rows a page, default 100; the server may return fewer.
    :param offset: rows before the page, default 0.
    """
    request = Request("GET", f"campaign-detail/{given.campaign_of(campaign_id)}/", {"limit": limit, "offset": offset})
    return Call("list_contacts", request, models.Page[models.Contact].model_validate, campaign_id=int(campaign_id))


def get_contact_attributes(contact_id: int) -> Call[dict[str, Any]]:
    """Return the call that reads a contact's variables (API page: Get contact info).

    :param contact_id: the contact's id.
    """
    request = Request("GET", f"campaign/{given.contact_of(contact_id)}/attributes/")
    return Call("get_contact_attributes", request, TypeAdapter(dict[str, Any]).validate_python)


def update_contact_attributes(contact_id: int, attributes: Mapping[str, Any]) -> Call[dict[str, Any] | None]:
    """Return the call that changes a contact's variables (API page: Edit contact attributes).

    :param contact_id: the contact's id.
    :param attributes: the new values.
    """
    request = Request(
        "PATCH", f"campaign/{given.contact_of(contact_id)}/attributes/", json=given.dict_of(attributes, "attributes")
    )
    parse = TypeAdapter(dict[str, Any] | None).validate_python
    return Call("update_contact_attributes", request, parse, _WRITE)


def update_contact_number(contact_id: int, number: str | int) -> Call[None]:
    """Return the call that changes a contact's number (API page: Edit contact number).

    :param contact_id: the contact's id.
    :param number: the new phone number.
    """
    request = Request(
        "PATCH", f"phone-number/update/{given.contact_of(contact_id)}/", json={"number": given.phone_number_of(number)}
    )
    return Call("update_contact_number", request, _ignore, _WRITE)


def delete_contact(contact_id: int) -> Call[None]:
    """Return the call that deletes a contact (API page: Delete a contact).

    :param contact_id: the contact's id.
    """
    request = Request("DELETE", f"phone-number/delete/{given.contact_of(contact_id)}/")
    return Call("delete_contact", request, _ignore, _WRITE)


def preview_voice(campaign_id: int, *, voice: int, message: str) -> Call[str]:
    """Return the call that makes a voice speak a text; the result is the URL of an mp3 (API page: Test voice).

    The API page shows a JSON body. The vendor's client sends a form, which is sent once when the server fails on JSON.

    :param campaign_id: any campaign of the account.
    :param voice: the voice's id.
    :param message: the text to speak.
    """
    path = f"test-speak/riri/{given.campaign_of(campaign_id)}/"
    body = given.without_none(voice_input=given.id_of(voice, "voice"), message=given.text_of(message, "message"))
    form = Alternative(Request("POST", path, form=body), frozenset(range(500, 600)))
    request = Request("POST", path, json=body)
    return Call("preview_voice", request, models.read_url, _WRITE, campaign_id=int(campaign_id), alternative=form)


def demo_call(contact_id: int) -> Call[models.MessageResponse]:
    """Return the call that makes TingTing call one contact, each time it is sent (API page: Demo call).

    :param contact_id: the contact's id.
    """
    return Call("demo_call", Request("POST", f"demo-call/{given.contact_of(contact_id)}/"), models.read_message, _WRITE)


def run_campaign(campaign_id: int) -> Call[models.MessageResponse]:
    """Return the call that runs a campaign (API page: Run campaign).

    TingTing calls all contacts each time it is sent, so read the campaign's status before.

    :param campaign_id: the campaign's id.
    """
    request = Request("POST", f"run-campaign/{given.campaign_of(campaign_id)}/")
    return Call("run_campaign", request, models.read_message, RetrySafety.NEVER, campaign_id=int(campaign_id))


def stop_campaign(campaign_id: int) -> Call[models.MessageResponse]:
    """Return the call that stops a campaign, which cannot be resumed (vendor's client, not on the API page).

    :param campaign_id: the campaign's id.
    """
    request = Request("POST", f"campaign/emergency-stop/{given.campaign_of(campaign_id)}/")
    return Call("stop_campaign", request, models.read_message, _WRITE, campaign_id=int(campaign_id))


def get_user_profile() -> Call[models.UserProfile]:
    """Return the call that reads the account of the token (vendor's client, not on the API page)."""
    return Call("get_user_profile", Request("GET", "auths/user-profile/"), models.UserProfile.model_validate)


def get_dashboard(*, days: int | None = None) -> Call[models.Dashboard]:
    """Return the call that reads the account's balances and use (vendor's dashboard page, not on the API page).

    TingTing answers 403 to accounts that are not company accounts.

    :param days: the days that `credits_used` covers; None for TingTing's default.
    """
    request = Request("GET", "dashboard/", query=given.without_none(days=days))
    return Call("get_dashboard", request, models.Dashboard.model_validate)


def download_campaign_report(campaign_id: int) -> Call[None]:
    """Return the call for a client's `download` of a campaign's report (API page: Campaign report).

    Every source but the API page swaps two parts of the path. The swapped path is requested when the page's is not
    found, or fails with an error that a retry does not cure.

    :param campaign_id: the campaign's id.
    """
    number = given.campaign_of(campaign_id)
    return Call(
        "download_campaign_report",
        Request("GET", f"download/{number}/report/", extra_read_timeout=_REPORT_EXTRA_TIMEOUT),
        _ignore,
        campaign_id=number,
        alternative=Alternative(
            Request("GET", f"download/report/{number}/", extra_read_timeout=_REPORT_EXTRA_TIMEOUT),
            frozenset({404, 405, 500}),
        ),
    )


def download_survey_report(survey_id: int, *, format: str = "csv") -> Call[None]:
    """Return the call for a client's `download` of a survey's report (API page: Survey report).

    :param survey_id: the survey's id, which is not the campaign's.
    :param format: `csv` (default) or `json`.
    :raises TingTingConfigError: the format is neither `csv` nor `json`.
    """
    if format not in ("csv", "json"):
        raise TingTingConfigError(f"format must be csv or json; it is {format!r}.")
    query = {"format": format} if format != "csv" else {}
    path = f"download/survey/{given.id_of(survey_id, 'survey_id')}/report/"
    return Call(
        "download_survey_report", Request("GET", path, query, extra_read_timeout=_REPORT_EXTRA_TIMEOUT), _ignore
    )
