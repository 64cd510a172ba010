"""What has begun is not held up by the hour, not run again, and never reported as not called."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred
from support.calling_hours import AT_EIGHT, AT_THREE, first_call, it_is, running
from support.campaigns import a_campaign, dialled_once, meanwhile, reads, writes
from support.task_context import context_of, execute_through

from airflow_provider_tingting.errors import TingTingCampaignError

pytestmark = pytest.mark.usefixtures("tingting_conn")


@pytest.mark.parametrize("cleared_after", [0, 1], ids=["retry", "clear"])
def test_at_three_in_the_morning_a_later_try_re_attaches_at_once_to_what_runs(sandbox, deferrable, cleared_after):
    it_is(sandbox, AT_THREE)
    campaign = a_campaign(sandbox)
    sandbox.world.run_campaign(campaign)

    operator = running(campaign, deferrable=deferrable)
    context = context_of(operator, try_number=2, cleared_after=cleared_after)
    result, deferred_to = execute_through(lambda: operator, context)

    assert result["status"] == "Completed"
    assert "TingTingStartTrigger" not in deferred_to
    assert writes(sandbox) == []


def test_a_campaign_that_another_task_starts_during_the_wait_is_not_run_again(sandbox, deferrable):
    it_is(sandbox, AT_THREE)
    campaign = a_campaign(sandbox)

    def at_nine_it_runs_already():
        sandbox.world.run_campaign(campaign)
        it_is(sandbox, AT_EIGHT + timedelta(hours=1))

    operator = running(campaign, deferrable=deferrable)
    with meanwhile(lambda: reads(sandbox) >= 1, at_nine_it_runs_already):
        result, _ = execute_through(lambda: operator, context_of(operator))

    assert result["status"] == "Completed"
    assert dialled_once(sandbox)
    assert writes(sandbox) == []


def test_a_retry_after_a_death_during_the_wait_waits_on_and_calls_each_contact_once(sandbox, deferrable):
    it_is(sandbox, AT_THREE)
    campaign = a_campaign(sandbox)
    doomed = running(campaign, deferrable=True)
    with pytest.raises(TaskDeferred):
        doomed.execute(context_of(doomed))
    assert writes(sandbox) == []

    it_is(sandbox, AT_THREE)
    operator = running(campaign, deferrable=deferrable)
    execute_through(lambda: operator, context_of(operator, try_number=2))

    assert first_call(sandbox) >= AT_EIGHT
    assert dialled_once(sandbox)


def test_a_request_that_was_lost_before_closing_time_is_not_repeated_after_it(sandbox, deferrable):
    closing = AT_EIGHT.replace(hour=19, minute=59)
    it_is(sandbox, closing)
    campaign = a_campaign(sandbox)
    sandbox.faults.add("cut-before", call="run_campaign")

    operator = running(campaign, deferrable=deferrable)
    with meanwhile(lambda: "run_campaign" in writes(sandbox), lambda: it_is(sandbox, closing + timedelta(minutes=3))):
        execute_through(lambda: operator, context_of(operator))

    assert writes(sandbox) == ["run_campaign", "run_campaign"]
    assert first_call(sandbox) >= AT_EIGHT + timedelta(days=1)
    assert dialled_once(sandbox)


def test_a_wait_after_a_request_without_an_answer_knows_of_it_in_the_triggerer(sandbox):
    closing = AT_EIGHT.replace(hour=19, minute=59)
    it_is(sandbox, closing)
    operator = running(a_campaign(sandbox), deferrable=True)
    sandbox.faults.add("cut-before", call="run_campaign")

    with (
        meanwhile(lambda: "run_campaign" in writes(sandbox), lambda: it_is(sandbox, closing + timedelta(minutes=3))),
        pytest.raises(TaskDeferred) as waiting,
    ):
        operator.execute(context_of(operator))

    assert waiting.value.trigger.run_requested is True


@pytest.mark.parametrize(
    "limits",
    [
        {"outside_window": "fail"},
        {"start_timeout": 600},
        {"calling_window": None, "max_age": 60, "on_too_old": "skip"},
    ],
)
def test_a_refusal_after_a_request_without_a_response_says_that_the_request_is_outstanding(sandbox, limits):
    closing = AT_EIGHT.replace(hour=19, minute=59)
    it_is(sandbox, closing)
    campaign = a_campaign(sandbox)
    sandbox.faults.add("cut-before", call="run_campaign")
    operator = running(campaign, **limits)
    context = context_of(operator)
    context["dag_run"] = SimpleNamespace(run_type="manual", logical_date=closing)

    with (
        meanwhile(lambda: "run_campaign" in writes(sandbox), lambda: it_is(sandbox, closing + timedelta(minutes=3))),
        pytest.raises(TingTingCampaignError, match=r"no usable response.*may still carry the request out.*Check the"),
    ):
        operator.execute(context)

    assert writes(sandbox) == ["run_campaign"]
