"""Flows that find the campaigns which notifiers have created for the same notification. They only read."""

from __future__ import annotations

import logging
from collections.abc import Collection
from itertools import pairwise

from airflow_provider_tingting.api import calls
from airflow_provider_tingting.api.models import Campaign
from airflow_provider_tingting.api.pagination import Paginator
from airflow_provider_tingting.api.protocol import Pause
from airflow_provider_tingting.api.stale_reads import read_existing, read_until
from airflow_provider_tingting.clock import wall_time
from airflow_provider_tingting.errors import TingTingNotFoundError
from airflow_provider_tingting.notifications import notification as lease
from airflow_provider_tingting.notifications.notification import Claim, Notification, NotificationMarker

log = logging.getLogger(__name__)

#: Seconds between two reads that check whether another notifier has run its campaign.
RUN_POLL_INTERVAL = 1.0
#: At most this many of the newest campaigns are searched.
MAX_SEARCHED = 200


async def find_claims(notification: Notification, now: float, *, without: Collection[int] = ()) -> list[Claim]:
    """Return the claims on a notification that keep other notifiers from sending it.

    :param notification: the notification.
    :param now: seconds since 1970.
    :param without: ids of campaigns that are known not to be run any more, even if an old list shows them.
    """
    return (await _read_claims(notification, now, without))[0]


async def _read_claims(
    notification: Notification, now: float, without: Collection[int]
) -> tuple[list[Claim], set[int]]:
    """Return the claims that hold, and the ids of all campaigns that were listed."""
    found: list[Claim] = []
    listed: set[int] = set()
    searched, last, newest_first = 0, float("inf"), True
    pager = Paginator(calls.list_campaigns(search=notification.search))
    for call in pager:
        page: list[Campaign] = pager.new_rows(await call)
        searched += len(page)
        listed |= {campaign.id for campaign in page}
        newest_first = newest_first and all(a > b for a, b in pairwise([last, *(campaign.id for campaign in page)]))
        last = page[-1].id if page else last
        claims = [
            Claim(campaign, marker)
            for campaign in page
            if (marker := NotificationMarker.read(campaign.description)) is not None and marker.key == notification.key
        ]
        found += [
            one
            for one in claims
            if one.holds(now) and (one.campaign.status.has_begun or one.campaign.id not in without)
        ]
        # Behind a page of old claims there are only older ones, unless the server sorts by something else.
        if newest_first and (
            searched >= MAX_SEARCHED or (claims and all(one.marker.quiet_until <= now for one in claims))
        ):
            break
    return found, listed


async def find_earlier_claim(
    notification: Notification, step: int, campaign_id: int, now: float, *, without: Collection[int] = ()
) -> Claim | None:
    """Return the claim on a step that comes before one's own, or None.

    A campaign that has begun comes first, then the lowest id: a campaign that was created more slowly than others may
    have a lower id than theirs.

    A list that does not show one's own campaign is an older one, and is read again for a while.

    :param notification: the notification.
    :param step: the index of the number.
    :param campaign_id: one's own campaign.
    :param now: seconds since 1970.
    :param without: see `find_claims`.
    """
    claims, _ = await read_until(
        lambda: _read_claims(notification, now, without), lambda result: campaign_id in result[1]
    )
    earlier = [
        one
        for one in claims
        if one.marker.step == step
        and one.campaign.id != campaign_id
        and (one.campaign.status.has_begun or one.campaign.id < campaign_id)
    ]
    return min(earlier, key=lambda one: (not one.campaign.status.has_begun, one.campaign.id), default=None)


async def is_run_by_its_holder(claim: Claim) -> bool:
    """Wait until another notifier has run its campaign; return False when the campaign is gone or the lease is over.

    The lease is counted from this notifier's own first read, because the holder's clock may differ. A list has shown
    the campaign, so a response 404 may be an older one.

    :param claim: the other notifier's claim.
    """
    first_read = wall_time()
    while True:
        try:
            campaign = await read_existing(claim.campaign.id)
        except TingTingNotFoundError:
            return False
        if campaign.status.has_begun:
            return True
        if not claim.holds(wall_time()) or wall_time() - first_read >= lease.LEASE:
            log.warning("Campaign %s was created for this notification and not run in time: taking over", campaign.id)
            return False
        await Pause(RUN_POLL_INTERVAL)
