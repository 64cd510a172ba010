"""Running a campaign: each contact is dialled once, and the task reports the real outcome."""

from __future__ import annotations

import pytest
from support.campaigns import NUMBERS, a_campaign, connection, dialled_once, meanwhile, reads, writes
from support.run_task import run_task
from support.task_context import REFUSED, execute

from airflow_provider_tingting._compat import AirflowFailException
from airflow_provider_tingting.errors import (
    TingTingCampaignError,
    TingTingCampaignFailedError,
    TingTingCampaignTimeoutError,
    TingTingOutcomeUnknownError,
    TingTingRateLimitedError,
)
from airflow_provider_tingting.sandbox.refusals import forbidden_now

pytestmark = pytest.mark.usefixtures("tingting_conn", "fast_world")


def test_a_campaign_is_run_and_its_outcome_returned_as_figures(sandbox):
    campaign = a_campaign(sandbox, outcome=None)
    for number, outcome in zip(NUMBERS, ("completed", "hungup", "unanswered", "failed"), strict=True):
        sandbox.world.script_outcome(number, outcome)

    result, xcoms = execute(run_task(str(campaign)))

    assert dialled_once(sandbox)
    assert result == {
        "campaign_id": campaign,
        "status": "Completed",
        "progress_percent": 100.0,
        "contacts": 4,
        "reached": 2,
        "not_reached": 2,
        "pending": 0,
        "reach_rate": 0.5,
        "credits": float(sandbox.world.campaigns[campaign].spent),
        "estimate": None,
    }
    assert xcoms == {
        "campaign_id": campaign,
        "status": "Completed",
        "tingting_campaign_link": f"{sandbox.root_url}#campaign-{campaign}",
    }
    assert writes(sandbox) == ["run_campaign"]


def test_without_waiting_the_task_ends_once_the_campaign_has_begun(sandbox):
    sandbox.clock.speed = 0
    campaign = a_campaign(sandbox)

    result, xcoms = execute(run_task(campaign, wait_for_completion=False))

    assert result == {"campaign_id": campaign, "status": "Running", "progress_percent": 0.0, "contacts": 4}
    assert xcoms["status"] == "Running"


def test_a_scheduled_campaign_is_waited_for_until_its_end(sandbox):
    sandbox.clock.speed = 0
    campaign = a_campaign(sandbox, schedule=sandbox.clock.time() + 24 * 3600)
    seen = []

    def let_the_day_come():
        seen.append(sandbox.world.campaigns[campaign].status)
        sandbox.play_out()

    with meanwhile(lambda: reads(sandbox) > 3, let_the_day_come):
        result, _ = execute(run_task(campaign))

    assert seen == ["Scheduled"]
    assert result["status"] == "Completed"


# -- what is refused before a contact is called ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"campaign_id": "water"}, ["campaign_id", "a text of 5"]),
        ({"campaign_id": None}, ["campaign_id", "None", "XCom"]),
        ({"poll_interval": 0}, ["poll_interval", "0"]),
        ({"poll_interval": "often"}, ["poll_interval", "'often'"]),
        ({"timeout": -5}, ["timeout", "-5"]),
        ({"timeout": "soon"}, ["timeout", "'soon'"]),
        ({"tolerate_outage": -1}, ["tolerate_outage", "-1"]),
        ({"success_when": 1.5}, ["success_when", "1.5"]),
        ({"success_when": "half"}, ["success_when", "'half'"]),
        ({"on_clear": "send_again"}, ["only once", "creates the campaign"]),
        ({"on_clear": "never"}, ["on_clear", "'never'"]),
    ],
)
@pytest.mark.parametrize("wait", [True, False])
def test_a_mistake_in_an_argument_is_named_and_no_contact_is_called(sandbox, changes, says, wait):
    campaign = a_campaign(sandbox)

    with pytest.raises(REFUSED) as raised:
        execute(run_task(**{"campaign_id": campaign, "wait_for_completion": wait, **changes}))

    for part in says:
        assert part in str(raised.value)
    assert writes(sandbox) == []


def test_an_unknown_campaign_is_named(sandbox):
    with pytest.raises(AirflowFailException, match=r"campaign 4711.*HTTP 404"):
        execute(run_task(4711))


@pytest.mark.parametrize(
    ("numbers", "fields", "says"),
    [
        pytest.param((), {}, "no contacts", id="no contact to call"),
        pytest.param(NUMBERS, {"draft": True}, "draft", id="a draft"),
    ],
)
def test_a_campaign_that_cannot_be_run_is_not(sandbox, numbers, fields, says):
    campaign = a_campaign(sandbox, numbers)
    sandbox.world.update_campaign(campaign, **fields)

    with pytest.raises(TingTingCampaignError, match=says):
        execute(run_task(campaign))

    assert writes(sandbox) == []


def test_what_tingting_refuses_is_named_and_not_tried_again(sandbox):
    campaign = a_campaign(sandbox, voice=None)

    with pytest.raises(AirflowFailException, match=r"run_campaign.*voice"):
        execute(run_task(campaign))


# -- dialled once whatever happens -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault", ["lose-reply", "500-after-commit", "503-after-commit", "truncate", "garbage", "502-after-commit"]
)
def test_when_the_answer_to_the_run_is_lost_each_contact_is_called_once(sandbox, fault):
    campaign = a_campaign(sandbox)
    sandbox.faults.add(fault, call="run_campaign")

    result, _ = execute(run_task(campaign))

    assert result["status"] == "Completed"
    assert writes(sandbox) == ["run_campaign"]
    assert dialled_once(sandbox)


@pytest.mark.parametrize("fault", ["cut-before", "500", "503-html", "502-empty", "429"])
def test_a_campaign_that_was_not_run_is_run_once_that_is_certain(sandbox, fault):
    campaign = a_campaign(sandbox)
    sandbox.faults.add(fault, call="run_campaign", value=0.01 if fault == "429" else None)

    execute(run_task(campaign))

    assert writes(sandbox) == ["run_campaign", "run_campaign"]
    assert dialled_once(sandbox)


@pytest.mark.parametrize("fault", ["stuck", "stuck-after-commit"])
def test_a_server_that_never_answers_is_given_up_on_and_each_contact_is_called_once(sandbox, monkeypatch, fault):
    monkeypatch.setenv("AIRFLOW_CONN_TINGTING_DEFAULT", connection(sandbox, timeout=0.5))
    campaign = a_campaign(sandbox)
    sandbox.faults.add(fault, call="run_campaign")

    execute(run_task(campaign))

    assert dialled_once(sandbox)


def test_a_server_that_asks_for_too_long_a_pause_is_left_to_the_next_try(sandbox):
    campaign = a_campaign(sandbox)
    sandbox.faults.add("429", call="run_campaign", value=600)

    with pytest.raises(TingTingRateLimitedError):
        execute(run_task(campaign))

    assert dialled_once(sandbox, ())


def test_when_it_stays_unknown_the_task_fails_and_its_retry_calls_each_contact_once(sandbox):
    campaign = a_campaign(sandbox)
    sandbox.faults.add("cut-before", call="run_campaign", times="*")
    with pytest.raises(TingTingOutcomeUnknownError):
        execute(run_task(campaign))
    sandbox.faults.clear()

    execute(run_task(campaign), try_number=2)

    assert dialled_once(sandbox)


@pytest.mark.parametrize("fault", ["lose-reply", "500"])
def test_the_read_after_the_run_may_fail(sandbox, fault):
    campaign = a_campaign(sandbox)
    sandbox.faults.add(fault, call="get_campaign", skip=1)

    execute(run_task(campaign))

    assert dialled_once(sandbox)


@pytest.mark.parametrize(
    ("outcome", "fails"), [("completed", False), ("unanswered", True)], ids=["a success", "a failure"]
)
@pytest.mark.parametrize("circumstances", [{"try_number": 2}, {"try_number": 2, "cleared_after": 1}])
def test_a_campaign_that_has_ended_is_reported_again_in_the_same_words_and_calls_no_contact(
    sandbox, outcome, fails, circumstances
):
    campaign = a_campaign(sandbox, outcome=outcome)

    def outcome_of(**more):
        try:
            return execute(run_task(campaign), **more)
        except TingTingCampaignFailedError as error:
            return str(error)

    first = outcome_of()
    assert isinstance(first, str) == fails
    assert outcome_of(**circumstances) == first
    assert writes(sandbox) == ["run_campaign"]
    assert dialled_once(sandbox)


def test_a_campaign_of_last_month_is_no_success_of_today(sandbox):
    campaign = a_campaign(sandbox)
    execute(run_task(campaign))

    with pytest.raises(AirflowFailException, match=r"is Completed already: it was run before this task began"):
        execute(run_task(campaign), run_id="scheduled__2026-12-23")

    assert dialled_once(sandbox)


def test_a_campaign_that_a_person_has_started_by_hand_is_waited_for(sandbox, logged):
    campaign = a_campaign(sandbox)
    sandbox.clock.speed = 0
    sandbox.world.run_campaign(campaign)

    # The campaign goes on once the task has seen it running.
    with meanwhile(lambda: reads(sandbox) > 1, sandbox.play_out):
        result, _ = execute(run_task(campaign))

    assert result["reached"] == 4
    assert dialled_once(sandbox)


def test_a_retry_while_the_campaign_runs_waits_for_the_same_one(sandbox):
    campaign = a_campaign(sandbox)
    sandbox.clock.speed = 0
    with pytest.raises(TingTingCampaignTimeoutError):
        execute(run_task(campaign, timeout=0.05))
    sandbox.clock.speed = 2000

    result, _ = execute(run_task(campaign), try_number=2)

    assert result["reached"] == 4
    assert dialled_once(sandbox)


def test_a_cleared_task_may_refuse(sandbox):
    campaign = a_campaign(sandbox)
    execute(run_task(campaign, on_clear="fail"))

    with pytest.raises(AirflowFailException, match="cleared"):
        execute(run_task(campaign, on_clear="fail"), try_number=2, cleared_after=1)


def test_a_run_that_another_attempt_was_faster_with_is_not_repeated(sandbox, monkeypatch):
    campaign = a_campaign(sandbox)
    run = sandbox.world.run_campaign

    def refused_because_a_person_was_faster(campaign_id):
        run(campaign_id)
        raise forbidden_now("The campaign is Running.")

    monkeypatch.setattr(sandbox.world, "run_campaign", refused_because_a_person_was_faster)

    result, _ = execute(run_task(campaign))

    assert result["status"] == "Completed"
    assert dialled_once(sandbox)


# -- figures without a report ------------------------------------------------------------------------------------------


def test_when_the_report_fails_the_contacts_are_counted_one_by_one(sandbox, logged):
    people = [f"98412340{index:02}" for index in range(25)]
    campaign = a_campaign(sandbox, people)
    sandbox.faults.add("500", call="download_campaign_report", times="*")

    result, _ = execute(run_task(campaign))

    assert (result["reached"], result["reach_rate"]) == (25, 1.0)
    assert "the listing of its contacts replaces it" in logged()
