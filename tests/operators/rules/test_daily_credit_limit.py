"""`daily_credit_limit`: a campaign that would pass the day's credits is not run today."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from functools import partial

import pytest
from support.calling_hours import it_is
from support.campaigns import a_campaign, writes
from support.run_task import run_task
from support.task_context import context_of, execute, execute_through

from airflow_provider_tingting._compat import AirflowFailException
from airflow_provider_tingting.errors import TingTingCampaignTimeoutError, TingTingConfigError
from airflow_provider_tingting.timezones import NEPAL

MORNING = datetime(2026, 11, 24, 8, tzinfo=NEPAL)

running = partial(run_task, poll_interval=10)


@pytest.fixture(autouse=True)
def _morning(sandbox):
    it_is(sandbox, MORNING)


@pytest.fixture
def limited(connect, tmp_path, monkeypatch):
    """`limited(credits)` puts a daily limit and a contact log into the connection."""
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", f"sqlite://{tmp_path / 'warehouse.db'}")

    def change(credits, **rules):
        log = {"sql_conn_id": "warehouse", "table": "contact_log", "create_table": True, "numbers": "plain"}
        connect(**{"daily_credit_limit": credits, "contact_log": log, **rules})

    return change


def test_a_campaign_that_fits_is_run_and_counts_for_the_next_one(sandbox, limited):
    limited(6)
    execute(running(a_campaign(sandbox)))
    before = writes(sandbox)
    spent = sum(entry.credits for entry in sandbox.ledger.dialled)
    second = a_campaign(sandbox)

    says = (
        f"Campaign {second} was not run: it is estimated at 4 credits, today's campaigns take {spent}, and "
        "daily_credit_limit of the connection is 6. No contact was called."
    )
    with pytest.raises(AirflowFailException, match=re.escape(says)):
        execute(running(second))

    assert spent > 2
    assert writes(sandbox) == before


def test_yesterday_does_not_count(sandbox, limited):
    limited(6)
    execute(running(a_campaign(sandbox)))
    it_is(sandbox, MORNING + timedelta(days=1))

    result, _ = execute(running(a_campaign(sandbox)))

    assert result["status"] == "Completed"


def test_a_campaign_that_would_pass_the_limit_waits_for_tomorrow_where_that_is_chosen(
    sandbox, limited, deferrable, logged
):
    limited(6)
    execute(running(a_campaign(sandbox)))
    second = a_campaign(sandbox)
    operator = running(second, over_daily_limit="wait", deferrable=deferrable)

    result, deferred_to = execute_through(lambda: operator, context_of(operator))

    assert result["status"] == "Completed"
    assert ("TingTingStartTrigger" in deferred_to) is deferrable
    first_call = min(entry.at for entry in sandbox.ledger.dialled if entry.campaign_id == second)
    assert datetime(2026, 11, 25, tzinfo=NEPAL) <= first_call < datetime(2026, 11, 25, 8, tzinfo=NEPAL)
    assert (
        f"Campaign {second} is not requested to run before 2026-11-25 00:00 in Nepal, because it is estimated at 4"
        in logged()
    )


def test_the_wait_for_tomorrow_ends_with_the_time_to_start(sandbox, limited):
    limited(6)
    execute(running(a_campaign(sandbox)))
    second = a_campaign(sandbox)
    before = writes(sandbox)

    with pytest.raises(TingTingCampaignTimeoutError, match="daily_credit_limit of the connection is 6"):
        execute(running(second, over_daily_limit="wait", start_timeout=3600))

    assert writes(sandbox) == before


@pytest.mark.parametrize("over_daily_limit", ["fail", "wait"])
def test_a_campaign_that_never_fits_fails(sandbox, limited, over_daily_limit):
    limited(3.5)

    with pytest.raises(
        AirflowFailException, match=r"estimated at 4 credits, and .* is 3\.5\..*never fits into one day"
    ):
        execute(running(a_campaign(sandbox), over_daily_limit=over_daily_limit))

    assert writes(sandbox) == []


def test_a_campaign_that_runs_now_counts_with_its_estimate(sandbox, limited, deferrable):
    limited(6)
    sandbox.world.run_campaign(a_campaign(sandbox, [f"98412345{index:02}" for index in range(40, 43)]))
    second = a_campaign(sandbox)
    with pytest.raises(AirflowFailException, match="today's campaigns take 3"):
        execute(running(second))
    operator = running(second, over_daily_limit="wait", deferrable=deferrable)

    result, _ = execute_through(lambda: operator, context_of(operator))

    assert result["status"] == "Completed"
    # It is checked again after an hour, when the other one has ended and has cost less than estimated, or at midnight.
    assert min(entry.at for entry in sandbox.ledger.dialled if entry.campaign_id == second) >= MORNING + timedelta(
        hours=1
    )


def test_what_tingting_says_of_the_day_counts_where_it_is_more(sandbox, limited):
    limited(6)
    campaign = a_campaign(sandbox)
    sandbox.world.run_campaign(campaign)
    sandbox.play_out()
    second = a_campaign(sandbox)

    with pytest.raises(AirflowFailException, match=f"today's campaigns take {sandbox.world.campaigns[campaign].spent}"):
        execute(running(second))


def test_without_tingtings_own_figure_the_log_alone_counts(sandbox, limited, monkeypatch):
    limited(6)
    sandbox.faults.add("garbage", call="get_dashboard", times="*")
    execute(running(a_campaign(sandbox)))

    with pytest.raises(AirflowFailException, match="today's campaigns take"):
        execute(running(a_campaign(sandbox)))


def test_the_price_is_that_of_the_check_before_the_run(sandbox, limited):
    limited(6)
    campaign = a_campaign(sandbox)
    operator = running(campaign)
    context = context_of(operator)
    summary = {"campaign_id": campaign, "valid": 2, "credits": {"estimate": 5}}
    operator.get_flat_relative_ids = lambda upstream: {"check", "report"}
    context["ti"].upstream = {"check": {"summary": summary}, "report": {"summary": {"contacts": 3}}}

    with pytest.raises(AirflowFailException, match="estimated at 10 credits"):
        operator.execute(context)


def test_the_estimate_counts_parts_of_an_sms_and_ends_at_the_campaigns_own_limit(sandbox, limited):
    limited(7)
    sms = "न" * 71
    both = a_campaign(sandbox, services="SMS & PHONE", sms_message=sms)
    bounded = a_campaign(sandbox, services="SMS & PHONE", sms_message=sms, credit_limit=5)

    with pytest.raises(AirflowFailException, match="estimated at 12 credits"):
        execute(running(both))
    execute(running(bounded, wait_for_completion=False))

    assert writes(sandbox) == ["run_campaign"]


def test_a_campaign_with_a_schedule_of_its_own_is_refused_today_and_judged_alone_for_a_later_day(sandbox, limited):
    limited(6)
    execute(running(a_campaign(sandbox)))
    today, tomorrow = (
        a_campaign(sandbox, schedule=(sandbox.clock.now() + timedelta(hours=hours)).timestamp()) for hours in (1, 24)
    )

    with pytest.raises(AirflowFailException, match="Give it another schedule"):
        execute(running(today, over_daily_limit="wait"))
    result, _ = execute(running(tomorrow, wait_for_completion=False))

    assert result["status"] == "Scheduled"


def test_a_limit_without_a_log_is_refused_before_any_call(sandbox, connect):
    connect(daily_credit_limit=100)

    with pytest.raises(AirflowFailException, match=r"daily_credit_limit .*'tingting_default' names none.*contact_log"):
        execute(running(a_campaign(sandbox)))

    assert writes(sandbox) == []


def test_a_campaign_that_has_begun_is_not_held_back(sandbox, limited):
    limited(1)
    campaign = a_campaign(sandbox)
    sandbox.world.run_campaign(campaign)

    result, _ = execute(running(campaign, wait_for_completion=False))

    assert result["status"] == "Running"


@pytest.mark.parametrize("limit", [0, -1, "many", True])
def test_a_limit_that_is_no_number_of_credits_is_named(sandbox, limited, limit):
    limited(limit)

    with pytest.raises(AirflowFailException, match=r"'daily_credit_limit' of connection .* must be a number above 0"):
        execute(running(a_campaign(sandbox)))

    assert writes(sandbox) == []


def test_another_choice_is_found_when_the_dag_is_parsed():
    with pytest.raises(TingTingConfigError, match="over_daily_limit must be one of fail, wait"):
        running(7, over_daily_limit="skip")
