"""For how long a later try reads the status before it requests the run, since an earlier one may still do so."""

from __future__ import annotations

import pytest
from durability.in_process import Store, once
from support.campaigns import a_campaign, writes
from support.run_task import run_task

pytestmark = pytest.mark.usefixtures("tingting_conn", "still_world")


@pytest.mark.parametrize(
    ("try_number", "with_store", "without"),
    [
        pytest.param(1, 0, 0, id="the first try"),
        pytest.param(2, 5, 30, id="the second"),
        pytest.param(3, 5, 60, id="the third"),
        pytest.param(5, 5, 120, id="the fifth"),
        pytest.param(12, 5, 120, id="the twelfth"),
    ],
)
@pytest.mark.parametrize("has_store", [True, False], ids=["with a store", "without a store"])
def test_the_status_is_read_for_longer_the_more_tries_there_were_unless_a_store_says_what_they_did(
    sandbox, has_store, try_number, with_store, without
):
    campaign = a_campaign(sandbox)

    once(
        lambda: run_task(campaign, wait_for_completion=False),
        store=Store() if has_store else None,
        try_number=try_number,
    )

    assert writes(sandbox) == ["run_campaign"]
    (requested,) = [entry.at for entry in sandbox.requests if entry.call == "run_campaign"]
    assert round(requested - sandbox.requests[0].at) == (with_store if has_store else without)
