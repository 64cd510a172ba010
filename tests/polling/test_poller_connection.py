"""Trouble that Airflow has with its own connections passes like an outage of TingTing's, and ends no wait at once."""

from __future__ import annotations

import io
import logging

import pytest
from support.campaigns import a_campaign, meanwhile, reads
from support.virtual_time import run

from airflow_provider_tingting.api import AsyncTingTingClient, calls
from airflow_provider_tingting.campaigns.observation import Reason
from airflow_provider_tingting.campaigns.watch import WaitPlan
from airflow_provider_tingting.clock import wall_time
from airflow_provider_tingting.errors import TingTingConfigError
from airflow_provider_tingting.polling import shared_poller

log = logging.getLogger("waiting")


@pytest.fixture
def running(virtual_time, sandbox):
    sandbox.clock.speed = 0
    campaign = a_campaign(sandbox)
    sandbox.world.run_campaign(campaign)
    return campaign


@pytest.fixture
def connections(sandbox):
    """What reads the connection: `connections.troubles` are raised first, one a reading."""

    class Connections:
        troubles: list[Exception] = []  # noqa: RUF012 - a new class for each test

        async def connect(self):
            if self.troubles:
                raise self.troubles.pop(0)
            return AsyncTingTingClient(sandbox.token, base_url=sandbox.base_url, timeout=60, max_retries=0)

    return Connections()


def ended(connections, campaign, **changes):
    plan = WaitPlan(campaign, **{"poll_interval": 0.05, "deadline": wall_time() + 600, **changes})

    async def wait():
        async with shared_poller("connection", connections.connect) as poller:
            return await poller.wait(plan, log)

    return run(wait())


def test_a_connection_that_cannot_be_read_at_first_is_waited_for(sandbox, connections, running, logged):
    connections.troubles += [RuntimeError("metadata database at me:hush@db was reset"), OSError("API server")]

    with meanwhile(lambda: reads(sandbox) > 1, sandbox.play_out):
        seen = ended(connections, running)

    assert (seen.reason, seen.status) == (Reason.REACHED, "Completed")
    said = logged()
    assert "Airflow could not read it (RuntimeError)" in said
    assert "hush" not in said


def test_a_connection_that_cannot_be_read_again_after_a_rejected_token_is_waited_for(sandbox, connections, running):
    reads_before = []

    def rotate():
        connections.troubles.append(RuntimeError("the API server restarts"))
        sandbox.world.rotate_token("a-new-token-for-the-sandbox")
        reads_before.append(reads(sandbox))

    def is_read_again():
        return bool(reads_before) and reads(sandbox) >= reads_before[0] + 3

    with meanwhile(lambda: reads(sandbox) > 1, rotate), meanwhile(is_read_again, sandbox.play_out):
        seen = ended(connections, running)

    assert (seen.reason, seen.status, connections.troubles) == (Reason.REACHED, "Completed", [])


def test_a_connection_that_stays_unreadable_ends_the_wait_as_an_outage_that_says_so(connections, running):
    connections.troubles += [RuntimeError("hush")] * 1000

    seen = ended(connections, running, tolerate_outage=0.3)

    assert seen.reason is Reason.OUTAGE
    assert "could not read it (RuntimeError)" in seen.detail
    assert "hush" not in seen.detail


def test_a_connection_that_can_be_read_but_not_used_ends_the_wait_at_once(connections, running):
    connections.troubles.append(TingTingConfigError("The connection has no token."))

    seen = ended(connections, running)

    assert (seen.reason, seen.detail) == (Reason.REFUSED, "The connection has no token.")


def test_a_report_is_downloaded_with_the_connection_of_the_poller(sandbox, connections, running):
    sandbox.play_out()
    file = io.BytesIO()

    async def download():
        async with shared_poller("connection", connections.connect) as poller:
            return await poller.download(calls.download_campaign_report(running), file)

    assert run(download()).size == len(file.getvalue()) > 0
