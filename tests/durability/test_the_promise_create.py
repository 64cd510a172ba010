"""The promise when the response to create is lost or the worker is killed right after: one campaign, none called."""

from __future__ import annotations

import pytest
from durability.in_process import (
    LATE,
    LOST,
    NO_ANSWER,
    NOT_DONE,
    Killed,
    Store,
    creating,
    killed_after,
    killed_before,
    let_everything_arrive,
    once,
    tried,
    with_and_without_a_store,
)
from support.campaigns import writes

pytestmark = pytest.mark.usefixtures("virtual_lives")


@with_and_without_a_store
@pytest.mark.parametrize("fault", [*LOST, *NOT_DONE, *NO_ANSWER])
def test_when_the_reply_to_create_is_lost_one_campaign_exists_and_no_contact_is_called(sandbox, fault, has_store):
    sandbox.faults.add(fault, call="create_campaign", value=LATE if fault == "late-commit" else None)

    campaign, tries = tried(creating, store=Store() if has_store else None)

    let_everything_arrive(sandbox)
    assert tries == 1
    assert list(sandbox.world.campaigns) == [campaign]
    assert not sandbox.ledger.dialled


@pytest.mark.parametrize(
    ("has_store", "late"),
    [
        pytest.param(True, False, id="with a store"),
        pytest.param(False, False, id="without a store"),
        # Without a store no try knows that a create is under way: see what cannot be guaranteed.
        pytest.param(True, True, id="with a store, carried out late"),
    ],
)
def test_when_the_worker_is_killed_right_after_create_the_retry_adopts_its_campaign(
    sandbox, monkeypatch, has_store, late
):
    store = Store() if has_store else None
    if late:
        # Killed while it searches for a create that is carried out later.
        sandbox.faults.add("late-commit", call="create_campaign", value=LATE)
        with killed_before(monkeypatch, "list_campaigns", skip=1), pytest.raises(Killed):
            once(creating, store=store)
        assert not sandbox.world.campaigns
    else:
        with killed_after(monkeypatch, "create_campaign"), pytest.raises(Killed):
            once(creating, store=store)

    campaign = once(creating, store=store, try_number=2)

    let_everything_arrive(sandbox)
    assert list(sandbox.world.campaigns) == [campaign]
    assert writes(sandbox).count("create_campaign") == 1
    assert not sandbox.ledger.dialled


@pytest.mark.parametrize("step", ["create requested", "created"])
def test_a_worker_killed_at_each_step_that_create_remembers_leaves_one_campaign(sandbox, step):
    store = Store(dies_at=step)

    campaign, tries = tried(creating, store=store)

    assert (list(sandbox.world.campaigns), tries) == ([campaign], 2)
    assert sandbox.world.campaigns[campaign].voice == 1
