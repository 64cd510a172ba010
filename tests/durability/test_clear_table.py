"""First run, retry, clear, clear while running, mapped list reordered, edited message, and more: what each task does.

A clear keeps the state store and counts the tries: `cleared_after` is how many there were.
"""

from __future__ import annotations

import pytest
from durability.in_process import (
    Killed,
    Life,
    Store,
    creating,
    killed_before,
    once,
    promise_is_kept,
    running,
    with_and_without_a_store,
)
from support.campaigns import NUMBERS, a_campaign, connection, writes
from support.task_context import REFUSED, context_of

from airflow_provider_tingting._compat import AirflowFailException
from airflow_provider_tingting.operators.campaign import (
    TingTingDeleteCampaignOperator,
    TingTingStopCampaignOperator,
    TingTingUpdateCampaignOperator,
)
from airflow_provider_tingting.operators.preview import TingTingDemoCallOperator
from airflow_provider_tingting.utils.task_state import KEY

CLEARED = {"try_number": 2, "cleared_after": 1}
pytestmark = with_and_without_a_store


@pytest.fixture(autouse=True)
def _time(virtual_time, monkeypatch, sandbox):
    monkeypatch.setenv("AIRFLOW_CONN_TINGTING_DEFAULT", connection(sandbox, timeout=60, max_retries=1))


@pytest.fixture
def store(has_store):
    return Store() if has_store else None


# -- create ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("on_clear", "circumstances", "campaigns"),
    [
        ("reattach", {"try_number": 2}, 1),
        ("send_again", {"try_number": 2}, 1),
        ("fail", {"try_number": 2}, 1),
        ("reattach", CLEARED, 1),
        ("send_again", CLEARED, 2),
    ],
)
def test_create_makes_another_campaign_only_after_a_clear_that_says_so(
    sandbox, store, on_clear, circumstances, campaigns
):
    first = once(lambda: creating(on_clear=on_clear), store=store)

    second = once(lambda: creating(on_clear=on_clear), store=store, **circumstances)

    assert len(sandbox.world.campaigns) == campaigns
    assert (first == second) == (campaigns == 1)


def test_the_retry_of_a_create_that_sends_again_uses_its_own_new_campaign(sandbox, store):
    def make():
        return creating(on_clear="send_again")

    first = once(make, store=store)
    second = once(make, store=store, **CLEARED)
    retried = once(make, store=store, try_number=3, cleared_after=1)
    third = once(make, store=store, try_number=4, cleared_after=3)

    assert [first, second, retried, third] == [1, 2, 2, 3]


@pytest.mark.parametrize("forgotten", [False, True])
def test_a_clear_that_reattaches_after_one_that_sent_again_comes_back_to_the_newest(sandbox, store, forgotten):
    first = once(creating, store=store)
    second = once(lambda: creating(on_clear="send_again"), store=store, **CLEARED)
    if forgotten and store is not None:
        # As `[state_store] clear_on_success` does.
        store.delete(KEY)

    again = once(creating, store=store, try_number=3, cleared_after=2)
    retried = once(creating, store=store, try_number=4, cleared_after=2)

    assert (first, second, again, retried) == (1, 2, 2, 2)
    assert len(sandbox.world.campaigns) == 2


def test_a_create_that_is_not_to_run_again_refuses_and_sends_nothing(sandbox, store):
    once(creating, store=store)
    before = len(sandbox.requests)

    with pytest.raises(AirflowFailException, match="Nothing was sent"):
        once(lambda: creating(on_clear="fail"), store=store, **CLEARED)

    assert len(sandbox.requests) == before


@pytest.mark.parametrize("circumstances", [{"try_number": 2}, CLEARED], ids=["retry", "clear"])
@pytest.mark.parametrize(
    "edited", [{"message": "Something else, {name}"}, {"name": "Water notice for ward 2"}, {"user_phone": [12]}]
)
def test_an_edited_message_name_or_caller_number_is_refused_and_nothing_is_created(
    sandbox, store, circumstances, edited
):
    once(creating, store=store)

    with pytest.raises(AirflowFailException, match=r"with another name, message or caller number"):
        once(lambda: creating(**edited), store=store, **circumstances)

    assert len(sandbox.world.campaigns) == 1


def test_an_edited_message_is_used_by_a_clear_that_sends_again(sandbox, store):
    once(lambda: creating(on_clear="send_again"), store=store)

    second = once(lambda: creating(on_clear="send_again", message="Again, {name}"), store=store, **CLEARED)

    assert sandbox.world.campaigns[second].message == "Again, {name}"


def test_a_mapped_list_that_was_reordered_never_adopts_the_campaign_of_another_item(sandbox, has_store):
    stores = [Store() if has_store else None for _ in range(2)]
    wards = ["ward 1", "ward 2"]

    def create(wards, circumstances):
        return [
            once(
                lambda ward=ward: creating(name=f"Water notice {ward}"),
                store=stores[index],
                map_index=index,
                **circumstances,
            )
            for index, ward in enumerate(wards)
        ]

    first = create(wards, {})
    assert create(wards, {"try_number": 2}) == first
    with pytest.raises(AirflowFailException, match=r"if the task is mapped, its list has changed its order"):
        create(wards[::-1], {"try_number": 3})

    assert len(sandbox.world.campaigns) == 2


def test_a_campaign_that_was_deleted_in_tingting(sandbox, store, has_store):
    """With a store nothing takes its place, since it may have been run; without one no try knows of it any more."""
    first = once(creating, store=store)
    sandbox.world.delete_campaign(first)

    if has_store:
        with pytest.raises(AirflowFailException, match=r"does not exist any more.*send_again"):
            once(creating, store=store, **CLEARED)
        assert not sandbox.world.campaigns
        assert once(lambda: creating(on_clear="send_again"), store=store, **CLEARED) == first + 1
    else:
        assert once(creating, store=store, **CLEARED) == first + 1


def test_a_mark_that_was_edited_away(sandbox, store, has_store):
    """With a store the id is remembered; without one the mark is all there is."""
    first = once(creating, store=store)
    sandbox.world.update_campaign(first, description="nothing of ours")

    second = once(creating, store=store, **CLEARED)

    assert (second == first) == has_store


def test_a_campaign_that_a_person_renamed_in_tingting_is_found_all_the_same(sandbox, store):
    first = once(creating, store=store)
    sandbox.world.update_campaign(first, name="Called something else")

    assert once(creating, store=store, **CLEARED) == first


# -- add contacts ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("on_clear", ["reattach", "send_again"])
def test_adding_again_adds_the_missing_contacts(sandbox, tmp_path, has_store, on_clear):
    life = Life(tmp_path, has_store=has_store, add={"on_clear": on_clear}).live("create", "add")
    missing = next(iter(sandbox.world.campaigns[life.campaign_id].contacts))
    sandbox.world.delete_contact(missing)

    result = life.try_task("add", **CLEARED)

    assert (result["created"], result["skipped"]) == (1, 3)
    life.live("run", "report")
    promise_is_kept(sandbox, life)


def test_adding_again_after_the_run_adds_no_contact(sandbox, tmp_path, has_store):
    life = Life(tmp_path, has_store=has_store).live()

    assert life.try_task("add", **CLEARED)["created"] == 0
    promise_is_kept(sandbox, life)


def test_adding_may_be_refused_after_a_clear(sandbox, tmp_path, has_store):
    life = Life(tmp_path, has_store=has_store, add={"on_clear": "fail"}).live("create", "add")
    before = len(sandbox.requests)

    with pytest.raises(AirflowFailException, match=r'on_clear="fail"'):
        life.try_task("add", **CLEARED)

    assert len(sandbox.requests) == before


# -- run ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("deferred", [False, True], ids=["in the worker", "deferred"])
@pytest.mark.parametrize("stop_on_kill", [False, True])
def test_a_run_that_is_cleared_while_it_waits_re_attaches_and_calls_no_contact_again(
    sandbox, monkeypatch, store, deferred, stop_on_kill
):
    campaign = a_campaign(sandbox)

    def make():
        return running(campaign, deferrable=deferred, stop_on_kill=stop_on_kill)

    # A clear ends the worker's process, and Airflow has the task as `restarting` then.
    operator = running(campaign, stop_on_kill=stop_on_kill)
    context = context_of(operator)
    context["ti"].stored_state = "restarting"
    if store is not None:
        context["task_state_store"] = store
    with killed_before(monkeypatch, "get_campaign", skip=2), pytest.raises(Killed):
        operator.execute(context)
    operator.on_kill()

    assert once(make, store=store, deferred=deferred, **CLEARED)["status"] == "Completed"
    assert dict(sandbox.ledger.times_dialled()) == dict.fromkeys(NUMBERS, 1)

    assert writes(sandbox).count("run_campaign") == 1


def test_a_run_that_is_cleared_after_its_end_says_the_same_and_writes_nothing(sandbox, store):
    campaign = a_campaign(sandbox)
    first = once(lambda: running(campaign), store=store)

    again = once(lambda: running(campaign), store=store, **CLEARED)

    assert again == first
    assert writes(sandbox) == ["run_campaign"]


@pytest.mark.parametrize(
    ("on_clear", "says"), [("fail", r'cleared and on_clear="fail"'), ("send_again", "can be run only once")]
)
def test_a_run_never_sends_again(sandbox, store, on_clear, says):
    campaign = a_campaign(sandbox)

    with pytest.raises(REFUSED, match=says):
        once(lambda: running(campaign, on_clear=on_clear), store=store, **CLEARED)

    assert writes(sandbox) == []


def test_a_run_that_gets_another_campaign_after_a_clear_runs_that(sandbox, store):
    first, second = a_campaign(sandbox), a_campaign(sandbox)
    once(lambda: running(first), store=store)

    assert once(lambda: running(second), store=store, **CLEARED)["campaign_id"] == second
    assert [len(campaign.runs) for campaign in sandbox.world.campaigns.values()] == [1, 1]


# -- demo call ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("on_clear", "circumstances", "calls"),
    [
        ("reattach", {"try_number": 2}, "refused"),
        ("send_again", {"try_number": 2}, "refused"),
        ("reattach", CLEARED, 1),
        ("send_again", CLEARED, 2),
        ("fail", CLEARED, "refused"),
    ],
)
def test_a_demo_call_rings_again_only_after_a_clear_that_says_so(sandbox, store, on_clear, circumstances, calls):
    contact = next(iter(sandbox.world.campaigns[a_campaign(sandbox)].contacts))

    def make():
        return TingTingDemoCallOperator(task_id="demo", contact_id=contact, on_clear=on_clear)

    once(make, store=store)
    if calls == "refused":
        with pytest.raises(AirflowFailException):
            once(make, store=store, **circumstances)
    else:
        assert once(make, store=store, **circumstances)["called"] == (calls == 2)

    assert writes(sandbox).count("demo_call") == (1 if calls == "refused" else calls)


# -- update, stop, delete ----------------------------------------------------------------------------------------------


def updating(campaign, **changes):
    return TingTingUpdateCampaignOperator(task_id="update", campaign_id=campaign, name="New", **changes)


def stopping(campaign, **changes):
    return TingTingStopCampaignOperator(task_id="stop", campaign_id=campaign, **changes)


def deleting(campaign, **changes):
    return TingTingDeleteCampaignOperator(task_id="delete", campaign_id=campaign, **changes)


@pytest.mark.parametrize("make", [updating, stopping, deleting])
@pytest.mark.parametrize("on_clear", ["reattach", "send_again", "fail"])
@pytest.mark.parametrize("circumstances", [{"try_number": 2}, CLEARED], ids=["retry", "clear"])
def test_what_does_no_harm_is_done_again_unless_a_clear_forbids_it(sandbox, store, make, on_clear, circumstances):
    campaign = a_campaign(sandbox)
    sandbox.world.run_campaign(campaign)
    once(lambda: make(campaign, on_clear=on_clear), store=store)

    if on_clear == "fail" and circumstances is CLEARED:
        with pytest.raises(AirflowFailException, match="Nothing was sent"):
            once(lambda: make(campaign, on_clear=on_clear), store=store, **circumstances)
    else:
        again = once(lambda: make(campaign, on_clear=on_clear), store=store, **circumstances)
        assert again["campaign_id"] == campaign
        assert again.get("deleted", False) is False, "gone is gone"
