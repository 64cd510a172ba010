"""A clock for the package that a test moves ahead."""

from __future__ import annotations

import time


class PushedClock:
    """The clock of the package in a test: real time, and the seconds that the test adds."""

    def __init__(self) -> None:
        self.added = 0.0

    def time(self) -> float:
        return time.time() + self.added

    def monotonic(self) -> float:
        return time.monotonic() + self.added

    def sleep(self, seconds: float) -> None:
        self.added += seconds
