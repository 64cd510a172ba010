"""One wait in a poller: its state, the future that ends it, and the context its log lines belong to."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable

from airflow_provider_tingting.campaigns.observation import Observation, Snapshot
from airflow_provider_tingting.campaigns.watch import Wait
from airflow_provider_tingting.clock import monotonic
from airflow_provider_tingting.errors import TingTingError

#: A campaign whose row on the list has stayed the same for this many reads, each at least a poll interval after the
#: one before, is read on its own page; after that when twice as many rows have stayed the same.
UNCHANGED_READS = 8
#: After this many rows a campaign is read on its own page even if the rows changed: the list may repeat old pages.
MAX_LISTED_READS = 100
# Two reads that are apart by less than this share of the poll interval count as one.
_SAME_INTERVAL = 0.75


class Subscriber:
    """One wait for one campaign.

    Airflow's triggerer assigns a log line to a trigger by the context of the asyncio task that writes it, so
    everything that may log runs in the context in which the subscriber was created.

    :param wait: decides what ends the wait and when to read next.
    """

    __slots__ = ("_check_at", "_context", "_counted_at", "_listed", "_unchanged", "ended", "last", "wait")

    def __init__(self, wait: Wait) -> None:
        self.wait = wait
        #: Done when the wait has ended, with its observation or an error.
        self.ended: asyncio.Future[Observation] = asyncio.get_running_loop().create_future()
        #: What was seen last, or None.
        self.last: Snapshot | None = None
        self._context = contextvars.copy_context()
        self._unchanged = self._listed = 0
        self._check_at = UNCHANGED_READS
        self._counted_at = 0.0

    def record(self, snapshot: Snapshot) -> None:
        """Pass a response to the wait, and end the subscription if the wait has ended.

        :param snapshot: what the response shows.
        """
        if self._is_change(snapshot):
            self._unchanged, self._check_at, self._counted_at = 0, UNCHANGED_READS, monotonic()
        elif monotonic() - self._counted_at >= self.wait.plan.poll_interval * _SAME_INTERVAL:
            self._unchanged, self._counted_at = self._unchanged + 1, monotonic()
        self.last = snapshot
        self._apply(lambda: self.wait.answered(snapshot))

    def _is_change(self, snapshot: Snapshot) -> bool:
        last = self.last
        return last is None or (last.status, last.progress_percent) != (snapshot.status, snapshot.progress_percent)

    def needs_own_page(self, snapshot: Snapshot) -> bool:
        """Count a row of the list; return whether the campaign's own page must confirm it.

        :param snapshot: the row.
        """
        self._listed += 1
        unchanged = not self._is_change(snapshot) and self._unchanged >= self._check_at
        if not unchanged and self._listed <= MAX_LISTED_READS:
            return False
        self._listed = 0
        if unchanged:
            self._check_at *= 2
        return True

    def record_error(self, error: TingTingError) -> None:
        """Pass a failed read to the wait, and end the subscription if the wait has ended.

        :param error: what the read raised.
        """
        self._apply(lambda: self.wait.unanswered(error))

    def time_out(self) -> None:
        """End the wait at its deadline."""
        self._apply(self.wait.timed_out)

    def fail(self, error: BaseException) -> None:
        """End the subscription with an error that is not TingTing's.

        :param error: what the waiting task raises.
        """
        if not self.ended.done():
            self.ended.set_exception(error)

    def warn(self, text: str) -> None:
        """Write a warning into the log of this wait.

        :param text: the warning.
        """
        try:
            self._context.run(self.wait.logger.warning, text)
        except Exception as error:  # A broken log ends this wait and no other.
            self.fail(error)

    def _apply(self, step: Callable[[], Observation | None]) -> None:
        if self.ended.done():
            return
        try:
            observation = self._context.run(step)
        except Exception as error:  # An error of this wait, such as a broken log, ends this wait and no other.
            self.fail(error)
            return
        if observation is not None:
            self.ended.set_result(observation)
