"""`frequency_cap`: contacts that the contact log shows as often as the cap allows are left out, counted and listed."""

from __future__ import annotations

import csv
from datetime import datetime, timedelta
from functools import partial

import pytest
from support import calling_hours
from support.adding_contacts import PEOPLE_OF_ALL, adding, numbers_in
from support.campaigns import NUMBERS, a_campaign, writes
from support.run_task import run_task
from support.task_context import execute

from airflow_provider_tingting._compat import AirflowFailException
from airflow_provider_tingting.operators.contacts import TingTingCheckContactsOperator
from airflow_provider_tingting.timezones import NEPAL

WEEK = {"calls": 2, "per": timedelta(days=7)}
HOUR = {"calls": 1, "per": 3600}
REMINDER = {**WEEK, "purpose": "reminder"}
NOON = datetime(2026, 11, 24, 12, tzinfo=NEPAL)
FIRST, SECOND, THIRD, FOURTH = NUMBERS


@pytest.fixture(autouse=True)
def _logged(connect, database):
    connect(
        contact_log={"sql_conn_id": "warehouse", "table": "contact_log", "create_table": True},
        secret_salt="a long random text of the tests",
    )


@pytest.fixture
def it_is(sandbox):
    """`it_is(moment)` sets the time."""
    set_clock = partial(calling_hours.it_is, sandbox)
    set_clock(NOON)
    return set_clock


def called(sandbox, *numbers, purpose="reminder", outcome="completed", services="PHONE"):
    """Run a campaign of a purpose to its end."""
    sms = {"sms_message": "नमस्कार"} if "SMS" in services else {}
    campaign = a_campaign(
        sandbox, numbers, outcome=outcome, description=f"[purpose: {purpose}]", services=services, **sms
    )
    execute(run_task(campaign, success_when=0.0, poll_interval=10))


@pytest.mark.parametrize("transport", ["json", "xlsx"])
def test_contacts_over_the_cap_are_left_out_counted_and_listed(sandbox, it_is, tmp_path, transport, logged):
    called(sandbox, FIRST, SECOND)
    called(sandbox, FIRST, outcome="unanswered")
    campaign = a_campaign(sandbox, ())
    rejects = tmp_path / "rejects.csv"
    logged()

    result, _ = execute(
        adding(campaign, PEOPLE_OF_ALL, frequency_cap=REMINDER, transport=transport, rejects_path=str(rejects))
    )

    assert numbers_in(sandbox, campaign) == {SECOND, THIRD, FOURTH}
    assert (result["total"], result["over_cap"], result["invalid"]) == (3, 1, 0)
    assert result["rejects_path"] == str(rejects)
    with rejects.open(encoding="utf-8-sig", newline="") as file:
        [row] = csv.DictReader(file)
    assert row["number"] == FIRST
    assert row["reason"].startswith("frequency_cap (2 in 7 days, reminder): was contacted as often as")
    said = logged()
    assert "1 over frequency_cap" in said
    assert FIRST not in said


def test_calls_of_other_purposes_and_longer_ago_do_not_count(sandbox, it_is):
    it_is(NOON - timedelta(days=8))
    called(sandbox, FIRST)
    it_is(NOON)
    called(sandbox, FIRST, SECOND)
    called(sandbox, SECOND, purpose="survey")
    campaign = a_campaign(sandbox, ())

    execute(adding(campaign, PEOPLE_OF_ALL, frequency_cap=REMINDER))

    assert numbers_in(sandbox, campaign) == set(NUMBERS)


def test_without_a_purpose_all_campaigns_count(sandbox, it_is):
    called(sandbox, SECOND)
    called(sandbox, SECOND, purpose="survey")
    campaign = a_campaign(sandbox, ())

    execute(adding(campaign, PEOPLE_OF_ALL, frequency_cap=WEEK))

    assert numbers_in(sandbox, campaign) == {FIRST, THIRD, FOURTH}


@pytest.mark.parametrize("before", ["+977", "00977", "977", "0"], ids="before {}".format)
def test_a_number_as_it_is_written_counts_in_each_spelling(sandbox, it_is, before):
    called(sandbox, SECOND)
    campaign = a_campaign(sandbox, ())
    people = [{"number": FIRST, "name": "Sita"}, {"number": f"{before}{SECOND}", "name": "Hari"}]

    result, _ = execute(adding(campaign, people, frequency_cap=HOUR, number_policy="as_is"))

    assert (result["total"], result["over_cap"]) == (1, 1)


def test_a_purpose_in_brackets_counts(sandbox, it_is):
    # So a description shows the purpose "ward [7]", whose own brackets enclose it.
    called(sandbox, SECOND, purpose="ward (7)")
    campaign = a_campaign(sandbox, ())

    execute(adding(campaign, PEOPLE_OF_ALL, frequency_cap={**HOUR, "purpose": "ward [7]"}))

    assert numbers_in(sandbox, campaign) == {FIRST, THIRD, FOURTH}


def test_a_period_may_be_longer_than_the_calendar(sandbox, it_is):
    called(sandbox, SECOND)
    campaign = a_campaign(sandbox, ())

    execute(adding(campaign, PEOPLE_OF_ALL, frequency_cap={"calls": 1, "per": timedelta.max}))

    assert numbers_in(sandbox, campaign) == {FIRST, THIRD, FOURTH}


def test_messages_do_not_count_for_calls(sandbox, it_is):
    called(sandbox, FIRST, services="SMS")
    calls, messages = (a_campaign(sandbox, (), services=one, sms_message="नमस्कार {name}") for one in ("PHONE", "SMS"))

    for campaign in (calls, messages):
        execute(adding(campaign, PEOPLE_OF_ALL, frequency_cap=HOUR))

    assert numbers_in(sandbox, calls) == set(NUMBERS)
    assert numbers_in(sandbox, messages) == {SECOND, THIRD, FOURTH}


def test_the_calls_of_the_campaign_itself_do_not_count_when_its_task_is_cleared(sandbox, it_is):
    campaign = a_campaign(sandbox, ())
    add = adding(campaign, PEOPLE_OF_ALL, frequency_cap=HOUR)
    execute(add)
    sandbox.world.script_outcome(FIRST, "completed")
    execute(run_task(campaign, poll_interval=10))

    result, _ = execute(add, cleared_after=1, try_number=2)

    assert (result["total"], result["over_cap"]) == (len(NUMBERS), 0)


def test_the_check_counts_what_the_adding_leaves_out(sandbox, it_is):
    called(sandbox, FIRST)

    check = TingTingCheckContactsOperator(
        task_id="check", message="नमस्कार {name}", contacts=PEOPLE_OF_ALL, frequency_cap=HOUR
    )
    summary, _ = execute(check)

    assert (summary["valid"], summary["over_cap"], summary["calls"]) == (3, 1, 3)


def test_an_audience_that_is_over_the_cap_as_a_whole_is_refused(sandbox, it_is):
    called(sandbox, FIRST)
    campaign = a_campaign(sandbox, ())

    with pytest.raises(AirflowFailException, match="Contacted as often as frequency_cap allows: 1"):
        execute(adding(campaign, PEOPLE_OF_ALL[:1], frequency_cap=HOUR))

    assert numbers_in(sandbox, campaign) == set()


def test_before_the_first_campaign_has_ended_no_contact_is_over_the_cap(sandbox, database):
    campaign = a_campaign(sandbox, ())

    result, _ = execute(adding(campaign, PEOPLE_OF_ALL, frequency_cap=WEEK))

    assert result["over_cap"] == 0
    assert database.tables() == []


def test_a_cap_without_a_log_is_refused_before_anything_is_sent(sandbox, connect):
    connect()
    campaign = a_campaign(sandbox, ())

    with pytest.raises(AirflowFailException, match=r"frequency_cap .*'tingting_default' names none.*contact_log"):
        execute(adding(campaign, PEOPLE_OF_ALL, frequency_cap=WEEK))

    assert writes(sandbox) == []


def test_a_log_with_other_columns_is_refused_before_anything_is_sent(sandbox, database):
    database.run("CREATE TABLE contact_log (campaign_id INTEGER, number TEXT)")
    campaign = a_campaign(sandbox, ())

    with pytest.raises(AirflowFailException, match=r"contact_log .*It lacks 'campaign', 'purpose'.*Nothing was sent"):
        execute(adding(campaign, PEOPLE_OF_ALL, frequency_cap=WEEK))

    assert writes(sandbox) == []
