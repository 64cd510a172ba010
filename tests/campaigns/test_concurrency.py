"""One campaign at a time in virtual time: which campaigns count, how far the lists are read, and when a wait reads."""

from __future__ import annotations

import logging
from itertools import pairwise
from typing import Any

import pytest
from support.scripted_server import ScriptedServer, a_page, pages_of

from airflow_provider_tingting.api.models import Campaign, Page
from airflow_provider_tingting.campaigns.concurrency import (
    MAX_CAMPAIGNS_READ,
    blocking_campaigns,
    other_running_campaigns,
    wait_for_slot,
    waiting_before,
)
from airflow_provider_tingting.campaigns.watch import WaitPlan
from airflow_provider_tingting.errors import TingTingServerError

log = logging.getLogger("waiting")
AWAY = TingTingServerError("list_campaigns", "502", status_code=502)
MARK = "[airflow:0123456789abcdef0123.0/01234567]"


def campaign(number: int, status: str = "Running", **fields: Any) -> Campaign:
    return Campaign(id=number, status=status, **fields)


def ids(campaigns: list[Campaign]) -> list[int]:
    return [each.id for each in campaigns]


# -- which campaigns run -----------------------------------------------------------------------------------------------


def test_each_running_campaign_but_ones_own_counts_whether_the_server_filters_or_not() -> None:
    server = ScriptedServer(list_campaigns=a_page(campaign(7), campaign(8), campaign(9, "Completed"), campaign(10)))

    assert ids(server.run(other_running_campaigns(7))) == [8, 10]
    assert server.calls[0].request.query["status"] == "Running"


def test_the_list_is_read_until_it_shows_a_campaign_that_runs() -> None:
    listed = [campaign(number, "Completed") for number in range(100, 200)] + [campaign(8)] + [campaign(9)] * 60
    server = ScriptedServer(list_campaigns=pages_of(listed))

    assert ids(server.run(other_running_campaigns(7))) == [8, 9]
    assert len(server.calls) == 3


def test_the_list_is_read_to_its_end_where_each_campaign_counts() -> None:
    listed = [campaign(number) for number in range(100, 220)]
    server = ScriptedServer(list_campaigns=pages_of(listed))

    assert ids(server.run(other_running_campaigns(7, every_page=True))) == list(range(100, 220))


@pytest.mark.parametrize("every_page", [False, True], ids=["until one is found", "each page"])
def test_no_more_than_the_newest_campaigns_are_read(every_page: bool) -> None:
    listed = [campaign(number, "Completed") for number in range(1000, 2000)]
    server = ScriptedServer(list_campaigns=pages_of(listed))

    assert server.run(other_running_campaigns(7, every_page=every_page)) == []
    assert len(server.calls) * 50 == MAX_CAMPAIGNS_READ


# -- which campaigns may start first -----------------------------------------------------------------------------------

WAITING = {"status": "Not Started", "description": MARK, "campaign_action_count": 1}


@pytest.mark.parametrize(
    ("other", "counts"),
    [
        pytest.param({"number": 6}, True, id="created before"),
        pytest.param(
            {"number": 6, "campaign_action_count": None}, True, id="with a number of contacts that is unknown"
        ),
        pytest.param({"number": 7}, False, id="the campaign itself"),
        pytest.param({"number": 8}, False, id="created later"),
        pytest.param({"number": 6, "status": "Completed"}, False, id="over"),
        pytest.param({"number": 6, "draft": True}, False, id="a draft"),
        pytest.param({"number": 6, "campaign_action_count": 0}, False, id="without contacts"),
        pytest.param({"number": 6, "description": "by hand"}, False, id="created by a person"),
    ],
)
def test_a_campaign_that_another_task_has_created_before_may_start_first(other: dict[str, Any], counts: bool) -> None:
    server = ScriptedServer(list_campaigns=a_page(campaign(**{**WAITING, **other})))

    assert server.run(waiting_before(7)) == int(counts)
    assert server.calls[0].request.query["status"] == "Not Started"


class Account:
    """Answers the two lists: how many campaigns wait before number 7, and what runs from a moment on."""

    def __init__(self, waiting: int, running_after: float | None = None) -> None:
        self.waiting = [campaign(**{**WAITING, "number": number}) for number in range(6 - waiting, 6)]
        self.server = ScriptedServer(list_campaigns=self.answer)
        self.runs_at = None if running_after is None else self.server.now + running_after

    def answer(self, call: Any) -> Page[Campaign]:
        if call.request.query["status"] == "Not Started":
            return a_page(*self.waiting)
        return a_page(*[campaign(5)] if self.runs_at is not None and self.server.now >= self.runs_at else [])

    def blocking(self) -> tuple[list[int], float]:
        """Return the ids of what blocks, and after how many seconds that is known."""
        began = self.server.now
        return ids(self.server.run(blocking_campaigns(7))), self.server.now - began


@pytest.mark.parametrize(("waiting", "seconds"), [(0, 0.0), (2, 6.0), (6, 15.0)], ids=["none", "two", "more than five"])
def test_each_campaign_that_may_start_first_gets_three_seconds(waiting: int, seconds: float) -> None:
    assert Account(waiting).blocking() == ([], seconds)


@pytest.mark.parametrize(("after", "seconds"), [(0.0, 0.0), (4.0, 6.0)], ids=["at once", "after a pause"])
def test_the_pauses_end_when_one_of_them_runs(after: float, seconds: float) -> None:
    assert Account(4, after).blocking() == ([5], seconds)


# -- the wait ----------------------------------------------------------------------------------------------------------


def test_a_wait_reads_at_each_interval_or_up_to_a_fifth_later_until_no_other_runs() -> None:
    server = ScriptedServer(list_campaigns=[*[a_page(campaign(8))] * 60, a_page()])
    began = server.now

    server.run(wait_for_slot(WaitPlan(7, poll_interval=30.0), log))

    pauses = [later - earlier for earlier, later in pairwise([began, *server.times])]
    assert len(pauses) == 61
    assert 30 <= min(pauses) < max(pauses) <= 36


def test_a_campaign_does_not_wait_for_itself() -> None:
    server = ScriptedServer(list_campaigns=a_page(campaign(7)))

    server.run(wait_for_slot(WaitPlan(7, deadline=server.now + 100.0), log))

    assert len(server.calls) == 1


def test_a_wait_ends_at_its_deadline_with_a_last_read() -> None:
    server = ScriptedServer(list_campaigns=a_page(campaign(8)))
    deadline = server.now + 100.0

    server.run(wait_for_slot(WaitPlan(7, poll_interval=30.0, deadline=deadline), log))

    assert server.times[-1] == server.now == deadline


def test_half_a_second_before_its_deadline_a_wait_goes_on() -> None:
    server = ScriptedServer(list_campaigns=a_page(campaign(8)))

    server.run(wait_for_slot(WaitPlan(7, deadline=server.now + 0.5), log))

    assert len(server.calls) == 1


def test_a_wait_whose_deadline_has_passed_reads_nothing() -> None:
    server = ScriptedServer()

    server.run(wait_for_slot(WaitPlan(7, deadline=server.now), log))

    assert server.calls == []


def test_errors_are_waited_out_until_the_tolerated_outage_has_passed() -> None:
    server = ScriptedServer(list_campaigns=[AWAY, AWAY, a_page(campaign(8)), AWAY])
    began = server.now

    server.run(wait_for_slot(WaitPlan(7, poll_interval=30.0, tolerate_outage=600.0), log))

    # The fourth read begins another outage.
    assert 600 <= server.now - server.times[3] < 640
    assert server.times[3] - began < 150


def test_what_runs_is_logged_when_it_changes(caplog: pytest.LogCaptureFixture) -> None:
    many = [campaign(number) for number in range(15, 9, -1)]
    one = a_page(campaign(8))
    server = ScriptedServer(list_campaigns=[one, one, a_page(*many), a_page(*many[:5]), one, a_page()])

    with caplog.at_level(logging.INFO):
        server.run(wait_for_slot(WaitPlan(7), log))

    assert [record.getMessage() for record in caplog.records] == [
        f"Campaign 7 waits for its turn: running now: {shown}"
        for shown in ("8", "10, 11, 12, 13, 14, …", "11, 12, 13, 14, 15", "8")
    ]
