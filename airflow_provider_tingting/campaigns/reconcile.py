"""Writes whose outcome nobody knows: look before sending again, and send again only what does no harm. No I/O.

Each function is a conversation that either client drives.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable

from airflow_provider_tingting.api import calls, idempotent_writes
from airflow_provider_tingting.api.models import Campaign, Page
from airflow_provider_tingting.api.pagination import Paginator
from airflow_provider_tingting.api.protocol import Call, Pause
from airflow_provider_tingting.api.statuses import CampaignStatus
from airflow_provider_tingting.campaigns.marker import Mark
from airflow_provider_tingting.errors import (
    TingTingNotFoundError,
    TingTingOutcomeUnknownError,
    TingTingRateLimitedError,
    TingTingRefusedError,
)

log = logging.getLogger(__name__)

# The newest campaigns that are looked through when the search by name finds nothing.
NEWEST_LOOKED_THROUGH = 200


async def find(name: str, marker: Mark, *, thorough: bool = False) -> Campaign | None:
    """Return the campaign with this marker and the lowest id, or None.

    :param name: what it was created as; TingTing searches by it.
    :param thorough: look through the newest campaigns and the drafts too, in case the search misses it.
    """
    for listing in _listings(name, thorough=thorough):
        matches = await _marked(listing, [marker])
        if matches:
            chosen, *others = sorted(matches, key=lambda campaign: campaign.id)
            if others:
                named = ", ".join(str(campaign.id) for campaign in others)
                log.warning("Several attempts created a campaign; %s is used, left un-run: %s", chosen.id, named)
            return chosen
    return None


async def latest_of(name: str, marks: Iterable[Mark]) -> Mark | None:
    """Return the first of several marks that a campaign has, or None.

    :param name: what the campaign was created as.
    :param marks: the last generation of a task first.
    """
    marks = list(marks)
    found: list[Campaign] = []
    for listing in _listings(name, thorough=True):
        found += await _marked(listing, marks)
    return next((mark for mark in marks if any(mark.is_in(campaign.description) for campaign in found)), None)


def _listings(name: str, *, thorough: bool) -> list[tuple[Call[Page[Campaign]], float]]:
    """Return which lists to look through, and how many campaigns of each."""
    if not thorough:
        return [(calls.list_campaigns(search=name), NEWEST_LOOKED_THROUGH)]
    return [
        # What has this name is read to its end: a campaign of a year ago is this task's all the same.
        (calls.list_campaigns(search=name), math.inf),
        (calls.list_campaigns(), NEWEST_LOOKED_THROUGH),
        (calls.list_campaigns(search=name, draft=True), NEWEST_LOOKED_THROUGH),
    ]


async def _marked(listing: tuple[Call[Page[Campaign]], float], marks: Iterable[Mark]) -> list[Campaign]:
    first, most = listing
    pager, looked = Paginator(first), 0
    found: list[Campaign] = []
    for call in pager:
        page = pager.new_rows(await call)
        found += [campaign for campaign in page if any(mark.is_in(campaign.description) for mark in marks)]
        looked += len(page)
        if looked >= most:
            break
    return found


async def find_by_marker(name: str, marker: Mark) -> Campaign | None:
    """Look for a campaign that may just be on its way, until it counts as not created; return it or None."""
    for pause in idempotent_writes.RETRY_PAUSES:
        await Pause(pause)
        found = await find(name, marker, thorough=True)
        if found is not None:
            return found
    return None


async def stop(campaign_id: int) -> str:
    """Stop a campaign for good, as well as can be, and return a sentence on what came of it. Never raises.

    A stopped campaign cannot go on: whoever was not called stays uncalled.
    """
    try:
        await calls.stop_campaign(campaign_id)
    except TingTingRefusedError as error:
        if error.status_code in (404, 405):
            return f"Campaign {campaign_id} could not be stopped: TingTing offers no stop for it. It goes on."
        return f"Campaign {campaign_id} could not be stopped: {error.message} It may go on."
    except Exception as error:
        return f"Nobody knows whether campaign {campaign_id} was stopped ({type(error).__name__}). Look at TingTing."
    try:
        status = await end_of(campaign_id)
    except Exception as error:
        return f"TingTing took the request to stop campaign {campaign_id} and is silent since ({type(error).__name__})."
    if not status.is_final:
        return f"TingTing took the request to stop campaign {campaign_id}, but it still is {status}. Look at TingTing."
    return f"Campaign {campaign_id} was stopped for good."


async def end_of(campaign_id: int) -> CampaignStatus:
    """Look for a moment whether a campaign that was told to stop has ended; return its status."""
    campaign: Campaign = await calls.get_campaign(campaign_id)
    for pause in idempotent_writes.RETRY_PAUSES[:2]:
        if campaign.status.is_final:
            break
        await Pause(pause)
        campaign = await calls.get_campaign(campaign_id)
    return campaign.status


async def delete(campaign_id: int) -> None:
    """Delete a campaign; after an unknown outcome a campaign that is gone counts as deleted.

    :raises TingTingNotFoundError: there was no such campaign.
    """
    unanswered = False
    for pause in idempotent_writes.RETRY_PAUSES:
        try:
            await calls.delete_campaign(campaign_id)
        except TingTingOutcomeUnknownError:
            unanswered = True
            await Pause(pause)
        except TingTingRateLimitedError as error:
            await idempotent_writes.rate_limit_pause(error, pause)
        except TingTingNotFoundError:
            if not unanswered:
                raise
            return
        else:
            return
    try:
        await calls.delete_campaign(campaign_id)
    except TingTingNotFoundError:
        if not unanswered:
            raise
