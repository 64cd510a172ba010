"""One policy for a response that shows an older state than TingTing has shown before: it is read again for a while.

A server with several machines or a cache may answer 404 about a campaign that it has created a moment ago, `Running`
after `Completed`, or with a report in which contacts of a finished campaign are pending. Flows, the waits and the
reports measure the time by `StalePeriod`, so that each of them believes an older response after the same time.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from airflow_provider_tingting.api import calls
from airflow_provider_tingting.api.models import Campaign
from airflow_provider_tingting.api.protocol import Pause, T
from airflow_provider_tingting.clock import monotonic, sleep
from airflow_provider_tingting.errors import TingTingNotFoundError

#: How many seconds a server may go on returning an older state than it has shown before.
STALE_WITHIN = 60.0
#: Seconds between two reads in that time.
READ_INTERVAL = 3.0
#: The same time in growing pauses, for a read that is expensive.
GROWING_PAUSES = (3.0, 7.0, 20.0, 30.0)


class StalePeriod:
    """The time for which older responses are not believed. It begins with the first of them.

    :param within: how long it lasts, in seconds; None for `STALE_WITHIN`.
    """

    __slots__ = ("_since", "_within")

    def __init__(self, within: float | None = None) -> None:
        self._within = within
        self._since: float | None = None

    @property
    def is_running(self) -> bool:
        """Return whether the last response was an older one that was not believed."""
        return self._since is not None

    def left(self) -> float:
        """Record an older response; return for how many seconds more it is read again, 0 when it is to be believed."""
        now = monotonic()
        if self._since is None:
            self._since = now
        return max(0.0, self._since + (STALE_WITHIN if self._within is None else self._within) - now)

    def end(self) -> None:
        """Record a response that is believed."""
        self._since = None


async def read_until(
    read: Callable[[], Awaitable[T]], is_current: Callable[[T], bool], within: float | None = None
) -> T:
    """Read until the result is not older than what another response has shown, or the time is up; return the last one.

    :param read: reads once.
    :param is_current: whether a result is not an older one.
    :param within: for how many seconds an older one is read again; None for `STALE_WITHIN`.
    """
    period = StalePeriod(within)
    while True:
        result = await read()
        if is_current(result) or not (left := period.left()):
            return result
        await Pause(min(READ_INTERVAL, left))


async def read_existing(campaign_id: int, exists: Callable[[], bool] = lambda: True) -> Campaign:
    """Read a campaign; a response 404 about one that is known to exist is an older one, and is read again for a while.

    :param campaign_id: the campaign.
    :param exists: whether the campaign is known to exist; it is called after a response 404. By default it is known.
    :raises TingTingNotFoundError: TingTing has no such campaign.
    """
    period = StalePeriod()
    while True:
        try:
            return await calls.get_campaign(campaign_id)
        except TingTingNotFoundError:
            if not exists() or not (left := period.left()):
                raise
            await Pause(min(READ_INTERVAL, left))


async def read_existing_until(
    campaign_id: int, is_current: Callable[[Campaign], bool], within: float | None = None
) -> Campaign:
    """Read a campaign that exists, as `read_until` does; a response 404 is an older one, too.

    :param campaign_id: the campaign.
    :param is_current: see `read_until`, as the other parameter.
    :param within: for how many seconds an older one is read again; None for `STALE_WITHIN`.
    :raises TingTingNotFoundError: TingTing answers 404 for longer than `STALE_WITHIN`.
    """
    return await read_until(lambda: read_existing(campaign_id), is_current, within)


def list_existing(listing: Callable[[], T], is_current: Callable[[T], bool] = lambda listed: True) -> T:
    """Read a list that belongs to a campaign which exists; an older response is read again, and so is a response 404.

    :param listing: reads the list from its beginning.
    :param is_current: whether a list is not older than what another response has shown.
    :raises TingTingNotFoundError: TingTing answers 404 for longer than `STALE_WITHIN`.
    """
    period = StalePeriod()
    pauses = iter(GROWING_PAUSES)
    while True:
        try:
            listed = listing()
        except TingTingNotFoundError:
            if not (left := period.left()):
                raise
            sleep(min(READ_INTERVAL, left))
        else:
            # The list of a large campaign takes minutes, so it is read again once, and a short one as often as there is
            # time for.
            if is_current(listed) or not (left := period.left()):
                return listed
            sleep(min(next(pauses, READ_INTERVAL), left))
