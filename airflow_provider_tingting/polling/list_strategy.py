"""What to read from the campaign list, and what to believe of it. Pure.

A page of the list shows many campaigns for the price of one request. But pages may be cut at ten rows, turn while they
are read, be stale or be wrong. So nothing is taken for granted: where a campaign is and how long a page is, is learned;
what ends a wait is compared with the campaign's own page until the list has proved right, and now and then afterwards.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from airflow_provider_tingting.api import calls
from airflow_provider_tingting.api.models import Campaign, Page
from airflow_provider_tingting.api.pagination import Paginator
from airflow_provider_tingting.api.protocol import Call
from airflow_provider_tingting.api.statuses import CampaignStatus
from airflow_provider_tingting.campaigns.observation import Snapshot

#: A list that cannot be used is not asked for again for so long (seconds).
RESTS_FOR = 600.0
#: Campaigns that the pages do not show are looked for on them again after so long (seconds).
LOOKS_AGAIN_AFTER = 3600.0
#: This many pages without a campaign of ours end a walk that does not know where they are.
MOST_IDLE_PAGES = 20
#: So often the end that a list shows must agree with the campaign's own page before it is believed, ...
ENDS_CHECKED_FIRST = 3
#: ... and one in so many is checked afterwards.
ENDS_CHECKED_LATER = 20
#: A campaign that so many lists have shown unchanged is looked at on its own page, and again after twice as many.
UNCHANGED_LOOKS = 8
#: After so many lists it is looked at on its own page whatever they have shown: they may turn in circles.
MOST_LISTED_LOOKS = 100
#: So often in a row the list may disagree with campaigns' own pages; each may have changed in between.
MOST_DISAGREEMENTS = 3


class ListStrategy:
    """What is known about the list of one account."""

    def __init__(self) -> None:
        self._page_size: int | None = None
        self._place: dict[int, int] = {}
        self._not_shown: set[int] = set()
        self._forget_at = 0.0
        self._rests_until = 0.0
        self._agreements = 0
        self._disagreements = 0
        self._ends = 0
        self._lied = False

    @property
    def page_size(self) -> int | None:
        """How many rows the server puts on a page, as far as it was seen."""
        return self._page_size

    def pages_for(self, wanted: Iterable[int], now: float) -> int:
        """Return how many pages to read first, so that these and the single reads of the rest are the fewest requests.

        A campaign that was never looked for may be on the first page, which costs no more than to read it singly.
        """
        wanted = set(wanted)
        if now < self._rests_until or len(wanted) < 2:
            return 0
        if now >= self._forget_at:
            self._not_shown.clear()
            self._forget_at = now + LOOKS_AGAIN_AFTER
        places = [self._place[one] for one in wanted if one in self._place]
        return _pages_worth_reading(places, self._page_size or 1) or int(len(self._unexplored(wanted)) >= 2)

    def walk(self, wanted: Iterable[int], pages: int) -> Walk:
        """Begin to read pages."""
        return Walk(self, set(wanted), pages)

    def rest(self, now: float) -> None:
        """Do without the list for a while: it cannot be read, or is wrong."""
        self._rests_until = now + RESTS_FOR

    def forget(self, campaign_id: int) -> None:
        """Forget where a campaign is that nobody waits for any more."""
        self._place.pop(campaign_id, None)
        self._not_shown.discard(campaign_id)

    def _unexplored(self, wanted: Iterable[int]) -> set[int]:
        return {one for one in wanted if one not in self._place and one not in self._not_shown}

    # -- what to believe -------------------------------------------------------------------------------------------

    def may_end(self, sight: Snapshot, before: Snapshot | None) -> bool:
        """Whether an end that the list shows is believed without a look at the campaign's own page."""
        if not _is_whole(sight) or self._lied or (before is not None and _is_older(sight, before)):
            return False
        if self._agreements < ENDS_CHECKED_FIRST:
            return False
        self._ends += 1
        return self._ends % ENDS_CHECKED_LATER != 0

    def compared(self, listed: Snapshot, own: Snapshot, now: float) -> None:
        """Take in what a campaign's own page shows, read after the list."""
        ended = CampaignStatus(own.status).is_final
        if CampaignStatus(listed.status).is_final and listed.status != own.status:
            # Nothing that has ended goes on: here the list was wrong, and it is not believed again.
            self._lied = True
        elif ended and listed.status == own.status:
            self._agreements += 1
        if listed.status == own.status:
            self._disagreements = 0
            return
        self._disagreements += 1
        if self._disagreements >= MOST_DISAGREEMENTS:
            self._disagreements = 0
            self.rest(now)


class Walk(Iterator["Call[Page[Campaign]]"]):
    """The calls of one walk through the list: iterate for the next call, `accept` its page for the rows.

    It ends as soon as another page costs more than it may bring.

    :param wanted: the campaigns that are looked for.
    :param pages: how many pages to read at least, unless all are found before.
    """

    def __init__(self, listing: ListStrategy, wanted: set[int], pages: int) -> None:
        self._listing = listing
        self._pages = pages
        self._left = wanted
        self._pager: Paginator[Campaign] = Paginator(calls.list_campaigns())
        # Pages that are read in vain, because it is not known where the campaigns are, are at most so many.
        self._budget = len(wanted) / 2
        self._read = self._rows = self._hits = self._wasted = 0
        self._highest: int | None = None
        self._lowest: int | None = None
        self._falls = True

    def __next__(self) -> Call[Page[Campaign]]:
        if self._read and not self._goes_on():
            raise StopIteration
        return next(self._pager)

    def accept(self, page: Page[Campaign]) -> list[Campaign]:
        """Take a page in and return the campaigns that no page before has shown.

        :raises TingTingUnreadableReplyError: the server shows the same rows for ever.
        """
        fresh = self._pager.new_rows(page)
        if not self._read:
            least = 0 if page.next else self._listing._page_size or 0
            self._listing._page_size = max(least, len(page.results), 1)
        self._read += 1
        place = self._listing._place
        self._hits = 0
        for row, campaign in enumerate(fresh, self._rows):
            self._falls = self._falls and (self._lowest is None or campaign.id < self._lowest)
            self._highest, self._lowest = self._highest or campaign.id, campaign.id
            place[campaign.id] = row
            self._listing._not_shown.discard(campaign.id)
            if campaign.id in self._left:
                self._left.discard(campaign.id)
                self._hits += 1
        self._rows += len(page.results)
        if not self._hits and self._read > self._pages:
            self._wasted += 1
        return fresh

    def finish(self) -> None:
        """Remember where the campaigns must be that the pages do not show, or that they are nowhere."""
        for one in self._left:
            place = self._place_of(one)
            if place is None:
                self._listing._place.pop(one, None)
                self._listing._not_shown.add(one)
            else:
                self._listing._place[one] = place

    def _goes_on(self) -> bool:
        if not self._left:
            return False
        if self._read < self._pages:
            return True
        if self._wasted >= self._budget:
            return False
        if self._falls and self._rows > 1:
            places = [place - self._rows for one in self._left if (place := self._place_of(one)) is not None]
            more = _pages_worth_reading(places, self._listing.page_size or 1)
            self._pages = self._read + more
            return more > 0
        # The list has another order, so that there is only to try.
        return self._hits >= 2 or (len(self._listing._unexplored(self._left)) >= 2 and self._wasted < MOST_IDLE_PAGES)

    def _place_of(self, campaign_id: int) -> int | None:
        """Return the row where a campaign that was not shown yet must be, or None when it is nowhere or unknown.

        The newest come first, so what has a higher id than the last row comes no more, and how far down a lower one
        is, can be told from how many rows so many ids have taken until now.
        """
        if not (self._falls and self._rows > 1) or self._highest is None or self._lowest is None:
            place = self._listing._place.get(campaign_id)
            return place if place is not None and place >= self._rows else None
        if campaign_id > self._lowest:
            return None
        rows_an_id = self._rows / (self._highest - self._lowest + 1)
        return self._rows + int((self._lowest - campaign_id - 1) * rows_an_id)


def _pages_worth_reading(places: list[int], size: int) -> int:
    """Return how many pages to read so that these and the single reads of the rest are the fewest requests.

    :param places: on which rows the campaigns are, counted from the first row of the next page.
    """
    on_page = Counter(place // size for place in places)
    best, fewest, found = 0, len(places), 0
    for page in sorted(on_page):
        found += on_page[page]
        if page + 1 + len(places) - found < fewest:
            best, fewest = page + 1, page + 1 + len(places) - found
    return best


def _is_whole(sight: Snapshot) -> bool:
    """Whether a row of the list says all that an end must, without contradicting itself."""
    if sight.progress_percent is None or sight.contacts is None:
        return False
    return sight.status != CampaignStatus.COMPLETED.value or sight.progress_percent == 100


def _is_older(sight: Snapshot, before: Snapshot) -> bool:
    """Whether a row shows an earlier time than was seen already."""
    if sight.updated_at and before.updated_at and sight.updated_at < before.updated_at:
        return True
    return (sight.progress_percent or 0) < (before.progress_percent or 0)
