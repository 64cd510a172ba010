"""The time of a rehearsal: a pause takes no real time and pushes the sandbox's clock."""

from __future__ import annotations

import asyncio
import selectors
import threading
import time
from collections.abc import Callable
from typing import Any

#: How long a pause really takes when a fault of the sandbox has a time of its own, so that it comes first.
_SETTLE = 0.12


class RehearsalClock:
    """A clock for the package: the sandbox's time, which moves when something sleeps.

    :param push: moves the sandbox's clock by some seconds.
    :param now: returns the sandbox's time, in seconds since 1970.
    :param settle: whether each pause gives the sandbox a moment for requests that it carries out late.
    """

    def __init__(self, push: Callable[[float], object], now: Callable[[], float], *, settle: bool) -> None:
        self._push = push
        self._now = now
        self._settle = _SETTLE if settle else 0.0
        #: The seconds of all pauses so far.
        self.pushed = 0.0
        self._lock = threading.Lock()

    def time(self) -> float:
        """Return the sandbox's time."""
        return self._now()

    def monotonic(self) -> float:
        """Return the seconds of the real clock that never jumps, and all pauses so far."""
        return time.monotonic() + self.pushed

    def sleep(self, seconds: float, /) -> None:
        """Push the sandbox's clock by so many seconds, and return at once.

        :param seconds: how long.
        """
        with self._lock:
            self.pushed += seconds
            self._push(seconds)
        if self._settle:
            time.sleep(self._settle)


class _Selector(selectors.DefaultSelector):
    def __init__(self, loop: RehearsalLoop) -> None:
        super().__init__()
        self.loop = loop

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None or not _in_main_thread():
            return super().select(timeout)
        # The loop's own pipe is always registered; a connection is registered while it is read or written.
        is_idle = len(self.get_map()) == 1 and not self.loop.in_threads
        ready = super().select(0 if is_idle else timeout)
        if not ready and timeout:
            # One microsecond is added, because a float has no finer digits for a time of today, and the timer must be
            # due.
            self.loop.clock.sleep(timeout + 1e-6)
        return ready


def _in_main_thread() -> bool:
    """Return whether this is the thread in which tasks and triggers run; the sandbox and Airflow's API have others."""
    return threading.current_thread() is threading.main_thread()


class RehearsalLoop(asyncio.SelectorEventLoop):
    """An event loop whose timers pass at once when it waits for nothing else. Triggers run in it.

    :param clock: the rehearsal's clock.
    """

    def __init__(self, clock: RehearsalClock) -> None:
        self.clock = clock
        #: How many functions run in other threads for this loop.
        self.in_threads = 0
        super().__init__(_Selector(self))

    def time(self) -> float:
        """Return the time by which timers go: that of the pauses in the main thread, real time in others."""
        return self.clock.pushed if _in_main_thread() else super().time()

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:  # type: ignore[override]
        """Run a function in a thread; meanwhile the loop waits in real time.

        :param executor: as for the event loop of asyncio.
        :param func: the function.
        """
        future = super().run_in_executor(executor, func, *args)
        self.in_threads += 1
        future.add_done_callback(self._leave_thread)
        return future

    def _leave_thread(self, _: object) -> None:
        self.in_threads -= 1


class RehearsalLoopPolicy(asyncio.DefaultEventLoopPolicy):
    """Makes each new event loop of this process a `RehearsalLoop`.

    :param clock: the rehearsal's clock.
    """

    def __init__(self, clock: RehearsalClock) -> None:
        super().__init__()
        self._clock = clock

    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        """Return a new event loop."""
        return RehearsalLoop(self._clock)
