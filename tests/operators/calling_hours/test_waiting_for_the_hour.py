"""No contact is called outside the window, whatever made the task late: it waits, in a worker and deferred."""

from __future__ import annotations

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred
from support.calling_hours import AT_EIGHT, AT_THREE, first_call, it_is, running
from support.campaigns import NUMBERS, a_campaign, connection, dialled_once, meanwhile, reads, writes
from support.task_context import context_of, execute, execute_through

from airflow_provider_tingting._compat import AirflowFailException
from airflow_provider_tingting.campaigns.calling_window import CallingWindow
from airflow_provider_tingting.errors import TingTingCampaignFailedError, TingTingConfigError

pytestmark = pytest.mark.usefixtures("tingting_conn")


def test_a_task_at_three_in_the_morning_calls_no_contact_before_the_window_opens(sandbox, deferrable, logged):
    it_is(sandbox, AT_THREE)
    campaign = a_campaign(sandbox)

    operator = running(campaign, deferrable=deferrable)
    result, deferred_to = execute_through(lambda: operator, context_of(operator))

    assert result["status"] == "Completed"
    assert dialled_once(sandbox)
    assert first_call(sandbox) >= AT_EIGHT
    assert ("TingTingStartTrigger" in deferred_to) is deferrable
    assert writes(sandbox) == ["run_campaign"]
    said = logged()
    where = "in the triggerer" if deferrable else "in this worker"
    assert f"Campaign {campaign} is not requested to run before 2026-11-24 08:00" in said
    assert f"waiting {where}" in said
    assert ("This wait occupies a worker slot" in said) is not deferrable


def test_a_task_with_not_before_calls_no_contact_before_that_moment(sandbox, deferrable):
    it_is(sandbox, AT_EIGHT)
    campaign = a_campaign(sandbox)

    operator = running(campaign, deferrable=deferrable, not_before="2026-11-24T10:30")
    execute_through(lambda: operator, context_of(operator))

    assert dialled_once(sandbox)
    assert first_call(sandbox) >= AT_EIGHT.replace(hour=10, minute=30)


@pytest.mark.parametrize("wrong", ["soon", "2199-01-01"])
def test_a_not_before_that_is_no_moment_of_this_year_is_named_and_no_contact_is_called(sandbox, wrong):
    it_is(sandbox, AT_EIGHT)
    campaign = a_campaign(sandbox)

    with pytest.raises((TingTingConfigError, AirflowFailException), match="not_before"):
        execute(running(campaign, not_before=wrong))

    assert writes(sandbox) == []


def test_in_the_window_nothing_is_waited_for(sandbox, deferrable):
    it_is(sandbox, AT_EIGHT)
    campaign = a_campaign(sandbox)

    operator = running(campaign, deferrable=deferrable)
    _, deferred_to = execute_through(lambda: operator, context_of(operator))

    assert dialled_once(sandbox)
    assert "TingTingStartTrigger" not in deferred_to


def test_days_and_a_time_zone_of_ones_own_are_applied(sandbox):
    # Tuesday, three in the morning in Nepal; in Berlin Monday evening.
    it_is(sandbox, AT_THREE)
    campaign = a_campaign(sandbox)

    execute(running(campaign, calling_window=CallingWindow("22:00", "23:00", days="Mon", timezone="Europe/Berlin")))

    assert dialled_once(sandbox)
    assert first_call(sandbox) < AT_EIGHT


def test_a_parameter_asks_for_a_failure_without_further_tries_instead_of_a_wait(sandbox, deferrable):
    it_is(sandbox, AT_THREE)
    campaign = a_campaign(sandbox)

    with pytest.raises(AirflowFailException, match=r"08:00 to 20:00 Asia/Kathmandu.*opens at 2026-11-24 08:00.*No con"):
        execute(running(campaign, deferrable=deferrable, outside_window="fail"))

    assert writes(sandbox) == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"calling_window": ("20:00", "20:00")}, "never opens"),
        ({"calling_window": "daytime"}, "not a calling window"),
        ({"outside_window": "skip"}, "outside_window must be one of wait, fail; it is 'skip'"),
        ({"start_timeout": "soon"}, "start_timeout must be more than 0 seconds"),
        ({"max_age": 0}, "max_age must be more than 0 seconds"),
        ({"on_too_old": "ignore"}, "on_too_old must be one of fail, skip"),
    ],
)
def test_a_wrong_argument_is_refused_when_the_dag_file_is_read(arguments, says):
    with pytest.raises(TingTingConfigError, match=says):
        running(1, **arguments)


def test_an_event_that_comes_too_early_or_is_strange_starts_nothing(sandbox):
    it_is(sandbox, AT_THREE)
    operator = running(a_campaign(sandbox), deferrable=True)

    for event in (None, "go", {"version": 99}):
        with pytest.raises(TaskDeferred) as again:
            operator.execute_start(context_of(operator), event=event)
        assert again.value.trigger.not_before == AT_EIGHT.timestamp()

    assert writes(sandbox) == []


def test_a_token_that_is_replaced_during_the_wait_is_read_again(sandbox, monkeypatch, deferrable):
    it_is(sandbox, AT_THREE)
    campaign = a_campaign(sandbox)

    def replace_token():
        sandbox.world.rotate_token("another-token-for-the-sandbox")
        monkeypatch.setenv(
            "AIRFLOW_CONN_TINGTING_DEFAULT", connection(sandbox, password="another-token-for-the-sandbox")
        )
        it_is(sandbox, AT_EIGHT)

    def operator():
        return running(campaign, deferrable=deferrable)

    with meanwhile(lambda: reads(sandbox) >= 1, replace_token):
        result, _ = execute_through(operator, context_of(operator()))

    assert result["status"] == "Completed"


def test_the_end_of_a_campaign_without_answers_is_reported_after_the_wait_too(sandbox, deferrable):
    it_is(sandbox, AT_THREE)
    campaign = a_campaign(sandbox, outcome="unanswered")
    operator = running(campaign, deferrable=deferrable)

    with pytest.raises(TingTingCampaignFailedError, match="no contact was reached"):
        execute_through(lambda: operator, context_of(operator))

    assert set(sandbox.ledger.times_dialled()) == set(NUMBERS)
