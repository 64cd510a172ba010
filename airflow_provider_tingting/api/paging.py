"""Walks the pages of a list, trusting only what came back.

The server may cap the page at ten whatever is asked, and its `next` may name another host: so the walk goes on by the
rows received, `next` only tells whether there is more and its query how to ask for it, and the host never changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from pydantic import BaseModel

from airflow_provider_tingting.api.models import Page
from airflow_provider_tingting.api.wire import Call
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
        self._received += len(page.results)
        self._stale = 0 if fresh or not page.results else self._stale + 1
        if self._stale >= MOST_STALE_PAGES:
            raise TingTingUnreadableReplyError(
                self._call.name,
                f"{self._stale} pages in a row show only rows that came before.",
                remedy="The list cannot be read to its end; nothing was changed.",
                campaign_id=self._call.campaign_id,
            )
        self._call = self._next_call(page) if page.results and page.next else None
        return fresh

    def _next_call(self, page: Page[R]) -> Call[Page[R]]:
        assert self._call is not None
        # Not by `urlsplit`, which refuses what is no address: its query is all that is wanted of it.
        named = dict(parse_qsl((page.next or "").partition("?")[2].partition("#")[0]))
        query = {**self._call.request.query, **named, "offset": self._received}
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
