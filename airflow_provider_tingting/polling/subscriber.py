"""Somebody who waits at a hub: the wait, the future that ends it, and the log it belongs to."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from typing import TYPE_CHECKING

from airflow_provider_tingting.polling.list_strategy import MOST_LISTED_LOOKS, UNCHANGED_LOOKS

if TYPE_CHECKING:
    from airflow_provider_tingting.campaigns.observation import Observation, Snapshot
    from airflow_provider_tingting.campaigns.watch import Wait
    from airflow_provider_tingting.errors import TingTingError


class Subscriber:
    """One who waits.

    Airflow's triggerer tells whose log a line belongs to by the context of the task that writes it, so all that may
    write one is called in the context of the one who waits.
    """

    __slots__ = ("_check_at", "_context", "_listed", "_unchanged", "ended", "last", "wait")

    def __init__(self, wait: Wait) -> None:
        self.wait = wait
        self.ended: asyncio.Future[Observation] = asyncio.get_running_loop().create_future()
        self.last: Snapshot | None = None
        self._context = contextvars.copy_context()
        self._unchanged = self._listed = 0
        self._check_at = UNCHANGED_LOOKS

    def saw(self, sight: Snapshot) -> None:
        """Take in what a look shows."""
        changed = self.last is None or (self.last.status, self.last.progress_percent) != (
            sight.status,
            sight.progress_percent,
        )
        if changed:
            self._unchanged, self._check_at = 0, UNCHANGED_LOOKS
        else:
            self._unchanged += 1
        self.last = sight
        self._then(lambda: self.wait.answered(sight))

    def is_to_be_checked(self) -> bool:
        """Whether the list alone has shown the campaign for so long that its own page must say the same."""
        self._listed += 1
        if self._unchanged < self._check_at and self._listed <= MOST_LISTED_LOOKS:
            return False
        self._listed = 0
        if self._unchanged >= self._check_at:
            self._check_at *= 2
        return True

    def missed(self, error: TingTingError) -> None:
        """Take in that there was no answer."""
        self._then(lambda: self.wait.unanswered(error))

    def time_is_up(self) -> None:
        """End the wait at its deadline."""
        self._then(self.wait.timed_out)

    def fail(self, error: BaseException) -> None:
        """End the wait with an error that is nobody's answer."""
        if not self.ended.done():
            self.ended.set_exception(error)

    def tell(self, text: str) -> None:
        """Write a warning into this one's log."""
        try:
            self._context.run(self.wait.tell.warning, text)
        except Exception as error:  # A broken log is its own trouble here, too.
            self.fail(error)

    def _then(self, act: Callable[[], Observation | None]) -> None:
        if self.ended.done():
            return
        try:
            observation = self._context.run(act)
        except Exception as error:  # One campaign's trouble, a broken log included, is its own.
            self.fail(error)
            return
        if observation is not None:
            self.ended.set_result(observation)
