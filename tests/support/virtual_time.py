"""A clock for the package, its event loops and its sandbox: time passes only while something sleeps.

A test in virtual time waits for nothing and races nothing: a pause of two minutes takes as long as a pause of a second,
and between two pauses the sandbox's campaigns stand still.
"""

from __future__ import annotations

import asyncio
import heapq
import selectors
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any, TypeVar

from airflow_provider_tingting.clock import use_clock

T = TypeVar("T")


class _EventLoops(ABC):
    """A clock whose event loops know no other time."""

    @abstractmethod
    def monotonic(self) -> float: ...

    @abstractmethod
    def push(self, seconds: float) -> None:
        """Let time pass for an event loop that has nothing to do meanwhile."""

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in an event loop of this time, as `asyncio.run` does in real time."""
        loop = _Loop(self)
        try:
            return loop.run_until_complete(work)
        finally:
            loop.run_until_complete(_cancel_other_tasks())
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()


class VirtualTime(_EventLoops):
    """A clock that stands still while something runs, and jumps to the next timer when everything sleeps.

    It serves the event loops that `run` makes and, as `airflow_provider_tingting.clock`, the whole package, the sandbox
    included. While a request waits for its response, the loop waits in real time: a server that never responds is
    noticed as late as ever.

    :param at: what the wall clock shows at first, in seconds since 1970.
    """

    def __init__(self, at: float) -> None:
        self._wall = at
        self._monotonic = 5000.0
        self._due: list[tuple[float, int, Callable[[], object]]] = []
        self._awaited: list[tuple[Callable[[], bool], Callable[[], object]]] = []
        self._order = count()
        # Several threads may sleep. What becomes due is done without the lock: it may wait for another thread.
        self._lock = threading.Lock()

    def time(self) -> float:
        return self._wall

    def monotonic(self) -> float:
        return self._monotonic

    def sleep(self, seconds: float) -> None:
        self.push(seconds)

    def push(self, seconds: float) -> None:
        """Let time pass, and do on the way what is due."""
        end = self._monotonic + seconds
        while due := self._next_due(end):
            self._move_to(due[0])
            due[2]()
        self._move_to(end)
        self._do_what_was_awaited()

    def set_wall_clock(self, to: float) -> None:
        """Set the wall clock, as a person or a time server does; the monotonic clock goes on.

        :param to: in seconds since 1970.
        """
        with self._lock:
            self._wall = to

    def after(self, seconds: float, act: Callable[[], object]) -> None:
        """Do something when so much time has passed, in whichever thread sleeps then.

        :param act: called in the thread that sleeps.
        """
        heapq.heappush(self._due, (self._monotonic + seconds, next(self._order), act))

    def once(
        self, condition: Callable[[], bool], act: Callable[[], object]
    ) -> tuple[Callable[[], bool], Callable[[], object]]:
        """Do something in the first sleep in which a condition holds, if there is one.

        :param act: called once, in the thread that sleeps.
        """
        awaited = (condition, act)
        self._awaited.append(awaited)
        return awaited

    @contextmanager
    def when(self, condition: Callable[[], bool], act: Callable[[], object]) -> Iterator[None]:
        """Do something in the first sleep in which a condition holds; the block must sleep so long.

        :param act: called once, in the thread that sleeps.
        """
        awaited = self.once(condition, act)
        yield
        self._do_what_was_awaited()
        assert awaited not in self._awaited, "what was waited for has not come about"

    def _do_what_was_awaited(self) -> None:
        with self._lock:
            come_about = [awaited for awaited in self._awaited if awaited[0]()]
            self._awaited = [awaited for awaited in self._awaited if awaited not in come_about]
        for _, act in come_about:
            act()

    def _next_due(self, end: float) -> tuple[float, int, Callable[[], object]] | None:
        with self._lock:
            return heapq.heappop(self._due) if self._due and self._due[0][0] <= end else None

    def _move_to(self, moment: float) -> None:
        with self._lock:
            seconds = max(0.0, moment - self._monotonic)
            self._wall += seconds
            self._monotonic += seconds


class _Selector(selectors.DefaultSelector):  # type: ignore[misc, valid-type]
    loop: _Loop

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        # The loop's own pipe is always there; a connection is, while something is read from it or written to it.
        if len(self.get_map()) > 1 or self.loop.in_threads:
            began = time.perf_counter()
            ready = super().select(timeout)
            if not ready:
                self.loop.clock.push(time.perf_counter() - began)
        elif timeout is None:
            raise RuntimeError("everything waits for something that will never happen")
        else:
            # A microsecond more, for a time of today has no more digits: without it a timer may never be quite due.
            self.loop.clock.push(timeout + 1e-6)
        return ready


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self, clock: _EventLoops) -> None:
        selector = _Selector()
        selector.loop = self
        self.clock = clock
        #: How many functions run in other threads for this loop.
        self.in_threads = 0
        super().__init__(selector)

    def time(self) -> float:
        return self.clock.monotonic()

    def run_in_executor(self, *arguments: Any) -> Any:
        future = super().run_in_executor(*arguments)
        self.in_threads += 1
        future.add_done_callback(self._leave_thread)
        return future

    def _leave_thread(self, _: Any) -> None:
        self.in_threads -= 1


async def _cancel_other_tasks() -> None:
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)


class SharedTime(_EventLoops):
    """A clock of several threads: it stands still while one of them runs, and jumps to the next timer when all sleep.

    :param threads: how many threads there are; each calls `leave` when it is done.
    :param at: what the wall clock shows at first, in seconds since 1970.
    """

    def __init__(self, threads: int, at: float) -> None:
        self._now = at
        self._running = threads
        self._due: list[float] = []
        self._changed = threading.Condition()

    def time(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        with self._changed:
            due = self._now + seconds
            heapq.heappush(self._due, due)
            self._stop_one()
            assert self._changed.wait_for(lambda: self._now >= due, timeout=120), "a thread neither sleeps nor leaves"

    def push(self, seconds: float) -> None:
        self.sleep(seconds)

    def leave(self) -> None:
        """Let the other threads' time pass without this one."""
        with self._changed:
            self._stop_one()

    def _stop_one(self) -> None:
        self._running -= 1
        if self._running == 0 and self._due:
            self._now = self._due[0]
            while self._due and self._due[0] <= self._now:
                heapq.heappop(self._due)
                self._running += 1
            self._changed.notify_all()


_running: list[_EventLoops] = []


@contextmanager
def use_time(clock: VirtualTime | SharedTime) -> Iterator[None]:
    """Give the package and the event loops of `run` a time of their own while the block runs."""
    _running.append(clock)
    try:
        with use_clock(clock):
            yield
    finally:
        _running.remove(clock)


@contextmanager
def run_in_virtual_time(at: float = 1_795_400_000.0) -> Iterator[VirtualTime]:
    """Give the package a virtual time while the block runs."""
    with use_time(clock := VirtualTime(at)):
        yield clock


def running_virtual_time() -> VirtualTime | None:
    """Return the virtual time of this test, if it has one."""
    return _running[-1] if _running and isinstance(_running[-1], VirtualTime) else None


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in an event loop: in virtual time where a test has it, otherwise in real time."""
    return _running[-1].run(work) if _running else asyncio.run(work)
