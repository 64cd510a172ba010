"""Logs the progress of a long step at most every ten seconds."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from airflow_provider_tingting.clock import monotonic

log = logging.getLogger(__name__)

T = TypeVar("T")

#: Seconds between two lines.
LOG_INTERVAL = 10.0
# Items between two reads of the clock, which would cost more than the items themselves.
_CHECK_EVERY = 1000


@dataclass
class ProgressLog:
    """Logs how many items are done, the rate, and the expected remaining time.

    :param subject: the first words of the line, such as `Campaign 79`.
    :param action: what is counted, such as `contacts sent`.
    :param total: the number of items; None when it is not known, which also omits the line at the end.
    :param already: items that an earlier try has done.
    """

    subject: str
    action: str
    total: int | None = None
    already: int = 0
    _started_at: float = field(default_factory=monotonic)
    _logged_at: float = field(default_factory=monotonic)

    def update(self, done: int) -> None:
        """Log the progress if the last line is at least ten seconds old, or the total is reached.

        :param done: items that this try has done so far.
        """
        now = monotonic()
        overall = self.already + done
        is_complete = self.total is not None and overall >= self.total
        if not is_complete and now - self._logged_at < LOG_INTERVAL:
            return
        self._logged_at = now
        rate = done / max(now - self._started_at, 0.001)
        of_total = f" of {self.total:,}" if self.total is not None else ""
        left = (self.total or 0) - overall
        remaining = f", about {_duration(left / rate)} to go" if left > 0 and rate else ""
        # In the first second the rate says nothing.
        speed = f", {rate:,.0f} a second" if now - self._started_at >= 1 else ""
        log.info("%s: %s%s %s%s%s", self.subject, f"{overall:,}", of_total, self.action, speed, remaining)


def with_progress(
    items: Iterable[T], subject: str, action: str, total: int | None = None, *, size: Callable[[T], int] | None = None
) -> Iterator[T]:
    """Yield items and log how many were taken, at most every ten seconds and not at the end.

    :param items: the items.
    :param subject: the first words of the line, such as `Campaign 79`.
    :param action: what is counted, such as `contacts sent`.
    :param total: the number of items; default None, when it is not known.
    :param size: how many an item counts for, such as the rows of a block; default None, when each counts for one.
    """
    progress = ProgressLog(subject, action, total)
    done = 0
    check_at = _CHECK_EVERY
    for item in items:
        yield item
        done += 1 if size is None else size(item)
        if done >= check_at:
            check_at = done + _CHECK_EVERY
            if done != total:
                progress.update(done)


def _duration(seconds: float) -> str:
    return f"{max(seconds, 1):.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
