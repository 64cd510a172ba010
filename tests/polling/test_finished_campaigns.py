"""Which campaigns have finished since the last poll, how far the lists are read for them, and what a restart keeps."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, cast

import pytest
from support.scripted_server import BEGINS, ScriptedServer

from airflow_provider_tingting.api.models import Campaign, Page
from airflow_provider_tingting.clock import use_clock
from airflow_provider_tingting.errors import TingTingNotFoundError, TingTingServerError
from airflow_provider_tingting.polling import finished
from airflow_provider_tingting.polling.finished import CLOCK_SKEW, READ_ALL_AFTER, FinishedCampaigns, Watermark
from airflow_provider_tingting.polling.poller import Poller
from airflow_provider_tingting.timezones import NEPAL

NINE = datetime.fromtimestamp(BEGINS, NEPAL)


def at(minutes: float) -> str:
    return (NINE + timedelta(minutes=minutes)).isoformat()


def done(campaign_id: int, minutes: float | None = None, *, status: str = "Completed") -> Campaign:
    """Make a campaign that has finished so many minutes after nine, or at a time that TingTing does not name."""
    return Campaign(id=campaign_id, status=status, updated_at=None if minutes is None else at(minutes))


class Account:
    """Answers the reads of a poller from a list of campaigns, the newest id first."""

    def __init__(self, *campaigns: Campaign, size: int = 2) -> None:
        self.campaigns = list(campaigns)
        #: What a campaign's own page shows in place of its row; an error is raised.
        self.own: dict[int, Any] = {}
        self.size = size
        self.counts = self.filters = True
        self.is_down = False
        #: Status and first row of each page that was read, and how old a response might be.
        self.pages: list[tuple[str, int]] = []
        self.max_ages: set[float] = set()
        self.own_reads: list[int] = []

    async def shared(self, call: Any, *, max_age: float) -> Page[Campaign]:
        if self.is_down:
            raise TingTingServerError(call.name, "is down.", status_code=503)
        status, offset = call.request.query["status"], int(call.request.query["offset"])
        self.pages.append((status, offset))
        self.max_ages.add(max_age)
        found = sorted(self.campaigns, key=lambda one: -one.id)
        found = [one for one in found if not self.filters or one.status == status]
        more = f"?offset={offset + self.size}" if offset + self.size < len(found) else None
        rows = found[offset : offset + self.size]
        return Page[Campaign](count=len(found) if self.counts else None, next=more, results=rows)

    async def send(self, call: Any) -> Campaign:
        self.own_reads.append(call.campaign_id)
        row = next(one for one in self.campaigns if one.id == call.campaign_id)
        own = self.own.get(row.id, row)
        if isinstance(own, Exception):
            raise own
        return cast(Campaign, own)


@pytest.fixture(autouse=True)
def clock() -> Iterator[ScriptedServer]:
    clock = ScriptedServer()
    with use_clock(clock):
        yield clock


def watching(account: Account, watermark: Watermark | None = None) -> FinishedCampaigns:
    return FinishedCampaigns(cast(Poller, account), 10.0, watermark)


def polled(watch: FinishedCampaigns, *, report: bool = True) -> list[int]:
    """Poll once; return the ids of what has finished, after it was reported."""
    found = asyncio.run(watch.poll())
    for one in found if report else ():
        watch.mark_reported(one)
    return [one.id for one in found]


# -- what is returned --------------------------------------------------------------------------------------------------


def test_what_had_finished_before_the_first_poll_is_not_returned_and_what_finishes_later_is_in_its_order() -> None:
    account = Account(done(3, 10), done(2, 20), done(1))
    watch = watching(account)
    assert polled(watch) == []
    assert account.own_reads == []

    account.campaigns += [done(7, 40), done(6), done(8, 30, status="Terminated"), done(5), done(9, 35)]
    assert polled(watch, report=False) == [8, 9, 7, 5, 6]
    assert polled(watch) == [8, 9, 7, 5, 6]
    assert polled(watch) == []


def test_an_account_without_campaigns_has_its_first_one_returned() -> None:
    account = Account()
    watch = watching(account)

    assert polled(watch) == []
    assert watch.watermark is None
    account.campaigns.append(done(1, 5))
    assert polled(watch) == [1]


@pytest.mark.parametrize(
    "own",
    [Campaign(id=4, status="Running"), TingTingNotFoundError("get_campaign", "not found.", status_code=404)],
    ids=["it runs", "it does not exist"],
)
def test_a_campaign_is_returned_only_when_its_own_page_shows_the_end(own: Any) -> None:
    account = Account(size=10)
    watch = watching(account)
    polled(watch)
    account.campaigns += [done(4, 5), done(3, 6)]
    account.own[4] = own

    assert polled(watch) == [3]
    account.own.clear()
    assert polled(watch) == [4]


def test_what_its_own_page_did_not_confirm_is_looked_for_far_down_the_list() -> None:
    account = Account(*(done(one, 1) for one in range(1, 31) if one not in (11, 15, *range(16, 22))))
    watch = watching(account)
    polled(watch)
    account.campaigns += [done(15, 5), done(11, 5)]
    account.own = {one: Campaign(id=one, status="Running") for one in (11, 15)}
    assert polled(watch) == []

    account.own.clear()
    account.pages.clear()
    assert polled(watch) == [11, 15]
    # Each is on a page of its own, with an old one between; the list is read no further than a page behind them.
    assert max(account.pages) == ("Terminated", 0) and ("Completed", 14) in account.pages
    assert ("Completed", 16) not in account.pages


@pytest.mark.parametrize(("minutes", "is_returned"), [(55, True), (54.9, False)], ids=["within", "beyond"])
def test_a_campaign_that_the_first_poll_missed_counts_as_new_within_the_skew_of_clocks(
    minutes: float, is_returned: bool
) -> None:
    assert CLOCK_SKEW == 300
    account = Account(done(3, 60))
    watch = watching(account)
    polled(watch)

    account.campaigns += [done(5, minutes), done(4, 61)]
    assert polled(watch) == ([5] if is_returned else []) + [4]
    assert account.own_reads == ([5] if is_returned else []) + [4]


def test_when_the_first_poll_has_no_response_what_finishes_meanwhile_is_returned_later(clock: ScriptedServer) -> None:
    account = Account(done(5), done(4, 120), done(3, -30))
    account.is_down = True
    watch = watching(account)
    with pytest.raises(TingTingServerError):
        polled(watch)

    account.is_down = False
    clock.now += 3 * 3600
    assert polled(watch) == [4]
    account.campaigns.append(done(6))
    assert polled(watch) == [6]


def test_a_server_that_ignores_the_filter_gives_each_campaign_once() -> None:
    account = Account(done(1, 1), Campaign(id=9, status="Running"), size=10)
    account.filters = False
    watch = watching(account)
    polled(watch)

    account.campaigns += [done(2, 5), done(3, 6, status="Terminated"), Campaign(id=4, status="Scheduled")]
    assert polled(watch) == [2, 3]


# -- how far the lists are read ----------------------------------------------------------------------------------------


def completed_pages(account: Account, watch: FinishedCampaigns) -> list[int]:
    """Poll once; return the first rows of the pages of completed campaigns that were read."""
    account.pages.clear()
    polled(watch)
    assert ("Terminated", 0) in account.pages
    return [offset for status, offset in account.pages if status == "Completed"]


def test_the_list_is_read_to_its_end_at_first_and_once_an_hour(clock: ScriptedServer) -> None:
    account = Account(*(done(one, 1) for one in range(1, 8)))
    watch = watching(account)

    assert completed_pages(account, watch) == [0, 2, 4, 6]
    assert account.max_ages == {5.0}
    assert completed_pages(account, watch) == [0]
    clock.now += READ_ALL_AFTER - 1
    assert completed_pages(account, watch) == [0]
    clock.now += 1
    assert completed_pages(account, watch) == [0, 2, 4, 6]


def test_the_list_is_read_until_as_many_are_found_as_its_count_has_grown_by() -> None:
    account = Account(*(done(one, 1) for one in range(10, 20)))
    watch = watching(account)
    polled(watch)

    account.campaigns += [done(30, 5), done(1, 5)]
    # One of two is on the first page; the pages between show nothing new.
    assert completed_pages(account, watch) == [0, 2, 4, 6, 8, 10]
    assert completed_pages(account, watch) == [0]
    account.campaigns += [done(one, 6) for one in (31, 32, 33)]
    # The page that has the last of the three ends the walk only with the page behind it, which shows nothing new.
    assert completed_pages(account, watch) == [0, 2, 4]


def test_without_a_count_the_list_is_read_as_far_as_pages_show_something_new() -> None:
    account = Account(*(done(one, 1) for one in range(1, 8)))
    account.counts = False
    watch = watching(account)
    polled(watch)

    assert completed_pages(account, watch) == [0]
    account.campaigns.append(done(20, 5))
    assert completed_pages(account, watch) == [0, 2]


def test_no_more_than_the_most_pages_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finished, "MAX_PAGES", 2)
    account = Account(*(done(one, 1) for one in range(1, 8)))

    assert completed_pages(account, watching(account)) == [0, 2]


# -- the watermark -----------------------------------------------------------------------------------------------------


def test_a_watermark_is_plain_json_that_another_process_reads() -> None:
    watch = watching(Account(done(3, 10), done(5, 20), done(4, 20), done(1)))
    polled(watch)

    assert watch.watermark is not None
    plain = watch.watermark.to_json()
    assert plain == {"version": 1, "until": at(20), "ids": [5, 4, 3]}
    assert Watermark.from_json(plain) == watch.watermark


@pytest.mark.parametrize(
    "plain",
    [
        None,
        "2026-11-24",
        {},
        {"version": 2, "until": at(0), "ids": [1]},
        {"version": 1, "until": "yesterday", "ids": [1]},
        {"version": 1, "until": 5, "ids": [1]},
        {"version": 1, "ids": [1]},
        {"version": 1, "until": at(0)},
        {"version": 1, "until": at(0), "ids": ["one"]},
    ],
    ids=[
        "nothing",
        "a text",
        "empty",
        "another version",
        "no time",
        "a number as time",
        "no until",
        "no ids",
        "a word as id",
    ],
)
def test_what_is_not_a_watermark_is_none(plain: object) -> None:
    assert Watermark.from_json(plain) is None


def test_after_a_restart_only_what_was_not_reported_is_returned() -> None:
    account = Account(done(1, 10), done(3, 60), done(5, 60), done(6, 56), done(7, 61), done(8), size=10)
    watch = watching(account, Watermark(at(60), (3, 5)))

    assert watch.watermark == Watermark(at(60), (3, 5))
    assert polled(watch) == [6, 7, 8]
    assert watch.watermark is not None
    assert watch.watermark == Watermark(at(61), (7, 5, 3, 6, 1))


@pytest.mark.parametrize(
    ("ids", "returned"), [((3,), [4]), ((3, 5), [])], ids=["a watermark with room", "a full watermark"]
)
def test_a_full_watermark_leaves_no_room_for_clocks_that_differ(
    monkeypatch: pytest.MonkeyPatch, ids: tuple[int, ...], returned: list[int]
) -> None:
    monkeypatch.setattr(finished, "WATERMARK_IDS", 2)
    account = Account(done(3, 60), done(4, 59), done(6, 60), size=10)
    watch = watching(account, Watermark(at(60), ids))

    assert polled(watch) == [*returned, 6]
    assert watch.watermark is not None
    assert watch.watermark.until == at(60)
    assert len(watch.watermark.ids) == 2
