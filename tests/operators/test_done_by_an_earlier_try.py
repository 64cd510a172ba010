"""Stopping and deleting what an earlier try, or an earlier request, has stopped or deleted without an answer."""

from __future__ import annotations

import pytest
from durability.in_process import Killed, Store, killed_after, killed_before, once
from support.campaigns import a_campaign, writes

from airflow_provider_tingting._compat import AirflowFailException
from airflow_provider_tingting.operators.campaign import TingTingDeleteCampaignOperator, TingTingStopCampaignOperator

pytestmark = pytest.mark.usefixtures("tingting_conn", "virtual_time")


@pytest.fixture(params=[True, False], ids=["state store", "no store"])
def store(request):
    return Store() if request.param else None


@pytest.fixture
def campaign(sandbox):
    """One that runs."""
    sandbox.clock.speed = 0
    number = a_campaign(sandbox)
    sandbox.world.run_campaign(number)
    return number


def stopping(campaign, **changes):
    return TingTingStopCampaignOperator(task_id="stop", campaign_id=campaign, **changes)


@pytest.mark.parametrize(
    "later",
    [
        {"try_number": 2},
        {"try_number": 2, "cleared_after": 1},
        {"try_number": 2, "cleared_after": 1, "make": lambda campaign: stopping(campaign, on_clear="send_again")},
    ],
    ids=["retried", "cleared", "cleared to send again"],
)
def test_a_stop_that_was_carried_out_before_the_worker_died_is_reported_by_the_next_try(
    sandbox, monkeypatch, campaign, store, later
):
    with killed_after(monkeypatch, "stop_campaign"), pytest.raises(Killed):
        once(lambda: stopping(campaign), store=store)

    circumstances = dict(later)
    make = circumstances.pop("make", stopping)
    result = once(lambda: make(campaign), store=store, **circumstances)

    assert result == {"campaign_id": campaign, "status": "Terminated", "stopped": True}
    assert writes(sandbox) == ["stop_campaign"]


def test_a_campaign_that_was_stopped_by_another_person_is_not_called_stopped(sandbox, campaign, store):
    sandbox.world.stop_campaign(campaign)

    assert once(lambda: stopping(campaign), store=store)["stopped"] is False


def test_a_stop_that_succeeded_is_reported_after_a_clear_even_if_the_store_was_cleared_too(campaign):
    store = Store()
    assert once(lambda: stopping(campaign), store=store)["stopped"] is True
    store.clear()

    assert once(lambda: stopping(campaign), store=store, try_number=2, cleared_after=1)["stopped"] is True


def test_with_a_store_a_try_that_died_before_it_asked_has_stopped_nothing(sandbox, monkeypatch, campaign):
    store = Store()
    with killed_before(monkeypatch, "get_campaign"), pytest.raises(Killed):
        once(lambda: stopping(campaign), store=store)
    sandbox.world.stop_campaign(campaign)

    assert once(lambda: stopping(campaign), store=store, try_number=2)["stopped"] is False


def test_a_campaign_that_completes_before_the_next_try_is_not_called_stopped(sandbox, monkeypatch, campaign, store):
    with killed_before(monkeypatch, "stop_campaign"), pytest.raises(Killed):
        once(lambda: stopping(campaign), store=store)
    sandbox.clock.speed = 400
    sandbox.play_out()

    assert once(lambda: stopping(campaign), store=store, try_number=2)["stopped"] is False


def test_a_delete_whose_last_request_finds_the_campaign_gone_succeeds(sandbox, store):
    campaign = a_campaign(sandbox)
    # As many as there are pauses: all but the last are not done, and the last is done without an answer.
    sandbox.faults.add("cut-before", call="delete_campaign", times=3)
    sandbox.faults.add("lose-reply", call="delete_campaign")

    result = once(lambda: TingTingDeleteCampaignOperator(task_id="delete", campaign_id=campaign), store=store)

    assert result == {"campaign_id": campaign, "deleted": True}
    assert writes(sandbox) == ["delete_campaign"] * 5
    assert campaign not in sandbox.world.campaigns


def test_a_campaign_that_never_was_is_still_an_error_after_a_server_that_is_in_a_hurry(sandbox):
    sandbox.faults.add("429", call="delete_campaign", times=4, value=0.01)

    with pytest.raises(AirflowFailException, match="4711"):
        once(lambda: TingTingDeleteCampaignOperator(task_id="delete", campaign_id=4711), store=None)
