"""No event in the first ten seconds after a deferral, counted from the deferral and not from the triggerer's start."""

from __future__ import annotations

import json
import time

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred
from support.campaigns import a_campaign
from support.task_context import context_of, fired_by
from support.virtual_time import run_in_virtual_time

from airflow_provider_tingting.campaigns import observation
from airflow_provider_tingting.operators.campaign import TingTingRunCampaignOperator
from airflow_provider_tingting.triggers.campaign import TingTingCampaignTrigger
from airflow_provider_tingting.triggers.start import TingTingStartTrigger


@pytest.fixture(autouse=True)
def _as_in_production(monkeypatch, _triggers_fire_at_once):
    monkeypatch.setattr(observation, "EVENT_DELAY", 10.0)


def fired_after(trigger, clock):
    """Make the trigger again from its arguments, as a triggerer does, and return when it fires, by the clock."""
    _, arguments = trigger.serialize()
    fresh = type(trigger)(**json.loads(json.dumps(arguments)))

    async def event():
        return [event async for event in fresh.run()]

    (fired,) = clock.run(event())
    assert fired.payload["campaign_id"] == 7
    return clock.time()


def start_trigger(**changes):
    # Its moment has come, so it would fire at once.
    return TingTingStartTrigger(7, not_before=0.0, **changes)


def test_an_event_fires_ten_seconds_after_the_deferral():
    with run_in_virtual_time(at=1000.0) as clock:
        assert fired_after(start_trigger(), clock) == pytest.approx(1010)


@pytest.mark.parametrize("after", [7, 9.5])
def test_a_trigger_that_moves_to_another_triggerer_does_not_count_from_zero(after):
    with run_in_virtual_time(at=1000.0) as clock:
        trigger = start_trigger()
        clock.push(after)
        assert fired_after(trigger, clock) == pytest.approx(1010)
        clock.push(50)
        assert fired_after(trigger, clock) == pytest.approx(1060)


@pytest.mark.parametrize("ahead", [100.0, 1e6], ids=["a little ahead", "far ahead"])
def test_a_workers_clock_that_is_ahead_delays_an_event_by_ten_seconds_at_most(ahead):
    with run_in_virtual_time(at=1000.0) as clock:
        assert fired_after(start_trigger(deferred_at=1000.0 + ahead), clock) == pytest.approx(1010)


def test_a_campaign_that_has_ended_before_the_first_read_is_reported_after_the_delay(
    virtual_time, sandbox, tingting_conn
):
    campaign = a_campaign(sandbox)
    sandbox.world.run_campaign(campaign)
    sandbox.play_out()
    trigger = TingTingCampaignTrigger(campaign)
    deferred = virtual_time.monotonic()

    event = fired_by(trigger)

    assert event["status"] == "Completed"
    assert 10 <= virtual_time.monotonic() - deferred < 20


@pytest.mark.parametrize("arguments", [{}, {"calling_window": ("00:00", "00:01")}], ids=["wait", "start"])
def test_what_an_operator_defers_with_holds_the_time_of_the_deferral(sandbox, tingting_conn, arguments):
    campaign = a_campaign(sandbox)
    operator = TingTingRunCampaignOperator(task_id="run", campaign_id=campaign, deferrable=True, **arguments)
    before = time.time()

    with pytest.raises(TaskDeferred) as deferred:
        operator.execute(context_of(operator))

    assert before <= deferred.value.trigger.serialize()[1]["deferred_at"] <= time.time()
