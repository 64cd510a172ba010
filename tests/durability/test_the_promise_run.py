"""The promise when the reply to run is lost or the worker is killed right after it: each contact is called once."""

from __future__ import annotations

import pytest
from durability.in_process import (
    LATE,
    LOST,
    NO_ANSWER,
    NOT_DONE,
    Killed,
    Store,
    in_both_modes,
    killed_after,
    killed_before,
    let_everything_arrive,
    once,
    running,
    tried,
    with_and_without_a_store,
)
from support.campaigns import a_campaign, dialled_once, writes

pytestmark = pytest.mark.usefixtures("virtual_lives")


@in_both_modes
@with_and_without_a_store
@pytest.mark.parametrize("fault", [*LOST, *NOT_DONE, *NO_ANSWER])
def test_when_the_reply_to_run_is_lost_each_contact_is_called_once(sandbox, fault, deferred, has_store):
    campaign = a_campaign(sandbox)
    sandbox.faults.add(fault, call="run_campaign", value=LATE if fault == "late-commit" else None)

    result, tries = tried(
        lambda: running(campaign, deferrable=deferred), store=Store() if has_store else None, deferred=deferred
    )

    let_everything_arrive(sandbox)
    assert (result["status"], tries) == ("Completed", 1)
    assert len(sandbox.world.campaigns[campaign].runs) == 1
    assert dialled_once(sandbox)


@in_both_modes
@with_and_without_a_store
def test_when_the_worker_is_killed_right_after_run_the_retry_calls_no_contact_again(
    sandbox, monkeypatch, deferred, has_store
):
    campaign, store = a_campaign(sandbox), Store() if has_store else None

    def make():
        return running(campaign, deferrable=deferred)

    with killed_after(monkeypatch, "run_campaign"), pytest.raises(Killed):
        once(make, store=store, deferred=deferred)
    result = once(make, store=store, deferred=deferred, try_number=2)

    assert result["status"] == "Completed"
    assert writes(sandbox) == ["run_campaign"]
    assert dialled_once(sandbox)


@with_and_without_a_store
def test_when_the_worker_is_killed_before_a_late_run_is_carried_out_the_retry_calls_no_contact_again(
    sandbox, monkeypatch, has_store
):
    campaign, store = a_campaign(sandbox), Store() if has_store else None
    sandbox.faults.add("late-commit", call="run_campaign", value=LATE)

    with killed_before(monkeypatch, "get_campaign", skip=1), pytest.raises(Killed):
        once(lambda: running(campaign), store=store)
    assert not sandbox.world.campaigns[campaign].runs, "the retry begins before the run is carried out"
    result = once(lambda: running(campaign), store=store, try_number=2)

    let_everything_arrive(sandbox)
    assert result["status"] == "Completed"
    assert writes(sandbox) == ["run_campaign"]
    assert dialled_once(sandbox)


@in_both_modes
@pytest.mark.parametrize("step", ["run requested", "run accepted"])
def test_a_worker_killed_at_each_step_that_run_remembers_calls_each_contact_once(sandbox, step, deferred):
    campaign, store = a_campaign(sandbox), Store(dies_at=step)

    result, tries = tried(lambda: running(campaign, deferrable=deferred), store=store, deferred=deferred)

    assert (result["status"], tries) == ("Completed", 2)
    assert writes(sandbox) == ["run_campaign"]
    assert dialled_once(sandbox)


def test_a_run_that_tingting_has_said_yes_to_is_never_asked_for_again_even_if_its_status_lags(sandbox):
    campaign, store = a_campaign(sandbox), Store(dies_at="run accepted")
    with pytest.raises(Killed):
        once(lambda: running(campaign), store=store)
    # The server shows the old status still.
    sandbox.world.campaigns[campaign].status = "Not Started"

    result = once(lambda: running(campaign), store=store, try_number=2)

    assert result["status"] == "Completed"
    assert writes(sandbox) == ["run_campaign"]
