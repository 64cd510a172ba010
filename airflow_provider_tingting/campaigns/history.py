"""How fast the account's last campaigns were and what they cost, read from their contacts. No Airflow, no I/O."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from airflow_provider_tingting.api import calls
from airflow_provider_tingting.api.models import Campaign, Contact
from airflow_provider_tingting.api.pagination import Paginator
from airflow_provider_tingting.api.statuses import CampaignStatus
from airflow_provider_tingting.errors import TingTingAPIError
from airflow_provider_tingting.reports.cells import read_date

log = logging.getLogger(__name__)

#: A campaign of fewer contacts shows no pace.
MIN_CONTACTS = 20
#: How many campaigns are read at most; each takes two requests.
MAX_CAMPAIGNS = 3
# How many of the newest campaigns are read to find them.
_MAX_CAMPAIGNS_READ = 100
# Calls that end within this many seconds of each other show no pace, since a server may round times to minutes.
_MIN_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class PastCampaign:
    """A campaign that has ended.

    :param campaign_id: its id.
    :param contacts: how many contacts it has.
    :param calls_per_minute: how many contacts it has called in a minute, or None when the times do not show it.
    :param credits: what it has spent, or None when TingTing does not say.
    """

    campaign_id: int
    contacts: int
    calls_per_minute: float | None
    credits: float | None


async def recent_campaigns(services: str, *, exclude: int | None = None) -> list[PastCampaign]:
    """Return the last completed campaigns with the same services, the newest first; an empty list if unknown.

    The history is optional information, so a failure of these reads is not an error.

    Source: API page, List campaigns, List contacts.

    :param services: `PHONE`, `SMS` or `SMS & PHONE`.
    :param exclude: a campaign to leave out.
    """
    found: list[PastCampaign] = []
    try:
        for campaign in await _candidates(services, exclude):
            found.append(await _measured(campaign))
    except TingTingAPIError as error:
        log.info("The account's last campaigns cannot be read: %s", error.message)
    return found


def pace_of(past: list[PastCampaign]) -> float | None:
    """Return the middle pace of campaigns in calls a minute, or None when none shows one.

    :param past: the campaigns.
    """
    paces = [each.calls_per_minute for each in past if each.calls_per_minute is not None]
    return median(paces) if paces else None


async def _candidates(services: str, exclude: int | None) -> list[Campaign]:
    found: list[Campaign] = []
    pager, read_so_far = Paginator(calls.list_campaigns(status=CampaignStatus.COMPLETED.value)), 0
    for call in pager:
        page = pager.new_rows(await call)
        read_so_far += len(page)
        found += [
            each
            for each in page
            if each.status is CampaignStatus.COMPLETED
            and each.services == services
            and each.id != exclude
            and (each.campaign_action_count is None or each.campaign_action_count >= MIN_CONTACTS)
        ]
        if len(found) >= MAX_CAMPAIGNS or read_so_far >= _MAX_CAMPAIGNS_READ:
            break
    return found[:MAX_CAMPAIGNS]


async def _measured(campaign: Campaign) -> PastCampaign:
    """Read the first and the last page of a campaign's contacts."""
    first = await calls.list_contacts(campaign.id)
    contacts = first.count or campaign.campaign_action_count or len(first.results)
    rows = list(first.results)
    if contacts > len(rows):
        last = await calls.list_contacts(campaign.id, offset=max(len(rows), contacts - calls.PAGE_SIZE))
        rows += last.results
    return PastCampaign(campaign.id, contacts, _pace(rows, contacts), first.total_credits_consumed)


def _pace(rows: list[Contact], contacts: int) -> float | None:
    read = [read_date(row.updated_at or "") for row in rows]
    times = [moment for moment in read if isinstance(moment, datetime)]
    if contacts < MIN_CONTACTS or len(times) < 2:
        return None
    seconds = (max(times) - min(times)).total_seconds()
    return (contacts - 1) / seconds * 60 if seconds >= _MIN_SECONDS else None
