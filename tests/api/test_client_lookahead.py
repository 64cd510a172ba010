"""A long list is read several pages at once, in order, whole, and within the rate limit."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.both_clients import Connect
from support.recording_server import Received, RecordingServer, Reply

from airflow_provider_tingting.api import calls
from airflow_provider_tingting.api.lookahead import MAX_PAGES_AT_ONCE, Lookahead
from airflow_provider_tingting.api.models import Contact, Page
from airflow_provider_tingting.api.pagination import Paginator
from airflow_provider_tingting.api.protocol import Call
from airflow_provider_tingting.errors import TingTingServerError

PAGE_CAP = 10
FIRST = calls.list_contacts(79)


class LongList:
    """A list of contacts with a page cap; counts the requests at the same time."""

    def __init__(self, rows: int, seconds: float = 0.0) -> None:
        self.rows = [{"id": number, "number": f"98412{number:05}"} for number in range(rows)]
        self.most_at_once = 0
        self._seconds = seconds
        self._at_once = 0
        self._lock = threading.Lock()

    def __call__(self, received: Received) -> Reply:
        with self._lock:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        time.sleep(self._seconds)
        with self._lock:
            self._at_once -= 1
            offset = int(received.query["offset"])
            rows = self.rows[offset : offset + PAGE_CAP]
        more = "?more" if offset + PAGE_CAP < len(self.rows) else None
        return Reply({"count": len(self.rows), "next": more, "results": rows})


def test_a_long_list_comes_whole_and_in_order_from_several_requests_at_once(
    connect: Connect, server: RecordingServer
) -> None:
    server.reply = listing = LongList(700, seconds=0.01)

    rows = connect(server).rows(FIRST)
    assert [row.id for row in rows] == list(range(700))
    assert 2 < listing.most_at_once <= MAX_PAGES_AT_ONCE
    # Each page overlaps the one before it by one row of ten.
    assert len(server.received) <= 700 / (PAGE_CAP - 1) + 2


def test_a_short_list_costs_no_request_more(connect: Connect, server: RecordingServer) -> None:
    server.reply = listing = LongList(100)

    assert len(connect(server).rows(FIRST)) == 100
    assert (len(server.received), listing.most_at_once) == (10, 1)


def test_the_rate_limit_holds_for_pages_that_are_read_at_once(connect: Connect, server: RecordingServer) -> None:
    server.reply = LongList(300)

    begun = time.monotonic()
    assert len(connect(server, rate_limit=50).rows(FIRST)) == 300
    assert time.monotonic() - begun >= (len(server.received) - 1) / 50 * 0.95


def test_a_page_that_fails_early_is_requested_again(connect: Connect, server: RecordingServer) -> None:
    listing, failed = LongList(400), set[str]()

    def sometimes(received: Received) -> Reply:
        offset = received.query["offset"]
        if int(offset) > 100 and int(offset) % 4 == 0 and offset not in failed:
            failed.add(offset)
            return Reply(status=503)
        return listing(received)

    server.reply = sometimes
    assert [row.id for row in connect(server).rows(FIRST)] == list(range(400))
    assert failed


def test_a_list_that_cannot_be_read_to_its_end_is_an_error(connect: Connect, server: RecordingServer) -> None:
    listing = LongList(400)
    server.reply = lambda received: Reply(status=500) if int(received.query["offset"]) > 300 else listing(received)

    with pytest.raises(TingTingServerError):
        connect(server).rows(FIRST)


def test_reading_only_the_beginning_requests_few_pages(connect: Connect, server: RecordingServer) -> None:
    server.reply = LongList(10_000)

    assert len(connect(server).rows(FIRST, most=10)) == 10
    assert len(server.received) == 1


# -- nothing is lost, in whatever order the pages are answered ---------------------------------------------------------


def read(listed: list[int], change: Callable[[list[int]], None], order: Callable[[list[Any]], list[Any]]) -> list[int]:
    """Read a list that changes between two requests, which are answered in any order."""
    paginator: Paginator[Any] = Paginator(FIRST)
    lookahead: Lookahead[Any] = Lookahead()
    answered: dict[int, Page[Any]] = {}
    rows: list[int] = []

    def answer(call: Call[Page[Any]]) -> Page[Any]:
        offset = int(call.request.query["offset"])
        shown = tuple(Contact(id=number) for number in listed[offset : offset + PAGE_CAP])
        page: Page[Any] = Page(
            results=shown, count=len(listed), next="?more" if offset + PAGE_CAP < len(listed) else None
        )
        change(listed)
        return page

    for turn, call in enumerate(paginator):
        assert turn < 1000, "the list has no end"
        plan = lookahead.plan(call)
        if plan == [call]:
            page = lookahead.fit(call, call, answer(call))
        else:
            for early in order([one for one in plan if int(one.request.query["offset"]) not in answered]):
                answered[int(early.request.query["offset"])] = answer(early)
            page = lookahead.fit(call, plan[0], answered.pop(int(plan[0].request.query["offset"])))
        if page is None:
            page = lookahead.fit(call, call, answer(call))
        assert page is not None
        rows += [row.id for row in paginator.new_rows(page)]
    return rows


@settings(deadline=None, max_examples=50)
@given(total=st.integers(0, 600), shuffle=st.randoms(use_true_random=False))
def test_a_list_that_does_not_change_is_read_whole_in_any_order_of_responses(total: int, shuffle: Any) -> None:
    rows = read(list(range(total)), lambda _: None, lambda plan: shuffle.sample(plan, len(plan)))

    assert rows == list(range(total))


@settings(deadline=None, max_examples=100)
@given(total=st.integers(200, 400), shuffle=st.randoms(use_true_random=False), often=st.floats(0.0, 0.5))
def test_no_row_is_lost_when_others_are_added_and_deleted_between_the_requests(
    total: int, shuffle: Any, often: float
) -> None:
    listed, fresh, changes = list(range(total)), [100_000], [30]

    def change(rows: list[int]) -> None:
        if changes[0] == 0 or shuffle.random() >= often:
            return
        changes[0] -= 1
        for _ in range(shuffle.randint(0, 3)):
            rows.insert(0, fresh[0])
            fresh[0] += 1
        for _ in range(shuffle.randint(0, 3)):
            rows.pop(shuffle.randrange(len(rows)))

    rows = read(listed, change, lambda plan: shuffle.sample(plan, len(plan)))
    assert len(rows) == len(set(rows))
    assert {number for number in range(total) if number in listed} <= set(rows)
