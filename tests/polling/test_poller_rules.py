"""When a poller believes the list, and that neither a wait nor the event loop hangs; in virtual time."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Mapping
from datetime import datetime, timezone
from types import MappingProxyType
from typing import Any

import pytest
from support.fake_account import FakeAccount
from support.virtual_time import VirtualTime, run_in_virtual_time

from airflow_provider_tingting.api.statuses import CampaignStatus
from airflow_provider_tingting.campaigns.observation import Observation, Reason
from airflow_provider_tingting.campaigns.watch import WaitPlan
from airflow_provider_tingting.clock import wall_time
from airflow_provider_tingting.errors import TingTingServerError
from airflow_provider_tingting.polling import Poller, list_strategy

log = logging.getLogger(__name__)
INTERVAL = 30.0
WAITS = 60


class Account(FakeAccount):
    """An account whose list or whose single reads can be wrong."""

    list_shows: Mapping[str, Any] = MappingProxyType({})
    never_answers: frozenset[str] = frozenset()
    list_is_down = False

    async def respond(self, call: Any) -> Any:
        if self.list_is_down and call.name == "list_campaigns":
            self.requests.append((self._clock.monotonic(), call.name))
            raise TingTingServerError(call.name, "down", status_code=503)
        if call.name in self.never_answers:
            self.requests.append((self._clock.monotonic(), call.name))
            await asyncio.sleep(1e6)
        response = await super().respond(call)
        if call.name == "list_campaigns":
            rows = [row.model_copy(update=self.list_shows) for row in response.results]
            response = response.model_copy(update={"results": rows})
        return response

    def _row(self, campaign_id: int) -> dict[str, Any]:
        return {**super()._row(campaign_id), "updated_at": changed_ago(0)}


def changed_ago(seconds: float) -> str:
    return datetime.fromtimestamp(wall_time() - seconds, timezone.utc).isoformat()


@pytest.fixture
def clock() -> Iterator[VirtualTime]:
    with run_in_virtual_time() as clock:
        yield clock


def waiting(
    clock: VirtualTime,
    account: Account,
    act: Callable[[list[asyncio.Task[Observation]]], Coroutine[Any, Any, None]],
    *,
    waits: int = WAITS,
    **plan: Any,
) -> list[Observation | BaseException | None]:
    """Let as many wait while something happens; return how each wait has ended, None where it goes on."""

    async def run() -> list[Observation | BaseException | None]:
        poller = Poller(account.connect)
        plans = [WaitPlan(one, poll_interval=INTERVAL, **plan) for one in range(1, waits + 1)]
        tasks = [asyncio.ensure_future(poller.wait(each, log)) for each in plans]
        await act(tasks)
        ends = [(task.exception() or task.result()) if task.done() else None for task in tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await poller.close()
        return ends

    return clock.run(run())


def begin_all(account: Account, takes: float, waits: int = WAITS) -> None:
    for one in range(1, waits + 1):
        account.start(one, takes)


def test_an_end_that_only_the_list_shows_ends_no_wait_and_each_campaign_is_read(clock: VirtualTime) -> None:
    account = Account(clock, page_size=100)
    begin_all(account, takes=4 * 3600.0)

    async def act(tasks: list[asyncio.Task[Observation]]) -> None:
        await asyncio.sleep(60)
        account.list_shows = {"status": CampaignStatus.COMPLETED}
        await asyncio.sleep(240)

    assert waiting(clock, account, act) == [None] * WAITS
    assert account.asked(0, clock.monotonic(), "get_campaign") >= WAITS


@pytest.mark.parametrize("until", [frozenset(), frozenset({"Completed"})], ids=["a trigger", "a sensor"])
def test_once_the_list_was_right_often_enough_a_trigger_believes_most_ends_on_it(
    clock: VirtualTime, until: frozenset[str]
) -> None:
    account = Account(clock, page_size=100)
    for one in range(1, WAITS + 1):
        account.start(one, 600.0 if one <= 20 else 1200.0)

    async def act(tasks: list[asyncio.Task[Observation]]) -> None:
        await asyncio.sleep(900)
        assert [task.done() for task in tasks] == [True] * 20 + [False] * 40
        account.requests.clear()
        await asyncio.sleep(600)

    ends = waiting(clock, account, act, until=until)

    assert {end.status for end in ends if isinstance(end, Observation)} == {"Completed"}
    assert None not in ends
    read = account.asked(0, clock.monotonic(), "get_campaign")
    assert read >= 40 if until else read <= 20


def test_a_trigger_does_not_believe_an_end_on_a_row_that_is_older_than_what_it_has_seen(clock: VirtualTime) -> None:
    account = Account(clock, page_size=100)
    for one in range(1, WAITS + 1):
        account.start(one, 600.0 if one <= 55 else 4 * 3600.0)

    async def act(tasks: list[asyncio.Task[Observation]]) -> None:
        await asyncio.sleep(900)
        ended = {"status": CampaignStatus.COMPLETED, "progress_percent": 100.0}
        account.list_shows = {**ended, "updated_at": changed_ago(3600)}
        await asyncio.sleep(600)

    assert waiting(clock, account, act)[55:] == [None] * 5


def test_a_campaign_whose_own_page_never_comes_is_an_outage_after_its_time(clock: VirtualTime) -> None:
    account = Account(clock)
    begin_all(account, takes=4 * 3600.0, waits=1)
    account.never_answers = frozenset({"get_campaign"})
    began = clock.monotonic()

    async def act(tasks: list[asyncio.Task[Observation]]) -> None:
        await asyncio.wait(tasks, timeout=1000)

    (end,) = waiting(clock, account, act, waits=1, tolerate_outage=60.0)
    assert isinstance(end, Observation)
    assert end.reason is Reason.OUTAGE
    assert "No complete response within 180 s" in end.detail
    assert 180 < clock.monotonic() - began < 500


def test_a_list_that_never_comes_is_given_up_and_the_campaigns_are_read_one_by_one(clock: VirtualTime) -> None:
    account = Account(clock, page_size=100)
    begin_all(account, takes=4 * 3600.0)
    account.never_answers = frozenset({"list_campaigns"})

    async def act(tasks: list[asyncio.Task[Observation]]) -> None:
        await asyncio.sleep(300)

    assert waiting(clock, account, act) == [None] * WAITS
    assert account.asked(0, clock.monotonic(), "list_campaigns") == 1
    assert account.asked(0, clock.monotonic(), "get_campaign") > 2 * WAITS


def test_a_list_that_never_comes_is_given_up_where_the_process_stood_still_meanwhile_too(clock: VirtualTime) -> None:
    account = Account(clock, page_size=100)
    begin_all(account, takes=4 * 3600.0)
    account.never_answers = frozenset({"list_campaigns"})

    async def act(tasks: list[asyncio.Task[Observation]]) -> None:
        await asyncio.sleep(1)
        clock.push(60.0)
        await asyncio.sleep(300)

    assert waiting(clock, account, act) == [None] * WAITS
    assert account.asked(0, clock.monotonic(), "list_campaigns") == 2
    assert account.asked(0, clock.monotonic(), "get_campaign") > 2 * WAITS


def test_a_list_that_never_comes_is_given_up_where_no_campaign_can_be_read_either(clock: VirtualTime) -> None:
    account = Account(clock, page_size=100)
    begin_all(account, takes=4 * 3600.0)
    account.never_answers = frozenset({"list_campaigns"})
    account.is_down = True

    async def act(tasks: list[asyncio.Task[Observation]]) -> None:
        await asyncio.sleep(300)

    assert waiting(clock, account, act) == [None] * WAITS
    assert account.asked(0, clock.monotonic(), "list_campaigns") == 1


def test_after_an_outage_of_all_requests_the_list_shows_the_campaigns_again(clock: VirtualTime) -> None:
    account = Account(clock, page_size=100)
    begin_all(account, takes=4 * 3600.0)

    async def act(tasks: list[asyncio.Task[Observation]]) -> None:
        await asyncio.sleep(60)
        account.is_down = True
        await asyncio.sleep(120)
        account.is_down = False
        account.requests.clear()
        await asyncio.sleep(240)

    assert waiting(clock, account, act) == [None] * WAITS
    assert account.asked(0, clock.monotonic(), "get_campaign") < WAITS


def test_a_list_that_fails_while_campaigns_can_be_read_is_given_up(clock: VirtualTime) -> None:
    account = Account(clock, page_size=100)
    begin_all(account, takes=4 * 3600.0)
    account.list_is_down = True

    async def act(tasks: list[asyncio.Task[Observation]]) -> None:
        await asyncio.sleep(300)

    assert waiting(clock, account, act) == [None] * WAITS
    assert account.asked(0, clock.monotonic(), "list_campaigns") == 1


def test_an_outage_while_the_list_is_given_up_costs_few_requests_and_ends_no_wait(clock: VirtualTime) -> None:
    account = Account(clock, page_size=100)
    begin_all(account, takes=4 * 3600.0)
    account.list_is_down = True

    async def act(tasks: list[asyncio.Task[Observation]]) -> None:
        await asyncio.sleep(60)
        account.is_down = True
        account.requests.clear()
        await asyncio.sleep(120)
        assert len(account.requests) < WAITS
        account.is_down = False
        account.requests.clear()
        await asyncio.sleep(240)
        assert account.asked(0, clock.monotonic(), "get_campaign") >= WAITS

    assert waiting(clock, account, act) == [None] * WAITS


def test_a_list_that_shows_no_end_for_ever_delays_the_ends_and_does_not_hide_them(clock: VirtualTime) -> None:
    account = Account(clock, page_size=100)
    begin_all(account, takes=300.0)

    async def act(tasks: list[asyncio.Task[Observation]]) -> None:
        await asyncio.sleep(60)
        account.list_shows = {"status": CampaignStatus.RUNNING}
        await asyncio.wait(tasks, timeout=1800)

    ends = waiting(clock, account, act)
    assert [end.status for end in ends if isinstance(end, Observation)] == ["Completed"] * WAITS


def test_a_poller_that_is_closed_logs_no_error(clock: VirtualTime, caplog: pytest.LogCaptureFixture) -> None:
    account = Account(clock)
    begin_all(account, takes=4 * 3600.0)

    async def act(tasks: list[asyncio.Task[Observation]]) -> None:
        await asyncio.sleep(100)

    waiting(clock, account, act)

    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_an_end_that_the_list_shows_before_a_campaign_is_due_is_read_at_once(clock: VirtualTime) -> None:
    account = Account(clock, page_size=100)
    begin_all(account, takes=4 * 3600.0)
    noticed: list[float] = []

    async def run() -> None:
        poller = Poller(account.connect)
        plans = [WaitPlan(one, poll_interval=1000.0 if one == 1 else INTERVAL) for one in range(1, WAITS + 1)]
        tasks = [asyncio.ensure_future(poller.wait(each, log)) for each in plans]
        await asyncio.sleep(300)
        account.start(1, takes=1.0)
        began = clock.monotonic()
        await asyncio.wait(tasks[:1], timeout=900)
        noticed.append(clock.monotonic() - began)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await poller.close()

    clock.run(run())
    assert noticed[0] <= 4 * INTERVAL


def test_an_error_of_the_poller_itself_ends_all_waits_with_it(
    clock: VirtualTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = Account(clock)
    begin_all(account, takes=4 * 3600.0)

    async def act(tasks: list[asyncio.Task[Observation]]) -> None:
        await asyncio.sleep(100)
        monkeypatch.setattr(list_strategy.ListStrategy, "pages_for", lambda *_: 1 // 0)
        await asyncio.wait(tasks, timeout=100)

    assert {type(end) for end in waiting(clock, account, act)} == {ZeroDivisionError}


def test_a_wait_that_is_cancelled_leaves_the_other_wait_for_its_campaign_and_no_task(clock: VirtualTime) -> None:
    account = Account(clock)
    begin_all(account, takes=600.0, waits=1)

    async def run() -> tuple[str | None, int]:
        poller = Poller(account.connect)
        first, second = (asyncio.ensure_future(poller.wait(WaitPlan(1, poll_interval=INTERVAL), log)) for _ in "12")
        await asyncio.sleep(100)
        first.cancel()
        ended = await asyncio.wait_for(second, timeout=1200)
        await poller.close()
        return ended.status, len(asyncio.all_tasks()) - 1

    assert clock.run(run()) == ("Completed", 0)


def test_between_25_rows_of_a_page_the_other_tasks_of_the_event_loop_have_a_turn(clock: VirtualTime) -> None:
    account = Account(clock, page_size=100)
    begin_all(account, takes=4 * 3600.0)
    turns = 0
    rows_in_turn: Counter[int] = Counter()

    class Log:
        def info(self, *_: object) -> None:
            nonlocal turns
            if not rows_in_turn[turns]:
                asyncio.get_running_loop().call_soon(next_turn)
            rows_in_turn[turns] += 1

        warning = info

    def next_turn() -> None:
        nonlocal turns
        turns += 1

    async def run() -> None:
        poller = Poller(account.connect)
        waits = [poller.wait(WaitPlan(one, poll_interval=INTERVAL), Log()) for one in range(1, WAITS + 1)]
        tasks = [asyncio.ensure_future(wait) for wait in waits]
        await asyncio.sleep(1.0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await poller.close()

    clock.run(run())
    assert rows_in_turn.total() == WAITS
    assert max(rows_in_turn.values()) <= 25
