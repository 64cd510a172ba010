"""Who is to be looked at when. Pure."""

from __future__ import annotations

import heapq


class DueQueue:
    """The next look of each campaign; thousands may be due together, so nobody else is touched to find them."""

    def __init__(self) -> None:
        self._due: dict[int, float] = {}
        self._heap: list[tuple[float, int]] = []

    def put(self, campaign_id: int, due: float) -> None:
        """Enter when a campaign is due; what was entered before no longer holds."""
        if self._due.get(campaign_id) != due:
            self._due[campaign_id] = due
            heapq.heappush(self._heap, (due, campaign_id))
        if len(self._heap) > 2 * len(self._due) + 64:
            self._heap = [(when, one) for one, when in self._due.items()]
            heapq.heapify(self._heap)

    def drop(self, campaign_id: int) -> None:
        """Strike a campaign off."""
        self._due.pop(campaign_id, None)

    def due(self, campaign_id: int) -> float | None:
        """Return when a campaign is due, if it is entered."""
        return self._due.get(campaign_id)

    def first(self) -> float | None:
        """Return when the first one is due, or None when there is none."""
        while self._heap:
            due, campaign_id = self._heap[0]
            if self._due.get(campaign_id) == due:
                return due
            heapq.heappop(self._heap)
        return None

    def take(self, now: float) -> list[int]:
        """Strike off all that are due, and return them."""
        taken = []
        while (due := self.first()) is not None and due <= now:
            campaign_id = heapq.heappop(self._heap)[1]
            del self._due[campaign_id]
            taken.append(campaign_id)
        return taken
