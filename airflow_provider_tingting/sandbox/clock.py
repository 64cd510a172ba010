"""The sandbox's clock, which can run fast, stand still and be pushed forward.

No thread runs in the background: the world processes the events that are due when it is read. Real time is that of
the package's clock, so that a test which replaces it with `clock.use_clock` moves the sandbox too.
"""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Callable
from datetime import datetime

from airflow_provider_tingting.clock import monotonic, wall_time
from airflow_provider_tingting.timezones import NEPAL

#: The latest time of a clock or schedule, so that every date can be written.
END_OF_TIME = datetime(9000, 1, 1, tzinfo=NEPAL).timestamp()
# How soon a wait notices that the clock was replaced or its condition is met.
_SECONDS_BETWEEN_CHECKS = 0.05


class Clock:
    """The time in the sandbox's world, in seconds since 1970; it never goes back.

    :param start: the time at which the clock begins; None means now.
    :param speed: seconds of the world in one real second; 0 stops the clock.
    :raises ValueError: the speed is negative or not a number.
    """

    def __init__(self, *, start: datetime | None = None, speed: float = 1.0) -> None:
        self._lock = threading.Lock()
        self._speed = _non_negative(speed, "speed")
        self._world = wall_time() if start is None else start.timestamp()
        self._real = monotonic()
        #: Called with `"push"` or `"speed"` and the value after every change made through the clock.
        self.changed: Callable[[str, float], None] = lambda what, value: None

    def time(self) -> float:
        """Return the world's time in seconds since 1970."""
        with self._lock:
            return self._time()

    def now(self) -> datetime:
        """Return the world's time as a datetime in Nepal's zone."""
        return datetime.fromtimestamp(self.time(), NEPAL)

    @property
    def speed(self) -> float:
        """Seconds of the world in one real second; settable at any time."""
        return self._speed

    @speed.setter
    def speed(self, speed: float) -> None:
        checked = _non_negative(speed, "speed")
        with self._lock:
            self._set(self._time())
            self._speed = checked
        self.changed("speed", checked)

    def push(self, seconds: float) -> datetime:
        """Move the clock forward at once and return its new time.

        :param seconds: how far, in seconds of the world.
        :raises ValueError: the seconds are negative, not a number, or exceed the year 9000.
        """
        checked = _non_negative(seconds, "push")
        with self._lock:
            there = self._time() + checked
            if there > END_OF_TIME:
                raise ValueError("the clock cannot be pushed beyond the year 9000")
            self._set(there)
        self.changed("push", checked)
        return self.now()

    def resume(self, world: float, *, speed: float, real_seconds_ago: float = 0.0) -> None:
        """Set the clock from an earlier reading.

        :param world: the earlier reading, seconds since 1970.
        :param speed: the speed since then.
        :param real_seconds_ago: how many real seconds ago the clock showed `world`.
        """
        checked = _non_negative(speed, "speed")
        with self._lock:
            self._speed = checked
            self._set(world + max(0.0, real_seconds_ago) * checked)

    def _time(self) -> float:
        elapsed = monotonic() - self._real
        if elapsed < 0:
            # A test has restored the real clock, which is behind the replaced one.
            self._real, elapsed = monotonic(), 0.0
        return min(END_OF_TIME, self._world + elapsed * self._speed)

    def _set(self, world: float) -> None:
        self._world = min(END_OF_TIME, world)
        self._real = monotonic()


async def delay(seconds: float, until: Callable[[], bool] = lambda: False) -> None:
    """Wait for seconds of the package's clock.

    :param seconds: how long; infinity waits for `until` only.
    :param until: a condition that ends the wait early.
    """
    due = monotonic() + seconds
    while (left := due - monotonic()) > 0 and not until():
        await asyncio.sleep(min(left, _SECONDS_BETWEEN_CHECKS))


def _non_negative(value: float, what: str) -> float:
    if not (math.isfinite(value) and value >= 0):
        raise ValueError(f"{what} must be a number of at least 0, not {value!r}: the sandbox's clock never goes back")
    return float(value)
