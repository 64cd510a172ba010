"""Every endpoint of TingTing, once, as data: arguments in, a `Call` out. No I/O but a look at a file.

The paths, methods and bodies are those of the vendor's Campaign API page, each function naming its section; calls that
the page lacks say so. Arguments go out as given; `None` means left out.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter

from airflow_provider_tingting.api.models import (
    AddContactsResult,
    CallerNumber,
    Campaign,
    CampaignMessage,
    Contact,
    Dashboard,
    MessageResponse,
    Page,
    UploadResult,
    UserProfile,
    Voice,
)
from airflow_provider_tingting.api.protocol import Alternative, Call, MismatchedResponseError, Request, RetrySafety
from airflow_provider_tingting.errors import TingTingContactsError

M = TypeVar("M", bound=BaseModel)

PAGE_SIZE = 100

# Inserting a contact was seen to take the server 6 to 11 ms, so the answer of a large batch is waited for longer.
_SECONDS_A_CONTACT = 0.015
# A contact takes about 40 bytes of a compressed workbook.
_SECONDS_AN_UPLOADED_BYTE = _SECONDS_A_CONTACT / 40
_REPORT_EXTRA_TIMEOUT = 60.0


def _given(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _rows(model: type[M]) -> Callable[[Any], tuple[M, ...]]:
    adapter = TypeAdapter(tuple[model, ...])  # type: ignore[valid-type]

    def parse(content: Any) -> tuple[M, ...]:
        # A bare list per the API page; some endpoints of the vendor wrap lists into a page.
        if isinstance(content, Mapping) and "results" in content:
            content = content["results"]
        return adapter.validate_python(content)

    return parse


def _ignored(_: Any) -> None:
    return None


def _said(content: Any) -> MessageResponse:
    return MessageResponse.model_validate(content if isinstance(content, Mapping) else {"message": content})


def list_voice_models() -> Call[tuple[Voice, ...]]:
    """Return the call of API page: List voice models."""
    return Call("list_voice_models", Request("GET", "voice-models/"), _rows(Voice))


def list_broker_numbers() -> Call[tuple[CallerNumber, ...]]:
    """Return the call for the caller numbers that TingTing lends (vendor's client, not on the API page)."""
    return Call("list_broker_numbers", Request("GET", "active-broker-phone/"), _rows(CallerNumber))


def list_own_numbers() -> Call[tuple[CallerNumber, ...]]:
    """Return the call for the account's own caller numbers (vendor's client, not on the API page)."""
    return Call("list_own_numbers", Request("GET", "phone-number/active/"), _rows(CallerNumber))


def list_campaigns(
    *, status: str | None = None, search: str | None = None, draft: bool | None = None, limit: int = PAGE_SIZE
) -> Call[Page[Campaign]]:
    """Return the call of API page: List campaigns, for its first page; newest first."""
    query = _given(
        limit=limit, offset=0, status=status, search=search, draft=None if draft is None else str(draft).lower()
    )
    return Call("list_campaigns", Request("GET", "campaign/", query), Page[Campaign].model_validate)


def get_campaign(campaign_id: int) -> Call[Campaign]:
    """Return the call of API page: Get campaign details."""
    number = int(campaign_id)

    def parse(content: Any) -> Campaign:
        campaign = Campaign.model_validate(content)
        if campaign.id != number:
            raise MismatchedResponseError(f"campaign {campaign.id} came instead of {number}.")
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
) -> Call[Campaign]:
    """Return the call of API page: Create a campaign.

    `voice` is left off, because sources disagree about its form here; `set_campaign_message` sets it.
    """
    body = _given(
        name=name,
        services=services,
        user_phone=list(user_phone),
        message=message,
        sms_message=sms_message,
        description=description,
        schedule=schedule,
        credit_limit=credit_limit,
    )
    return Call(
        "create_campaign",
        Request("POST", "campaign/create/", json=body),
        Campaign.model_validate,
        RetrySafety.IF_NOT_SENT,
    )


def set_campaign_message(
    campaign_id: int,
    *,
    voice: int,
    category: str = "Text",
    message: str | None = None,
    sms_message: str | None = None,
    length_factor: str | None = None,
    draft: bool | None = None,
) -> Call[CampaignMessage]:
    """Return the call of API page: Set voice and category.

    `message` and `sms_message` are not on the page, but some versions of the server require them.
    """
    body = _given(
        voice=voice,
        category=category,
        message=message,
        sms_message=sms_message,
        length_factor=length_factor,
        draft=draft,
    )
    request = Request("PATCH", f"campaign/create/{int(campaign_id)}/message/", json=body)
    return Call(
        "set_campaign_message",
        request,
        CampaignMessage.model_validate,
        RetrySafety.IF_NOT_SENT,
        campaign_id=int(campaign_id),
    )


def update_campaign(campaign_id: int, **fields: Any) -> Call[Campaign | None]:
    """Return the call of API page: Update a campaign. The page shows no answer: without one the result is None."""

    def parse(content: Any) -> Campaign | None:
        if isinstance(content, Mapping) and {"id", "status"} <= content.keys():
            return Campaign.model_validate(content)
        return None

    request = Request("PATCH", f"campaign/{int(campaign_id)}/", json=fields)
    return Call("update_campaign", request, parse, RetrySafety.IF_NOT_SENT, campaign_id=int(campaign_id))


def delete_campaign(campaign_id: int) -> Call[None]:
    """Return the call of API page: Delete a campaign."""
    request = Request("DELETE", f"campaign/{int(campaign_id)}/")
    return Call("delete_campaign", request, _ignored, RetrySafety.IF_NOT_SENT, campaign_id=int(campaign_id))


def add_contact(
    campaign_id: int, number: str | int, other_variables: Mapping[str, Any] | None = None
) -> Call[AddContactsResult]:
    """Return the call of API page: Add a single contact."""
    body = _given(number=number, other_variables=None if other_variables is None else dict(other_variables))

    def parse(content: Any) -> AddContactsResult:
        # `{"message": …}` per the page; some versions answer with the new row.
        if isinstance(content, Mapping) and "number" in content:
            content = {"created": 1, "skipped": 0, "contacts": [content]}
        return AddContactsResult.model_validate(content if isinstance(content, Mapping) else {"message": content})

    request = Request("POST", f"campaign/{int(campaign_id)}/add-contact/", json=body)
    return Call("add_contact", request, parse, RetrySafety.IF_NOT_SENT, campaign_id=int(campaign_id))


def add_contacts(campaign_id: int, contacts: Iterable[Mapping[str, Any]]) -> Call[AddContactsResult]:
    """Return the call of API page: Add multiple contacts. TingTing skips numbers that the campaign has."""
    rows = [dict(contact) for contact in contacts]
    request = Request(
        "POST",
        f"campaign/{int(campaign_id)}/add-contact/",
        json={"contacts": rows},
        extra_read_timeout=len(rows) * _SECONDS_A_CONTACT,
    )
    return Call(
        "add_contacts", request, AddContactsResult.model_validate, RetrySafety.IF_NOT_SENT, campaign_id=int(campaign_id)
    )


def upload_contacts(campaign_id: int, path: str | PathLike[str]) -> Call[UploadResult]:
    """Return the call of API page: Upload bulk contacts. The answer is a preview: look at the campaign's own count.

    :raises TingTingContactsError: the file cannot be read.
    """
    workbook = Path(path)
    try:
        # Opened and not only looked at: what fails while it is sent would leave the outcome unknown.
        with workbook.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
    except OSError as error:
        raise TingTingContactsError(
            f"The workbook {workbook} cannot be read ({error.strerror or type(error).__name__}). Nothing was sent; "
            "give the path of an .xlsx file that Airflow's user may read."
        ) from error
    request = Request(
        "PATCH",
        f"campaign/create/{int(campaign_id)}/detail/",
        upload=("bulk_file", workbook),
        extra_read_timeout=size * _SECONDS_AN_UPLOADED_BYTE,
    )
    return Call(
        "upload_contacts", request, UploadResult.model_validate, RetrySafety.IF_NOT_SENT, campaign_id=int(campaign_id)
    )


def list_contacts(campaign_id: int, *, limit: int = PAGE_SIZE) -> Call[Page[Contact]]:
    """Return the call of API page: List contacts, for its first page."""
    request = Request("GET", f"campaign-detail/{int(campaign_id)}/", _given(limit=limit, offset=0))
    return Call("list_contacts", request, Page[Contact].model_validate, campaign_id=int(campaign_id))


def get_contact_attributes(contact_id: int) -> Call[dict[str, Any]]:
    """Return the call of API page: Get contact info."""
    request = Request("GET", f"campaign/{int(contact_id)}/attributes/")
    return Call("get_contact_attributes", request, TypeAdapter(dict[str, Any]).validate_python)


def update_contact_attributes(contact_id: int, attributes: Mapping[str, Any]) -> Call[dict[str, Any] | None]:
    """Return the call of API page: Edit contact attributes."""
    request = Request("PATCH", f"campaign/{int(contact_id)}/attributes/", json=dict(attributes))
    parse = TypeAdapter(dict[str, Any] | None).validate_python
    return Call("update_contact_attributes", request, parse, RetrySafety.IF_NOT_SENT)


def update_contact_number(contact_id: int, number: str | int) -> Call[None]:
    """Return the call of API page: Edit contact number."""
    request = Request("PATCH", f"phone-number/update/{int(contact_id)}/", json={"number": number})
    return Call("update_contact_number", request, _ignored, RetrySafety.IF_NOT_SENT)


def delete_contact(contact_id: int) -> Call[None]:
    """Return the call of API page: Delete a contact."""
    request = Request("DELETE", f"phone-number/delete/{int(contact_id)}/")
    return Call("delete_contact", request, _ignored, RetrySafety.IF_NOT_SENT)


def preview_voice(campaign_id: int, *, voice: int, message: str) -> Call[str]:
    """Return the call of API page: Test voice. The result is the address of an mp3.

    JSON per the page; the vendor's own client posts a form, which is tried once when the server fails on JSON.
    """
    path = f"test-speak/riri/{int(campaign_id)}/"
    body: dict[str, str | int] = {"voice_input": voice, "message": message}
    return Call(
        "preview_voice",
        Request("POST", path, json=body),
        TypeAdapter(str).validate_python,
        RetrySafety.IF_NOT_SENT,
        campaign_id=int(campaign_id),
        alternative=Alternative(Request("POST", path, form=body), frozenset(range(500, 600))),
    )


def demo_call(contact_id: int) -> Call[MessageResponse]:
    """Return the call of API page: Demo call. It really calls the contact, every time."""
    return Call("demo_call", Request("POST", f"demo-call/{int(contact_id)}/"), _said, RetrySafety.IF_NOT_SENT)


def run_campaign(campaign_id: int) -> Call[MessageResponse]:
    """Return the call of API page: Run campaign. It dials everybody, every time: read the status before."""
    request = Request("POST", f"run-campaign/{int(campaign_id)}/")
    return Call("run_campaign", request, _said, RetrySafety.NEVER, campaign_id=int(campaign_id))


def stop_campaign(campaign_id: int) -> Call[MessageResponse]:
    """Return the call that stops a campaign for good (vendor's client, not on the API page)."""
    request = Request("POST", f"campaign/emergency-stop/{int(campaign_id)}/")
    return Call("stop_campaign", request, _said, RetrySafety.IF_NOT_SENT, campaign_id=int(campaign_id))


def get_user_profile() -> Call[UserProfile]:
    """Return the call for the account that the token opens (vendor's client, not on the API page)."""
    return Call("get_user_profile", Request("GET", "auths/user-profile/"), UserProfile.model_validate)


def get_dashboard() -> Call[Dashboard]:
    """Return the call for the account's balance (vendor's client, not on the API page)."""
    return Call("get_dashboard", Request("GET", "dashboard/"), Dashboard.model_validate)


def download_campaign_report(campaign_id: int) -> Call[None]:
    """Return the call of API page: Campaign report, for a client's `download`.

    Every source but the page has the parts of the path the other way round: asked when the page's is not found, or
    fails in a way that trying it again would not mend.
    """
    number = int(campaign_id)
    return Call(
        "download_campaign_report",
        Request("GET", f"download/{number}/report/", extra_read_timeout=_REPORT_EXTRA_TIMEOUT),
        _ignored,
        campaign_id=number,
        alternative=Alternative(
            Request("GET", f"download/report/{number}/", extra_read_timeout=_REPORT_EXTRA_TIMEOUT),
            frozenset({404, 405, 500}),
        ),
    )


def download_survey_report(survey_id: int, *, format: str = "csv") -> Call[None]:
    """Return the call of API page: Survey report, for a client's `download`.

    :raises ValueError: the format is neither `csv` nor `json`.
    """
    if format not in ("csv", "json"):
        raise ValueError(f"a survey report comes as 'csv' or 'json', not as {format!r}")
    query = {"format": format} if format != "csv" else {}
    request = Request(
        "GET", f"download/survey/{int(survey_id)}/report/", query, extra_read_timeout=_REPORT_EXTRA_TIMEOUT
    )
    return Call("download_survey_report", request, _ignored)
