"""One campaign's trouble, be it its deletion, a stuck request or a broken log, ends its own wait only."""

from __future__ import annotations

import asyncio

import pytest
from support.campaigns import reads
from support.poller_waits import all_ended, log, plan, until, waiting
from support.virtual_time import run

from airflow_provider_tingting.campaigns.observation import Reason
from airflow_provider_tingting.polling import Poller


def test_a_campaign_that_is_deleted_ends_its_own_wait_only(sandbox, connect, running):
    campaigns = running(12)

    ended = all_ended(sandbox, connect, campaigns, meanwhile=lambda: sandbox.world.delete_campaign(campaigns[3]))

    assert [one.campaign_id for one in ended if one.reason is not Reason.REACHED] == [campaigns[3]]
    assert (ended[3].reason, ended[3].status_code) == (Reason.REFUSED, 404)


def test_a_request_that_is_stuck_holds_up_its_own_campaign_only(sandbox, connect, running):
    draft, *campaigns = running(12)
    # What the list does not show is read by itself.
    sandbox.world.campaigns[draft].draft = True
    sandbox.faults.add("stuck", call="get_campaign")

    async def both():
        poller = Poller(connect)
        async with waiting(poller, [plan(draft, tolerate_outage=60)]) as (alone,):
            await until(lambda: any(entry.fault for entry in sandbox.requests))
            others = [asyncio.ensure_future(poller.wait(plan(one), log)) for one in campaigns]
            await until(lambda: reads(sandbox, "list_campaigns") >= 2)
            await asyncio.to_thread(sandbox.play_out)
            ended = await asyncio.gather(*others)
            return ended, alone.done()

    ended, alone_is_done = run(both())

    assert {one.status for one in ended} == {"Completed"}
    assert not alone_is_done


def test_a_broken_log_ends_its_own_wait_only(sandbox, connect, running):
    campaigns = running(12)

    class Broken:
        def info(self, *_):
            raise OSError("disk full")

        warning = info

    async def both():
        poller = Poller(connect)
        async with waiting(poller, [plan(one) for one in campaigns[1:]]) as tasks:
            broken = asyncio.ensure_future(poller.wait(plan(campaigns[0]), Broken()))
            with pytest.raises(OSError, match="disk full"):
                await broken
            await asyncio.to_thread(sandbox.play_out)
            return await asyncio.gather(*tasks)

    assert {one.status for one in run(both())} == {"Completed"}


def test_a_broken_log_does_not_keep_the_others_from_a_token_that_was_replaced(sandbox, connect, running):
    campaigns = running(12)

    class Breaks:
        def info(self, *_):
            """Nothing is wrong with it yet."""

        def warning(self, *_):
            raise OSError("disk full")

    async def both():
        poller = Poller(connect)
        async with waiting(poller, [plan(one) for one in campaigns[1:]]) as tasks:
            broken = asyncio.ensure_future(poller.wait(plan(campaigns[0]), Breaks()))
            await until(lambda: len(sandbox.requests) >= 3)
            sandbox.world.rotate_token("a-new-token-for-the-sandbox")
            with pytest.raises(OSError, match="disk full"):
                await broken
            await asyncio.to_thread(sandbox.play_out)
            return await asyncio.gather(*tasks)

    assert {(one.reason, one.status) for one in run(both())} == {(Reason.REACHED, "Completed")}
