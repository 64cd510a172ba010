"""What calls and SMS cost, and what happens when credits run out."""

from __future__ import annotations

import pytest

from airflow_provider_tingting.sandbox.outcomes import call_credits


def run_out(box, api, **options):
    campaign_id = api.create(options.pop("contacts", 20), **options)
    api.run(campaign_id)
    box.play_out()
    return campaign_id


def test_the_balance_decreases_by_the_credits_of_the_campaign(box, api):
    before = api.get("dashboard/").json()["remaining_credits"]
    campaign_id = run_out(box, api)
    listing = api.get(f"campaign-detail/{campaign_id}/").json()

    assert listing["total_credits_consumed"] > 0
    assert api.get("dashboard/").json()["remaining_credits"] == before - listing["total_credits_consumed"]
    assert listing["total_credits_consumed"] == sum(entry.credits for entry in box.ledger.dialled)


def test_only_answered_calls_cost_and_a_premium_voice_costs_twice(box, api):
    for position, ending in enumerate(("completed", "unanswered", "failed")):
        box.world.script_outcome(str(9841000000 + position), ending)
    plain, premium = run_out(box, api, contacts=3, voice=1), run_out(box, api, contacts=3, voice=2)

    costs = {
        campaign_id: {row["status"]: row["credit_consumed"] for row in rows}
        for campaign_id in (plain, premium)
        for rows in [api.get(f"campaign-detail/{campaign_id}/").json()["results"]]
    }
    assert costs[plain] == {"completed": 1, "unanswered": 0, "failed": 0}
    assert costs[premium]["completed"] == 2


@pytest.mark.parametrize(("duration", "premium", "cost"), [(0, False, 0), (1, False, 1), (30, False, 1), (31, True, 4)])
def test_a_credit_buys_thirty_seconds(duration, premium, cost):
    assert call_credits(duration, premium=premium) == cost


def test_a_long_sms_costs_its_parts(box, api):
    campaign_id = run_out(box, api, contacts=1, services="SMS", voice=None, sms_message="अ" * 71)

    (row,) = api.get(f"campaign-detail/{campaign_id}/").json()["results"]
    assert (row["credit_consumed"], row["credit_consumed_SMS"]) == (0, 2)


def test_a_campaign_that_reaches_its_credit_limit_is_terminated(box, api):
    campaign_id = run_out(box, api, contacts=30, credit_limit=5)
    campaign, statuses = api.campaign(campaign_id), box.world.campaign(campaign_id).statuses_at(box.world.clock.time())

    assert campaign["status"] == "Terminated"
    assert 0 < campaign["progress_percent"] < 100
    assert api.get(f"campaign-detail/{campaign_id}/").json()["total_credits_consumed"] == 5
    assert statuses["terminated"] == 30 - len(box.ledger.dialled)
    # A call that is in progress when the credits run out is completed.
    assert not set(statuses) & {"dialing", "ringing", "answered"}


def test_an_empty_account_terminates_a_campaign_before_a_contact_is_called(box, api):
    box.world.set_credits(0)
    campaign_id = run_out(box, api, contacts=3)

    assert api.campaign(campaign_id)["status"] == "Terminated"
    assert api.campaign(campaign_id)["progress_percent"] == 0
    assert box.ledger.dialled == []
    assert box.world.campaign(campaign_id).statuses_at(box.world.clock.time()) == {"terminated": 3}


def test_two_campaigns_share_one_account_and_never_overdraw_it(box, api):
    box.world.set_credits(15)
    first, second = api.create(20), api.create(20)
    api.run(first)
    api.run(second)
    box.play_out()

    assert {api.campaign(first)["status"], api.campaign(second)["status"]} == {"Terminated"}
    assert box.world.credits == 0


def test_a_terminated_campaign_can_be_run_again_after_credits_were_bought(box, api):
    box.world.set_credits(2)
    campaign_id = run_out(box, api, contacts=10)
    box.world.set_credits(1000)
    api.run(campaign_id)
    box.play_out()

    assert api.campaign(campaign_id)["status"] == "Completed"
    assert "terminated" not in box.world.campaign(campaign_id).statuses_at(box.world.clock.time())


def test_stopping_refunds_the_seconds_that_were_not_spoken(box, api):
    box.world.script_outcome("9841000000", "completed")
    campaign_id = api.create(1, message="long " * 200)
    api.run(campaign_id)
    box.clock.push(4)
    api.post(f"campaign/emergency-stop/{campaign_id}/")

    assert api.get(f"campaign-detail/{campaign_id}/").json()["total_credits_consumed"] == 0
    assert api.get("dashboard/").json()["remaining_credits"] == 10_000


def test_a_demo_call_costs_and_is_refused_without_credits(box, api):
    campaign_id = api.create(1)
    contact_id = next(iter(box.world.campaign(campaign_id).contacts))
    assert api.post(f"demo-call/{contact_id}/").status_code == 200
    assert box.world.credits < 10_000
    assert [entry.channel for entry in box.ledger.dialled] == ["demo"]
    assert api.campaign(campaign_id)["status"] == "Not Started"

    box.world.set_credits(0)
    assert api.post(f"demo-call/{contact_id}/").status_code == 400
    assert len(box.ledger.dialled) == 1
