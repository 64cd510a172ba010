"""Watches an account's finished campaigns as the triggerer does, and finishes some."""

from __future__ import annotations

import asyncio
import copy
import json
import time

from support.campaigns import a_campaign
from support.virtual_time import run

from airflow_provider_tingting.triggers.finished import TingTingCampaignFinishedTrigger


class Store(dict):
    """An asset's state store as Airflow 3.3 has it."""

    async def aget(self, key, default=None):
        return copy.deepcopy(self.get(key, default))

    async def aset(self, key, value):
        self[key] = json.loads(json.dumps(value))


def trigger(store=None, **arguments):
    _, arguments = TingTingCampaignFinishedTrigger(**{"poll_interval": 0.05, **arguments}).serialize()
    fresh = TingTingCampaignFinishedTrigger(**json.loads(json.dumps(arguments)))
    if store is not None:
        fresh.asset_state_store = store
    return fresh


def finish(sandbox, **fields):
    """Run a campaign by hand, as in TingTing's own UI, to its end."""
    campaign = a_campaign(sandbox, **fields)
    sandbox.world.run_campaign(campaign)
    sandbox.play_out()
    return campaign


async def until(condition):
    give_up = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < give_up, "what was waited for has not come about"
        await asyncio.sleep(0.01)


async def listening(watcher, act, *, events, sandbox, after=2, then=0.3):
    """Run a trigger; act when it has polled; return the events until there are enough, and any more that come."""
    received = []

    async def receive():
        async for event in watcher.run():
            received.append(event.payload)

    task = asyncio.ensure_future(receive())
    try:
        before = len(sandbox.requests)
        await until(lambda: len(sandbox.requests) >= before + after)
        await asyncio.sleep(0.1)
        await asyncio.to_thread(act)
        await until(lambda: len(received) >= events or task.done())
        await asyncio.sleep(then)
        assert not task.done(), task.exception()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    return received


def reported(sandbox, act, *, watcher=None, events=1, **more):
    return run(listening(watcher or trigger(), act, events=events, sandbox=sandbox, **more))
