"""An account at TingTing for a poller in virtual time: campaigns that progress evenly, and a count of the requests."""

from __future__ import annotations

import asyncio
from typing import Any

from support.virtual_time import VirtualTime

from airflow_provider_tingting.api import AsyncTingTingClient
from airflow_provider_tingting.api.protocol import Call, T
from airflow_provider_tingting.errors import TingTingServerError

#: Seconds that a response takes.
LATENCY = 0.05


class FakeAccount:
    """Responds to the two calls of a poller as TingTing does, newest campaigns first.

    :param clock: the virtual time.
    :param page_size: the rows of a page.
    :param connecting_takes: seconds that reading the connection takes.
    """

    def __init__(self, clock: VirtualTime, page_size: int = 10, connecting_takes: float = 0.0) -> None:
        self._clock = clock
        self._page_size = page_size
        self._connecting_takes = connecting_takes
        #: Campaign id → when it began and how many seconds it takes.
        self.campaigns: dict[int, tuple[float, float]] = {}
        #: When each request came, and its call.
        self.requests: list[tuple[float, str]] = []
        self.connections = 0
        self.is_down = False
        #: How many turns of the event loop a response takes after it has come.
        self.turns = 0

    def start(self, campaign_id: int, takes: float) -> None:
        """Let a campaign begin now."""
        self.campaigns[campaign_id] = (self._clock.monotonic(), takes)

    def asked(self, since: float, until: float, call: str | None = None) -> int:
        """Count the requests of a time, by the monotonic clock."""
        return sum(since <= at < until and call in (None, name) for at, name in self.requests)

    async def connect(self) -> AsyncTingTingClient:
        """Read the connection, as the hook does."""
        await asyncio.sleep(self._connecting_takes)
        self.connections += 1
        return _Client(self)  # type: ignore[return-value]

    async def respond(self, call: Call[T]) -> T:
        self.requests.append((self._clock.monotonic(), call.name))
        await asyncio.sleep(LATENCY)
        for _ in range(self.turns):
            await asyncio.sleep(0)
        if self.is_down:
            raise TingTingServerError(call.name, "down", status_code=503)
        if call.campaign_id is not None:
            return call.parse(self._row(call.campaign_id))
        ids = sorted(self.campaigns, reverse=True)
        offset = int(call.request.query["offset"])
        rows = [self._row(one) for one in ids[offset : offset + self._page_size]]
        more = offset + self._page_size < len(ids)
        return call.parse({"count": len(ids), "next": "?offset=9" if more else None, "results": rows})

    def _row(self, campaign_id: int) -> dict[str, Any]:
        began, takes = self.campaigns[campaign_id]
        done = min(1.0, (self._clock.monotonic() - began) / takes)
        return {
            "id": campaign_id,
            "status": "Completed" if done == 1 else "Running",
            "progress_percent": int(100 * done),
            "campaign_action_count": 100,
        }


class _Client:
    def __init__(self, account: FakeAccount) -> None:
        self._account = account

    async def send(self, call: Call[T]) -> T:
        return await self._account.respond(call)

    async def close(self) -> None:
        pass
