"""The clocks of the package: the wall clock, a clock that never jumps, and sleeping.

Every module of the provider reads the time and sleeps by these functions, so that one call, `use_clock`, replaces time
for all of them. An event loop has a clock of its own, by which `asyncio.sleep` and its time-outs go.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Clock(Protocol):
    """A source of time; Python's module `time` is one."""

    def time(self) -> float:
        """Return the seconds since 1970; this clock may be set while the process runs."""

    def monotonic(self) -> float:
        """Return the seconds of a clock that never jumps, for durations."""

    def sleep(self, seconds: float, /) -> None:
        """Return after so many seconds.

        :param seconds: how long; zero or less does not wait.
        """


#: By how many seconds the clocks of two machines may differ: of two workers, or of Airflow and TingTing.
MAX_CLOCK_SKEW = 600.0

_clock: Clock = time


def wall_time() -> float:
    """Return the seconds since 1970, for moments that outlive the process."""
    return _clock.time()


def monotonic() -> float:
    """Return the seconds of a clock that never jumps, for durations within the process."""
    return _clock.monotonic()


def sleep(seconds: float) -> None:
    """Sleep for some seconds; zero or less returns at once.

    :param seconds: how long; zero or less does not wait.
    """
    if seconds > 0:
        _clock.sleep(seconds)


def sleep_unless(event: threading.Event, seconds: float) -> None:
    """Sleep for some seconds, but not longer than until an event is set.

    :param event: set by another thread.
    :param seconds: how long; zero or less does not wait.
    """
    if _clock is time:
        event.wait(max(0.0, seconds))
    elif not event.is_set():
        sleep(seconds)


@contextmanager
def use_clock(clock: Clock) -> Iterator[None]:
    """Replace the time of the whole package while the block runs; for tests and simulations.

    :param clock: the source of time meanwhile.
    """
    global _clock
    before, _clock = _clock, clock
    try:
        yield
    finally:
        _clock = before
