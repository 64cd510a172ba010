"""A create task that is tried again with another schedule or credit limit than those its campaign was created with."""

from __future__ import annotations

import math
from datetime import datetime, timedelta, timezone

import pytest
from durability.in_process import Store, creating, once
from support.campaigns import writes

from airflow_provider_tingting._compat import AirflowFailException
from airflow_provider_tingting.api.client import TingTingClient
from airflow_provider_tingting.timezones import NEPAL

pytestmark = pytest.mark.usefixtures("tingting_conn", "virtual_time")

CLEARED = {"try_number": 2, "cleared_after": 1}
DAY = f"{datetime.now(NEPAL) + timedelta(days=200):%Y-%m-%d}"
TEN, THREE = f"{DAY}T10:00:00+05:45", f"{DAY}T15:00:00+05:45"
WITHOUT_VOICE = {"voice": None}


@pytest.fixture(params=[True, False], ids=["state store", "no store"])
def store(request):
    return Store() if request.param else None


def seconds(text):
    return datetime.fromisoformat(text).timestamp()


@pytest.mark.parametrize("later", [{"try_number": 2}, CLEARED], ids=["retried", "cleared"])
def test_an_edited_schedule_is_applied_and_said(sandbox, store, logged, later):
    campaign = once(lambda: creating(schedule=TEN), store=store)
    logged()

    assert once(lambda: creating(schedule=THREE), store=store, **later) == campaign

    assert sandbox.world.campaigns[campaign].schedule == seconds(THREE)
    assert f"was created with the schedule {TEN}. The task wants {THREE} now, and the campaign has got it" in logged()


def test_a_schedule_that_is_new_is_applied(sandbox, store):
    campaign = once(creating, store=store)

    once(lambda: creating(schedule=THREE), store=store, **CLEARED)

    assert sandbox.world.campaigns[campaign].schedule == seconds(THREE)


@pytest.mark.parametrize(
    "same", [TEN, f"{DAY}T04:15:00Z", f"{DAY}T10:00:30+05:45"], ids=["the same text", "UTC", "other seconds"]
)
def test_the_same_moment_written_otherwise_changes_nothing(sandbox, store, logged, same):
    once(lambda: creating(schedule=TEN, credit_limit=500, **WITHOUT_VOICE), store=store)
    logged()

    once(lambda: creating(schedule=same, credit_limit=500.0, **WITHOUT_VOICE), store=store, **CLEARED)

    assert writes(sandbox) == ["create_campaign"]
    assert "its schedule" not in logged() and "the schedule" not in logged()


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ({"credit_limit": 500}, {"credit_limit": 5}, "keeps its credit limit: it is 500, though the task says 5 now"),
        ({"credit_limit": 500}, {}, "keeps its credit limit: it is 500, though the task says none now"),
        ({}, {"credit_limit": 5}, "keeps its credit limit: it is none, though the task says 5 now"),
        ({"schedule": TEN}, {}, f"keeps its schedule: it is {TEN}, though the task says none now"),
    ],
)
def test_what_tingting_does_not_let_change_is_said_with_both_values(sandbox, store, logged, before, after, says):
    campaign = once(lambda: creating(**before, **WITHOUT_VOICE), store=store)
    logged()

    assert once(lambda: creating(**after, **WITHOUT_VOICE), store=store, **CLEARED) == campaign

    said = logged()
    assert says in said
    assert "clear the task with on_clear='send_again' for a new campaign" in said
    assert writes(sandbox) == ["create_campaign"]


def test_a_schedule_that_has_passed_meanwhile_is_no_edit(sandbox, store, logged):
    campaign = once(lambda: creating(**WITHOUT_VOICE), store=store)
    sandbox.world.campaigns[campaign].schedule = seconds("2026-01-01T10:00:00+05:45")
    logged()

    once(lambda: creating(schedule="2026-01-01T10:00:00+05:45", **WITHOUT_VOICE), store=store, try_number=2)

    assert "its schedule" not in logged() and "the schedule" not in logged()
    assert writes(sandbox) == ["create_campaign"]


def test_a_campaign_that_has_begun_keeps_everything(sandbox, store):
    campaign = once(lambda: creating(schedule=TEN, credit_limit=500), store=store)
    sandbox.world.add_contacts(campaign, [("9841234501", {"name": "Sita"})])
    sandbox.world.run_campaign(campaign)

    once(lambda: creating(schedule=THREE, credit_limit=5), store=store, **CLEARED)

    assert sandbox.world.campaigns[campaign].schedule == seconds(TEN)
    assert "update_campaign" not in writes(sandbox)


def test_a_schedule_that_tingting_refuses_fails_the_task_and_says_which_one_the_campaign_keeps(
    sandbox, virtual_time, store
):
    sandbox.clock.speed = 0
    campaign = once(lambda: creating(schedule=TEN), store=store)
    # For the server it has passed already.
    sandbox.clock.resume(seconds(THREE) + 1, speed=1.0)

    with pytest.raises(AirflowFailException) as raised:
        once(lambda: creating(schedule=THREE), store=store, **CLEARED)

    said = str(raised.value)
    assert f"for campaign {campaign} failed (HTTP 400): schedule" in said
    assert f"The campaign exists and keeps its schedule: it is {TEN}, though the task says {DAY}T15:00:00" in said
    assert "Give the task a schedule that TingTing takes, or the old one, and clear it" in said


@pytest.mark.parametrize(("before", "kept"), [(TEN, TEN), (None, "none")])
def test_a_schedule_that_passes_on_its_way_is_no_edit(sandbox, virtual_time, monkeypatch, logged, before, kept):
    sandbox.clock.speed = 0
    campaign = once(lambda: creating(schedule=before, **WITHOUT_VOICE), store=None)
    soon = math.ceil(virtual_time.time() + 0.3)
    schedule = datetime.fromtimestamp(soon, timezone.utc).isoformat()
    # For the server it has passed already; for the task, when the response comes.
    sandbox.clock.resume(soon + 1, speed=1.0)
    send = TingTingClient.send

    def send_slowly(self, call):
        if call.name == "update_campaign":
            virtual_time.push(1.4)
        return send(self, call)

    monkeypatch.setattr(TingTingClient, "send", send_slowly)

    assert once(lambda: creating(schedule=schedule, **WITHOUT_VOICE), store=None, **CLEARED) == campaign
    assert f"keeps its schedule: it is {kept}, though the task says {schedule} now" in logged()


def test_a_schedule_that_tingting_takes_and_ignores_is_not_reported_as_done(sandbox, store, logged, monkeypatch):
    once(lambda: creating(schedule=TEN), store=store)
    with monkeypatch.context() as deaf:
        deaf.setattr(sandbox.world, "update_campaign", lambda number, **_: sandbox.world.campaign(number))
        with pytest.raises(AirflowFailException, match=rf"has taken the schedule {DAY}T15.* keeps its own: it is .*10"):
            once(lambda: creating(schedule=THREE), store=store, **CLEARED)
    assert "has got it" not in logged()

    campaign = once(lambda: creating(schedule=THREE), store=store, try_number=3, cleared_after=1)

    assert sandbox.world.campaigns[campaign].schedule == seconds(THREE)


def test_an_edited_schedule_without_an_answer_is_sent_again(sandbox, store):
    campaign = once(lambda: creating(schedule=TEN), store=store)
    sandbox.faults.add("lose-reply", call="update_campaign")

    once(lambda: creating(schedule=THREE), store=store, **CLEARED)

    assert sandbox.world.campaigns[campaign].schedule == seconds(THREE)
