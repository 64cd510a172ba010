"""For how long a later try reads the status before it requests the run, since an earlier one may still do so."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from airflow.providers.common.compat.sdk import DAG
from durability.in_process import Store, once
from support.campaigns import a_campaign, reads, writes
from support.run_task import run_task
from support.task_context import context_of

from airflow_provider_tingting._compat import AirflowFailException
from airflow_provider_tingting.operators.campaign import TingTingCreateCampaignOperator

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


@pytest.mark.parametrize("created_by", ["create", "another task"])
def test_a_404_is_an_older_response_when_a_task_before_this_one_has_created_the_campaign(
    sandbox, virtual_time, created_by
):
    campaign = a_campaign(sandbox)
    hidden = sandbox.world.campaigns.pop(campaign)
    with DAG("a_dag", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=timezone.utc)):
        create = TingTingCreateCampaignOperator(task_id="create", name="Water notice", user_phone=[3], message="भोलि")
        run = run_task(campaign, wait_for_completion=False)
        create >> run
    context = context_of(run)
    context["ti"].upstream = {created_by: {"campaign_id": campaign}}

    with virtual_time.when(lambda: reads(sandbox) > 0, lambda: sandbox.world.campaigns.update({campaign: hidden})):
        if created_by == "create":
            assert run.execute(context)["status"] == "Running"
        else:
            with pytest.raises(AirflowFailException, match="HTTP 404"):
                run.execute(context)
