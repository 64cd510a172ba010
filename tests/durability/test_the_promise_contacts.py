"""The promise when a batch of contacts is cut half-way: each contact is in the campaign, and called once."""

from __future__ import annotations

import pytest
from durability.in_process import (
    LATE,
    LOST,
    NO_ANSWER,
    NOT_DONE,
    Killed,
    Life,
    killed_before,
    promise_is_kept,
    with_and_without_a_store,
)
from support.campaigns import NUMBERS

from airflow_provider_tingting.errors import TingTingError

pytestmark = pytest.mark.usefixtures("virtual_lives")


@with_and_without_a_store
@pytest.mark.parametrize("transport", ["json", "xlsx"])
@pytest.mark.parametrize("fault", [*LOST, *NOT_DONE, *NO_ANSWER])
def test_when_a_batch_of_contacts_is_cut_it_is_sent_again_and_each_contact_is_called_once(
    sandbox, tmp_path, fault, transport, has_store
):
    life = Life(tmp_path, has_store=has_store, add={"transport": transport}).live("create")
    call = "add_contacts" if transport == "json" else "upload_contacts"
    sandbox.faults.add(fault, call=call, value=LATE if fault == "late-commit" else None)

    life.live("add", "run", "report")

    promise_is_kept(sandbox, life)


@with_and_without_a_store
def test_when_the_worker_is_killed_between_two_batches_the_retry_adds_who_is_missing(
    sandbox, tmp_path, monkeypatch, has_store
):
    life = Life(tmp_path, has_store=has_store).live("create")
    with killed_before(monkeypatch, "add_contacts", skip=1), pytest.raises(Killed):
        life.try_task("add")
    assert len(sandbox.world.campaigns[life.campaign_id].contacts) == 2

    result = life.try_task("add", try_number=2)
    life.live("run", "report")

    assert (result["total"], result["created"], result["skipped"]) == (4, 2, 2)
    promise_is_kept(sandbox, life)


@pytest.mark.parametrize("fault", ["partial", "partial-silent"])
def test_people_that_tingting_did_not_take_are_an_error_that_names_them_masked(sandbox, tmp_path, fault):
    life = Life(tmp_path, has_store=True, add={"batch_size": 500}).live("create")
    sandbox.faults.add(fault, call="add_contacts", times="*")

    with pytest.raises(TingTingError, match="of 4 contacts") as raised:
        life.try_task("add")

    assert not any(number in str(raised.value) for number in NUMBERS)
    assert not sandbox.ledger.dialled
