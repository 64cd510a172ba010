"""Two attempts of one task at the same time: one campaign is run, once; the other is left un-run and named."""

from __future__ import annotations

import threading
from functools import partial

import pytest
from durability.in_process import PEOPLE, Store, creating, once
from support.at_once import at_once
from support.campaigns import NUMBERS, a_campaign, connection, dialled_once, writes

from airflow_provider_tingting.api.client import TingTingClient
from airflow_provider_tingting.campaigns import create
from airflow_provider_tingting.clock import sleep
from airflow_provider_tingting.errors import TingTingCampaignError
from airflow_provider_tingting.operators.campaign import TingTingRunCampaignOperator
from airflow_provider_tingting.operators.contacts import TingTingAddContactsOperator


@pytest.fixture(autouse=True)
def _connection(monkeypatch, sandbox):
    monkeypatch.setenv("AIRFLOW_CONN_TINGTING_DEFAULT", connection(sandbox, timeout=60))


def running(campaign_id):
    return TingTingRunCampaignOperator(task_id="run", campaign_id=campaign_id, poll_interval=0.05, deferrable=False)


# Two tries of a task share its store where there is one.
stores = pytest.mark.parametrize("store", [lambda: Store(), lambda: None], ids=["with a store", "without a store"])


@stores
def test_two_attempts_that_create_at_once_get_the_older_campaign_and_name_the_other(
    sandbox, monkeypatch, logged, store
):
    shared, no_campaign_yet = store(), threading.Barrier(2)
    find_really = create.find_campaign

    async def find(name, marker, **how_far):
        """Make it a race indeed: neither goes on before both have seen that there is no campaign."""
        found = await find_really(name, marker, **how_far)
        if found is None and no_campaign_yet.n_waiting < 2 and not sandbox.world.campaigns:
            no_campaign_yet.wait(120)
        return found

    monkeypatch.setattr(create, "find_campaign", find)
    first, second = at_once(sandbox, *(partial(once, creating, store=shared, try_number=number) for number in (1, 2)))

    assert sorted(sandbox.world.campaigns) == [1, 2]
    assert first == second == 1
    assert "1 is used, and not 2 (Not Started)" in logged()
    assert not sandbox.ledger.dialled


@stores
@pytest.mark.parametrize("tries", [(1, 2), (2, 1)], ids=["the first try first", "the second try first"])
def test_attempts_that_run_a_campaign_at_once_call_each_contact_once(sandbox, store, tries):
    campaign, shared = a_campaign(sandbox), store()

    results = at_once(
        sandbox, *(partial(once, lambda: running(campaign), store=shared, try_number=number) for number in tries)
    )

    assert {result["status"] for result in results} == {"Completed"}
    assert writes(sandbox) == ["run_campaign"]
    assert dialled_once(sandbox)


@stores
def test_two_whole_lives_at_once_run_one_campaign(sandbox, store):
    shared = {task: store() for task in ("create", "add", "run")}

    def live(number):
        campaign = once(creating, store=shared["create"], try_number=number)
        add = TingTingAddContactsOperator(task_id="add", campaign_id=campaign, contacts=PEOPLE)
        try:
            once(lambda: add, store=shared["add"], try_number=number)
        except TingTingCampaignError as error:
            # The other life was faster: it has run the campaign before this one has confirmed its contacts.
            assert "was run while contacts were added" in str(error)
            return None
        return once(lambda: running(campaign), store=shared["run"], try_number=number)

    results = [result for result in at_once(sandbox, partial(live, 1), partial(live, 2)) if result is not None]

    assert {result["campaign_id"] for result in results} == {min(sandbox.world.campaigns)}
    runs = [len(campaign.runs) for campaign in sandbox.world.campaigns.values()]
    assert sum(runs) == 1, "one run in all; the other campaign is left un-run"
    assert dict(sandbox.ledger.times_dialled()) == dict.fromkeys(NUMBERS, 1)


@stores
def test_an_attempt_whose_run_comes_late_is_not_overtaken_by_the_next_one(sandbox, monkeypatch, store):
    """The first attempt hangs in its request; the second finds `Not Started` and waits what it has to."""
    campaign, shared, send_really = a_campaign(sandbox), store(), TingTingClient.send

    def send(self, call):
        if call.name == "run_campaign":
            sleep(4.0)
        return send_really(self, call)

    monkeypatch.setattr(TingTingClient, "send", send)

    results = at_once(
        sandbox,
        partial(once, lambda: running(campaign), store=shared, try_number=1),
        partial(once, lambda: running(campaign), store=shared, try_number=2),
    )

    assert {result["status"] for result in results} == {"Completed"}
    assert writes(sandbox) == ["run_campaign"]
    assert dialled_once(sandbox)
