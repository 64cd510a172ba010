"""Finds the campaigns of an account that have finished since the last poll. Asyncio, no Airflow.

Each poll reads the list of finished campaigns newest first, until a page shows nothing new and `count` promises no
more. Once an hour it reads the list to its end, for what `count` does not show. A campaign that the list shows as
finished is returned only when its own page says so too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from heapq import nlargest
from typing import TYPE_CHECKING, Any

from airflow_provider_tingting.api import calls
from airflow_provider_tingting.api.pagination import Paginator
from airflow_provider_tingting.api.statuses import CampaignStatus
from airflow_provider_tingting.clock import monotonic, wall_time
from airflow_provider_tingting.errors import TingTingNotFoundError

if TYPE_CHECKING:
    from airflow_provider_tingting.api.models import Campaign
    from airflow_provider_tingting.polling.poller import Poller

WATERMARK_VERSION = 1
#: At most this many pages of each status are read in a poll.
MAX_PAGES = 100
#: Seconds after which the list is read to its end.
READ_ALL_AFTER = 3600.0
#: The watermark holds this many of the newest ids, for campaigns that finish at the same moment.
WATERMARK_IDS = 200
#: The clocks of TingTing's machines may differ by this much (seconds).
CLOCK_SKEW = 300.0
#: The statuses in which a campaign finishes.
FINAL_STATUSES = (CampaignStatus.COMPLETED, CampaignStatus.TERMINATED)


@dataclass(frozen=True)
class Watermark:
    """Which finished campaigns have been reported, as a small JSON value.

    :param until: when the last of them changed, by TingTing's clock, as ISO 8601.
    :param ids: the ids of the newest.
    """

    until: str
    ids: tuple[int, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the watermark as a JSON object."""
        return {"version": WATERMARK_VERSION, "until": self.until, "ids": list(self.ids)}

    @classmethod
    def from_json(cls, plain: object) -> Watermark | None:
        """Return the watermark in a JSON value, or None when the value is not a watermark.

        :param plain: the value, as the state store returned it.
        """
        try:
            if not isinstance(plain, Mapping) or plain["version"] != WATERMARK_VERSION:
                return None
            datetime.fromisoformat(plain["until"])
            return cls(plain["until"], tuple(int(one) for one in plain["ids"]))
        except (KeyError, TypeError, ValueError):
            return None


class FinishedCampaigns:
    """Returns each campaign that finishes once.

    :param poller: sends the reads; users that share it share its responses.
    :param poll_interval: seconds between two polls; a response of half that age is good enough to be shared.
    :param watermark: what was reported before. Without one, all campaigns that have finished before the first poll
        count as reported.
    """

    def __init__(self, poller: Poller, poll_interval: float, watermark: Watermark | None = None) -> None:
        self._poller = poller
        self._poll_interval = poll_interval
        self._reported: dict[int, datetime | None] = {}
        self._counts: dict[CampaignStatus, int] = {}
        self._read_all_at = 0.0
        self._since: datetime | None = None
        self._watermark = watermark
        self._is_changed = False
        self._has_begun = watermark is not None
        self._first_poll_at: datetime | None = None
        self._slack = timedelta(seconds=CLOCK_SKEW)
        if watermark is not None:
            self._since = datetime.fromisoformat(watermark.until)
            self._reported = dict.fromkeys(watermark.ids, self._since)
            if len(watermark.ids) >= WATERMARK_IDS:
                # A full watermark may lack campaigns that were reported shortly before its oldest id.
                self._slack = timedelta()

    @property
    def watermark(self) -> Watermark | None:
        """Which campaigns have been reported; None until TingTing has shown when one of them changed."""
        if self._is_changed:
            self._is_changed = False
            # Thousands may be reported, so they are not sorted, and only after a change.
            moments = ((at, one) for one, at in self._reported.items() if at is not None)
            newest = nlargest(WATERMARK_IDS, moments)
            if newest:
                self._watermark = Watermark(newest[0][0].isoformat(), tuple(one for _, one in newest))
        return self._watermark

    def mark_reported(self, campaign: Campaign) -> None:
        """Record that a campaign was reported; until then each poll returns it again.

        :param campaign: what `poll` returned.
        """
        self._reported[campaign.id] = campaign.changed_at
        self._is_changed = True

    async def poll(self) -> list[Campaign]:
        """Return the campaigns that have finished and were not reported, in the order in which they finished.

        :raises TingTingAPIError: the list or a campaign cannot be read; the next poll returns what this one misses.
        """
        read_all = monotonic() >= self._read_all_at
        is_first_poll = self._first_poll_at is None
        if is_first_poll:
            self._first_poll_at = datetime.fromtimestamp(wall_time(), timezone.utc)
        found: dict[int, Campaign] = {}
        counts = dict(self._counts)
        for status in FINAL_STATUSES:
            for campaign in await self._read(status, counts, read_all=read_all):
                found[campaign.id] = campaign
        if not self._has_begun:
            self._begin(found.values(), is_first_poll=is_first_poll)
        confirmed, unconfirmed = await self._confirm(found.values())
        # Stored only now, so that an interrupted poll is repeated. Unconfirmed campaigns count as missing, so that the
        # next poll looks for them.
        self._counts = {status: count - unconfirmed[status] for status, count in counts.items()}
        if read_all:
            self._read_all_at = monotonic() + READ_ALL_AFTER
        return sorted(confirmed, key=lambda one: (one.changed_at is None, one.changed_at or 0, one.id))

    def _begin(self, found: Iterable[Campaign], *, is_first_poll: bool) -> None:
        """Record as reported what had finished before the first poll, which may have had no response for hours."""
        self._has_begun = True
        for campaign in found:
            at = campaign.changed_at
            if is_first_poll or at is None:
                self.mark_reported(campaign)
        if is_first_poll:
            moments = [at for at in self._reported.values() if at is not None]
            self._since = max(moments, default=None)
        else:
            self._since = self._first_poll_at

    async def _confirm(self, found: Iterable[Campaign]) -> tuple[list[Campaign], Counter[CampaignStatus]]:
        """Return the new campaigns whose own pages show the end too, and how many others of each status are left."""
        confirmed: list[Campaign] = []
        unconfirmed: Counter[CampaignStatus] = Counter()
        for campaign in found:
            if campaign.id in self._reported:
                continue
            if not self._is_new(campaign):
                self.mark_reported(campaign)
                continue
            try:
                own = await self._poller.send(calls.get_campaign(campaign.id))
            except TingTingNotFoundError:
                own = None
            if own is not None and own.status in FINAL_STATUSES:
                confirmed.append(own)
            else:
                unconfirmed[campaign.status] += 1
        return confirmed, unconfirmed

    def _is_new(self, campaign: Campaign) -> bool:
        at = campaign.changed_at
        if self._since is None or at is None:
            return True
        return at >= self._since - self._slack

    async def _read(
        self, status: CampaignStatus, counts: dict[CampaignStatus, int], *, read_all: bool
    ) -> list[Campaign]:
        """Return the campaigns of a status that were not reported, reading as far down the list as there may be some.

        :param counts: gets the list's `count`.
        """
        new: list[Campaign] = []
        pager: Paginator[Campaign] = Paginator(calls.list_campaigns(status=status.value))
        before = counts.get(status)
        grown = 0
        for number, call in enumerate(pager):
            if number >= MAX_PAGES:
                break
            page = await self._poller.shared(call, max_age=self._poll_interval / 2)
            if page.count is not None and number == 0:
                grown = page.count - (page.count if before is None else before)
                counts[status] = page.count
            # A server that ignores the filter shows campaigns of other statuses too.
            rows = [row for row in pager.new_rows(page) if row.status is status and row.id not in self._reported]
            new += rows
            if not read_all and not rows and len(new) >= grown:
                break
        return new
