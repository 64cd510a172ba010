"""The promise while a campaign runs: the triggerer restarts, the token or the API goes away, the task is retried."""

from __future__ import annotations

import asyncio
import json

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred
from durability.in_process import Killed, Store, in_both_modes, killed_before, once, running, with_and_without_a_store
from support.campaigns import a_campaign, connection, dialled_once, writes
from support.task_context import context_of, fired_by

from airflow_provider_tingting._compat import AirflowFailException
from airflow_provider_tingting.errors import TingTingCampaignFailedError, TingTingError, TingTingOutcomeUnknownError
from airflow_provider_tingting.triggers.campaign import TingTingCampaignTrigger

pytestmark = pytest.mark.usefixtures("virtual_lives")


def test_when_the_triggerer_restarts_the_trigger_waits_on_elsewhere(sandbox, virtual_time):
    campaign = a_campaign(sandbox)

    def make():
        return running(campaign, deferrable=True)

    context = context_of(make())
    with pytest.raises(TaskDeferred) as waiting:
        make().execute(context)

    path, arguments = waiting.value.trigger.serialize()
    assert path.endswith("TingTingCampaignTrigger")

    async def begin_and_die():
        trigger = TingTingCampaignTrigger(**json.loads(json.dumps(arguments)))
        task = asyncio.ensure_future(anext(trigger.run().__aiter__()))
        await asyncio.sleep(3)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    virtual_time.run(begin_and_die())
    assert sandbox.world.campaigns[campaign].status == "Running"
    event = fired_by(waiting.value.trigger)

    assert make().execute_complete(context, event=event)["status"] == "Completed"
    assert writes(sandbox) == ["run_campaign"]
    assert dialled_once(sandbox)


@in_both_modes
def test_when_the_token_is_rotated_during_the_wait_the_connection_is_read_again(
    sandbox, virtual_time, monkeypatch, deferred
):
    campaign = a_campaign(sandbox)
    new = "a-new-token-of-the-account"

    def rotate():
        monkeypatch.setenv("AIRFLOW_CONN_TINGTING_DEFAULT", connection(sandbox, password=new))
        sandbox.world.rotate_token(new)

    virtual_time.after(3, rotate)
    try:
        result = once(lambda: running(campaign, deferrable=deferred), store=None, deferred=deferred)
    finally:
        sandbox.reset()

    assert result["status"] == "Completed"


@in_both_modes
def test_when_the_token_is_gone_for_good_the_task_fails_and_says_that_a_retry_re_attaches(
    sandbox, virtual_time, deferred
):
    campaign = a_campaign(sandbox)
    virtual_time.after(3, lambda: sandbox.world.rotate_token("a-token-that-no-connection-has"))

    with pytest.raises(TingTingError, match=r"re-attaches.*calls no contact a second time") as raised:
        once(lambda: running(campaign, deferrable=deferred), store=None, deferred=deferred)

    assert not isinstance(raised.value, AirflowFailException)


@in_both_modes
def test_when_the_api_is_down_for_a_time_that_is_tolerated_the_wait_goes_on(sandbox, virtual_time, deferred):
    campaign = a_campaign(sandbox)

    outage = sandbox.outage()
    virtual_time.after(3, outage.__enter__)
    virtual_time.after(100, lambda: outage.__exit__(None, None, None))

    result = once(lambda: running(campaign, deferrable=deferred, tolerate_outage=300), store=None, deferred=deferred)

    assert result["status"] == "Completed"
    assert dialled_once(sandbox)


@in_both_modes
@with_and_without_a_store
def test_when_the_api_is_down_for_longer_the_task_fails_and_its_retry_re_attaches(sandbox, deferred, has_store):
    campaign, store = a_campaign(sandbox), Store() if has_store else None

    def make():
        return running(campaign, deferrable=deferred, tolerate_outage=60)

    fault = sandbox.faults.add("503-html", call="get_campaign", times="*", skip=3)
    with pytest.raises(TingTingOutcomeUnknownError, match=r"may still be running.*re-attaches"):
        once(make, store=store, deferred=deferred)
    sandbox.faults.remove(fault.id)
    sandbox.play_out()

    assert once(make, store=store, deferred=deferred, try_number=2)["status"] == "Completed"
    assert writes(sandbox) == ["run_campaign"]
    assert dialled_once(sandbox)


@in_both_modes
@with_and_without_a_store
@pytest.mark.parametrize("ends", ["Completed", "Terminated", "Completed, no contact reached"])
def test_a_retry_while_the_campaign_runs_re_attaches_and_reports_the_real_outcome(
    sandbox, virtual_time, monkeypatch, deferred, has_store, ends
):
    campaign = a_campaign(sandbox, outcome="unanswered" if "no contact" in ends else "completed")
    store = Store() if has_store else None

    def make():
        return running(campaign, deferrable=deferred)

    with killed_before(monkeypatch, "get_campaign", skip=1), pytest.raises(Killed):
        once(make, store=store, deferred=deferred)
    end = sandbox.play_out if "Completed" in ends else lambda: sandbox.world.stop_campaign(campaign)
    virtual_time.after(5, end)
    outcomes = []
    for try_number in (2, 3):
        try:
            outcomes.append(once(make, store=store, deferred=deferred, try_number=try_number)["status"])
        except TingTingCampaignFailedError as error:
            outcomes.append(str(error))

    assert writes(sandbox) == ["run_campaign"]
    assert outcomes[0] == outcomes[1], "red stays red, green stays green"
    if ends == "Completed":
        assert outcomes[0] == "Completed"
    else:
        assert ("Terminated" if ends == "Terminated" else "no contact was reached") in outcomes[0]
        assert "Of 4 contacts: 0 reached" in outcomes[0]
