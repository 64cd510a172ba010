"""Changing, stopping and deleting a campaign; each may be repeated without harm."""

from __future__ import annotations

import traceback
from datetime import datetime, timedelta, timezone

import pytest
from support.campaigns import NUMBERS, a_campaign, writes
from support.task_context import REFUSED, execute

from airflow_provider_tingting._compat import AirflowFailException
from airflow_provider_tingting.errors import TingTingAPIError
from airflow_provider_tingting.operators.campaign import (
    TingTingDeleteCampaignOperator,
    TingTingStopCampaignOperator,
    TingTingUpdateCampaignOperator,
)
from airflow_provider_tingting.sandbox import Sandbox

pytestmark = pytest.mark.usefixtures("tingting_conn", "still_world")


def updating(campaign_id, **fields):
    return TingTingUpdateCampaignOperator(task_id="update", campaign_id=campaign_id, **fields)


def stopping(campaign_id):
    return TingTingStopCampaignOperator(task_id="stop", campaign_id=campaign_id)


def deleting(campaign_id, **changes):
    return TingTingDeleteCampaignOperator(task_id="delete", campaign_id=campaign_id, **changes)


UNANSWERED = ["lose-reply", "500-after-commit", "cut-before", "503-html", "429"]


def strike(sandbox, fault, call):
    sandbox.faults.add(fault, call=call, value=0.01 if fault == "429" else None)


# -- update ------------------------------------------------------------------------------------------------------------


def test_only_the_fields_that_are_given_change(sandbox):
    campaign = a_campaign(sandbox)

    result, xcoms = execute(updating(str(campaign), name="Renamed", message="नमस्ते {name}"))

    changed = sandbox.world.campaigns[campaign]
    assert (changed.name, changed.message, changed.services) == ("Renamed", "नमस्ते {name}", "PHONE")
    assert result == {"campaign_id": campaign, "updated": ["message", "name"]}
    assert xcoms == {"campaign_id": campaign, "tingting_campaign_link": f"{sandbox.root_url}#campaign-{campaign}"}


def test_a_schedule_goes_out_with_its_offset(sandbox):
    campaign = a_campaign(sandbox)

    day = sandbox.clock.now() + timedelta(days=30)

    execute(updating(campaign, schedule=f"{day:%Y-%m-%d}"))

    midnight = datetime(day.year, day.month, day.day, tzinfo=timezone(timedelta(hours=5, minutes=45)))
    assert sandbox.world.campaigns[campaign].schedule == midnight.timestamp()


@pytest.mark.parametrize("fault", UNANSWERED)
def test_an_update_without_an_answer_is_sent_again(sandbox, fault):
    campaign = a_campaign(sandbox)
    strike(sandbox, fault, "update_campaign")

    execute(updating(campaign, name="Renamed"))

    assert sandbox.world.campaigns[campaign].name == "Renamed"


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({}, "nothing to change.*name, services"),
        ({"schedule": "tomorrow"}, "'tomorrow'"),
        ({"schedule": "2020-01-01"}, "schedule.*past"),
        ({"services": "SMS"}, "sms_message"),
        ({"services": "FAX"}, "services"),
    ],
)
def test_an_update_that_is_refused_says_which_field(sandbox, fields, says):
    campaign = a_campaign(sandbox)

    with pytest.raises(REFUSED, match=says):
        execute(updating(campaign, **fields))

    assert sandbox.world.campaigns[campaign].services == "PHONE"


# -- stop --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [None, *UNANSWERED])
def test_a_running_campaign_is_stopped_even_when_the_answer_is_lost(sandbox, fault):
    campaign = a_campaign(sandbox)
    sandbox.world.run_campaign(campaign)
    if fault:
        strike(sandbox, fault, "stop_campaign")

    result, _ = execute(stopping(campaign))

    assert result == {"campaign_id": campaign, "status": "Terminated", "stopped": True}
    assert sandbox.world.campaigns[campaign].status == "Terminated"


def test_a_campaign_that_has_ended_is_left_alone(sandbox):
    campaign = a_campaign(sandbox)
    sandbox.world.run_campaign(campaign)
    sandbox.play_out()

    result, _ = execute(stopping(campaign), try_number=2)

    assert result == {"campaign_id": campaign, "status": "Completed", "stopped": False}
    assert writes(sandbox) == []


def test_a_campaign_that_ends_by_itself_just_then_is_not_called_stopped(sandbox, monkeypatch):
    campaign = a_campaign(sandbox)
    sandbox.world.run_campaign(campaign)
    stop = sandbox.world.stop_campaign

    def too_late(campaign_id):
        sandbox.play_out()
        stop(campaign_id)

    monkeypatch.setattr(sandbox.world, "stop_campaign", too_late)

    result, _ = execute(stopping(campaign))

    assert result == {"campaign_id": campaign, "status": "Completed", "stopped": False}


def test_a_campaign_that_was_never_run_cannot_be_stopped(sandbox):
    campaign = a_campaign(sandbox)

    with pytest.raises(AirflowFailException, match=f"stop_campaign for campaign {campaign}.*running or scheduled"):
        execute(stopping(campaign))


@pytest.mark.parametrize("dialect", ["404", "405"])
def test_an_account_without_a_stop_gets_an_error_that_says_so(monkeypatch, dialect):
    with Sandbox(dialect={"stop": dialect}) as other:
        monkeypatch.setenv("AIRFLOW_CONN_TINGTING_DEFAULT", other.connection_json())
        campaign = a_campaign(other)
        other.world.run_campaign(campaign)

        with pytest.raises(AirflowFailException, match=f"Campaign {campaign} is Running.*offers no stop"):
            execute(stopping(campaign))


# -- delete ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [None, *UNANSWERED])
def test_a_campaign_is_deleted_even_when_the_answer_is_lost(sandbox, fault):
    campaign = a_campaign(sandbox, NUMBERS)
    if fault:
        strike(sandbox, fault, "delete_campaign")

    result, _ = execute(deleting(campaign))

    assert result == {"campaign_id": campaign, "deleted": True}
    assert sandbox.world.campaigns == {}


@pytest.mark.parametrize(
    ("arguments", "circumstances"), [({}, {"try_number": 2}), ({"missing_ok": True}, {})], ids=["a retry", "missing_ok"]
)
def test_a_campaign_that_is_gone_already_is_fine_for(arguments, circumstances):
    result, _ = execute(deleting(4711, **arguments), **circumstances)

    assert result == {"campaign_id": 4711, "deleted": False}


@pytest.mark.parametrize("make", [updating, stopping, deleting])
def test_an_unknown_campaign_is_named(make):
    operator = make(4711, name="Renamed") if make is updating else make(4711)

    with pytest.raises(AirflowFailException, match=r"campaign 4711.*404"):
        execute(operator)


@pytest.mark.parametrize("make", [updating, stopping, deleting])
def test_what_is_no_campaign_id_is_named_and_nothing_is_sent(sandbox, make):
    with pytest.raises(REFUSED, match=r"campaign_id.*a text of 5"):
        execute(make("water", name="Renamed") if make is updating else make("water"))

    assert sandbox.requests == ()


@pytest.mark.parametrize(
    ("make", "error"),
    [(stopping, AirflowFailException), (lambda number: updating(number, message="x"), TingTingAPIError)],
    ids=["an error that no retry cures", "an error that a retry may cure"],
)
def test_an_error_is_a_sentence_with_few_frames_and_the_rest_is_in_the_debug_log(sandbox, logged, make, error):
    if error is TingTingAPIError:
        sandbox.faults.parse("500:*:*")
    with pytest.raises(error) as raised:
        execute(make(4711))

    shown = "".join(traceback.format_exception(raised.value))
    assert "direct cause" not in shown
    assert shown.count('File "') <= 10
    assert "driver.py" in logged()
