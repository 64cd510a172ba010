"""Client-side rate limit: who may send when. Thread-safe and without sleeping, so both clients share it.

A library's limiter would bring its own clock, lock and sleep for one colour each; here a pause that the server asked
for (`Retry-After`) holds every thread and task of the client at once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from airflow_provider_tingting.clock import monotonic


class RateLimiter:
    """Spreads requests evenly.

    :param rate_limit: most requests a second; None for no limit.
    :param clock: seconds, monotonic.
    """

    def __init__(self, rate_limit: float | None = None, *, clock: Callable[[], float] = monotonic) -> None:
        self._gap = 1.0 / rate_limit if rate_limit else 0.0
        self._clock = clock
        self._next = 0.0
        self._lock = threading.Lock()

    def reserve(self) -> float:
        """Take the next free slot and return the seconds until it, 0 for now."""
        with self._lock:
            now = self._clock()
            slot = max(now, self._next)
            self._next = slot + self._gap
            return slot - now

    def hold(self, seconds: float) -> None:
        """Let nobody send for that many seconds, as the server asked."""
        with self._lock:
            self._next = max(self._next, self._clock() + seconds)
