"""Campaigns that stand still while they run, and a poller's way to read the connection, counted."""

from __future__ import annotations

import pytest
from support.campaigns import a_campaign

from airflow_provider_tingting.api import AsyncTingTingClient


@pytest.fixture
def running(sandbox):
    """`running(n)` makes campaigns that run, in a world that stands still."""

    def make(number, **fields):
        sandbox.clock.speed = 0
        made = [a_campaign(sandbox, **fields) for _ in range(number)]
        for campaign in made:
            sandbox.world.run_campaign(campaign)
        return made

    return make


@pytest.fixture
def connect(sandbox):
    """Read the connection: the token as it is now. `connect.times` says how often that was done."""

    async def read():
        read.times += 1
        return AsyncTingTingClient(sandbox.token, base_url=sandbox.base_url, timeout=5, max_retries=0)

    read.times = 0
    return read
