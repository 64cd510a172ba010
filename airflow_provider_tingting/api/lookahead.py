"""Read several pages of a list at once, without losing a row that moves meanwhile.

A page that is requested early overlaps the page before it by one row. When that row is the same in both, no row lies
between the two pages, whatever was added or deleted between the requests. When it is not, the page is requested again
after the one before it, as without this module.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Generic, TypeVar

from airflow_provider_tingting.api.models import Page
from airflow_provider_tingting.api.pagination import row_key
from airflow_provider_tingting.api.protocol import Call

R = TypeVar("R")

#: Pages of one list that are requested at the same time.
MAX_PAGES_AT_ONCE = 8
# A list with fewer pages left is read one page after the other, since overlaps cost requests.
_MIN_PAGES_LEFT = 16
# After so many pages that did not fit, the list is read one page after the other.
_MAX_MISSES = 2


class Lookahead(Generic[R]):
    """Plans which pages of one list are in flight.

    :param most: pages in flight; the number grows from one, because most lists are short.
    """

    def __init__(self, most: int = MAX_PAGES_AT_ONCE) -> None:
        self._most = most
        self._at_once = 1
        self._misses = 0
        self._page_size = 0
        self._count = 0
        self._last_row: Any = None

    def plan(self, call: Call[Page[R]]) -> list[Call[Page[R]]]:
        """Return the calls to have in flight; the result of the first is the page for `call`, after `fit`.

        :param call: the call that the paginator needs next.
        """
        offset = int(call.request.query.get("offset", 0))
        step = self._page_size - 1
        # A page of one row has room for the overlap only.
        if step < 1 or not 0 < offset < self._count or self._misses >= _MAX_MISSES:
            return [call]
        if self._at_once == 1 and self._count - offset < _MIN_PAGES_LEFT * self._page_size:
            return [call]
        self._at_once = min(self._at_once * 2, self._most)
        offsets = range(offset - 1, self._count - 1, step)
        return [_at(call, ahead) for ahead in offsets[: self._at_once]]

    def fit(self, call: Call[Page[R]], sent: Call[Page[R]], page: Page[R]) -> Page[R] | None:
        """Return the page for a call without its overlap, or None when the call itself must be sent.

        :param call: the call that the paginator needs next.
        :param sent: the call that was sent for it, the first of the plan.
        :param page: its result.
        """
        overlaps = sent is not call
        if overlaps and not (page.results and row_key(page.results[0]) == self._last_row):
            self.miss()
            return None
        self._page_size = len(page.results)
        self._count = page.count or 0
        if page.results:
            self._last_row = row_key(page.results[-1])
        return page.model_copy(update={"results": page.results[1:]}) if overlaps else page

    def miss(self) -> None:
        """Note that a page was not usable, so that fewer pages are requested early."""
        self._misses += 1
        self._at_once = 1


def _at(call: Call[Page[R]], offset: int) -> Call[Page[R]]:
    query = {**call.request.query, "offset": offset}
    return replace(call, request=replace(call.request, query=query))
