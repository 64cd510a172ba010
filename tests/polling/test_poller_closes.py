"""The last to leave a poller can always leave, whatever the poller is just doing."""

from __future__ import annotations

import asyncio
import logging

import pytest
from support.campaigns import a_campaign, reads
from support.fake_account import FakeAccount
from support.virtual_time import run

from airflow_provider_tingting.api import AsyncTingTingClient
from airflow_provider_tingting.campaigns.watch import WaitPlan
from airflow_provider_tingting.polling import Poller, shared_poller

log = logging.getLogger("waiting")


@pytest.mark.parametrize("turns", range(5))
def test_all_who_wait_may_leave_in_the_moment_in_which_the_hub_wakes(virtual_time, sandbox, turns):
    sandbox.clock.speed = 0
    first, second = a_campaign(sandbox), a_campaign(sandbox)
    sandbox.world.run_campaign(first)

    async def connect():
        return AsyncTingTingClient(sandbox.token, base_url=sandbox.base_url, timeout=60, max_retries=0)

    async def wait(campaign):
        async with shared_poller("closing", connect) as poller:
            await poller.wait(WaitPlan(campaign, poll_interval=30.0), log)

    async def leave_together():
        begun = asyncio.ensure_future(wait(first))
        while not reads(sandbox):
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        # The poller sleeps until its next read; who comes now wakes it.
        joined = asyncio.ensure_future(wait(second))
        for _ in range(turns):
            await asyncio.sleep(0)
        begun.cancel()
        joined.cancel()
        _, left = await asyncio.wait([begun, joined], timeout=600)
        for task in left:
            task.cancel()
        await asyncio.gather(begun, joined, return_exceptions=True)
        return left

    assert not run(leave_together())


def test_a_read_that_loses_its_first_cancellation_ends_soon_after_it(virtual_time):
    class Account(FakeAccount):
        async def respond(self, call):
            self.requests.append((virtual_time.monotonic(), call.name))
            try:
                await asyncio.sleep(1e6)
            except asyncio.CancelledError:
                await asyncio.sleep(1e6)

    account = Account(virtual_time)

    async def leave():
        poller = Poller(account.connect)
        wait = asyncio.ensure_future(poller.wait(WaitPlan(1, poll_interval=30.0), log))
        while not account.requests:
            await asyncio.sleep(0.01)
        wait.cancel()
        began = virtual_time.monotonic()
        await poller.close()
        return virtual_time.monotonic() - began

    assert run(leave()) < 1
