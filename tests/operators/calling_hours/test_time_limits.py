"""How long the hour is waited for, and that this time is not the campaign's."""

from __future__ import annotations

from datetime import timedelta

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred
from support.calling_hours import AT_THREE, it_is, running
from support.campaigns import a_campaign, writes
from support.task_context import context_of, execute_through

from airflow_provider_tingting.errors import TingTingCampaignTimeoutError

pytestmark = pytest.mark.usefixtures("tingting_conn")


@pytest.mark.parametrize("argument", ["start_timeout", "execution_timeout"])
def test_a_window_that_opens_too_late_is_not_waited_for(sandbox, deferrable, argument):
    it_is(sandbox, AT_THREE)
    campaign = a_campaign(sandbox)
    operator = running(campaign, deferrable=deferrable, **{argument: timedelta(hours=2)})
    context = context_of(operator)
    context["ti"].start_date = AT_THREE

    with pytest.raises(
        TingTingCampaignTimeoutError, match=r"no contact was called.*before 2026-11-24 08:00.*retry waits again"
    ):
        operator.execute(context)

    assert writes(sandbox) == []


def test_the_time_limits_of_a_start_travel_through_the_wait(sandbox):
    it_is(sandbox, AT_THREE)
    operator = running(a_campaign(sandbox), deferrable=True, start_timeout=6 * 3600, timeout=60)

    with pytest.raises(TaskDeferred) as waiting:
        operator.execute(context_of(operator))

    until = (AT_THREE + timedelta(hours=6)).timestamp()
    assert waiting.value.trigger.deadline == until
    assert waiting.value.kwargs == {"start_deadline": until}
    assert timedelta(hours=6) < waiting.value.timeout < timedelta(hours=7)
    it_is(sandbox, AT_THREE + timedelta(hours=1))
    with pytest.raises(TaskDeferred) as again:
        operator.execute_start(context_of(operator), event=None, **waiting.value.kwargs)
    assert again.value.kwargs == {"start_deadline": until}


def test_timeout_does_not_count_before_the_campaign_begins(sandbox, deferrable):
    it_is(sandbox, AT_THREE)
    campaign = a_campaign(sandbox)
    operator = running(campaign, deferrable=deferrable, timeout=1200)

    result, _ = execute_through(lambda: operator, context_of(operator))

    assert result["status"] == "Completed"
