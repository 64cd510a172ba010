"""Campaigns that stand still while they run, and a poller's way to read the connection, counted."""

from __future__ import annotations

from functools import partial

import pytest
from support.campaigns import a_campaign

from airflow_provider_tingting.api import AsyncTingTingClient


def campaigns_that_run(sandbox, number, **fields):
    sandbox.clock.speed = 0
    made = [a_campaign(sandbox, **fields) for _ in range(number)]
    for campaign in made:
        sandbox.world.run_campaign(campaign)
    return made


@pytest.fixture
def running_in_real_time(sandbox):
    """As `running`, where the sandbox itself takes its time for a response."""
    return partial(campaigns_that_run, sandbox)


@pytest.fixture
def running(virtual_time, sandbox):
    """`running(n)` makes campaigns that run, in a world that stands still; the test itself has virtual time."""

    return partial(campaigns_that_run, sandbox)


@pytest.fixture
def connect(sandbox):
    """Read the connection: the token as it is now. `connect.times` says how often that was done."""

    async def read():
        read.times += 1
        return AsyncTingTingClient(sandbox.token, base_url=sandbox.base_url, timeout=60, max_retries=0)

    read.times = 0
    return read
