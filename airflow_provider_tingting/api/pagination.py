"""Read the pages of a list to its end.

A server may cap the page size whatever is requested, and `next` may name another host. So the offset advances by the
rows received; of `next` only its query is used, and the host never changes. A row that is missing from a list proves
that it does not exist, so the end of a list is accepted only when `count` agrees or when a page past it has no row.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from pydantic import BaseModel

from airflow_provider_tingting.api.models import Page
from airflow_provider_tingting.api.protocol import Call
from airflow_provider_tingting.clock import monotonic
from airflow_provider_tingting.errors import TingTingUnreadableReplyError

R = TypeVar("R")

# New campaigns push older ones to later pages while a list is read, so a page may repeat rows. This many pages in a
# row without a new row mean that the server ignores the offset.
MAX_STALE_PAGES = 3
# How many rows may be added to a list while it is read; a larger growth of the count is ignored.
_MAX_PUSHED_DOWN = 10_000
#: Seconds that the requests for the pages of one list may take together, unless the caller names another limit.
LIST_TIMEOUT = 3600.0
#: The most rows of a list: the ids of so many, by which repeated rows are known, take about half a gigabyte.
MAX_ROWS = 5_000_000


class Paginator(Iterator[Call[Page[R]]]):
    """The calls that read one list: iterate for the next call, and pass its page to `new_rows`.

    :param first: the call for the first page.
    :param timeout: seconds that all requests may take together, default 3600; a list may never end.
    """

    def __init__(self, first: Call[Page[R]], *, timeout: float = LIST_TIMEOUT) -> None:
        self._timeout = timeout
        self._seconds = 0.0
        self._pushed_down = 0
        self._requested_at = 0.0
        self._call: Call[Page[R]] | None = first
        self._received = 0
        self._count = 0
        self._stale = 0
        self._seen: set[Any] = set()

    def __next__(self) -> Call[Page[R]]:
        if self._call is None:
            raise StopIteration
        self._requested_at = monotonic()
        return self._call

    def new_rows(self, page: Page[R]) -> list[R]:
        """Return the rows of a page that no earlier page had, and prepare the next call.

        :param page: the result of the call that was returned last.
        :raises TingTingUnreadableReplyError: the server returns the same rows again and again.
        """
        assert self._call is not None
        # Only the requests count, not what the caller does with the rows.
        self._seconds += monotonic() - self._requested_at
        if self._seconds > self._timeout:
            raise TingTingUnreadableReplyError(
                self._call.name,
                f"after {self._timeout:g} s the list has not ended; {self._received:,} rows were read.",
                remedy="Nothing was changed. If the list is really so long, raise download_timeout in the connection's "
                "extra.",
                campaign_id=self._call.campaign_id,
            )
        if self._received > MAX_ROWS:
            raise TingTingUnreadableReplyError(
                self._call.name,
                f"the list has more than {MAX_ROWS:,} rows and has not ended.",
                remedy="Nothing was changed. No account has such a list: check the connection's base URL.",
                campaign_id=self._call.campaign_id,
            )
        fresh = [row for row in page.results if self._is_new(row)]
        growth = self._growth(page)
        moved_up = min(max(0, -growth), self._received)
        # Deleted rows moved later ones up past this page, so the next page begins where they are now.
        self._received += -moved_up or len(page.results)
        # Rows that were added since, and pages that were read again, explain a page without new rows.
        explained = growth != 0 or self._pushed_down > 0
        repeated = len(page.results) - len(fresh)
        self._pushed_down = min(max(0, self._pushed_down + max(0, growth) - repeated), _MAX_PUSHED_DOWN)
        self._stale = 0 if fresh or not page.results else self._stale + (not explained)
        if self._stale >= MAX_STALE_PAGES:
            raise TingTingUnreadableReplyError(
                self._call.name,
                f"{self._stale} pages in a row contain only rows of earlier pages.",
                remedy="The list cannot be read to its end; nothing was changed.",
                campaign_id=self._call.campaign_id,
            )
        counted_more = self._received < self._count
        more = (page.results and (page.next or counted_more)) or (moved_up and counted_more)
        self._call = self._next_call(page) if more else None
        return fresh

    def _growth(self, page: Page[R]) -> int:
        """Return how many rows the list has gained since the last page; fewer than 0 when it has lost some."""
        if page.count is None:
            return 0
        before, self._count = self._count, page.count
        return page.count - before if before else 0

    def _next_call(self, page: Page[R]) -> Call[Page[R]]:
        assert self._call is not None
        # Not `urlsplit`, which raises on an invalid address; only the query is used.
        named = dict(parse_qsl((page.next or "").partition("?")[2].partition("#")[0]))
        query = {**named, **self._call.request.query, "offset": self._received}
        return replace(self._call, request=replace(self._call.request, query=query))

    def _is_new(self, row: R) -> bool:
        key = row_key(row)
        if key in self._seen:
            return False
        self._seen.add(key)
        return True


def row_key(row: object) -> object:
    """Return what identifies a row of a list: its id or, for rows without one, all of its values.

    :param row: the row.
    """
    key = getattr(row, "id", None)
    if key is not None:
        return key
    return row.model_dump_json() if isinstance(row, BaseModel) else repr(row)
