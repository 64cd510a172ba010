"""How the sandbox writes campaigns, contacts and pages into its answers, in the words and order of the API page.

Standard library only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar
from urllib.parse import urlencode

from airflow_provider_tingting.sandbox.dialect import Dialect
from airflow_provider_tingting.sandbox.nepal_time import as_text
from airflow_provider_tingting.sandbox.outcomes import carrier_of
from airflow_provider_tingting.sandbox.records import TERMINATED, Campaign, Contact, Voice

T = TypeVar("T")

DEFAULT_PAGE = 10
CARRIERS = ("NTC", "Ncell", "other")


def campaign_json(campaign: Campaign, dialect: Dialect, *, voices: Mapping[int, Voice] | None = None) -> dict[str, Any]:
    """Write a campaign (API page: Get campaign details).

    :param voices: given for the campaign list, where `voice` is an object; elsewhere it is an id.
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
        "category": campaign.category,
        "user_phone": campaign.user_phone,
        "campaign_action_count": len(campaign.contacts),
        "progress_percent": percent,
        "updated_at": as_text(campaign.updated_at),
        "credit_limit": campaign.credit_limit,
        "voice": (voice and voice.as_json()) if voices is not None else campaign.voice,
        "draft": campaign.draft,
        "failover_target": [],
        "length_factor": campaign.length_factor,
    }


def contact_json(contact: Contact, dialect: Dialect, now: float) -> dict[str, Any]:
    """Write a contact with its outcome (API page: List contacts)."""
    call = contact.call
    over = call is not None and call.ended_at <= now
    return {
        "id": contact.id,
        "number": number_json(contact.number, dialect),
        "status": contact.status_at(now),
        "updated_at": as_text(contact.changed_at(now)),
        "call_duration": f"{call.duration if call and over else 0}s",
        "playback": str(call.playback) if call and over and call.playback is not None else "",
        "credit_consumed": call.credits if call and over else 0,
        "credit_consumed_SMS": call.sms_credits if call else 0,
        "carrier": carrier_of(contact.number),
    }


def number_json(number: str, dialect: Dialect) -> str | int:
    """Write a phone number."""
    return int(number) if dialect.number_form == "integer" else number


def carrier_summary(campaign: Campaign) -> dict[str, int]:
    """Count the contacts of a campaign by carrier."""
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
    """Cut one page out of rows (API page: List campaigns), with the addresses of its neighbours.

    :param cap: the most rows that a page holds, whatever `limit` asks; None for no cap.
    :param address: where the list lives, without its query.
    """
    limit = _whole(query.get("limit"), DEFAULT_PAGE) or DEFAULT_PAGE
    if cap is not None:
        limit = min(limit, cap)
    offset = _whole(query.get("offset"), 0)

    def neighbour(start: int) -> str:
        return f"{address}?{urlencode({**query, 'limit': limit, 'offset': start})}"

    return {
        "count": count,
        "total_pages": math.ceil(count / limit),
        "next": neighbour(offset + limit) if offset + limit < count else None,
        "previous": neighbour(max(0, offset - limit)) if offset > 0 else None,
        "results": [write(row) for row in islice(rows, offset, offset + limit)],
    }


def select_campaigns(campaigns: Iterable[Campaign], query: Mapping[str, str], dialect: Dialect) -> Sequence[Campaign]:
    """Filter and sort the campaign list by `status` (exact case), `search`, `draft`, dates and `sort_by`."""
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
    """Read a whole number of the query; anything else counts as not given, as TingTing's framework does it."""
    if text is None or not text.isascii() or not text.isdecimal() or len(text) > 15:
        return default
    return int(text)
