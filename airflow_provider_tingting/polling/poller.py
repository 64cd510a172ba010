"""The hub: whoever waits for a campaign of the same connection shares what was read. Asyncio, no Airflow."""

from __future__ import annotations

import asyncio
import contextvars
import random
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_tingting.api import calls
from airflow_provider_tingting.api.driver import drive_async
from airflow_provider_tingting.api.statuses import CampaignStatus
from airflow_provider_tingting.campaigns.observation import Snapshot
from airflow_provider_tingting.campaigns.watch import JITTER, Wait
from airflow_provider_tingting.clock import monotonic, wall_time
from airflow_provider_tingting.errors import (
    TingTingConfigError,
    TingTingError,
    TingTingNeverSentError,
    TingTingOutcomeUnknownError,
    TingTingRateLimitedError,
    TingTingUnreadableReplyError,
)
from airflow_provider_tingting.polling.due_queue import DueQueue
from airflow_provider_tingting.polling.list_strategy import ListStrategy
from airflow_provider_tingting.polling.shared_client import Connect, SharedClient
from airflow_provider_tingting.polling.subscriber import Subscriber

if TYPE_CHECKING:
    from airflow_provider_tingting.api.protocol import Call, Flow
    from airflow_provider_tingting.campaigns.observation import Observation
    from airflow_provider_tingting.campaigns.watch import Logger, Progress, WaitPlan

T = TypeVar("T")

# The first look comes so soon (seconds, or a tenth of the interval if that is less): who begins together is looked at
# together.
_GATHERS_FOR = 0.5
# However far the next look is, the wall clock is compared so often (seconds); this much (seconds) is a jump.
_LONGEST_SLEEP = 30.0
_JUMP = 2.0
# A page of the list is waited for at least so long (seconds) before the campaigns are read one by one, ...
_LEAST_PATIENCE = 10.0
# ... and at most so long, however long the intervals: somebody with a short one may come meanwhile.
_MOST_PATIENCE = 20.0
# A page of the list and a campaign's own page that were read within so long (seconds) must agree.
_SAME_MOMENT = 5.0
# What has been looked at within this share of the interval from the begin of a round keeps step with the others.
_IN_STEP = 0.5
# So many rows of a page are dealt with before the loop's other tasks have a turn.
_AT_A_STRETCH = 25
# What is cancelled and has not ended after so long (seconds) is cancelled again.
_CANCELS_AGAIN_AFTER = 0.1
# Single reads under way at once; httpx gets slower with more.
_AT_ONCE = 5
# When TingTing does not answer, so many are asked before it counts as not answering for all.
_PROBES = 3
_PASSING = (TingTingNeverSentError, TingTingOutcomeUnknownError, TingTingRateLimitedError)


class Poller:
    """Looks at the campaigns of one connection for all who wait for them, with as few requests as can be.

    It reads the pages of the campaign list, or campaigns one by one, whichever is less; never filtered by status, so
    that a campaign does not vanish when it ends. It belongs to one event loop, whose other tasks it never blocks.
    One campaign's trouble is told to those who wait for it and to nobody else.

    :param connect: reads the connection and returns a new client.
    :param clock: seconds since 1970; deadlines are by this clock, all else by one that never jumps.
    """

    def __init__(self, connect: Connect, *, clock: Callable[[], float] = wall_time) -> None:
        self._clock = clock
        self._line = SharedClient(connect, self._tell_rejected)
        self._listing = ListStrategy()
        self._agenda = DueQueue()
        self._waiters: dict[int, list[Subscriber]] = {}
        # What the last walk through the list has shown, for those who come later.
        self._shown: dict[int, tuple[Snapshot, float]] = {}
        self._few = asyncio.Semaphore(_AT_ONCE)
        self._woken = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._poller: asyncio.Task[None] | None = None
        self._sleeps_until = self._first_looks_at = 0.0
        self._clock_is_ahead = self._ahead()

    # -- for those who wait ----------------------------------------------------------------------------------------

    async def wait(self, plan: WaitPlan, tell: Logger, progress: Progress | None = None) -> Observation:
        """Wait for a campaign, as `waiting.watch` does, and return how the wait has ended.

        :param tell: where log lines go.
        :param progress: what an earlier part of the same wait has seen; it is kept up to date.
        """
        waiter = Subscriber(Wait(plan, tell, progress, clock=self._clock))
        waiters = self._waiters.setdefault(plan.campaign_id, [])
        waiters.append(waiter)
        try:
            self._welcome(waiter)
            self._start()
            return await waiter.ended
        finally:
            waiters.remove(waiter)
            if not waiters:
                del self._waiters[plan.campaign_id]
                self._agenda.drop(plan.campaign_id)
                self._listing.forget(plan.campaign_id)

    async def send(self, call: Call[T]) -> T:
        """Carry out a call of one's own, with the client and the rate limit that all share."""
        return await self._line.send(call)

    async def shared(self, call: Call[T], max_age: float) -> T:
        """Carry out a read, or return its answer to somebody else if that is no older than so many seconds."""
        return await self._line.shared(call, max_age)

    async def run_shared(self, flow: Flow[T], max_age: float) -> T:
        """Run a flow of reads, each shared as by `shared`; its pauses are its own."""
        return await drive_async(flow, lambda call: self._line.shared(call, max_age))

    async def download(self, call: Call[None], target: Any) -> Any:
        """Download into a file, with the client and the rate limit that all share."""
        return await self._line.download(call, target)

    async def close(self) -> None:
        """Stop polling and close the client."""
        # Again and again: before Python 3.12 `wait_for` loses a cancellation that comes with what it waits for.
        while tasks := [*self._tasks, *([self._poller] if self._poller else [])]:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=_CANCELS_AGAIN_AFTER)
        await self._line.close()

    def _welcome(self, waiter: Subscriber) -> None:
        """Hand a latecomer what was seen last, and enter the next look."""
        now = monotonic()
        plan = waiter.wait.plan
        sight, at = self._shown.get(plan.campaign_id, (None, 0.0))
        # What had not begun may have been run since.
        if sight is not None and now - at < plan.poll_interval and sight.status == CampaignStatus.RUNNING:
            self._took(waiter, sight, now)
            if waiter.ended.done():
                return
            due = at + waiter.wait.next_look()
        else:
            due = now + min(_GATHERS_FOR, waiter.wait.next_look() / 10)
            if not now < self._first_looks_at <= due:
                self._first_looks_at = due
            due = self._first_looks_at
        entered = self._agenda.due(plan.campaign_id)
        self._put(plan.campaign_id, due if entered is None else min(due, entered))

    # -- when ------------------------------------------------------------------------------------------------------

    def _start(self) -> None:
        if self._poller is None:
            self._poller = self._task(self._poll())
            self._poller.add_done_callback(self._poller_ended)

    def _task(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        # In a context of its own: it works for all, and its log lines are not those of whoever came first.
        return contextvars.Context().run(asyncio.get_running_loop().create_task, work)

    def _poller_ended(self, poller: asyncio.Task[None]) -> None:
        self._poller = None
        self._task_ended(poller)

    def _read_ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._task_ended(task)

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        """Let nobody wait for ever on something that has broken here."""
        error = None if task.cancelled() else task.exception()
        if error is not None:
            for waiter in self._everybody():
                waiter.fail(error)

    async def _poll(self) -> None:
        while True:
            now, due = monotonic(), self._agenda.first()
            if due is None or due > now:
                await self._sleep(now + _LONGEST_SLEEP if due is None else min(due, now + _LONGEST_SLEEP))
                self._heed_jump()
                continue
            wanted = self._agenda.take(now)
            await self._sleep(now + self._gathering(wanted))
            await self._look_at([*wanted, *self._agenda.take(monotonic())])

    async def _sleep(self, until: float) -> None:
        """Sleep until a time, or until somebody is due earlier."""
        self._woken.clear()
        self._sleeps_until = until
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._woken.wait(), max(0.0, until - monotonic()))

    def _gathering(self, due: Iterable[int]) -> float:
        """Return how long to wait for others to become due; at random, so that two triggerers do not ask together."""
        waiters = [waiter for one in due for waiter in self._waiters.get(one, ())]
        # Neither a first look nor one at a deadline is put off.
        spare = [0.0 if one.last is None else min(one.wait.plan.poll_interval, one.wait.next_look()) for one in waiters]
        return random.uniform(0.0, JITTER) * min(spare, default=0.0)

    def _heed_jump(self) -> None:
        """Enter all looks anew when the wall clock was set: the deadlines are by that clock."""
        ahead = self._ahead()
        if abs(ahead - self._clock_is_ahead) < _JUMP:
            return
        self._clock_is_ahead = ahead
        for campaign_id in self._waiters:
            self._put(campaign_id, monotonic())

    def _enter(self, campaign_id: int, base: float) -> None:
        """Enter when a campaign is to be looked at again, now that it was.

        :param base: when the round began in which it was; all of a round count from there, so that they keep step,
            unless the look has taken long.
        """
        waiting = [waiter for waiter in self._waiters.get(campaign_id, ()) if not waiter.ended.done()]
        for waiter in waiting:
            if waiter.wait.time_is_up:
                waiter.time_is_up()
        left = [waiter.wait.next_look() for waiter in waiting if not waiter.ended.done()]
        if left:
            now, pause = monotonic(), min(left)
            self._put(campaign_id, (base if now - base < pause * _IN_STEP else now) + pause)

    def _put(self, campaign_id: int, due: float) -> None:
        self._agenda.put(campaign_id, due)
        if due < self._sleeps_until:
            self._woken.set()

    # -- looking ---------------------------------------------------------------------------------------------------

    async def _look_at(self, wanted: Iterable[int]) -> None:
        """Look at all that are due: on the list as far as that pays, the rest one by one."""
        left = {one for one in wanted if one in self._waiters}
        base = monotonic()
        pages = self._listing.pages_for(left, monotonic())
        trouble: TingTingError | None = None
        if pages:
            try:
                await self._walk(left, pages, base)
            except (*_PASSING, asyncio.TimeoutError, TimeoutError) as error:
                trouble = error if isinstance(error, TingTingError) else None
                if trouble is None or isinstance(error, TingTingUnreadableReplyError):
                    self._listing.rest(monotonic())
            except TingTingConfigError as error:
                self._missed(left, error, base)
                return
            except TingTingError as error:
                if getattr(error, "status_code", None) == 401:
                    self._missed(left, error, base)
                    return
                self._listing.rest(monotonic())
            except Exception as error:
                self._failed(left, error)
                return
        if left:
            task = self._task(self._read_singly(left, trouble, base))
            self._tasks.add(task)
            task.add_done_callback(self._read_ended)

    async def _walk(self, left: set[int], pages: int, base: float) -> None:
        """Read pages of the list; take from `left` what they show."""
        walk = self._listing.walk(left, pages)
        shown: dict[int, tuple[Snapshot, float]] = {}
        intervals = [waiter.wait.plan.poll_interval for one in left for waiter in self._waiters.get(one, ())]
        patience = max(_LEAST_PATIENCE, min([_MOST_PATIENCE, *intervals]))
        for call in walk:
            page = await asyncio.wait_for(self._line.send(call), patience)
            now = monotonic()
            for row, campaign in enumerate(walk.accept(page)):
                # A page may bring news for a hundred: others have a turn in between.
                if row % _AT_A_STRETCH == 0:
                    await asyncio.sleep(0)
                sight = Snapshot.of(campaign)
                shown[campaign.id] = sight, now
                if self._shows(sight, now, base):
                    left.discard(campaign.id)
                elif campaign.id in self._waiters:
                    # Due or not: what the list says is to be checked now.
                    left.add(campaign.id)
                    self._agenda.drop(campaign.id)
        walk.finish()
        self._shown = shown

    def _shows(self, sight: Snapshot, now: float, base: float) -> bool:
        """Tell those who wait what the list shows; False when the campaign's own page must be read."""
        is_enough = True
        for waiter in [one for one in self._waiters.get(sight.campaign_id, ()) if not one.ended.done()]:
            is_enough = self._took(waiter, sight, now) and is_enough
        if is_enough:
            self._enter(sight.campaign_id, base)
        return is_enough

    def _took(self, waiter: Subscriber, sight: Snapshot, now: float) -> bool:
        if waiter.wait.would_end(sight):
            # Whoever waits for a status besides the end takes the event at its word.
            final = CampaignStatus(sight.status).is_final
            if waiter.wait.plan.until or not final or not self._listing.may_end(sight, waiter.last):
                return False
        elif waiter.is_to_be_checked():
            return False
        waiter.saw(sight)
        return True

    async def _read_singly(self, wanted: set[int], trouble: TingTingError | None, base: float) -> None:
        """Read campaigns one by one; when TingTing answers nobody of a few, the others are not asked."""
        order = random.sample(sorted(wanted), len(wanted))
        probes, rest = order[:_PROBES], order[_PROBES:]
        errors = await asyncio.gather(*(self._read(one, base) for one in probes))
        if rest and all(isinstance(error, _PASSING) for error in errors):
            said = trouble or errors[-1]
            assert said is not None
            self._missed(rest, said, base)
            return
        if trouble is not None:
            # The list alone is in trouble.
            self._listing.rest(monotonic())
        await asyncio.gather(*(self._read(one, base) for one in rest))

    async def _read(self, campaign_id: int, base: float) -> TingTingError | None:
        """Read a campaign's own page and tell those who wait for it; return what went wrong."""
        async with self._few:
            if campaign_id not in self._waiters:
                return None
            try:
                campaign = await self._line.send(calls.get_campaign(campaign_id))
            except TingTingError as error:
                self._missed([campaign_id], error, base)
                return error
            except Exception as error:
                self._failed([campaign_id], error)
                return None
        own, now = Snapshot.of(campaign), monotonic()
        listed, at = self._shown.pop(campaign_id, (None, 0.0))
        if listed is not None and now - at < _SAME_MOMENT:
            self._listing.compared(listed, own, now)
        for waiter in list(self._waiters.get(campaign_id, ())):
            waiter.saw(own)
        self._enter(campaign_id, base)
        return None

    def _missed(self, campaigns: Iterable[int], error: TingTingError, base: float) -> None:
        for campaign_id in campaigns:
            for waiter in list(self._waiters.get(campaign_id, ())):
                waiter.missed(error)
            self._enter(campaign_id, base)

    def _failed(self, campaigns: Iterable[int], error: Exception) -> None:
        for campaign_id in campaigns:
            for waiter in list(self._waiters.get(campaign_id, ())):
                waiter.fail(error)

    def _tell_rejected(self) -> None:
        for waiter in self._everybody():
            waiter.tell("TingTing rejects the token: reading the connection again")

    def _everybody(self) -> list[Subscriber]:
        return [waiter for waiters in self._waiters.values() for waiter in waiters]

    def _ahead(self) -> float:
        return self._clock() - monotonic()
