"""The JSON of campaigns, contacts and pages in responses, with the fields and the order of the API page."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar
from urllib.parse import urlencode
from uuid import NAMESPACE_OID, uuid5

from airflow_provider_tingting.sandbox.dialect import Dialect
from airflow_provider_tingting.sandbox.nepal_time import as_text
from airflow_provider_tingting.sandbox.outcomes import carrier_of
from airflow_provider_tingting.sandbox.records import TERMINATED, Campaign, Contact, Voice
from airflow_provider_tingting.timezones import NEPAL

T = TypeVar("T")

DEFAULT_LIMIT = 10
CARRIERS = ("NTC", "Ncell", "other")


def campaign_json(campaign: Campaign, dialect: Dialect, *, voices: Mapping[int, Voice] | None = None) -> dict[str, Any]:
    """Return a campaign as JSON (API page: Get campaign details).

    :param campaign: the campaign.
    :param dialect: how the server behaves where the API page leaves it open.
    :param voices: the account's voices, for the campaign list, where `voice` is an object; without them it is an id.
    """
    voice = voices.get(campaign.voice or 0) if voices is not None else None
    percent = campaign.progress_percent
    if campaign.status == TERMINATED and dialect.terminated_progress == "100":
        percent = 100
    return {
        "id": campaign.id,
        "name": campaign.name,
        "services": campaign.services,
        "status": campaign.status,
        "sms_message": campaign.sms_message,
        "message": campaign.message,
        "description": campaign.description,
        "schedule": None if campaign.schedule is None else as_text(campaign.schedule),
        "audio_file": None,
        "bulk_file": campaign.bulk_file,
        "category": campaign.category or ("" if dialect.category == "empty" else None),
        "user_phone": campaign.user_phone,
        "campaign_action_count": len(campaign.contacts),
        "progress_percent": percent,
        "updated_at": as_text(campaign.updated_at),
        "credit_limit": campaign.credit_limit,
        "voice": (voice and voice.as_json()) if voices is not None else campaign.voice,
        "draft": campaign.draft,
        "failover_target": campaign.failover_target,
        "length_factor": campaign.length_factor,
    }


def contact_json(contact: Contact, dialect: Dialect, now: float) -> dict[str, Any]:
    """Return a contact with its outcome as JSON (API page: List contacts).

    :param contact: the contact.
    :param dialect: how the server behaves where the API page leaves it open.
    :param now: the world's time, seconds since 1970.
    """
    call = contact.call
    over = call is not None and call.ended_at <= now
    duration = f"{call.duration if call and over else 0}s"
    changed = contact.changed_at(now)
    row: dict[str, Any] = {
        "id": contact.id,
        "number": number_json(contact.number, dialect),
        "status": contact.status_at(now),
        "updated_at": as_text(changed),
        "call_duration": duration,
        "playback": str(call.playback) if call and over and call.playback is not None else "",
        "credit_consumed": call.credits if call and over else 0,
        "credit_consumed_SMS": call.sms_credits if call else 0,
        "carrier": carrier_of(contact.number),
    }
    if contact.failover_sms_sent is not None:
        row["failover_sms_sent"] = contact.failover_sms_sent
    if dialect.contact_rows == "vendor":
        row |= {
            "uuid": str(uuid5(NAMESPACE_OID, str(contact.id))),
            "deleted_at": None,
            # The server spells this field so.
            "campaing": contact.campaign_id,
            "duration": duration,
            "failover_sms_sent": bool(contact.failover_sms_sent),
            "updated_at": f"{datetime.fromtimestamp(changed, NEPAL):%b. %d, %Y, %I:%M %p}",
            "attributes": contact.variables,
        }
    return row


def number_json(number: str, dialect: Dialect) -> str | int:
    """Return a phone number as the dialect writes it.

    :param number: the number.
    :param dialect: how the server behaves where the API page leaves it open.
    """
    return int(number) if dialect.number_form == "integer" else number


def carrier_summary(campaign: Campaign) -> dict[str, int]:
    """Return the number of a campaign's contacts by carrier.

    :param campaign: the campaign.
    """
    return {carrier: campaign.carriers[carrier] for carrier in CARRIERS}


def page(
    rows: Iterable[T],
    count: int,
    query: Mapping[str, str],
    *,
    cap: int | None,
    address: str,
    write: Callable[[T], dict[str, Any]],
) -> dict[str, Any]:
    """Return one page of rows (API page: List campaigns), with the addresses of the next and the previous page.

    :param rows: the rows.
    :param count: the number of all rows.
    :param query: the query parameters of the request, with `limit` and `offset`.
    :param cap: the maximum number of rows of a page, above which `limit` has no effect; None for no maximum.
    :param address: the URL of the list, without its query.
    :param write: returns a row as JSON.
    """
    limit = _whole(query.get("limit"), DEFAULT_LIMIT) or DEFAULT_LIMIT
    if cap is not None:
        limit = min(limit, cap)
    offset = _whole(query.get("offset"), 0)

    def page_url(start: int) -> str:
        return f"{address}?{urlencode({**query, 'limit': limit, 'offset': start})}"

    return {
        "count": count,
        "total_pages": math.ceil(count / limit),
        "next": page_url(offset + limit) if offset + limit < count else None,
        "previous": page_url(max(0, offset - limit)) if offset > 0 else None,
        "results": [write(row) for row in islice(rows, offset, offset + limit)],
    }


def select_campaigns(campaigns: Iterable[Campaign], query: Mapping[str, str], dialect: Dialect) -> Sequence[Campaign]:
    """Return campaigns, filtered and sorted by `status` (exact case), `search`, `draft`, dates and `sort_by`.

    :param campaigns: the campaigns.
    :param query: the parameters of the request.
    :param dialect: how the server behaves where the API page leaves it open.
    """
    status, search = query.get("status"), query.get("search", "").casefold()
    drafts = query.get("draft", "").lower() in ("true", "1")
    since, until = _whole(query.get("from_date"), 0), _whole(query.get("to_date"), 10**12)
    found = [
        campaign
        for campaign in campaigns
        if (drafts or not campaign.draft)
        and (not status or campaign.status == status)
        and (not search or dialect.search == "ignored" or search in campaign.name.casefold())
        and since <= campaign.updated_at <= until
    ]
    found.sort(key=lambda campaign: campaign.id, reverse=True)
    if query.get("sort_by") in ("asc", "des"):
        found.sort(key=lambda campaign: campaign.updated_at, reverse=query["sort_by"] == "des")
    return found


def _whole(text: str | None, default: int) -> int:
    """Return a whole number of the query; any other text counts as absent, as in TingTing's framework."""
    if text is None or not text.isascii() or not text.isdecimal() or len(text) > 15:
        return default
    return int(text)
