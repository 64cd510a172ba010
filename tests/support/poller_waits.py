"""Waits through a poller in the test's own event loop, ended when the test is done with them."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from support.virtual_time import run

from airflow_provider_tingting.api import AsyncTingTingClient
from airflow_provider_tingting.campaigns.observation import Observation
from airflow_provider_tingting.campaigns.watch import Progress, WaitPlan
from airflow_provider_tingting.clock import wall_time
from airflow_provider_tingting.polling import Poller
from airflow_provider_tingting.sandbox import Sandbox

log = logging.getLogger("waiting")


def plan(campaign: int, **changes: Any) -> WaitPlan:
    """What is waited for: a campaign's end, read often, and for 20 seconds at most."""
    return WaitPlan(campaign, **{"poll_interval": 0.05, "deadline": wall_time() + 600, **changes})


@asynccontextmanager
async def waiting(
    poller: Poller, plans: Sequence[WaitPlan], progress: Progress | None = None
) -> AsyncIterator[list[asyncio.Future[Observation]]]:
    """Tasks that wait, ended when the block is left."""
    tasks = [asyncio.ensure_future(poller.wait(one, log, progress)) for one in plans]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await poller.close()


async def until(condition: Callable[[], object], within: float = 120.0) -> None:
    """Wait for something to become so."""
    give_up = time.monotonic() + within
    while not condition():
        assert time.monotonic() < give_up, "what was waited for has not come about"
        await asyncio.sleep(0.005)


def all_ended(
    sandbox: Sandbox,
    connect: Callable[[], Awaitable[AsyncTingTingClient]],
    campaigns: Sequence[int],
    *,
    meanwhile: Callable[[], object] | None = None,
    after: int = 3,
    **changes: Any,
) -> list[Observation]:
    """Wait for campaigns while the world goes on after a few lists, and return how each wait has ended."""

    async def both() -> list[Observation]:
        poller = Poller(connect)
        async with waiting(poller, [plan(one, **changes) for one in campaigns]) as tasks:
            await until(lambda: len(sandbox.requests) >= after)
            if meanwhile is not None:
                meanwhile()
            await asyncio.to_thread(sandbox.play_out)
            return await asyncio.gather(*tasks)

    return run(both())
