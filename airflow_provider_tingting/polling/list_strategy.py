"""Decides which pages of the campaign list to read, and which of their rows to believe. Pure.

A page of the list shows many campaigns for one request. A server may cut pages at ten rows, show rows twice while a
walk goes on, or return a page that is stale or wrong. So the strategy records the page size and the rows of campaigns,
and compares an end that the list shows with the campaign's own page until the list has been right several times, and
now and then afterwards.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from airflow_provider_tingting.api import calls
from airflow_provider_tingting.api.models import Campaign, Page
from airflow_provider_tingting.api.pagination import Paginator
from airflow_provider_tingting.api.protocol import Call
from airflow_provider_tingting.api.statuses import CampaignStatus
from airflow_provider_tingting.campaigns.observation import Snapshot

#: Seconds for which a list that failed or was wrong is not read.
LIST_REST = 600.0
#: Seconds after which campaigns that no page has shown are looked for on the list again.
FORGET_UNLISTED_AFTER = 3600.0
#: A walk that does not know where its campaigns are ends after this many pages without one of them.
MAX_IDLE_PAGES = 20
#: This many ends on the list must agree with the campaigns' own pages before an end is believed without a check ...
ENDS_CHECKED_FIRST = 3
#: ... and one end in this many is checked afterwards.
ENDS_CHECKED_LATER = 20
#: After this many disagreements in a row the list rests. A single one proves nothing: the campaign may have changed
#: between the two reads.
MAX_DISAGREEMENTS = 3


@dataclass
class ListLayout:
    """What earlier walks have recorded of an account's list.

    :param page_size: how many rows the server puts on a page; None before the first page.
    :param rows: campaign id → the row, counted from 0, that shows it.
    :param unlisted: campaigns that no page has shown.
    """

    page_size: int | None = None
    rows: dict[int, int] = field(default_factory=dict)
    unlisted: set[int] = field(default_factory=set)

    def unexplored(self, wanted: Iterable[int]) -> set[int]:
        """Return the campaigns that no walk has looked for yet.

        :param wanted: the ids of campaigns.
        """
        return {one for one in wanted if one not in self.rows and one not in self.unlisted}

    def forget(self, campaign_id: int) -> None:
        """Forget a campaign that has no subscriber any more."""
        self.rows.pop(campaign_id, None)
        self.unlisted.discard(campaign_id)


class PageWalk(Iterator["Call[Page[Campaign]]"]):
    """One walk through the list: iterate for the next call, pass its page to `accept`, end with `finish`.

    The walk ends when the next page would cost more requests than it can save.

    :param layout: what is known of the list; the walk updates it.
    :param wanted: ids of the campaigns that are due.
    :param pages: how many pages to read at least, unless all campaigns are found before.
    """

    def __init__(self, layout: ListLayout, wanted: set[int], pages: int) -> None:
        self._layout = layout
        self._pages = pages
        self._left = wanted
        self._pager: Paginator[Campaign] = Paginator(calls.list_campaigns())
        # A walk that explores may read this many pages without a result.
        self._budget = len(wanted) / 2
        self._read = self._rows = self._hits = self._wasted = 0
        self._highest: int | None = None
        self._lowest: int | None = None
        self._newest_first = True

    def __next__(self) -> Call[Page[Campaign]]:
        if self._read and not self._goes_on():
            raise StopIteration
        return next(self._pager)

    def accept(self, page: Page[Campaign]) -> list[Campaign]:
        """Record a page and return the campaigns on it that no earlier page has shown.

        :param page: the response to the call that the iteration returned last.
        :raises TingTingUnreadableReplyError: the server keeps showing the same rows.
        """
        fresh = self._pager.new_rows(page)
        layout = self._layout
        if not self._read:
            # A last page may be shorter than the page size.
            least = 0 if page.next else layout.page_size or 0
            layout.page_size = max(least, len(page.results), 1)
        self._read += 1
        self._hits = 0
        for row, campaign in enumerate(fresh, self._rows):
            self._newest_first = self._newest_first and (self._lowest is None or campaign.id < self._lowest)
            self._highest, self._lowest = self._highest or campaign.id, campaign.id
            layout.rows[campaign.id] = row
            layout.unlisted.discard(campaign.id)
            if campaign.id in self._left:
                self._left.discard(campaign.id)
                self._hits += 1
        self._rows += len(page.results)
        if not self._hits and self._read > self._pages:
            self._wasted += 1
        return fresh

    def finish(self) -> None:
        """Record where the campaigns must be that no page has shown, or that they are not on the list."""
        for one in self._left:
            row = self._row_of(one)
            if row is None:
                self._layout.rows.pop(one, None)
                self._layout.unlisted.add(one)
            else:
                self._layout.rows[one] = row

    def _goes_on(self) -> bool:
        if not self._left:
            return False
        if self._read < self._pages:
            return True
        if self._wasted >= self._budget:
            return False
        if self._newest_first and self._rows > 1:
            rows = [row - self._rows for one in self._left if (row := self._row_of(one)) is not None]
            more = _pages_worth_reading(rows, self._layout.page_size or 1)
            self._pages = self._read + more
            return more > 0
        # The server sorts by something else than the id, so no row can be predicted.
        return self._hits >= 2 or (len(self._layout.unexplored(self._left)) >= 2 and self._wasted < MAX_IDLE_PAGES)

    def _row_of(self, campaign_id: int) -> int | None:
        """Return the row, not yet read, that must show the campaign; None when no row will, or it cannot be known.

        A list that is sorted by falling ids cannot show a higher id than the last one that was read. The row of a
        lower id is extrapolated from how many rows the ids until now have taken.
        """
        if not (self._newest_first and self._rows > 1) or self._highest is None or self._lowest is None:
            row = self._layout.rows.get(campaign_id)
            return row if row is not None and row >= self._rows else None
        if campaign_id > self._lowest:
            return None
        rows_per_id = self._rows / (self._highest - self._lowest + 1)
        return self._rows + int((self._lowest - campaign_id - 1) * rows_per_id)


class ListStrategy:
    """Decides when the list of one account is read, and whether an end that it shows is believed."""

    def __init__(self) -> None:
        self._layout = ListLayout()
        self._forget_at = 0.0
        self._rests_until = 0.0
        self._agreements = 0
        self._disagreements = 0
        self._ends = 0
        self._was_wrong = False

    @property
    def page_size(self) -> int | None:
        """How many rows the server puts on a page; None before the first page."""
        return self._layout.page_size

    def pages_for(self, wanted: Iterable[int], now: float) -> int:
        """Return how many pages to read first, so that pages and single reads together are the fewest requests.

        :param wanted: ids of the campaigns that are due. One that no walk has looked for yet may be on the first
            page, which costs no more than reading the campaign alone.
        :param now: monotonic seconds.
        """
        wanted = set(wanted)
        layout = self._layout
        if now < self._rests_until or len(wanted) < 2:
            return 0
        if now >= self._forget_at:
            layout.unlisted.clear()
            self._forget_at = now + FORGET_UNLISTED_AFTER
        rows = [layout.rows[one] for one in wanted if one in layout.rows]
        return _pages_worth_reading(rows, layout.page_size or 1) or int(len(layout.unexplored(wanted)) >= 2)

    def walk(self, wanted: Iterable[int], pages: int) -> PageWalk:
        """Start a walk; see `PageWalk`.

        :param wanted: ids of the campaigns that are due.
        :param pages: what `pages_for` returned.
        """
        return PageWalk(self._layout, set(wanted), pages)

    def rest(self, now: float) -> None:
        """Read no list for `LIST_REST` seconds: it failed or was wrong.

        :param now: monotonic seconds.
        """
        self._rests_until = now + LIST_REST

    def forget(self, campaign_id: int) -> None:
        """Forget a campaign that has no subscriber any more."""
        self._layout.forget(campaign_id)

    def may_end(self, snapshot: Snapshot, before: Snapshot | None) -> bool:
        """Return whether an end on the list is believed without reading the campaign's own page.

        :param snapshot: the row of the list.
        :param before: what was seen of the campaign last, or None.
        """
        if not _is_whole(snapshot) or self._was_wrong or (before is not None and snapshot.is_older_than(before)):
            return False
        if self._agreements < ENDS_CHECKED_FIRST:
            return False
        self._ends += 1
        return self._ends % ENDS_CHECKED_LATER != 0

    def compare(self, listed: Snapshot, own: Snapshot, now: float) -> None:
        """Record whether a row of the list agrees with the campaign's own page.

        :param listed: the row.
        :param own: the campaign's own page, read right after the list.
        :param now: monotonic seconds.
        """
        ended = CampaignStatus(own.status).is_final
        if CampaignStatus(listed.status).is_final and listed.status != own.status:
            # A campaign never goes on after its end, so the row was wrong; no later end on this list is believed.
            self._was_wrong = True
        elif ended and listed.status == own.status:
            self._agreements += 1
        if listed.status == own.status:
            self._disagreements = 0
            return
        self._disagreements += 1
        if self._disagreements >= MAX_DISAGREEMENTS:
            self._disagreements = 0
            self.rest(now)


def _pages_worth_reading(rows: list[int], size: int) -> int:
    """Return how many pages to read so that pages and single reads together are the fewest requests.

    :param rows: the rows of the campaigns, counted from the first row of the next page.
    """
    on_page = Counter(row // size for row in rows)
    best, fewest, found = 0, len(rows), 0
    for page in sorted(on_page):
        found += on_page[page]
        if page + 1 + len(rows) - found < fewest:
            best, fewest = page + 1, page + 1 + len(rows) - found
    return best


def _is_whole(snapshot: Snapshot) -> bool:
    """Return whether a row has all that an end needs and does not contradict itself."""
    if snapshot.progress_percent is None or snapshot.contacts is None:
        return False
    return snapshot.status != CampaignStatus.COMPLETED.value or snapshot.progress_percent == 100
