"""The promise when an unknown value comes, a status, an event or a state: never a success, and never run."""

from __future__ import annotations

import json

import pytest
from durability.in_process import in_both_modes, once, running
from support.campaigns import a_campaign, writes
from support.task_context import context_of

from airflow_provider_tingting.errors import TingTingCampaignError, TingTingCampaignTimeoutError, TingTingError

pytestmark = pytest.mark.usefixtures("virtual_lives")


@in_both_modes
def test_an_unknown_status_is_never_a_success_and_never_run(sandbox, deferred):
    campaign = a_campaign(sandbox)
    sandbox.world.campaigns[campaign].status = "Contemplating"

    with pytest.raises(TingTingCampaignTimeoutError, match="Contemplating"):
        once(lambda: running(campaign, deferrable=deferred, timeout=100), store=None, deferred=deferred)

    assert writes(sandbox) == []


GOOD = {"version": 1, "reason": "reached", "campaign_id": 1, "status": "Completed", "contacts": 4}


@pytest.mark.parametrize(
    "event",
    [
        None,
        "reached",
        [],
        {},
        {**GOOD, "version": 2},
        {**GOOD, "version": None},
        {**GOOD, "reason": "bored"},
        {**GOOD, "campaign_id": 2.5},
        {**GOOD, "campaign_id": "1"},
        {**GOOD, "status": None},
        {**GOOD, "status": 3},
        {**GOOD, "contacts": "all"},
        {key: value for key, value in GOOD.items() if key != "status"},
    ],
)
def test_an_event_that_is_lost_or_malformed_is_never_a_success(sandbox, event):
    campaign = a_campaign(sandbox)
    assert campaign == 1
    sandbox.world.run_campaign(campaign)
    sandbox.play_out()
    operator = running(campaign, deferrable=True)

    with pytest.raises(TingTingError, match=r"re-attaches"):
        operator.execute_complete(context_of(operator), event=event)


def test_an_event_is_not_accepted_without_a_read(sandbox):
    campaign = a_campaign(sandbox)
    sandbox.world.run_campaign(campaign)
    operator = running(campaign, deferrable=True)
    sandbox.clock.speed = 0

    with pytest.raises(TingTingCampaignError, match="shows it as Running now"):
        operator.execute_complete(context_of(operator), event=GOOD)


def test_a_state_that_cannot_be_read_is_none(sandbox):
    from airflow_provider_tingting.campaigns.state import JobState, RunRequest

    kept = JobState(7, "abc", run=RunRequest.MAYBE, run_requested_at=12.5, seen_not_started=True)
    assert JobState.from_json(json.loads(json.dumps(kept.to_json()))) == kept
    for spoilt in (
        None,
        [],
        {},
        {"version": 1},
        {**kept.to_json(), "campaign_id": "7"},
        {**kept.to_json(), "run": 1},
    ):
        assert JobState.from_json(spoilt) == JobState()
