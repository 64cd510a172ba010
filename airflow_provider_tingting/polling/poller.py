"""Reads the campaigns of one connection for all waits of a process. Asyncio, no Airflow."""

from __future__ import annotations

import asyncio
import contextvars
import random
from collections.abc import Coroutine, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_tingting.api import calls
from airflow_provider_tingting.api.driver import drive_async
from airflow_provider_tingting.api.statuses import CampaignStatus
from airflow_provider_tingting.campaigns.observation import Observation, Snapshot
from airflow_provider_tingting.campaigns.watch import Logger, Progress, Wait, WaitPlan
from airflow_provider_tingting.clock import monotonic, wall_time
from airflow_provider_tingting.errors import (
    PASSING_ERRORS,
    TingTingConfigError,
    TingTingError,
    TingTingOutcomeUnknownError,
    TingTingUnreadableReplyError,
)
from airflow_provider_tingting.polling.due_queue import DueQueue, Steps
from airflow_provider_tingting.polling.list_strategy import ListStrategy
from airflow_provider_tingting.polling.shared_client import Connect, SharedClient
from airflow_provider_tingting.polling.subscriber import Subscriber

if TYPE_CHECKING:
    from airflow_provider_tingting.api.client import Downloaded
    from airflow_provider_tingting.api.models import Campaign, Page
    from airflow_provider_tingting.api.protocol import Call, Flow

T = TypeVar("T")

#: The first read of a campaign waits for others that start in this time (seconds, or a tenth of the interval if that
#: is less), so that waits that begin together are read together.
_FIRST_READ_DELAY = 0.5
#: The wall clock is compared with the monotonic clock at least this often (seconds) ...
_MAX_SLEEP = 30.0
#: ... and a difference of this many seconds counts as a jump.
_CLOCK_JUMP = 2.0
#: A page of the list is waited for at least this long (seconds) before campaigns are read one by one ...
_MIN_LIST_TIMEOUT = 10.0
#: ... and at most this long, however long the intervals are: a wait with a short interval may begin meanwhile.
_MAX_LIST_TIMEOUT = 20.0
#: A row of the list and a campaign's own page that were read within this time (seconds) must agree.
_SAME_MOMENT = 5.0
#: After this many rows of a page the other tasks of the event loop have a turn.
_ROWS_PER_TURN = 25
#: A task that has not ended this long (seconds) after its cancellation is cancelled again.
_CANCEL_AGAIN_AFTER = 0.1
#: A read of one campaign, with the client's own retries, ends after this long (seconds).
_READ_TIMEOUT = 180.0
#: Concurrent reads of single campaigns; httpx gets slower with more.
_CONCURRENT_READS = 5
#: When this many reads fail, the other campaigns of the round are not read.
_PROBES = 3


class Poller:
    """Reads campaigns for all waits of one connection with as few requests as possible.

    It reads pages of the campaign list, or campaigns one by one, whichever takes fewer requests. The list is never
    filtered by status, so that a campaign does not vanish from it when it ends. A poller belongs to one event loop,
    whose other tasks it never blocks. An error of one campaign ends the waits for this campaign and no others.

    :param connect: reads the connection and returns a new client.
    """

    def __init__(self, connect: Connect) -> None:
        self._client = SharedClient(connect, self._warn_of_rejected_token)
        self._list = ListStrategy()
        self._queue = DueQueue()
        self._subscribers: dict[int, list[Subscriber]] = {}
        # What the last walk through the list has shown, for subscribers that come later.
        self._listed: dict[int, tuple[Snapshot, float]] = {}
        self._read_slots = asyncio.Semaphore(_CONCURRENT_READS)
        self._wake = asyncio.Event()
        self._reads: set[asyncio.Task[None]] = set()
        self._poll_task: asyncio.Task[None] | None = None
        self._sleeps_until = self._first_reads_at = 0.0
        self._clock_offset = self._measure_clock_offset()
        self._steps = Steps()

    async def wait(self, plan: WaitPlan, logger: Logger, progress: Progress | None = None) -> Observation:
        """Wait for a campaign, as `campaigns.watch.watch` does, and return how the wait has ended.

        :param plan: what to wait for.
        :param logger: where log lines go.
        :param progress: what an earlier part of the same wait has seen; it is updated.
        """
        subscriber = Subscriber(Wait(plan, logger, progress))
        subscribers = self._subscribers.setdefault(plan.campaign_id, [])
        subscribers.append(subscriber)
        try:
            self._schedule_first(subscriber)
            self._start()
            return await subscriber.ended
        finally:
            subscribers.remove(subscriber)
            if not subscribers:
                del self._subscribers[plan.campaign_id]
                self._queue.drop(plan.campaign_id)
                self._list.forget(plan.campaign_id)

    async def send(self, call: Call[T]) -> T:
        """Carry out a call with the shared client and its rate limit; errors as for `SharedClient.send`.

        :param call: the call.
        """
        return await self._client.send(call)

    async def shared(self, call: Call[T], max_age: float) -> T:
        """Carry out a read, or return a response that another user got; errors as for `send`.

        :param call: a call that reads.
        :param max_age: how old another user's response may be, in seconds.
        """
        return await self._client.shared(call, max_age)

    async def run_shared(self, flow: Flow[T], max_age: float) -> T:
        """Run a flow of reads and return its result; each read is shared as by `shared`.

        :param flow: an unstarted flow that only reads.
        :param max_age: how old another user's response may be, in seconds.
        """
        return await drive_async(flow, lambda call: self._client.shared(call, max_age))

    async def download(self, call: Call[None], target: object) -> Downloaded:
        """Download into a file with the shared client; errors as for `send`.

        :param call: a call that downloads.
        :param target: a seekable binary file.
        """
        return await self._client.download(call, target)

    async def close(self) -> None:
        """Stop polling and close the client."""
        # Before Python 3.12 `wait_for` loses a cancellation that arrives together with its result, so cancel again.
        while tasks := [*self._reads, *([self._poll_task] if self._poll_task else [])]:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=_CANCEL_AGAIN_AFTER)
        await self._client.close()

    # -- when to read ------------------------------------------------------------------------------------------------

    def _schedule_first(self, subscriber: Subscriber) -> None:
        """Pass a fresh row of the list to a new subscriber, and schedule its next read."""
        now = monotonic()
        plan = subscriber.wait.plan
        snapshot, at = self._listed.get(plan.campaign_id, (None, 0.0))
        # A campaign that had not begun may have been run since.
        if snapshot is not None and now - at < plan.poll_interval and snapshot.status == CampaignStatus.RUNNING:
            self._accept_row(subscriber, snapshot)
            if subscriber.ended.done():
                return
            due = self._steps.due_after(at, subscriber.wait)
        else:
            due = now + min(_FIRST_READ_DELAY, subscriber.wait.next_read() / 10)
            if not now < self._first_reads_at <= due:
                self._first_reads_at = due
            due = self._first_reads_at
        scheduled = self._queue.due(plan.campaign_id)
        self._schedule_at(plan.campaign_id, due if scheduled is None else min(due, scheduled))

    def _schedule_next(self, campaign_id: int) -> None:
        """Schedule the read after one that has just been done, and end the waits whose time is up."""
        waiting = [one for one in self._subscribers.get(campaign_id, ()) if not one.ended.done()]
        for subscriber in waiting:
            if subscriber.wait.time_is_up:
                subscriber.time_out()
        now = monotonic()
        due = [self._steps.due_after(now, one.wait) for one in waiting if not one.ended.done()]
        if due:
            self._schedule_at(campaign_id, min(due))

    def _schedule_at(self, campaign_id: int, due: float) -> None:
        self._queue.put(campaign_id, due)
        if due < self._sleeps_until:
            self._wake.set()

    def _start(self) -> None:
        if self._poll_task is None:
            self._poll_task = self._create_task(self._poll())
            self._poll_task.add_done_callback(self._poll_ended)

    def _create_task(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        # In an empty context: the task works for all subscribers, and its log lines belong to none of them.
        return contextvars.Context().run(asyncio.get_running_loop().create_task, work)

    def _poll_ended(self, task: asyncio.Task[None]) -> None:
        self._poll_task = None
        self._fail_all_after(task)

    def _read_ended(self, task: asyncio.Task[None]) -> None:
        self._reads.discard(task)
        self._fail_all_after(task)

    def _fail_all_after(self, task: asyncio.Task[None]) -> None:
        """End all waits with the error of a task that has failed, so that no wait hangs."""
        error = None if task.cancelled() else task.exception()
        if error is not None:
            for subscriber in self._all_subscribers():
                subscriber.fail(error)

    async def _poll(self) -> None:
        while True:
            now, due = monotonic(), self._queue.first()
            if due is None or due > now:
                await self._sleep(now + _MAX_SLEEP if due is None else min(due, now + _MAX_SLEEP))
                self._check_clock()
                continue
            await self._read_round(self._queue.take(now))

    async def _sleep(self, until: float) -> None:
        """Sleep until a time, or until a campaign is due earlier."""
        self._wake.clear()
        self._sleeps_until = until
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._wake.wait(), max(0.0, until - monotonic()))

    def _check_clock(self) -> None:
        """Read all campaigns now when the wall clock has jumped, because deadlines are by that clock."""
        offset = self._measure_clock_offset()
        if abs(offset - self._clock_offset) < _CLOCK_JUMP:
            return
        self._clock_offset = offset
        for campaign_id in self._subscribers:
            self._schedule_at(campaign_id, monotonic())

    def _measure_clock_offset(self) -> float:
        return wall_time() - monotonic()

    # -- reading -----------------------------------------------------------------------------------------------------

    async def _read_round(self, due: Iterable[int]) -> None:
        """Read all campaigns that are due: from the list as far as that saves requests, the others one by one."""
        left = {one for one in due if one in self._subscribers}
        pages = self._list.pages_for(left, monotonic())
        list_error: TingTingError | None = None
        if pages:
            try:
                await self._read_pages(left, pages)
            except (*PASSING_ERRORS, asyncio.TimeoutError, TimeoutError) as error:
                list_error = error if isinstance(error, TingTingError) else None
                if list_error is None or isinstance(error, TingTingUnreadableReplyError):
                    self._list.rest(monotonic())
            except TingTingConfigError as error:
                self._record_error(left, error)
                return
            except TingTingError as error:
                if getattr(error, "status_code", None) == 401:
                    self._record_error(left, error)
                    return
                self._list.rest(monotonic())
            except Exception as error:
                self._fail(left, error)
                return
        if left:
            task = self._create_task(self._read_singly(left, list_error))
            self._reads.add(task)
            task.add_done_callback(self._read_ended)

    async def _read_pages(self, left: set[int], pages: int) -> None:
        """Read pages of the list, and remove from `left` the campaigns that need no read of their own."""
        walk = self._list.walk(left, pages)
        listed: dict[int, tuple[Snapshot, float]] = {}
        intervals = [one.wait.plan.poll_interval for each in left for one in self._subscribers.get(each, ())]
        timeout = max(_MIN_LIST_TIMEOUT, min([_MAX_LIST_TIMEOUT, *intervals]))
        # Reading the connection may take half a minute in a busy triggerer, which says nothing about the list.
        await self._client.open()
        for call in walk:
            page = await self._read_page(call, timeout)
            now = monotonic()
            for row, campaign in enumerate(walk.accept(page)):
                if row % _ROWS_PER_TURN == 0:
                    await asyncio.sleep(0)
                snapshot = Snapshot.of(campaign)
                listed[campaign.id] = snapshot, now
                if self._record_row(snapshot):
                    left.discard(campaign.id)
                elif campaign.id in self._subscribers:
                    # What the row shows must be confirmed now, even if the campaign was not due.
                    left.add(campaign.id)
                    self._queue.drop(campaign.id)
        walk.finish()
        self._listed = listed

    async def _read_page(self, call: Call[Page[Campaign]], timeout: float) -> Page[Campaign]:
        """Read a page of the list; once more when the event loop stood still, as the response may have come in time."""
        began = monotonic()
        try:
            return await asyncio.wait_for(self._client.send(call), timeout)
        except (asyncio.TimeoutError, TimeoutError):
            if monotonic() - began <= timeout + _CLOCK_JUMP:
                raise
        return await asyncio.wait_for(self._client.send(call), timeout)

    def _record_row(self, snapshot: Snapshot) -> bool:
        """Pass a row of the list to its subscribers; return False when the campaign's own page must be read."""
        is_enough = True
        for subscriber in [one for one in self._subscribers.get(snapshot.campaign_id, ()) if not one.ended.done()]:
            is_enough = self._accept_row(subscriber, snapshot) and is_enough
        if is_enough:
            self._schedule_next(snapshot.campaign_id)
        return is_enough

    def _accept_row(self, subscriber: Subscriber, snapshot: Snapshot) -> bool:
        if subscriber.wait.would_end(snapshot):
            # A wait for another status than a final one reports what it sees without a check by the worker.
            final = CampaignStatus(snapshot.status).is_final
            if subscriber.wait.plan.until or not final or not self._list.may_end(snapshot, subscriber.last):
                return False
        elif subscriber.needs_own_page(snapshot):
            return False
        subscriber.record(snapshot)
        return True

    async def _read_singly(self, wanted: set[int], list_error: TingTingError | None) -> None:
        """Read campaigns one by one; when the first few reads fail, the others are not sent."""
        order = random.sample(sorted(wanted), len(wanted))
        probes, rest = order[:_PROBES], order[_PROBES:]
        errors = await asyncio.gather(*(self._read(one) for one in probes))
        if rest and all(isinstance(error, PASSING_ERRORS) for error in errors):
            error = list_error or errors[-1]
            assert error is not None
            self._record_error(rest, error)
            return
        if list_error is not None:
            # Single reads succeed, so only the list fails.
            self._list.rest(monotonic())
        await asyncio.gather(*(self._read(one) for one in rest))

    async def _read(self, campaign_id: int) -> TingTingError | None:
        """Read a campaign's own page and pass it to its subscribers; return TingTing's error, if there was one."""
        async with self._read_slots:
            if campaign_id not in self._subscribers:
                return None
            try:
                campaign = await asyncio.wait_for(self._client.send(calls.get_campaign(campaign_id)), _READ_TIMEOUT)
            except (asyncio.TimeoutError, TimeoutError):
                error = TingTingOutcomeUnknownError(
                    "get_campaign", f"No complete response within {_READ_TIMEOUT:.0f} s.", campaign_id=campaign_id
                )
                self._record_error([campaign_id], error)
                return error
            except TingTingError as error:
                self._record_error([campaign_id], error)
                return error
            except Exception as error:
                self._fail([campaign_id], error)
                return None
        own, now = Snapshot.of(campaign), monotonic()
        listed, at = self._listed.pop(campaign_id, (None, 0.0))
        if listed is not None and now - at < _SAME_MOMENT:
            self._list.compare(listed, own, now)
        for subscriber in list(self._subscribers.get(campaign_id, ())):
            subscriber.record(own)
        self._schedule_next(campaign_id)
        return None

    def _record_error(self, campaigns: Iterable[int], error: TingTingError) -> None:
        for campaign_id in campaigns:
            for subscriber in list(self._subscribers.get(campaign_id, ())):
                subscriber.record_error(error)
            self._schedule_next(campaign_id)

    def _fail(self, campaigns: Iterable[int], error: Exception) -> None:
        for campaign_id in campaigns:
            for subscriber in list(self._subscribers.get(campaign_id, ())):
                subscriber.fail(error)

    def _warn_of_rejected_token(self) -> None:
        for subscriber in self._all_subscribers():
            subscriber.warn("TingTing rejects the token: reading the connection again")

    def _all_subscribers(self) -> list[Subscriber]:
        return [one for subscribers in self._subscribers.values() for one in subscribers]
