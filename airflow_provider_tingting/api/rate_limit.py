"""Client-side rate limit. It is thread-safe and does not sleep, so the synchronous and asynchronous client share it.

A pause that the server asks for (`Retry-After`) holds every thread and task of the client, which a limiter from a
library does not offer for both clients.
"""

from __future__ import annotations

import threading

from airflow_provider_tingting.clock import monotonic


class RateLimiter:
    """Spreads requests evenly.

    :param rate_limit: the most requests a second; default None, for no limit.
    """

    def __init__(self, rate_limit: float | None = None) -> None:
        self._gap = 1.0 / rate_limit if rate_limit else 0.0
        self._next = 0.0
        self._lock = threading.Lock()

    def reserve(self) -> float:
        """Take the next free slot and return the seconds until it, 0 for now."""
        with self._lock:
            now = monotonic()
            slot = max(now, self._next)
            self._next = slot + self._gap
            return slot - now

    def hold(self, seconds: float) -> None:
        """Delay all requests, as the server requests.

        :param seconds: how long from now.
        """
        with self._lock:
            self._next = max(self._next, monotonic() + seconds)
