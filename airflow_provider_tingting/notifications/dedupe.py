"""The notices that TingTing knows of already, found by the mark in their campaigns. Reads only; no I/O."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from itertools import pairwise

from airflow_provider_tingting.api import calls
from airflow_provider_tingting.api.models import Campaign
from airflow_provider_tingting.api.pagination import Paginator
from airflow_provider_tingting.api.protocol import Pause
from airflow_provider_tingting.errors import TingTingNotFoundError
from airflow_provider_tingting.notifications.notice import GIVEN_UP_AFTER, Given, Notice, NoticeMark

log = logging.getLogger(__name__)

# How often (seconds) to look whether another process runs the campaign that it has made.
RUN_LOOKS_EVERY = 1.0
# The newest campaigns that are looked through.
MOST_LOOKED_THROUGH = 200


async def given_for(notice: Notice, now: float, *, without: Collection[int] = ()) -> list[Given]:
    """Return the notices with the same key that count.

    :param without: ids of campaigns that are known not to be run any more, whatever an old list says.
    """
    found: list[Given] = []
    looked, last, newest_first = 0, float("inf"), True
    pager = Paginator(calls.list_campaigns(search=notice.search))
    for call in pager:
        page: list[Campaign] = pager.new_rows(await call)
        looked += len(page)
        newest_first = newest_first and all(a > b for a, b in pairwise([last, *(campaign.id for campaign in page)]))
        last = page[-1].id if page else last
        ours = [
            Given(campaign, mark)
            for campaign in page
            if (mark := NoticeMark.read(campaign.description)) is not None and mark.key == notice.key
        ]
        found += [
            one for one in ours if one.counts(now) and (one.campaign.status.has_begun or one.campaign.id not in without)
        ]
        # Behind a page of old ones are older ones, unless the server has another order.
        if newest_first and (
            looked >= MOST_LOOKED_THROUGH or (ours and all(one.mark.quiet_until <= now for one in ours))
        ):
            break
    return found


async def lower(
    notice: Notice, step: int, campaign_id: int, now: float, *, without: Collection[int] = ()
) -> Given | None:
    """Return the campaign that somebody else has made for this step and that has the right to it, if there is one."""
    given = await given_for(notice, now, without=without)
    earlier = [one for one in given if one.mark.step == step and one.campaign.id < campaign_id]
    return min(earlier, key=lambda one: one.campaign.id, default=None)


async def is_run_by_its_maker(given: Given, clock: Callable[[], float]) -> bool:
    """Wait until a campaign of somebody else's is run; False when it is gone, or its maker seems to have died."""
    first_seen = clock()
    while True:
        try:
            campaign: Campaign = await calls.get_campaign(given.campaign.id)
        except TingTingNotFoundError:
            return False
        if campaign.status.has_begun:
            return True
        # By this machine's clock too: the maker's may be hours ahead, and somebody has to be told.
        if not given.counts(clock()) or clock() - first_seen >= GIVEN_UP_AFTER:
            log.warning("Campaign %s was made for this notice and never run: somebody else gives it", campaign.id)
            return False
        await Pause(RUN_LOOKS_EVERY)
