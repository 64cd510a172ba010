"""Decides and holds when each campaign is to be read next. Pure."""

from __future__ import annotations

import heapq
import random

from airflow_provider_tingting.campaigns.watch import Wait

#: The steps of different pollers begin at random within this time (seconds), longer than most poll intervals.
_LONGEST_STEP = 3600.0
#: Reads that are due sooner than after a poll interval wait for others that are due within this many seconds.
_EARLY_STEP = 2.0


class Steps:
    """The common steps on which reads are due, so that waits which began at different times are read together."""

    def __init__(self) -> None:
        # Random, so that two triggerers do not read at the same time.
        self._begin = random.uniform(0.0, _LONGEST_STEP)

    def due_after(self, at: float, wait: Wait) -> float:
        """Return when the read after one at `at` is due.

        The length of the steps is the pause between two reads. The step is not shorter than half an interval after the
        last read. A campaign that should end after that pause and before the step is read when it should have ended.

        :param at: when the last read was done.
        :param wait: the wait that the read is for.
        """
        pause, interval = wait.pause(), wait.plan.poll_interval
        due = at + pause
        if wait.is_in_step and pause >= interval:
            due -= (due - self._begin) % pause
            if due - at < interval / 2:
                due += pause
            due = min(due, at + max(pause, wait.ends_in))
        elif wait.is_in_step:
            step = min(_EARLY_STEP, pause)
            due += -(due - self._begin) % step
        return min(due, at + wait.time_left)


class DueQueue:
    """A priority queue of campaigns by due time, in which an entry can be moved or removed.

    All times are seconds of the same monotonic clock.
    """

    def __init__(self) -> None:
        self._due: dict[int, float] = {}
        # Moved and removed entries stay here until they come to the top.
        self._heap: list[tuple[float, int]] = []

    def put(self, campaign_id: int, due: float) -> None:
        """Set when a campaign is due, replacing an earlier entry.

        :param campaign_id: the campaign.
        :param due: when it is due.
        """
        if self._due.get(campaign_id) != due:
            self._due[campaign_id] = due
            heapq.heappush(self._heap, (due, campaign_id))
        if len(self._heap) > 2 * len(self._due) + 64:
            self._heap = [(when, one) for one, when in self._due.items()]
            heapq.heapify(self._heap)

    def drop(self, campaign_id: int) -> None:
        """Remove a campaign, if it is in the queue."""
        self._due.pop(campaign_id, None)

    def due(self, campaign_id: int) -> float | None:
        """Return when a campaign is due, or None when it is not in the queue."""
        return self._due.get(campaign_id)

    def first(self) -> float | None:
        """Return when the first campaign is due, or None when the queue is empty."""
        while self._heap:
            due, campaign_id = self._heap[0]
            if self._due.get(campaign_id) == due:
                return due
            heapq.heappop(self._heap)
        return None

    def take(self, now: float) -> list[int]:
        """Remove and return all campaigns that are due at `now`.

        :param now: monotonic seconds.
        """
        taken = []
        while (due := self.first()) is not None and due <= now:
            campaign_id = heapq.heappop(self._heap)[1]
            del self._due[campaign_id]
            taken.append(campaign_id)
        return taken
