"""Writes that must not be carried out twice: send, check for the effect, send again, give up."""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable
from datetime import datetime
from itertools import pairwise

from airflow_provider_tingting.api import calls, idempotent_writes
from airflow_provider_tingting.api.models import Campaign, Page
from airflow_provider_tingting.api.pagination import Paginator
from airflow_provider_tingting.api.protocol import Call, Pause, T
from airflow_provider_tingting.api.stale_reads import READ_INTERVAL, StalePeriod, read_existing, read_until
from airflow_provider_tingting.api.statuses import CampaignStatus
from airflow_provider_tingting.campaigns.marker import AnyGeneration, MarksCampaigns
from airflow_provider_tingting.errors import (
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
    check: Callable[[TingTingOutcomeUnknownError], Awaitable[T | None]],
    prepare: Callable[[], Awaitable[T | None]] | None = None,
    not_done: Callable[[], None] = lambda: None,
    pause: float,
) -> T:
    """Carry out a write at most once, and return its result.

    After a response that says that nothing was done (429, or a request that never left), the write is sent again
    after a pause. After an outcome that is unknown it is sent again only when `check` has shown that it was not
    carried out. It is sent `MAX_SENDS` times at most.

    :param send: sends the write and returns its result. A `TingTingOutcomeUnknownError` that it raises must be about
        the write itself.
    :param check: looks for the effect of the write after an unknown outcome: returns the result when it was carried
        out, and None when it was not.
    :param prepare: runs right before each send; a result that it returns makes the write unnecessary.
    :param not_done: is called when TingTing certainly has not carried out the write.
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
            found = await check(error)
            if found is not None:
                return found
            if sends == MAX_SENDS:
                raise
        except TingTingNeverSentError:
            not_done()
            if sends == MAX_SENDS:
                raise
            await Pause(pause)
        except TingTingRateLimitedError as error:
            not_done()
            if sends == MAX_SENDS:
                raise
            await idempotent_writes.rate_limit_pause(error, pause)
        except TingTingRefusedError:
            not_done()
            raise


async def find_campaign(
    name: str,
    marker: MarksCampaigns,
    *,
    thorough: bool = False,
    since: datetime | None = None,
    created: int | None = None,
) -> Campaign | None:
    """Return the campaign that carries a marker, or None.

    Several tries that race may each have created a campaign: one that has begun is returned, otherwise the one with the
    lowest id, so that the tries agree. A marker of an occasion also has ranks (see `Marker`): the newest rank counts.

    :param name: the name under which it was created; TingTing searches by it.
    :param marker: the marker.
    :param thorough: also read the newest campaigns and the drafts, in case the search does not find the campaign.
    :param since: a time before which it cannot have been created: no list is read beyond older campaigns. None when it
        may be of any age.
    :param created: a campaign of this name that exists: lists that do not show it are older ones, and are read again
        for a while. It has no effect on a thorough search.
    """
    search, newest = calls.list_campaigns(search=name), calls.list_campaigns()
    if not thorough:
        found = _marked(await _rows_that_show(created, search, newest, since), marker)
    else:
        # The newest campaigns include those of this name, and renamed ones, when they are read as far as `since`.
        rows, is_complete = ([], False) if since is None else await _rows(newest, NEWEST_READ, since)
        found = _marked(rows, marker)
        if not (found and is_complete):
            # A single response in another order can look complete, so the search must agree that there is no campaign.
            # It goes to the end where the newest were not all: the task may have created its campaign a year ago.
            rows, _ = await _rows(search, NEWEST_READ if is_complete else math.inf, since)
            found = _marked([*found, *rows], marker)
        if not found and since is None:
            found = _marked((await _rows(newest, NEWEST_READ, None))[0], marker)
        if not found:
            drafts = calls.list_campaigns(search=name, draft=True)
            found = _marked((await _rows(drafts, NEWEST_READ, since))[0], marker)
    if not found:
        return None
    matches = _newest_generation(found, marker) if isinstance(marker, AnyGeneration) else found
    chosen, *others = sorted(matches, key=lambda campaign: (not campaign.status.has_begun, campaign.id))
    if others:
        ids = ", ".join(f"{campaign.id} ({campaign.status})" for campaign in others)
        log.warning("Several tries created a campaign; %s is used, and not %s", chosen.id, ids)
    return chosen


def _marked(rows: list[Campaign], marker: MarksCampaigns) -> list[Campaign]:
    """Return the campaigns with a marker, each once."""
    return list({row.id: row for row in rows if marker.is_in(row.description)}.values())


async def _rows_that_show(
    created: int | None, search: Call[Page[Campaign]], newest: Call[Page[Campaign]], since: datetime | None
) -> list[Campaign]:
    """Read the list by name, and where it lacks a campaign that exists, the newest; both again while they lack it.

    :param created: the campaign; None when none is known to exist.
    """

    def is_current(rows: list[Campaign]) -> bool:
        return created is None or any(row.id == created for row in rows)

    async def read() -> list[Campaign]:
        rows, _ = await _rows(search, NEWEST_READ, since)
        if not is_current(rows):
            # A person may have renamed it a moment ago.
            rows += (await _rows(newest, NEWEST_READ, since))[0]
        return rows

    return await read_until(read, is_current)


async def _rows(first: Call[Page[Campaign]], most: float, since: datetime | None) -> tuple[list[Campaign], bool]:
    """Read a list; return its campaigns, and whether all of them since a time were read.

    :param most: how many campaigns to read at most, up to the end of a page.
    """
    paginator = Paginator(first)
    rows: list[Campaign] = []
    is_complete = True
    for call in paginator:
        rows += paginator.new_rows(await call)
        if since is not None and _reaches(rows, since):
            break
        if len(rows) >= most:
            is_complete = False
            break
    return rows, is_complete


def _reaches(rows: list[Campaign], since: datetime) -> bool:
    """Return whether the rest of a list was created before a time.

    Ids rise with the time of creation, so in a list by falling ids everything after a campaign that was last changed
    before `since` is older than that. A list in another order proves nothing.
    """
    if len(rows) < 2 or not any(row.is_older_than(since) for row in rows):
        return False
    first, last = rows[0].changed_at, rows[-1].changed_at
    # A list by rising time of change may begin with falling ids.
    is_newest_first = first is not None and last is not None and first >= last
    return is_newest_first and all(before.id > after.id for before, after in pairwise(rows))


def _newest_generation(found: list[Campaign], marker: AnyGeneration) -> list[Campaign]:
    """Return the campaigns of the rank that was begun last."""
    ranks: dict[str, list[Campaign]] = {}
    for campaign in found:
        ranks.setdefault(marker.rank_in(campaign.description), []).append(campaign)
    return max(ranks.values(), key=lambda those: min(each.id for each in those))


async def find_after_unknown(name: str, marker: MarksCampaigns, since: datetime | None = None) -> Campaign | None:
    """Search repeatedly for a campaign that TingTing may still be creating; return None when it counts as not created.

    :param name: see `find_campaign`, as the other parameters.
    :param marker: recognises the campaign.
    :param since: as for `find_campaign`.
    """
    for pause in idempotent_writes.RETRY_PAUSES:
        await Pause(pause)
        found = await find_campaign(name, marker, thorough=True, since=since)
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


async def request_stop(campaign_id: int) -> Campaign | None:
    """Request the stop of a campaign; return the campaign when it has ended before, and None when TingTing accepts.

    A server that knows the campaign may answer 404 for a while, and a server that offers no stop always does.

    :raises TingTingRefusedError: TingTing refuses the stop of a campaign that has not ended.
    """
    period = StalePeriod()
    while True:
        try:
            await idempotent_writes.retry_idempotent(calls.stop_campaign(campaign_id))
        except TingTingRefusedError as error:
            refusal = error
        else:
            return None
        campaign = await read_existing(campaign_id)
        if campaign.status.is_final:
            return campaign
        if refusal.status_code != 404 or not (left := period.left()):
            raise refusal
        await Pause(min(READ_INTERVAL, left))


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

    A response 404 counts only when a read does not show the campaign either; otherwise it is an older one.

    :raises TingTingNotFoundError: there was no such campaign.
    """
    unanswered = False
    for pause in (*idempotent_writes.RETRY_PAUSES, None):
        try:
            return await calls.delete_campaign(campaign_id)
        except TingTingNotFoundError:
            if pause is None or not await _is_shown(campaign_id):
                if unanswered:
                    return None
                raise
            await Pause(pause)
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


async def _is_shown(campaign_id: int) -> bool:
    try:
        await calls.get_campaign(campaign_id)
    except TingTingNotFoundError:
        return False
    return True
