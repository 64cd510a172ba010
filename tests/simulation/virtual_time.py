"""Virtual time: actors that take turns in one thread, and a clock that jumps to whatever is due next.

Each actor (a worker, a triggerer) runs ordinary code in a greenlet of its own until it sleeps; then the next one that
is due goes on. Nothing here waits in real time, and the same decisions give the same order of events.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
from asyncio import events
from collections.abc import Callable
from itertools import count
from typing import Any

from greenlet import GreenletExit, getcurrent, greenlet

#: When every life begins: Tuesday 2026-11-24, 09:00 in Nepal, in seconds since 1970.
START = 1795490100.0

#: Seconds; a float that counts from 1970 is good for a quarter of a microsecond.
MIN_SLEEP = 1e-5


class Killed(BaseException):
    """The process of an actor is gone: no code of it can react."""


class StuckError(Exception):
    """A life has not ended in the virtual time that it may take."""


class Actor:
    """One process.

    :param name: for the record of what happened.
    :param work: what it does.
    """

    def __init__(self, time: VirtualTime, name: str, work: Callable[[], None]) -> None:
        self.time = time
        self.name = name
        #: How far this process's wall clock is ahead, in seconds.
        self.clock_ahead = 0.0
        self.is_dead = False
        #: Called within the actor's own stack when it would go on next, as a signal handler is.
        self.signal: Callable[[], None] | None = None
        self._work = work
        self._greenlet = greenlet(self._run, parent=time.hub)
        self._resume_at: object = None

    def _run(self) -> None:
        with contextlib.suppress(Killed, GreenletExit):
            self._work()
        self.is_dead = True

    def sleep(self, seconds: float) -> None:
        """Let others have their turn for so many seconds."""
        self.check()
        ticket = self._resume_at = object()
        self.time.at(self.time.now + max(0.0, seconds), lambda: self._resume(ticket))
        self.time.hub.switch()
        self.check()
        if self.signal is not None:
            handler, self.signal = self.signal, None
            handler()

    def wake(self) -> None:
        """Let the actor go on at once, however long it wanted to sleep."""
        ticket = self._resume_at = object()
        self.time.at(self.time.now, lambda: self._resume(ticket))

    def check(self) -> None:
        """Let nothing of a dead process act any more."""
        if self.is_dead:
            raise Killed

    def kill(self) -> None:
        """End the process here and now; called while no process runs."""
        if self.is_dead:
            return
        self.is_dead = True
        if self._greenlet:
            self.time.actor, before = self, self.time.actor
            self._greenlet.throw(Killed)
            self.time.actor = before

    def _resume(self, ticket: object) -> None:
        if self._resume_at is ticket and not self._greenlet.dead:
            self.time.actor = self
            self._greenlet.switch()
            self.time.actor = None


class VirtualTime:
    """The clock and the order of events; stands in for the module `time` within the package."""

    def __init__(self) -> None:
        self.now = START
        self.hub = getcurrent()
        #: Which process runs now.
        self.actor: Actor | None = None
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._ticket = count()
        self.actors: list[Actor] = []

    def spawn(self, name: str, work: Callable[[], None], after: float = 0.0) -> Actor:
        """Begin a new process.

        :param after: in so many seconds.
        """
        actor = Actor(self, name, work)
        self.actors.append(actor)
        actor._resume_at = actor
        self.at(self.now + after, lambda: actor._resume(actor))
        return actor

    def at(self, moment: float, act: Callable[[], None]) -> None:
        """Let something happen at a time; of several at once the first that was asked for is the first."""
        heapq.heappush(self._due, (moment, next(self._ticket), act))

    def run(self, until: Callable[[], bool], longest: float) -> None:
        """Let time pass until a condition holds.

        :param longest: most seconds that may pass.
        :raises StuckError: the condition does not hold in that time, or nothing is left to happen.
        """
        give_up = self.now + longest
        while not until():
            if not self._due:
                raise StuckError("nothing is left to happen")
            moment, _, act = heapq.heappop(self._due)
            if moment > give_up:
                raise StuckError(f"not over after {longest:.0f} s")
            self.now = max(self.now, moment)
            act()

    def let_pass(self, seconds: float) -> None:
        """Let so many seconds pass."""
        end = self.now + seconds
        while self._due and self._due[0][0] <= end:
            moment, _, act = heapq.heappop(self._due)
            self.now = max(self.now, moment)
            act()
        self.now = end

    def close(self) -> None:
        """End all processes."""
        for actor in self.actors:
            actor.kill()

    # -- as the module `time` has it -------------------------------------------------------------------------------

    def time(self) -> float:
        """Return the wall clock of the process that asks."""
        actor = self.actor
        return self.now + (actor.clock_ahead if actor is not None else 0.0)

    def monotonic(self) -> float:
        """Return seconds that never jump."""
        return self.now - START + 1000.0

    def sleep(self, seconds: float) -> None:
        """Put the process that asks to sleep."""
        actor = self.actor
        assert actor is not None, "only an actor sleeps"
        actor.sleep(seconds)


class VirtualLoop(asyncio.BaseEventLoop):
    """An event loop that belongs to one actor and goes by virtual time; it waits for timers only.

    It has neither sockets nor threads: what is to run in a thread runs at once.
    """

    def __init__(self, actor: Actor) -> None:
        super().__init__()
        self._actor = actor
        self._selector = self
        self._clock_resolution = 0.0
        # What a killed process leaves behind is of no interest.
        self.set_exception_handler(lambda *_: None)

    def time(self) -> float:
        return self._actor.time.monotonic()

    def call_soon_threadsafe(self, callback: Any, *args: Any, context: Any = None) -> Any:
        handle = self.call_soon(callback, *args, context=context)
        self._actor.wake()
        return handle

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:
            future.set_exception(error)
        return future

    def select(self, timeout: float | None) -> list[Any]:
        """Hand the turn to the other actors instead of waiting for sockets."""
        if self._ready:  # type: ignore[attr-defined]
            self._actor.check()
            return []
        running = events._get_running_loop()
        events._set_running_loop(None)
        try:
            # Never for less than the clock can count, or the same timer would be due again and again.
            self._actor.sleep(1e9 if timeout is None else max(timeout, MIN_SLEEP))
        finally:
            events._set_running_loop(running)
        return []

    def _process_events(self, events: list[Any]) -> None:
        """There are none: `select` returns when a timer is due."""


def run_in_loop(actor: Actor, work: Callable[[], Any]) -> Any:
    """Run a coroutine in an event loop of the actor's own."""
    loop = VirtualLoop(actor)
    try:
        return loop.run_until_complete(work())
    finally:
        if not actor.is_dead:
            with contextlib.suppress(BaseException):
                _cancel_all(loop)
        for task in asyncio.all_tasks(loop):
            task._log_destroy_pending = False  # type: ignore[attr-defined]
            # A poller would keep itself alive for all other lives.
            with contextlib.suppress(BaseException):
                task.get_coro().close()  # type: ignore[union-attr]
        loop._ready.clear()  # type: ignore[attr-defined]
        loop.close()


def _cancel_all(loop: VirtualLoop) -> None:
    tasks = [task for task in asyncio.all_tasks(loop) if not task.done()]
    for task in tasks:
        task.cancel()
    if tasks:
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
