"""The trigger that waits for an hour or a turn: plain arguments, one event, and an honest word when it is killed."""

from __future__ import annotations

import asyncio
import json

from support.campaigns import a_campaign, reads
from support.task_context import fired_by

from airflow_provider_tingting.triggers.start import TingTingStartTrigger


def test_its_arguments_are_plain_json_and_make_the_same_trigger_again():
    trigger = TingTingStartTrigger(7, not_before=1795400000.5, deadline=1795500000.0)

    path, arguments = trigger.serialize()

    assert path == "airflow_provider_tingting.triggers.start.TingTingStartTrigger"
    assert json.loads(json.dumps(arguments)) == arguments
    assert TingTingStartTrigger(**arguments).serialize() == (path, arguments)
    assert TingTingStartTrigger(**arguments, something_new=3).serialize() == (path, {**arguments, "something_new": 3})


def test_it_fires_at_its_hour_and_needs_no_connection_for_it(monkeypatch, virtual_time):
    monkeypatch.delenv("AIRFLOW_CONN_TINGTING_DEFAULT", raising=False)
    then = virtual_time.time() + 5400

    event = fired_by(TingTingStartTrigger(7, not_before=then))

    assert then <= virtual_time.time() < then + 60
    assert event == {"version": 1, "campaign_id": 7}


def test_a_clock_that_is_set_forward_during_the_wait_is_noticed(virtual_time):
    began = virtual_time.monotonic()
    virtual_time.after(600, lambda: virtual_time.set_wall_clock(virtual_time.time() + 7200))

    fired_by(TingTingStartTrigger(7, not_before=virtual_time.time() + 7200))

    assert virtual_time.monotonic() - began < 1200


def test_many_that_wait_do_not_hold_each_other_up(virtual_time):
    then = virtual_time.time() + 5400

    async def one():
        (_,) = [event async for event in TingTingStartTrigger(7, not_before=then).run()]

    async def all_of_them():
        await asyncio.gather(*(one() for _ in range(500)))

    virtual_time.run(all_of_them())

    assert then <= virtual_time.time() < then + 60


def test_many_that_wait_for_their_turn_share_what_is_asked(virtual_time, sandbox, tingting_conn):
    sandbox.clock.speed = 0
    running = a_campaign(sandbox)
    sandbox.world.run_campaign(running)

    async def one():
        (event,) = [event async for event in TingTingStartTrigger(99, tingting_conn, poll_interval=40).run()]
        return event.payload["campaign_id"]

    async def all_of_them():
        waiting = asyncio.gather(*(one() for _ in range(100)))
        await asyncio.sleep(120)
        assert not waiting.done()
        asked = reads(sandbox, "list_campaigns")
        sandbox.play_out()
        return asked, await waiting

    asked, fired = virtual_time.run(all_of_them())

    assert fired == [99] * 100
    # A client each would have asked two or three hundred times.
    assert 1 <= asked <= 12
