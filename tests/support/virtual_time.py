"""An event loop and clocks whose time passes at once: whatever sleeps wakes up in the right order, without waiting."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from airflow_provider_tingting.clock import use_clock

T = TypeVar("T")


class VirtualTime:
    """A clock that stands still while something runs, and jumps to the next timer when everything sleeps.

    It serves the event loops that `run` makes and, as `airflow_provider_tingting.clock`, the whole package.

    :param at: what the wall clock shows at first, in seconds since 1970.
    """

    def __init__(self, at: float) -> None:
        self._wall = at
        self._monotonic = 5000.0

    def time(self) -> float:
        return self._wall

    def monotonic(self) -> float:
        return self._monotonic

    def sleep(self, seconds: float) -> None:
        self.push(seconds)

    def push(self, seconds: float) -> None:
        """Let time pass."""
        self._wall += seconds
        self._monotonic += seconds

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in an event loop of this time. It may do no I/O."""
        loop = _Loop(self)
        try:
            return loop.run_until_complete(work)
        finally:
            loop.close()


class _Selector(selectors.DefaultSelector):  # type: ignore[misc, valid-type]
    clock: VirtualTime

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if not ready and timeout is None:
            raise RuntimeError("everything waits for something that will never happen")
        # Each turn takes a little time: a timer that is due within the clock's resolution runs at once, and what waits
        # for that moment would come back for ever.
        self.clock.push(1e-6 if ready or not timeout else max(timeout, 1e-6))
        return ready


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self, clock: VirtualTime) -> None:
        selector = _Selector()
        selector.clock = clock
        self._clock = clock
        super().__init__(selector)

    def time(self) -> float:
        return self._clock.monotonic()


@contextmanager
def run_in_virtual_time(at: float = 1_795_400_000.0) -> Iterator[VirtualTime]:
    """Give the package a virtual time while the block runs."""
    clock = VirtualTime(at)
    with use_clock(clock):
        yield clock
