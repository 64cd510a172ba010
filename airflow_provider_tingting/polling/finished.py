"""Which campaigns of an account have finished since it was asked last. Asyncio, no Airflow.

The list of finished campaigns is read newest first until it shows nothing new and its count has no more news; now and
then to its end, for what the count does not tell. What the list shows as finished is told only when the campaign's own
page says so, too.
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
#: So many pages of each status are read at most.
MOST_PAGES = 100
#: The list is read to its end after so long (seconds).
READS_ALL_AFTER = 3600.0
#: So many of the newest ids are kept in the watermark, for those that finish in the same moment.
IDS_KEPT = 200
#: The clocks of TingTing's machines may differ by so much (seconds).
CLOCKS_DIFFER_BY = 300.0
FINAL = (CampaignStatus.COMPLETED, CampaignStatus.TERMINATED)


@dataclass(frozen=True)
class Watermark:
    """Up to where finished campaigns are known, as a small JSON value.

    :param until: when the last of them changed, by TingTing's clock, as ISO 8601.
    :param ids: the newest of them.
    """

    until: str
    ids: tuple[int, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the watermark as a JSON object."""
        return {"version": WATERMARK_VERSION, "until": self.until, "ids": list(self.ids)}

    @classmethod
    def from_json(cls, plain: Any) -> Watermark | None:
        """Read a watermark; one that cannot be read is none."""
        try:
            if not isinstance(plain, Mapping) or plain["version"] != WATERMARK_VERSION:
                return None
            datetime.fromisoformat(plain["until"])
            return cls(plain["until"], tuple(int(one) for one in plain["ids"]))
        except (KeyError, TypeError, ValueError):
            return None


class FinishedCampaigns:
    """Tells each campaign that finishes once.

    :param hub: what to ask with; several that share it share its answers.
    :param poll_interval: the seconds for which an answer is good enough for another one.
    :param watermark: what was known before; without one, all that has finished before the first poll counts as known.
    """

    def __init__(self, hub: Poller, poll_interval: float, watermark: Watermark | None = None) -> None:
        self._hub = hub
        self._poll_interval = poll_interval
        self._known: dict[int, datetime | None] = {}
        self._counts: dict[CampaignStatus, int] = {}
        self._reads_all_at = 0.0
        self._since: datetime | None = None
        self._watermark = watermark
        self._has_news = False
        self._has_begun = watermark is not None
        self._first_tried_at: datetime | None = None
        self._slack = timedelta(seconds=CLOCKS_DIFFER_BY)
        if watermark is not None:
            self._since = datetime.fromisoformat(watermark.until)
            self._known = dict.fromkeys(watermark.ids, self._since)
            if len(watermark.ids) >= IDS_KEPT:
                # Of those told shortly before, some may be beyond what a watermark holds.
                self._slack = timedelta()

    @property
    def watermark(self) -> Watermark | None:
        """Up to where finished campaigns are known; None as long as TingTing has told no time."""
        if self._has_news:
            self._has_news = False
            # Thousands may be known: not sorted, and only after something was told.
            moments = ((at, one) for one, at in self._known.items() if at is not None)
            newest = nlargest(IDS_KEPT, moments)
            if newest:
                self._watermark = Watermark(newest[0][0].isoformat(), tuple(one for _, one in newest))
        return self._watermark

    def tell(self, campaign: Campaign) -> None:
        """Count a campaign as told; until then each poll brings it again."""
        self._known[campaign.id] = campaign.changed_at
        self._has_news = True

    async def poll(self) -> list[Campaign]:
        """Return the campaigns that have finished and were not told, in the order in which they did.

        :raises TingTingAPIError: the list or a campaign cannot be read; nothing is lost, the next poll brings it.
        """
        reads_all = monotonic() >= self._reads_all_at
        is_first_try = self._first_tried_at is None
        if is_first_try:
            self._first_tried_at = datetime.fromtimestamp(wall_time(), timezone.utc)
        found: dict[int, Campaign] = {}
        counts = dict(self._counts)
        for status in FINAL:
            for campaign in await self._read(status, counts, reads_all=reads_all):
                found[campaign.id] = campaign
        if not self._has_begun:
            self._begin(found.values(), is_first_try=is_first_try)
        news, not_yet = await self._confirmed(found.values())
        # Only now: what an error interrupts is read again. Who is not told yet is counted as missing, to be looked for.
        self._counts = {status: count - not_yet[status] for status, count in counts.items()}
        if reads_all:
            self._reads_all_at = monotonic() + READS_ALL_AFTER
        return sorted(news, key=lambda one: (one.changed_at is None, one.changed_at or 0, one.id))

    def _begin(self, found: Iterable[Campaign], *, is_first_try: bool) -> None:
        """Count as known what had finished before the first try, which may have had no answer for hours."""
        self._has_begun = True
        for campaign in found:
            at = campaign.changed_at
            if is_first_try or at is None:
                self.tell(campaign)
        if is_first_try:
            moments = [at for at in self._known.values() if at is not None]
            self._since = max(moments, default=None)
        else:
            self._since = self._first_tried_at

    async def _confirmed(self, found: Iterable[Campaign]) -> tuple[list[Campaign], Counter[CampaignStatus]]:
        """Return those that are news and have finished by their own pages, too; and how many others are to be told."""
        news: list[Campaign] = []
        not_yet: Counter[CampaignStatus] = Counter()
        for campaign in found:
            if campaign.id in self._known:
                continue
            if not self._is_news(campaign):
                self.tell(campaign)
                continue
            try:
                own = await self._hub.send(calls.get_campaign(campaign.id))
            except TingTingNotFoundError:
                own = None
            if own is not None and own.status in FINAL:
                news.append(own)
            else:
                not_yet[campaign.status] += 1
        return news, not_yet

    def _is_news(self, campaign: Campaign) -> bool:
        at = campaign.changed_at
        if self._since is None or at is None:
            return True
        return at >= self._since - self._slack

    async def _read(
        self, status: CampaignStatus, counts: dict[CampaignStatus, int], *, reads_all: bool
    ) -> list[Campaign]:
        """Return the campaigns of this status that are not known, as far down the list as there may be some."""
        new: list[Campaign] = []
        pager: Paginator[Campaign] = Paginator(calls.list_campaigns(status=status.value))
        before = counts.get(status)
        grown = 0
        for number, call in enumerate(pager):
            if number >= MOST_PAGES:
                break
            page = await self._hub.shared(call, max_age=self._poll_interval / 2)
            if page.count is not None and number == 0:
                grown = page.count - (page.count if before is None else before)
                counts[status] = page.count
            # A server that ignores the filter shows others, too.
            rows = [row for row in pager.new_rows(page) if row.status is status and row.id not in self._known]
            new += rows
            if not reads_all and not rows and len(new) >= grown:
                break
        return new
