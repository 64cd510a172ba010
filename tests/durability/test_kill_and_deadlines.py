"""What ends a wait other than the campaign: a kill, a deadline, an outage; and what the trigger may and may not do."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred
from durability.in_process import in_both_modes, once, running
from support.campaigns import a_campaign, connection, dialled_once, reads, writes
from support.task_context import context_of, fired_by, kill_trigger

from airflow_provider_tingting.errors import TingTingCampaignTimeoutError, TingTingOutcomeUnknownError
from airflow_provider_tingting.operators.campaign import ending as ending_module
from airflow_provider_tingting.operators.campaign import run as running_module
from airflow_provider_tingting.sandbox import Sandbox
from airflow_provider_tingting.triggers import campaign as trigger_module
from airflow_provider_tingting.triggers.campaign import TingTingCampaignTrigger


@pytest.fixture(autouse=True)
def _time(virtual_time, monkeypatch, sandbox):
    sandbox.clock.speed = 0
    monkeypatch.setenv("AIRFLOW_CONN_TINGTING_DEFAULT", connection(sandbox, timeout=60, max_retries=1))
    yield
    sandbox.options.latency = 0.0


@pytest.fixture
def campaign(sandbox):
    return a_campaign(sandbox)


def deferral(operator, **circumstances):
    """How a task defers."""
    with pytest.raises(TaskDeferred) as waiting:
        operator.execute(context_of(operator, **circumstances))
    return waiting.value


# -- a kill ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["operator", pytest.param("trigger", marks=pytest.mark.newest)])
@pytest.mark.parametrize(
    ("stop_on_kill", "says", "status"),
    [(False, "goes on: stop_on_kill is off", "Running"), (True, "stopped for good", "Terminated")],
)
def test_a_kill_stops_the_campaign_only_if_configured_to_and_says_which(
    sandbox, campaign, logged, kill, where, stop_on_kill, says, status
):
    sandbox.world.run_campaign(campaign)

    kill(where, campaign, stop_on_kill)

    assert f"ampaign {campaign} " in (said := logged())
    assert says in said
    assert sandbox.world.campaigns[campaign].status == status
    assert writes(sandbox) == (["stop_campaign"] if stop_on_kill else [])


@pytest.mark.parametrize("where", ["operator", pytest.param("trigger", marks=pytest.mark.newest)])
@pytest.mark.parametrize("fault", ["stuck", "503-html", "cut-before"])
def test_a_kill_that_tingting_does_not_answer_ends_in_time_and_is_honest(
    sandbox, campaign, monkeypatch, logged, kill, where, fault
):
    monkeypatch.setattr(ending_module, "_SECONDS_TO_STOP", 0.3)
    monkeypatch.setattr(trigger_module, "_STOP_TIMEOUT", 0.3)
    sandbox.world.run_campaign(campaign)
    sandbox.faults.add(fault, call="stop_campaign", times="*")

    began = time.monotonic()
    kill(where, campaign, True)

    assert time.monotonic() - began < 50
    text = logged()
    assert "Whether campaign" in text or "was stopped is unknown" in text
    assert sandbox.world.campaigns[campaign].status == "Running"


@pytest.fixture
def kill(monkeypatch):
    """`kill(where, campaign, stop_on_kill)` ends a task whose operator or trigger is at work."""

    def end(where, campaign, stop_on_kill):
        if where == "operator":
            operator = running(campaign, stop_on_kill=stop_on_kill, wait_for_completion=False)
            operator.execute(context_of(operator))
            operator.on_kill()
        else:
            trigger = TingTingCampaignTrigger(campaign_id=campaign, stop_on_kill=stop_on_kill)
            kill_trigger(trigger, monkeypatch, {"a_run": {"run": "failed"}})

    return end


def test_before_airflow_3_3_a_task_that_defers_warns_of_a_kill(sandbox, campaign, monkeypatch, logged):
    monkeypatch.setattr(running_module, "TRIGGERS_HAVE_ON_KILL", False)

    deferral(running(campaign, deferrable=True, stop_on_kill=True))

    assert "Before Airflow 3.3" in (said := logged())
    assert "go on in spite of stop_on_kill" in said


@pytest.mark.parametrize(("has_on_kill", "stop_on_kill"), [(True, True), (False, False)])
def test_otherwise_there_is_nothing_to_warn_of(sandbox, campaign, monkeypatch, logged, has_on_kill, stop_on_kill):
    monkeypatch.setattr(running_module, "TRIGGERS_HAVE_ON_KILL", has_on_kill)

    deferral(running(campaign, deferrable=True, stop_on_kill=stop_on_kill))

    assert "Before Airflow 3.3" not in logged()


# -- deadlines ---------------------------------------------------------------------------------------------------------


@in_both_modes
@pytest.mark.parametrize("argument", ["timeout", "execution_timeout"])
def test_a_wait_ends_at_its_deadline_and_says_that_the_campaign_goes_on(sandbox, campaign, deferred, argument):
    limit = timedelta(seconds=500)

    with pytest.raises(TingTingCampaignTimeoutError, match="It goes on: stop_on_kill is off, and a retry re-attaches"):
        once(lambda: running(campaign, deferrable=deferred, **{argument: limit}), store=None, deferred=deferred)

    assert sandbox.world.campaigns[campaign].status == "Running"


def test_the_retry_after_a_deadline_re_attaches_and_calls_no_contact_again(sandbox, campaign):
    with pytest.raises(TingTingCampaignTimeoutError):
        once(lambda: running(campaign, timeout=200), store=None)
    sandbox.play_out()

    assert once(lambda: running(campaign, timeout=500), store=None, try_number=2)["status"] == "Completed"
    assert writes(sandbox) == ["run_campaign"]
    assert dialled_once(sandbox)


def test_the_deadline_is_a_time_of_the_day_that_travels_with_the_trigger(campaign, virtual_time):
    before = virtual_time.time()

    waiting = deferral(running(campaign, deferrable=True, timeout=3600))

    _, arguments = waiting.trigger.serialize()
    assert before + 3600 <= arguments["deadline"] <= virtual_time.time() + 3600
    assert waiting.timeout > timedelta(hours=1), "Airflow's own timeout comes only after the trigger's"


def test_execution_timeout_counts_from_the_start_of_the_task_and_leaves_time_to_judge(campaign, virtual_time):
    operator = running(campaign, deferrable=True, execution_timeout=timedelta(hours=1))
    context = context_of(operator)
    context["ti"].start_date -= timedelta(minutes=20)

    with pytest.raises(TaskDeferred) as waiting:
        operator.execute(context)

    _, arguments = waiting.value.trigger.serialize()
    assert arguments["deadline"] == pytest.approx(virtual_time.time() + 40 * 60 - 10, abs=5)


def test_a_deadline_that_passed_while_no_triggerer_was_there_ends_the_wait_after_one_read(
    sandbox, campaign, virtual_time
):
    waiting = deferral(running(campaign, deferrable=True, timeout=50))
    virtual_time.push(100)
    before = reads(sandbox)

    event = fired_by(waiting.trigger)

    assert (event["reason"], event["status"]) == ("timed_out", "Running")
    assert reads(sandbox) == before + 1


def test_a_campaign_that_ended_while_no_triggerer_was_there_is_no_timeout(sandbox, campaign, virtual_time):
    waiting = deferral(running(campaign, deferrable=True, timeout=50))
    virtual_time.push(100)
    sandbox.play_out()

    assert fired_by(waiting.trigger)["reason"] == "reached"


@in_both_modes
def test_when_the_time_is_up_and_tingting_offers_no_stop_the_task_says_that_the_campaign_goes_on(monkeypatch, deferred):
    with Sandbox(dialect={"stop": "404"}, speed=0) as sandbox:
        monkeypatch.setenv("AIRFLOW_CONN_TINGTING_DEFAULT", connection(sandbox))
        campaign = a_campaign(sandbox)

        with pytest.raises(TingTingCampaignTimeoutError, match=r"could not be stopped.*It goes on"):
            once(
                lambda: running(campaign, deferrable=deferred, timeout=200, stop_on_kill=True),
                store=None,
                deferred=deferred,
            )


# -- outages -----------------------------------------------------------------------------------------------------------


@in_both_modes
@pytest.mark.parametrize("fault", ["503-html", "500", "cut-before", "garbage", "429"])
def test_trouble_is_tolerated_for_a_time_and_not_for_a_count(sandbox, campaign, virtual_time, deferred, fault):
    script = sandbox.faults.add(fault, call="get_campaign", times="*", skip=2, value=1 if fault == "429" else None)

    began = virtual_time.time()
    with pytest.raises(TingTingOutcomeUnknownError, match=r"may still be running.*re-attaches"):
        once(lambda: running(campaign, deferrable=deferred, tolerate_outage=300), store=None, deferred=deferred)

    assert virtual_time.time() - began >= 300
    assert script.applied > 3, "it has asked again and again"


def test_a_short_answer_between_two_outages_begins_the_time_again(sandbox, campaign):
    for _ in range(4):
        sandbox.faults.add("500", call="get_campaign", times=2, skip=2)

    with pytest.raises(TingTingCampaignTimeoutError):
        once(lambda: running(campaign, tolerate_outage=200, timeout=600), store=None)


# -- the trigger -------------------------------------------------------------------------------------------------------


@pytest.mark.newest
def test_the_whole_traffic_of_the_trigger_is_reading_but_for_the_stop_of_a_kill(sandbox, campaign, monkeypatch):
    waiting = deferral(running(campaign, deferrable=True, stop_on_kill=True, timeout=400))
    before = len(sandbox.requests)
    sandbox.faults.add("500", call="get_campaign", times=2)

    fired_by(waiting.trigger)
    kill_trigger(waiting.trigger, monkeypatch, {"a_run": {"run": "failed"}})

    traffic = [(request.method, request.call) for request in sandbox.requests[before:]]
    assert [call for method, call in traffic if method != "GET"] == ["stop_campaign"]
    # Whether the campaign has ended is read, not assumed.
    assert traffic[-1] == ("GET", "get_campaign")
