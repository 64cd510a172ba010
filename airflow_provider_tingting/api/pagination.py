"""Walks the pages of a list, trusting only what came back.

The server may cap the page at ten whatever is asked, and its `next` may name another host: so the walk goes on by the
rows received, `next` only tells whether there is more and its query how to ask for it, and the host never changes.
That something is not in a list proves that it does not exist, so the end is believed only when `count` agrees or when
a page beyond it brings nothing new; and `count` alone is not believed, since some servers count what they do not show.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from pydantic import BaseModel

from airflow_provider_tingting.api.models import Page
from airflow_provider_tingting.api.protocol import Call
from airflow_provider_tingting.errors import TingTingUnreadableReplyError

R = TypeVar("R")

# New campaigns push older ones down while the pages are read, so a page may show rows again; this many pages in a row
# without a new row mean that the server does not turn the page.
MOST_STALE_PAGES = 3


class Pager(Iterator[Call[Page[R]]]):
    """The calls of one walk through a list: iterate for the next call, `accept` its page for the rows.

    :param first: the call for the first page.
    """

    def __init__(self, first: Call[Page[R]]) -> None:
        self._call: Call[Page[R]] | None = first
        self._received = 0
        self._count = 0
        self._stale = 0
        self._seen: set[Any] = set()

    def __next__(self) -> Call[Page[R]]:
        if self._call is None:
            raise StopIteration
        return self._call

    def accept(self, page: Page[R]) -> list[R]:
        """Take a page in and return those of its rows that were not seen before.

        :raises TingTingUnreadableReplyError: the server shows the same rows for ever.
        """
        assert self._call is not None
        fresh = [row for row in page.results if self._is_new(row)]
        moved_up = self._moved_up(page)
        # Later rows have moved up past this page, so it is read again from there.
        self._received += -moved_up or len(page.results)
        self._stale = 0 if fresh or not page.results else self._stale + (not moved_up)
        if self._stale >= MOST_STALE_PAGES:
            raise TingTingUnreadableReplyError(
                self._call.name,
                f"{self._stale} pages in a row show only rows that came before.",
                remedy="The list cannot be read to its end; nothing was changed.",
                campaign_id=self._call.campaign_id,
            )
        more = (page.results and page.next) or ((fresh or moved_up) and self._received < self._count)
        self._call = self._next_call(page) if more else None
        return fresh

    def _moved_up(self, page: Page[R]) -> int:
        """Return how many rows were deleted since the last page."""
        if page.count is None:
            return 0
        deleted = min(max(0, self._count - page.count), self._received)
        self._count = page.count
        return deleted

    def _next_call(self, page: Page[R]) -> Call[Page[R]]:
        assert self._call is not None
        # Not by `urlsplit`, which refuses what is no address: its query is all that is wanted of it.
        named = dict(parse_qsl((page.next or "").partition("?")[2].partition("#")[0]))
        query = {**named, **self._call.request.query, "offset": self._received}
        return replace(self._call, request=replace(self._call.request, query=query))

    def _is_new(self, row: R) -> bool:
        # Some servers send rows without ids; without a key a list that never turns its page would have no end.
        key = getattr(row, "id", None)
        if key is None:
            key = row.model_dump_json() if isinstance(row, BaseModel) else repr(row)
        if key in self._seen:
            return False
        self._seen.add(key)
        return True
