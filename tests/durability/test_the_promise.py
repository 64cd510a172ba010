"""The promise, row by row: what happened, what exists at TingTing afterwards, who was called.

Each test bears the name of a row of the table in `docs/durability.md`, and runs with a task state store (Airflow 3.3)
and without one (all versions before); where a task waits, both in the worker and in the triggerer.
"""

from __future__ import annotations

import asyncio
import json
import time

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred
from durability.in_process import (
    LATE,
    Killed,
    Life,
    Store,
    creating,
    killed_after,
    killed_before,
    let_everything_arrive,
    make_impatient,
    once,
    promise_is_kept,
    tried,
)
from support.campaigns import NUMBERS, a_campaign, connection, dialled_once, meanwhile, reads, writes
from support.task_context import context_of, fired_by

from airflow_provider_tingting._compat import AirflowFailException
from airflow_provider_tingting.errors import (
    TingTingCampaignFailedError,
    TingTingCampaignTimeoutError,
    TingTingError,
    TingTingOutcomeUnknownError,
    TingTingReportError,
)
from airflow_provider_tingting.operators.campaign import TingTingRunCampaignOperator
from airflow_provider_tingting.triggers.campaign import TingTingCampaignTrigger

LOST = ("lose-reply", "500-after-commit", "502-after-commit", "503-after-commit", "garbage", "truncate")
NOT_DONE = ("cut-before", "500", "502-empty", "503-html")
NO_ANSWER = ("stuck", "stuck-after-commit", "late-commit")

with_and_without_a_store = pytest.mark.parametrize(
    "has_store", [pytest.param(True, id="with a store"), pytest.param(False, id="without a store")]
)
in_both_modes = pytest.mark.parametrize(
    "deferred", [pytest.param(False, id="in the worker"), pytest.param(True, id="deferred")]
)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch, sandbox):
    make_impatient(monkeypatch)
    monkeypatch.setenv("AIRFLOW_CONN_TINGTING_DEFAULT", connection(sandbox, timeout=0.5, max_retries=1))
    sandbox.clock.speed = 400
    yield
    if any(request.fault == "late-commit" for request in sandbox.requests):
        time.sleep(LATE)


def running(campaign_id, **changes):
    return TingTingRunCampaignOperator(
        **{"task_id": "run", "campaign_id": campaign_id, "poll_interval": 0.05, "deferrable": False, **changes}
    )


# -- create's reply is lost (timeout, cut connection, 5xx) -------------------------------------------------------------


@with_and_without_a_store
@pytest.mark.parametrize("fault", [*LOST, *NOT_DONE, *NO_ANSWER])
def test_when_the_reply_to_create_is_lost_one_campaign_exists_and_nobody_is_called(sandbox, fault, has_store):
    sandbox.faults.add(fault, call="create_campaign", value=LATE if fault == "late-commit" else None)

    campaign, tries = tried(creating, store=Store() if has_store else None)

    let_everything_arrive(sandbox)
    assert tries == 1
    assert list(sandbox.world.campaigns) == [campaign]
    assert not sandbox.ledger.dialled


# -- the worker is killed right after create reached the server --------------------------------------------------------


@pytest.mark.parametrize(
    ("has_store", "late"),
    [
        pytest.param(True, False, id="with a store"),
        pytest.param(False, False, id="without a store"),
        # Without a store nobody knows that a create is under way: see what cannot be guaranteed.
        pytest.param(True, True, id="with a store, obeyed late"),
    ],
)
def test_when_the_worker_is_killed_right_after_create_the_retry_adopts_its_campaign(
    sandbox, monkeypatch, has_store, late
):
    store = Store() if has_store else None
    if late:
        # Killed while it looks for what came of a create that is obeyed later.
        sandbox.faults.add("late-commit", call="create_campaign", value=LATE)
        with killed_before(monkeypatch, "list_campaigns", skip=1), pytest.raises(Killed):
            once(creating, store=store)
        assert not sandbox.world.campaigns
    else:
        with killed_after(monkeypatch, "create_campaign"), pytest.raises(Killed):
            once(creating, store=store)

    campaign = once(creating, store=store, try_number=2)

    let_everything_arrive(sandbox)
    assert list(sandbox.world.campaigns) == [campaign]
    assert writes(sandbox).count("create_campaign") == 1
    assert not sandbox.ledger.dialled


@pytest.mark.parametrize("phase", ["creating", "created"])
def test_a_worker_killed_at_each_step_that_create_remembers_leaves_one_campaign(sandbox, phase):
    store = Store(dies_at=phase)

    campaign, tries = tried(creating, store=store)

    assert (list(sandbox.world.campaigns), tries) == ([campaign], 2)
    assert sandbox.world.campaigns[campaign].voice == 1


# -- run's reply is lost, or the worker is killed right after run ------------------------------------------------------


@in_both_modes
@with_and_without_a_store
@pytest.mark.parametrize("fault", [*LOST, *NOT_DONE, *NO_ANSWER])
def test_when_the_reply_to_run_is_lost_everybody_is_called_once(sandbox, fault, deferred, has_store):
    campaign = a_campaign(sandbox)
    sandbox.faults.add(fault, call="run_campaign", value=LATE if fault == "late-commit" else None)

    result, tries = tried(
        lambda: running(campaign, deferrable=deferred), store=Store() if has_store else None, deferred=deferred
    )

    let_everything_arrive(sandbox)
    assert (result["status"], tries) == ("Completed", 1)
    assert len(sandbox.world.campaigns[campaign].runs) == 1
    assert dialled_once(sandbox)


@in_both_modes
@with_and_without_a_store
def test_when_the_worker_is_killed_right_after_run_the_retry_calls_nobody_again(
    sandbox, monkeypatch, deferred, has_store
):
    campaign, store = a_campaign(sandbox), Store() if has_store else None

    def make():
        return running(campaign, deferrable=deferred)

    with killed_after(monkeypatch, "run_campaign"), pytest.raises(Killed):
        once(make, store=store, deferred=deferred)
    result = once(make, store=store, deferred=deferred, try_number=2)

    assert result["status"] == "Completed"
    assert writes(sandbox) == ["run_campaign"]
    assert dialled_once(sandbox)


@with_and_without_a_store
def test_when_the_worker_is_killed_before_a_late_run_is_obeyed_the_retry_calls_nobody_again(
    sandbox, monkeypatch, has_store
):
    campaign, store = a_campaign(sandbox), Store() if has_store else None
    sandbox.faults.add("late-commit", call="run_campaign", value=LATE)

    with killed_before(monkeypatch, "get_campaign", skip=1), pytest.raises(Killed):
        once(lambda: running(campaign), store=store)
    assert not sandbox.world.campaigns[campaign].runs, "the retry begins before the run is obeyed"
    result = once(lambda: running(campaign), store=store, try_number=2)

    let_everything_arrive(sandbox)
    assert result["status"] == "Completed"
    assert writes(sandbox) == ["run_campaign"]
    assert dialled_once(sandbox)


@in_both_modes
@pytest.mark.parametrize("phase", ["running", "begun"])
def test_a_worker_killed_at_each_step_that_run_remembers_calls_everybody_once(sandbox, phase, deferred):
    campaign, store = a_campaign(sandbox), Store(dies_at=phase)

    result, tries = tried(lambda: running(campaign, deferrable=deferred), store=store, deferred=deferred)

    assert (result["status"], tries) == ("Completed", 2)
    assert writes(sandbox) == ["run_campaign"]
    assert dialled_once(sandbox)


def test_a_run_that_tingting_has_said_yes_to_is_never_asked_for_again_even_if_its_status_lags(sandbox):
    sandbox.clock.speed = 0
    campaign, store = a_campaign(sandbox), Store(dies_at="begun")
    with pytest.raises(Killed):
        once(lambda: running(campaign), store=store)
    # The server shows the old status still.
    sandbox.world.campaigns[campaign].status = "Not Started"

    before = reads(sandbox)
    # For longer than a later try watches before it would run.
    with meanwhile(lambda: reads(sandbox) > before + 20, sandbox.play_out):
        result = once(lambda: running(campaign), store=store, try_number=2)

    assert result["status"] == "Completed"
    assert writes(sandbox) == ["run_campaign"]


# -- a batch of contacts is cut half-way -------------------------------------------------------------------------------


@with_and_without_a_store
@pytest.mark.parametrize("transport", ["json", "xlsx"])
@pytest.mark.parametrize("fault", [*LOST, *NOT_DONE, *NO_ANSWER])
def test_when_a_batch_of_contacts_is_cut_it_is_sent_again_and_everybody_is_called_once(
    sandbox, tmp_path, fault, transport, has_store
):
    life = Life(tmp_path, has_store=has_store, add={"transport": transport}).live("create")
    call = "add_contacts" if transport == "json" else "upload_contacts"
    sandbox.faults.add(fault, call=call, value=LATE if fault == "late-commit" else None)

    life.live("add", "run", "report")

    promise_is_kept(sandbox, life)


@with_and_without_a_store
def test_when_the_worker_is_killed_between_two_batches_the_retry_adds_who_is_missing(
    sandbox, tmp_path, monkeypatch, has_store
):
    life = Life(tmp_path, has_store=has_store).live("create")
    with killed_before(monkeypatch, "add_contacts", skip=1), pytest.raises(Killed):
        life.try_task("add")
    assert len(sandbox.world.campaigns[life.campaign_id].contacts) == 2

    result = life.try_task("add", try_number=2)
    life.live("run", "report")

    assert (result["total"], result["created"], result["skipped"]) == (4, 2, 2)
    promise_is_kept(sandbox, life)


@pytest.mark.parametrize("fault", ["partial", "partial-silent"])
def test_people_that_tingting_did_not_take_are_an_error_that_names_them_masked(sandbox, tmp_path, fault):
    life = Life(tmp_path, has_store=True, add={"batch_size": 500}).live("create")
    sandbox.faults.add(fault, call="add_contacts", times="*")

    with pytest.raises(TingTingError, match="of 4 contacts") as raised:
        life.try_task("add")

    assert not any(number in str(raised.value) for number in NUMBERS)
    assert not sandbox.ledger.dialled


# -- the report breaks off in the middle -------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["truncate", "cut-before", "garbage", "503-html"])
def test_when_the_report_breaks_off_nothing_appears_at_the_path_and_the_retry_brings_it_whole(sandbox, tmp_path, fault):
    life = Life(tmp_path, has_store=True).live("create", "add", "run")
    # The listing of contacts would take the report's place, so it breaks off too.
    for call in ("download_campaign_report", "list_contacts"):
        sandbox.faults.add(fault, call=call, times="*")

    with pytest.raises((TingTingReportError, TingTingOutcomeUnknownError)):
        life.try_task("report")
    assert list(tmp_path.iterdir()) == []
    sandbox.faults.clear()
    life.live("report")

    promise_is_kept(sandbox, life)


# -- the triggerer restarts, the token is rotated, the API is down -----------------------------------------------------


def test_when_the_triggerer_restarts_the_trigger_waits_on_elsewhere(sandbox):
    sandbox.clock.speed = 0
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
        while reads(sandbox) < 4:
            await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(begin_and_die())
    sandbox.clock.speed = 400
    event = fired_by(waiting.value.trigger)

    assert make().execute_complete(context, event=event)["status"] == "Completed"
    assert writes(sandbox) == ["run_campaign"]
    assert dialled_once(sandbox)


@in_both_modes
def test_when_the_token_is_rotated_during_the_wait_the_connection_is_read_again(sandbox, monkeypatch, deferred):
    sandbox.clock.speed = 0
    campaign = a_campaign(sandbox)
    new = "a-new-token-of-the-account"

    def rotate():
        monkeypatch.setenv("AIRFLOW_CONN_TINGTING_DEFAULT", connection(sandbox, password=new))
        sandbox.world.rotate_token(new)
        sandbox.play_out()

    try:
        with meanwhile(lambda: reads(sandbox) > 4, rotate):
            result = once(lambda: running(campaign, deferrable=deferred), store=None, deferred=deferred)
    finally:
        sandbox.reset()

    assert result["status"] == "Completed"


@in_both_modes
def test_when_the_token_is_gone_for_good_the_task_fails_and_says_that_a_retry_re_attaches(sandbox, deferred):
    sandbox.clock.speed = 0
    campaign = a_campaign(sandbox)

    with (
        meanwhile(lambda: reads(sandbox) > 4, lambda: sandbox.world.rotate_token("a-token-that-nobody-told")),
        pytest.raises(TingTingError, match=r"re-attaches.*calls nobody a second time") as raised,
    ):
        once(lambda: running(campaign, deferrable=deferred), store=None, deferred=deferred)

    assert not isinstance(raised.value, AirflowFailException)


@in_both_modes
def test_when_the_api_is_down_for_a_time_that_is_tolerated_the_wait_goes_on(sandbox, deferred):
    sandbox.clock.speed = 0
    campaign = a_campaign(sandbox)

    def be_down():
        with sandbox.outage():
            time.sleep(0.3)
        sandbox.play_out()

    with meanwhile(lambda: reads(sandbox) > 4, be_down):
        result = once(lambda: running(campaign, deferrable=deferred, tolerate_outage=60), store=None, deferred=deferred)

    assert result["status"] == "Completed"
    assert dialled_once(sandbox)


@in_both_modes
@with_and_without_a_store
def test_when_the_api_is_down_for_longer_the_task_fails_and_its_retry_re_attaches(sandbox, deferred, has_store):
    sandbox.clock.speed = 0
    campaign, store = a_campaign(sandbox), Store() if has_store else None

    def make():
        return running(campaign, deferrable=deferred, tolerate_outage=0.2)

    fault = sandbox.faults.add("503-html", call="get_campaign", times="*", skip=3)
    with pytest.raises(TingTingOutcomeUnknownError, match=r"may still be running.*re-attaches"):
        once(make, store=store, deferred=deferred)
    sandbox.faults.remove(fault.id)
    sandbox.play_out()

    assert once(make, store=store, deferred=deferred, try_number=2)["status"] == "Completed"
    assert writes(sandbox) == ["run_campaign"]
    assert dialled_once(sandbox)


# -- the task is retried while the campaign runs -----------------------------------------------------------------------


@in_both_modes
@with_and_without_a_store
@pytest.mark.parametrize("ends", ["Completed", "Terminated", "Completed, nobody reached"])
def test_a_retry_while_the_campaign_runs_re_attaches_and_reports_the_real_outcome(
    sandbox, monkeypatch, deferred, has_store, ends
):
    sandbox.clock.speed = 0
    campaign = a_campaign(sandbox, outcome="unanswered" if "nobody" in ends else "completed")
    store = Store() if has_store else None

    def make():
        return running(campaign, deferrable=deferred)

    with killed_before(monkeypatch, "get_campaign", skip=1), pytest.raises(Killed):
        once(make, store=store, deferred=deferred)
    end = sandbox.play_out if "Completed" in ends else lambda: sandbox.world.stop_campaign(campaign)
    before = reads(sandbox)
    with meanwhile(lambda: reads(sandbox) > before + 3, end):
        told = []
        for try_number in (2, 3):
            try:
                told.append(once(make, store=store, deferred=deferred, try_number=try_number)["status"])
            except TingTingCampaignFailedError as error:
                told.append(str(error))

    assert writes(sandbox) == ["run_campaign"]
    assert told[0] == told[1], "red stays red, green stays green"
    if ends == "Completed":
        assert told[0] == "Completed"
    else:
        assert ("Terminated" if ends == "Terminated" else "nobody was reached") in told[0]
        assert "Of 4 contacts: 0 reached" in told[0]


# -- a person clears the task ------------------------------------------------------------------------------------------


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


# -- a person marks the task failed, or its time is up -----------------------------------------------------------------


@in_both_modes
@pytest.mark.parametrize(
    ("stop_on_kill", "says", "status"),
    [(False, "It goes on: stop_on_kill is off", "Running"), (True, "was stopped for good", "Terminated")],
)
def test_when_its_time_is_up_the_campaign_is_stopped_or_said_to_go_on(sandbox, deferred, stop_on_kill, says, status):
    sandbox.clock.speed = 0
    campaign = a_campaign(sandbox)

    with pytest.raises(TingTingCampaignTimeoutError, match=says):
        once(
            lambda: running(campaign, deferrable=deferred, timeout=0.3, stop_on_kill=stop_on_kill),
            store=None,
            deferred=deferred,
        )

    assert sandbox.world.campaigns[campaign].status == status


@pytest.mark.parametrize(
    ("stop_on_kill", "says", "status"), [(False, "goes on", "Running"), (True, "was stopped for good", "Terminated")]
)
@in_both_modes
def test_when_a_person_marks_the_task_failed_the_campaign_is_stopped_or_said_to_go_on(
    sandbox, logged, deferred, stop_on_kill, says, status
):
    sandbox.clock.speed = 0
    campaign = a_campaign(sandbox)
    sandbox.world.run_campaign(campaign)

    if deferred:
        asyncio.run(TingTingCampaignTrigger(campaign_id=campaign, stop_on_kill=stop_on_kill).on_kill())
    else:
        running(campaign, stop_on_kill=stop_on_kill).on_kill()

    assert says in logged()
    assert sandbox.world.campaigns[campaign].status == status


# -- something unknown -------------------------------------------------------------------------------------------------


@in_both_modes
def test_an_unknown_status_is_never_a_success_and_never_run(sandbox, deferred):
    campaign = a_campaign(sandbox)
    sandbox.world.campaigns[campaign].status = "Contemplating"

    with pytest.raises(TingTingCampaignTimeoutError, match="Contemplating"):
        once(lambda: running(campaign, deferrable=deferred, timeout=0.2), store=None, deferred=deferred)

    assert writes(sandbox) == []


GOOD = {"version": 1, "reason": "reached", "campaign_id": 1, "status": "Completed", "contacts": 4}


@pytest.mark.parametrize(
    "event",
    [
        None,
        "reached",
        [],
        {},
        {**GOOD, "version": 2},
        {**GOOD, "version": None},
        {**GOOD, "reason": "bored"},
        {**GOOD, "campaign_id": 2.5},
        {**GOOD, "campaign_id": "1"},
        {**GOOD, "status": None},
        {**GOOD, "status": 3},
        {**GOOD, "contacts": "all"},
        {key: value for key, value in GOOD.items() if key != "status"},
    ],
)
def test_an_event_that_is_lost_or_malformed_is_never_a_success(sandbox, event):
    campaign = a_campaign(sandbox)
    assert campaign == 1
    sandbox.world.run_campaign(campaign)
    sandbox.play_out()
    operator = running(campaign, deferrable=True)

    with pytest.raises(TingTingError, match=r"re-attaches"):
        operator.execute_complete(context_of(operator), event=event)


def test_what_an_event_says_is_not_believed_without_a_look(sandbox):
    campaign = a_campaign(sandbox)
    sandbox.world.run_campaign(campaign)
    operator = running(campaign, deferrable=True)
    sandbox.clock.speed = 0

    with pytest.raises(TingTingCampaignFailedError, match="is not over but Running"):
        operator.execute_complete(context_of(operator), event=GOOD)


def test_a_state_that_cannot_be_read_is_none(sandbox):
    from airflow_provider_tingting.campaign import JobState

    kept = JobState("running", 7, "abc", 12.5)
    assert JobState.from_json(json.loads(json.dumps(kept.to_json()))) == kept
    for spoilt in (
        None,
        [],
        {},
        {"version": 2},
        {**kept.to_json(), "campaign_id": "7"},
        {**kept.to_json(), "phase": 1},
    ):
        assert JobState.from_json(spoilt) == JobState()
