"""A retry continues near the point that the last try reached, and omits no contact."""

from __future__ import annotations

import json

import pytest
from support.adding_contacts import MANY, adding, numbers_in
from support.campaigns import a_campaign, writes
from support.task_context import context_of

from airflow_provider_tingting.contacts import checkpoint
from airflow_provider_tingting.errors import TingTingCampaignError, TingTingOutcomeUnknownError
from airflow_provider_tingting.hooks.tingting import TingTingHook

pytestmark = pytest.mark.usefixtures("tingting_conn")


class Store(dict):
    """A task state store as Airflow 3.3 has it; JSON by key."""

    def set(self, key, value):
        self[key] = json.loads(json.dumps(value))

    def delete(self, key):
        self.pop(key, None)


def one_try(operator, store, try_number):
    context = context_of(operator, try_number=try_number)
    if store is not None:
        context["task_state_store"] = store
    return operator.execute(context)


@pytest.fixture
def a_try_that_broke_off(sandbox, campaign):
    """Six of twelve batches have arrived when the fault comes that stays; the store knows."""
    store = Store()
    sandbox.faults.add("cut-before", call="add_contacts", times="*", skip=6)
    with pytest.raises(TingTingOutcomeUnknownError):
        one_try(adding(campaign, MANY, batch_size=50, concurrency=1), store, 1)
    sandbox.faults.clear()
    assert len(numbers_in(sandbox, campaign)) == 300
    return store


def batches_of(sandbox, campaign):
    return writes(sandbox).count("add_contacts")


def test_a_retry_continues_near_where_the_last_try_came_to(sandbox, campaign, a_try_that_broke_off, logged):
    before = batches_of(sandbox, campaign)
    logged()

    result = one_try(adding(campaign, MANY, batch_size=100, concurrency=2), a_try_that_broke_off, 2)

    assert batches_of(sandbox, campaign) == before + 3
    assert len(numbers_in(sandbox, campaign)) == 600
    assert (result["total"], result["created"], result["skipped"]) == (600, 600, 0)
    said = logged()
    assert "continuing after the first 300 contacts" in said
    assert "600 of 600 contacts sent" in said
    assert a_try_that_broke_off["tingting_job"] == {
        "phase": "sent",
        "campaign_id": campaign,
        "total": 600,
        "generation": 0,
    }


def test_without_a_store_a_retry_sends_all_contacts_again(sandbox, campaign, a_try_that_broke_off):
    before = batches_of(sandbox, campaign)

    result = one_try(adding(campaign, MANY, batch_size=100), None, 2)

    assert batches_of(sandbox, campaign) == before + 6
    assert (result["created"], result["skipped"]) == (300, 300)


@pytest.mark.parametrize(
    ("people", "batches"),
    [
        pytest.param([{"number": "9801234567", "name": "Gita"}, *MANY], 13, id="a new contact in front"),
        pytest.param(MANY[1:], 12, id="a contact removed"),
        pytest.param([*MANY, {"number": "9801234567", "name": "Gita"}], 7, id="a new contact at the end continues"),
    ],
)
def test_a_source_that_has_changed_is_sent_from_the_beginning(sandbox, campaign, a_try_that_broke_off, people, batches):
    before = batches_of(sandbox, campaign)

    one_try(adding(campaign, people, batch_size=50), a_try_that_broke_off, 2)

    assert batches_of(sandbox, campaign) == before + batches
    assert numbers_in(sandbox, campaign) >= {person["number"] for person in people}


def test_a_point_of_another_campaign_is_not_resumed_from(sandbox, a_try_that_broke_off):
    other = a_campaign(sandbox, numbers=())

    result = one_try(adding(other, MANY), a_try_that_broke_off, 2)

    assert result["created"] == 600
    assert len(numbers_in(sandbox, other)) == 600


def test_a_contact_that_has_vanished_is_sent_again_in_the_same_try(sandbox, campaign, a_try_that_broke_off, logged):
    hook = TingTingHook()
    for contact_id in list(sandbox.world.campaigns[campaign].contacts)[:5]:
        hook.delete_contact(contact_id)
    assert len(numbers_in(sandbox, campaign)) == 295

    result = one_try(adding(campaign, MANY), a_try_that_broke_off, 2)

    assert len(numbers_in(sandbox, campaign)) == 600
    assert (result["created"], result["skipped"]) == (5, 595)
    assert "lacks 5 contacts" in logged()


def test_after_contacts_were_missing_the_next_try_begins_at_the_beginning(sandbox, campaign):
    store = Store()
    sandbox.faults.add("partial", call="add_contacts")
    with pytest.raises(TingTingCampaignError):
        one_try(adding(campaign, MANY, batch_size=50), store, 1)
    assert "progress" not in store["tingting_job"]
    sandbox.faults.clear()

    one_try(adding(campaign, MANY, batch_size=50), store, 2)

    assert len(numbers_in(sandbox, campaign)) == 600


def test_how_far_it_came_is_kept_while_it_sends_and_names_no_contact(sandbox, campaign, monkeypatch):
    monkeypatch.setattr(checkpoint, "SAVE_INTERVAL", 0)
    kept = []

    class Watched(Store):
        def set(self, key, value):
            super().set(key, value)
            kept.append(self[key].get("progress", {}).get("contacts"))
            assert not any(person["number"] in json.dumps(self) for person in MANY)

    one_try(adding(campaign, MANY, batch_size=50, concurrency=1), Watched(), 1)

    assert (kept[0], kept[-2], kept[-1]) == (None, 600, None)
    assert len(kept) > 3
    assert kept[1:-1] == sorted(kept[1:-1])


def test_a_store_that_is_out_of_reach_does_not_stop_a_sending(sandbox, campaign, monkeypatch, logged):
    monkeypatch.setattr(checkpoint, "SAVE_INTERVAL", 0)

    class Flaky(Store):
        def set(self, key, value):
            if "progress" in value:
                raise ConnectionError("no route")
            super().set(key, value)

    result = one_try(adding(campaign, MANY, batch_size=50), Flaky(), 1)

    assert result["created"] == 600
    assert "could not be saved (ConnectionError)" in logged()


def test_a_retry_continues_when_many_others_were_taken_out_between_the_tries(sandbox, campaign):
    strangers = [(f"9861{index:06}", {"name": "Ram"}) for index in range(700)]
    added, _ = sandbox.world.add_contacts(campaign, strangers)
    store = Store()
    sandbox.faults.add("cut-before", call="add_contacts", times="*", skip=6)
    with pytest.raises(TingTingOutcomeUnknownError):
        one_try(adding(campaign, MANY, batch_size=50, concurrency=1), store, 1)
    sandbox.faults.clear()
    for stranger in added:
        sandbox.world.delete_contact(stranger.id)

    result = one_try(adding(campaign, MANY, batch_size=100), store, 2)

    assert (result["total"], result["in_campaign"]) == (600, 600)
