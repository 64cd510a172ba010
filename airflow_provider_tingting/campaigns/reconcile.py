"""Writes that must not be carried out twice: send, look for the effect, send again, give up."""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable

from airflow_provider_tingting.api import calls, idempotent_writes
from airflow_provider_tingting.api.models import Campaign, Page
from airflow_provider_tingting.api.pagination import Paginator
from airflow_provider_tingting.api.protocol import Call, Pause, T
from airflow_provider_tingting.api.statuses import CampaignStatus
from airflow_provider_tingting.campaigns.marker import AnyGeneration, MarksCampaigns
from airflow_provider_tingting.errors import (
    TingTingAPIError,
    TingTingNeverSentError,
    TingTingNotFoundError,
    TingTingOutcomeUnknownError,
    TingTingRateLimitedError,
    TingTingRefusedError,
)

log = logging.getLogger(__name__)

#: How often a write is sent at most.
MAX_SENDS = 3
#: The number of the newest campaigns that are read when the search by name finds nothing.
NEWEST_READ = 200


async def reconcile(
    send: Callable[[], Awaitable[T]],
    *,
    look: Callable[[TingTingOutcomeUnknownError], Awaitable[T | None]],
    prepare: Callable[[], Awaitable[T | None]] | None = None,
    not_done: Callable[[TingTingAPIError], None] = lambda error: None,
    pause: float,
) -> T:
    """Carry out a write at most once, and return its result.

    After a response that says that nothing was done (429, or a request that never left), the write is sent again
    after a pause. After an outcome that is unknown it is sent again only when `look` has shown that it was not
    carried out. It is sent `MAX_SENDS` times at most.

    :param send: sends the write and returns its result. An `TingTingOutcomeUnknownError` that it raises must be about
        the write itself.
    :param look: looks for the effect of the write after an unknown outcome: returns the result when it was carried
        out, and None when it was not.
    :param prepare: runs right before each send; a result that it returns makes the write unnecessary.
    :param not_done: is called with the error when TingTing certainly has not carried out the write.
    :param pause: seconds before the write is sent again after such an error.
    :raises TingTingOutcomeUnknownError: the last outcome is unknown, too.
    :raises TingTingAPIError: what the last send or a read has raised.
    """
    sends = 0
    while True:
        if prepare is not None and (result := await prepare()) is not None:
            return result
        sends += 1
        try:
            return await send()
        except TingTingOutcomeUnknownError as error:
            found = await look(error)
            if found is not None:
                return found
            if sends == MAX_SENDS:
                raise
        except TingTingNeverSentError as error:
            not_done(error)
            if sends == MAX_SENDS:
                raise
            await Pause(pause)
        except TingTingRateLimitedError as error:
            not_done(error)
            if sends == MAX_SENDS:
                raise
            await idempotent_writes.rate_limit_pause(error, pause)
        except TingTingRefusedError as error:
            not_done(error)
            raise


async def find_campaign(name: str, marker: MarksCampaigns, *, thorough: bool = False) -> Campaign | None:
    """Return the campaign that carries a marker, or None.

    Of several campaigns of one rank it returns the one with the lowest id, so that tries that have raced agree. Of
    several ranks it returns the newest.

    :param name: the name under which it was created; TingTing searches by it.
    :param marker: the marker.
    :param thorough: also read the newest campaigns and the drafts, in case the search does not find the campaign.
    """
    for listing in _listings(name, thorough=thorough):
        matches = await _marked(listing, marker)
        if matches:
            chosen, *others = sorted(matches, key=lambda campaign: campaign.id)
            if others:
                ids = ", ".join(str(campaign.id) for campaign in others)
                log.warning("Several tries created a campaign; %s is used, left un-run: %s", chosen.id, ids)
            return chosen
    return None


def _listings(name: str, *, thorough: bool) -> list[tuple[Call[Page[Campaign]], float]]:
    """Return the lists to read, and how many campaigns of each."""
    if not thorough:
        return [(calls.list_campaigns(search=name), NEWEST_READ)]
    return [
        # The campaigns with this name are read to the end: the task may have created its campaign a year ago.
        (calls.list_campaigns(search=name), math.inf),
        (calls.list_campaigns(), NEWEST_READ),
        (calls.list_campaigns(search=name, draft=True), NEWEST_READ),
    ]


async def _marked(listing: tuple[Call[Page[Campaign]], float], marker: MarksCampaigns) -> list[Campaign]:
    first, most = listing
    paginator, read = Paginator(first), 0
    found: list[Campaign] = []
    for call in paginator:
        page = paginator.new_rows(await call)
        found += [campaign for campaign in page if marker.is_in(campaign.description)]
        read += len(page)
        if read >= most:
            break
    return _newest_generation(found, marker) if isinstance(marker, AnyGeneration) else found


def _newest_generation(found: list[Campaign], marker: AnyGeneration) -> list[Campaign]:
    """Return the campaigns of the rank that was begun last."""
    ranks: dict[str, list[Campaign]] = {}
    for campaign in found:
        ranks.setdefault(marker.rank_in(campaign.description), []).append(campaign)
    return max(ranks.values(), key=lambda those: min(each.id for each in those), default=[])


async def find_after_unknown(name: str, marker: MarksCampaigns) -> Campaign | None:
    """Look repeatedly for a campaign that TingTing may still be creating; return None when it counts as not created."""
    for pause in idempotent_writes.RETRY_PAUSES:
        await Pause(pause)
        found = await find_campaign(name, marker, thorough=True)
        if found is not None:
            return found
    return None


async def stop(campaign_id: int) -> str:
    """Stop a campaign for good, and return a sentence about the result. Raises nothing.

    A stopped campaign cannot continue: TingTing does not call the contacts that are left.
    """
    try:
        await calls.stop_campaign(campaign_id)
    except TingTingRefusedError as error:
        if error.status_code in (404, 405):
            return f"Campaign {campaign_id} could not be stopped: TingTing offers no stop for it. It goes on."
        return f"Campaign {campaign_id} could not be stopped: {error.message} It may go on."
    except Exception as error:
        return (
            f"Whether campaign {campaign_id} was stopped is unknown ({type(error).__name__}). Check its status in "
            "TingTing."
        )
    try:
        status = await status_after_stop(campaign_id)
    except Exception as error:
        return (
            f"TingTing accepted the request to stop campaign {campaign_id}; its status cannot be read since "
            f"({type(error).__name__})."
        )
    if not status.is_final:
        return (
            f"TingTing accepted the request to stop campaign {campaign_id}, but it still is {status}. Check its status "
            "in TingTing."
        )
    return f"Campaign {campaign_id} was stopped for good."


async def status_after_stop(campaign_id: int) -> CampaignStatus:
    """Read the status of a campaign that was just stopped, for a few seconds until it is final; return it."""
    campaign = await calls.get_campaign(campaign_id)
    for pause in idempotent_writes.RETRY_PAUSES[:2]:
        if campaign.status.is_final:
            break
        await Pause(pause)
        campaign = await calls.get_campaign(campaign_id)
    return campaign.status


async def delete(campaign_id: int) -> None:
    """Delete a campaign. After an unknown outcome a campaign that does not exist counts as deleted.

    :raises TingTingNotFoundError: there was no such campaign.
    """
    unanswered = False
    for pause in (*idempotent_writes.RETRY_PAUSES, None):
        try:
            return await calls.delete_campaign(campaign_id)
        except TingTingNotFoundError:
            if unanswered:
                return None
            raise
        except TingTingOutcomeUnknownError:
            unanswered = True
            if pause is None:
                raise
            await Pause(pause)
        except TingTingRateLimitedError as error:
            if pause is None:
                raise
            await idempotent_writes.rate_limit_pause(error, pause)
    return None
