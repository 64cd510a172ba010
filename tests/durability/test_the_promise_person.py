"""The promise when a person clears the task or marks it failed, or its time is up."""

from __future__ import annotations

import pytest
from durability.in_process import Life, in_both_modes, once, running, with_and_without_a_store
from support.campaigns import NUMBERS, a_campaign

from airflow_provider_tingting._compat import AirflowFailException
from airflow_provider_tingting.errors import TingTingCampaignTimeoutError

pytestmark = pytest.mark.usefixtures("virtual_lives")


@with_and_without_a_store
@pytest.mark.parametrize(("on_clear", "campaigns", "calls"), [("reattach", 1, 1), ("send_again", 2, 2), ("fail", 1, 1)])
def test_when_a_person_clears_the_run_of_a_campaign_what_happens_is_what_on_clear_says(
    sandbox, tmp_path, logged, has_store, on_clear, campaigns, calls
):
    life = Life(tmp_path, has_store=has_store, create={"on_clear": on_clear}).live()
    logged()

    if on_clear == "fail":
        with pytest.raises(AirflowFailException, match=r'cleared and on_clear="fail"'):
            life.try_task("create", try_number=2, cleared_after=1)
    else:
        for task in ("create", "add", "run", "report"):
            life.try_task(task, try_number=2, cleared_after=1)
        assert f"This task was cleared. on_clear='{on_clear}'" in logged()

    assert len(sandbox.world.campaigns) == campaigns
    assert dict(sandbox.ledger.times_dialled()) == dict.fromkeys(NUMBERS, calls)
    assert all(len(campaign.runs) == 1 for campaign in sandbox.world.campaigns.values())


@in_both_modes
@pytest.mark.parametrize(
    ("stop_on_kill", "says", "status"),
    [(False, "It goes on: stop_on_kill is off", "Running"), (True, "was stopped for good", "Terminated")],
)
def test_when_its_time_is_up_the_campaign_is_stopped_or_said_to_go_on(sandbox, deferred, stop_on_kill, says, status):
    campaign = a_campaign(sandbox)

    with pytest.raises(TingTingCampaignTimeoutError, match=says):
        once(
            lambda: running(campaign, deferrable=deferred, timeout=10, stop_on_kill=stop_on_kill),
            store=None,
            deferred=deferred,
        )

    assert sandbox.world.campaigns[campaign].status == status
