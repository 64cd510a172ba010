"""Drives the synchronous and the asynchronous client by the same methods, so that one test holds for both."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import islice
from typing import Any, BinaryIO

import pytest

from airflow_provider_tingting.api import AsyncTingTingClient, TingTingClient
from airflow_provider_tingting.api import client as client_module
from airflow_provider_tingting.api.client import Downloaded
from airflow_provider_tingting.api.driver import run_flow, run_flow_async
from airflow_provider_tingting.api.retry import RetryPolicy

KINDS = ("sync", "async")
Connect = Callable[..., "Client"]


class Client:
    """One client, of either kind.

    :param kind: `sync` or `async`.
    """

    def __init__(self, kind: str, token: str, **settings: Any) -> None:
        self.kind = kind
        self._loop = asyncio.new_event_loop() if kind == "async" else None
        self.itself: Any = (AsyncTingTingClient if self._loop else TingTingClient)(token, **settings)

    def _done(self, result: Any) -> Any:
        return self._loop.run_until_complete(result) if self._loop else result

    def send(self, call: Any) -> Any:
        return self._done(self.itself.send(call))

    def send_all(self, calls: list[Any]) -> list[Any]:
        """Carry out several calls at once, as far as the client can."""
        if self._loop is None:
            return [self.itself.send(call) for call in calls]

        async def together() -> list[Any]:
            return list(await asyncio.gather(*(self.itself.send(call) for call in calls)))

        return self._loop.run_until_complete(together())  # type: ignore[no-any-return]

    def rows(self, first: Any, *, most: int | None = None) -> list[Any]:
        """Collect the rows of a list, or the first so many."""
        if self._loop is None:
            return list(islice(self.itself.iterate(first), most))

        async def collect() -> list[Any]:
            rows: list[Any] = []
            async for row in self.itself.iterate(first):
                rows.append(row)
                if len(rows) == most:
                    break
            return rows

        return self._loop.run_until_complete(collect())

    def download(self, call: Any, target: BinaryIO) -> Downloaded:
        return self._done(self.itself.download(call, target))  # type: ignore[no-any-return]

    def run(self, flow: Any) -> Any:
        """Run a flow with this client."""
        return self._done(run_flow_async(self.itself, flow) if self._loop else run_flow(self.itself, flow))

    def close(self) -> None:
        self._done(self.itself.close())
        if self._loop:
            self._loop.close()


@contextmanager
def connecting(kind: str) -> Iterator[Connect]:
    """Give a function that makes clients of one kind, whose retries wait hundredths of a second; close them all."""
    made: list[Client] = []

    def connect(where: Any, token: str | None = None, **settings: Any) -> Client:
        """Connect to a sandbox, a recording server or a base URL."""
        base_url = where if isinstance(where, str) else where.base_url
        token = token or getattr(where, "token", "a-token-of-the-tests")
        made.append(Client(kind, token, **{"base_url": base_url, "timeout": 10.0, **settings}))
        return made[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(client_module, "RetryPolicy", partial(RetryPolicy, first_wait=0.01))
        try:
            yield connect
        finally:
            for client in made:
                client.close()
