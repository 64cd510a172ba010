"""The right hour: nobody is called outside the window, whatever made the task late, in a worker and deferred."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred
from support.campaigns import NUMBERS, a_campaign, connection, dialled_once, meanwhile, reads, wait_until, writes
from support.impatience import settle_fast
from support.task_context import context_of, execute, execute_through

from airflow_provider_tingting import calling_window
from airflow_provider_tingting._compat import AirflowFailException
from airflow_provider_tingting.calling_window import CallingWindow
from airflow_provider_tingting.errors import (
    TingTingCampaignError,
    TingTingCampaignFailedError,
    TingTingCampaignTimeoutError,
    TingTingConfigError,
)
from airflow_provider_tingting.operators.campaign import TingTingRunCampaignOperator
from airflow_provider_tingting.operators.preview import TingTingDemoCallOperator
from airflow_provider_tingting.sandbox import replies

pytestmark = pytest.mark.usefixtures("tingting_conn")

NEPAL = ZoneInfo("Asia/Kathmandu")
AT_THREE = datetime(2026, 11, 24, 3, tzinfo=NEPAL)
AT_EIGHT = datetime(2026, 11, 24, 8, tzinfo=NEPAL)
DAYTIME = ("08:00", "20:00")
FAST = 40_000.0
# Whether nights pass at once, and whether somebody sleeps.
NIGHTS = {"pass": True, "asleep": False}


@pytest.fixture(autouse=True)
def _by_the_sandboxs_clock(monkeypatch, sandbox):
    settle_fast(monkeypatch)
    monkeypatch.setattr(calling_window, "now", sandbox.clock.time)
    NIGHTS["asleep"] = False

    def naps(until):
        """Let the night pass at once for whoever sleeps, unless the world is to stand still."""
        while (left := until - sandbox.clock.time()) > 0:
            if NIGHTS["pass"]:
                sandbox.clock.push(left)
                sandbox.clock.speed = FAST
            NIGHTS["asleep"] = True
            yield 0.01

    monkeypatch.setattr(calling_window, "naps", naps)


@pytest.fixture(params=[False, True], ids=["in a worker", "deferred"])
def deferrable(request):
    return request.param


def it_is(sandbox, moment, speed=None):
    """Set the world's clock: days pass fast, and nights at once for whoever sleeps; or all at a speed of one's own."""
    NIGHTS["pass"] = speed is None
    if speed is None:
        speed = FAST if CallingWindow.read(DAYTIME).is_open(moment) else 0
    sandbox.clock.resume(moment.timestamp(), speed=speed)


def running(campaign_id, **changes):
    return TingTingRunCampaignOperator(
        **{
            "task_id": "run",
            "campaign_id": campaign_id,
            "poll_interval": 0.02,
            "deferrable": False,
            "calling_window": DAYTIME,
            **changes,
        }
    )


def first_call(sandbox):
    return min(entry.at for entry in sandbox.ledger.dialled)


# -- waiting for the hour ----------------------------------------------------------------------------------------------


def test_a_task_at_three_in_the_morning_calls_nobody_before_the_window_opens(sandbox, deferrable, logged):
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
    assert f"Campaign {campaign} is not run before 2026-11-24 08:00" in said
    assert f"waiting {where}. Nobody is called meanwhile" in said
    assert ("This wait holds a worker slot" in said) is not deferrable


def test_in_the_window_nothing_is_waited_for(sandbox, deferrable):
    it_is(sandbox, AT_EIGHT)
    campaign = a_campaign(sandbox)

    operator = running(campaign, deferrable=deferrable)
    _, deferred_to = execute_through(lambda: operator, context_of(operator))

    assert dialled_once(sandbox)
    assert "TingTingStartTrigger" not in deferred_to


def test_days_and_a_time_zone_of_ones_own_are_heeded(sandbox):
    # Tuesday, three in the morning in Nepal; in Berlin Monday evening.
    it_is(sandbox, AT_THREE, speed=2000)
    campaign = a_campaign(sandbox)

    execute(running(campaign, calling_window=CallingWindow("22:00", "23:00", days="Mon", timezone="Europe/Berlin")))

    assert dialled_once(sandbox)
    assert first_call(sandbox) < AT_EIGHT


def test_whoever_prefers_it_gets_a_failure_without_further_tries_instead_of_a_wait(sandbox, deferrable):
    it_is(sandbox, AT_THREE, speed=0)
    campaign = a_campaign(sandbox)

    with pytest.raises(AirflowFailException, match=r"08:00 to 20:00 Asia/Kathmandu.*opens at 2026-11-24 08:00.*Nobody"):
        execute(running(campaign, deferrable=deferrable, outside_window="fail"))

    assert writes(sandbox) == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"calling_window": ("20:00", "20:00")}, "never opens"),
        ({"calling_window": "daytime"}, "no calling window"),
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
    it_is(sandbox, AT_THREE, speed=0)
    operator = running(a_campaign(sandbox), deferrable=True)

    for event in (None, "go", {"version": 99}):
        with pytest.raises(TaskDeferred) as again:
            operator.execute_start(context_of(operator), event=event)
        assert again.value.trigger.not_before == AT_EIGHT.timestamp()

    assert writes(sandbox) == []


# -- what has begun is not held up -------------------------------------------------------------------------------------


@pytest.mark.parametrize("cleared_after", [0, 1], ids=["retry", "clear"])
def test_at_three_in_the_morning_a_later_try_re_attaches_at_once_to_what_runs(sandbox, deferrable, cleared_after):
    it_is(sandbox, AT_THREE, speed=2000)
    campaign = a_campaign(sandbox)
    sandbox.world.run_campaign(campaign)

    operator = running(campaign, deferrable=deferrable)
    context = context_of(operator, try_number=2, cleared_after=cleared_after)
    result, deferred_to = execute_through(lambda: operator, context)

    assert result["status"] == "Completed"
    assert "TingTingStartTrigger" not in deferred_to
    assert writes(sandbox) == []


def test_a_campaign_that_somebody_starts_during_the_wait_is_not_run_again(sandbox, deferrable):
    it_is(sandbox, AT_THREE, speed=0)
    campaign = a_campaign(sandbox)

    def at_nine_it_runs_already():
        sandbox.world.run_campaign(campaign)
        it_is(sandbox, AT_EIGHT + timedelta(hours=1))

    operator = running(campaign, deferrable=deferrable)
    with meanwhile(lambda: NIGHTS["asleep"], at_nine_it_runs_already):
        result, _ = execute_through(lambda: operator, context_of(operator))

    assert result["status"] == "Completed"
    assert dialled_once(sandbox)
    assert writes(sandbox) == []


def test_a_retry_after_a_death_during_the_wait_waits_on_and_calls_everybody_once(sandbox, deferrable):
    it_is(sandbox, AT_THREE, speed=0)
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
    it_is(sandbox, closing, speed=0)
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
    it_is(sandbox, closing, speed=0)
    operator = running(a_campaign(sandbox), deferrable=True)
    sandbox.faults.add("cut-before", call="run_campaign")

    with (
        meanwhile(lambda: "run_campaign" in writes(sandbox), lambda: it_is(sandbox, closing + timedelta(minutes=3), 0)),
        pytest.raises(TaskDeferred) as waiting,
    ):
        operator.execute(context_of(operator))

    assert waiting.value.trigger.asked is True


@pytest.mark.parametrize(
    "limits",
    [
        {"outside_window": "fail"},
        {"start_timeout": 600},
        {"calling_window": None, "max_age": 60, "on_too_old": "skip"},
    ],
)
def test_after_a_request_without_an_answer_no_refusal_says_that_nobody_was_called(sandbox, limits):
    closing = AT_EIGHT.replace(hour=19, minute=59)
    it_is(sandbox, closing, speed=0)
    campaign = a_campaign(sandbox)
    sandbox.faults.add("cut-before", call="run_campaign")
    operator = running(campaign, **limits)
    context = context_of(operator)
    context["dag_run"] = SimpleNamespace(run_type="manual", logical_date=closing)

    with (
        meanwhile(lambda: "run_campaign" in writes(sandbox), lambda: it_is(sandbox, closing + timedelta(minutes=3), 0)),
        pytest.raises(TingTingCampaignError, match=r"without an answer.*probably nobody.*Look at TingTing before"),
    ):
        operator.execute(context)

    assert writes(sandbox) == ["run_campaign"]


# -- schedules ---------------------------------------------------------------------------------------------------------


def test_a_schedule_outside_the_window_is_refused_before_the_campaign_is_run(sandbox):
    it_is(sandbox, AT_EIGHT, speed=0)
    campaign = a_campaign(sandbox, schedule=(AT_EIGHT + timedelta(hours=13)).timestamp())

    with pytest.raises(
        AirflowFailException, match=r"scheduled for 2026-11-24T21:00:00\+05:45, outside its calling window"
    ):
        execute(running(campaign))

    assert writes(sandbox) == []


def test_a_schedule_within_the_window_is_handed_over_at_any_hour(sandbox):
    it_is(sandbox, AT_THREE, speed=0)
    campaign = a_campaign(sandbox, schedule=(AT_EIGHT + timedelta(hours=1)).timestamp())

    result, _ = execute(running(campaign, wait_for_completion=False))

    assert result["status"] == "Scheduled"


@pytest.mark.parametrize("window", [None, DAYTIME])
def test_a_schedule_that_tingting_writes_without_an_offset_is_nepal_time(sandbox, monkeypatch, window):
    it_is(sandbox, AT_THREE, speed=0)
    campaign = a_campaign(sandbox, schedule=(AT_EIGHT + timedelta(hours=1)).timestamp())
    monkeypatch.setattr(replies, "as_text", lambda moment: datetime.fromtimestamp(moment, NEPAL).strftime("%FT%T"))

    result, _ = execute(running(campaign, wait_for_completion=False, calling_window=window))

    assert result["status"] == "Scheduled"


def test_a_schedule_that_has_passed_makes_no_exception(sandbox):
    it_is(sandbox, AT_THREE - timedelta(hours=1), speed=0)
    campaign = a_campaign(sandbox, schedule=(AT_THREE - timedelta(minutes=1)).timestamp())
    it_is(sandbox, AT_THREE, speed=0)

    with pytest.raises(AirflowFailException, match="opens at 2026-11-24 08:00"):
        execute(running(campaign, outside_window="fail"))


# -- time limits -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("argument", ["start_timeout", "execution_timeout"])
def test_a_window_that_opens_too_late_is_not_waited_for(sandbox, deferrable, argument):
    it_is(sandbox, AT_THREE, speed=0)
    campaign = a_campaign(sandbox)
    operator = running(campaign, deferrable=deferrable, **{argument: timedelta(hours=2)})
    context = context_of(operator)
    context["ti"].start_date = AT_THREE

    with pytest.raises(
        TingTingCampaignTimeoutError, match=r"nobody was called.*before 2026-11-24 08:00.*retry waits anew"
    ):
        operator.execute(context)

    assert writes(sandbox) == []


def test_the_time_limits_of_a_start_travel_through_the_wait(sandbox):
    it_is(sandbox, AT_THREE, speed=0)
    operator = running(a_campaign(sandbox), deferrable=True, start_timeout=6 * 3600, timeout=60)

    with pytest.raises(TaskDeferred) as waiting:
        operator.execute(context_of(operator))

    until = (AT_THREE + timedelta(hours=6)).timestamp()
    assert waiting.value.trigger.deadline == until
    assert waiting.value.kwargs == {"start_deadline": until}
    assert timedelta(hours=6) < waiting.value.timeout < timedelta(hours=7)
    it_is(sandbox, AT_THREE + timedelta(hours=1), speed=0)
    with pytest.raises(TaskDeferred) as again:
        operator.execute_start(context_of(operator), event=None, **waiting.value.kwargs)
    assert again.value.kwargs == {"start_deadline": until}


def test_timeout_does_not_count_before_the_campaign_begins(sandbox, deferrable):
    it_is(sandbox, AT_THREE, speed=0)
    campaign = a_campaign(sandbox)
    operator = running(campaign, deferrable=deferrable, timeout=0.2)
    waited = threading.Timer(0.5, it_is, (sandbox, AT_EIGHT))
    waited.start()

    result, _ = execute_through(lambda: operator, context_of(operator))

    assert result["status"] == "Completed"


# -- kill --------------------------------------------------------------------------------------------------------------


def test_a_kill_during_the_wait_says_that_nobody_was_called_and_stops_nothing(sandbox, logged):
    it_is(sandbox, AT_THREE, speed=0)
    campaign = a_campaign(sandbox)
    operator = running(campaign, stop_on_kill=True)

    def kill():
        wait_until(lambda: operator.said_if_killed is not None)
        operator.on_kill()
        it_is(sandbox, AT_EIGHT)

    with meanwhile(lambda: reads(sandbox) >= 1, kill):
        execute(operator)

    assert (
        f"Campaign {campaign} was not run: the task has ended while it waited to start. It has called nobody."
        in logged()
    )
    assert writes(sandbox) == ["run_campaign"]
    assert operator.said_if_killed is None


def test_a_kill_where_the_process_itself_waits_deferred_says_that_nobody_was_called(sandbox, logged):
    it_is(sandbox, AT_THREE, speed=0)
    campaign = a_campaign(sandbox)
    operator = running(campaign, deferrable=True)
    with pytest.raises(TaskDeferred) as waiting:
        execute(operator)
    operator.on_kill()

    assert f"Campaign {campaign} was not run: the task has ended while it waited to start." in logged()
    assert "goes on" not in logged()

    it_is(sandbox, AT_EIGHT)
    result = operator.execute_start(context_of(operator), event=None, **waiting.value.kwargs)
    assert (result["status"], operator.said_if_killed) == ("Completed", None)


def test_a_kill_after_a_request_without_an_answer_does_not_claim_that_nobody_was_called(sandbox):
    it_is(sandbox, AT_EIGHT.replace(hour=19, minute=59), speed=0)
    campaign = a_campaign(sandbox)
    sandbox.faults.add("cut-before", call="run_campaign")
    operator = running(campaign, stop_on_kill=True, start_timeout=24 * 3600)
    said = []

    def look():
        it_is(sandbox, AT_EIGHT.replace(hour=20), speed=0)
        before = reads(sandbox)
        wait_until(lambda: reads(sandbox) > before + 3)
        said.append(operator.said_if_killed)
        it_is(sandbox, AT_EIGHT + timedelta(days=1))

    with meanwhile(lambda: "run_campaign" in writes(sandbox), look):
        execute(operator)

    assert said == [None]


# -- the connection ----------------------------------------------------------------------------------------------------


def test_a_token_that_is_replaced_during_the_wait_is_read_anew(sandbox, monkeypatch, deferrable):
    it_is(sandbox, AT_THREE, speed=0)
    campaign = a_campaign(sandbox)

    def replace_token():
        sandbox.world.rotate_token("another-token-for-the-sandbox")
        monkeypatch.setenv(
            "AIRFLOW_CONN_TINGTING_DEFAULT", connection(sandbox, password="another-token-for-the-sandbox")
        )
        it_is(sandbox, AT_EIGHT)

    operators = []

    def operator():
        operators.append(running(campaign, deferrable=deferrable))
        return operators[-1]

    def waits():
        answered = any(request.call == "get_campaign" and request.status == 200 for request in sandbox.requests)
        return answered and (deferrable or operators[-1].said_if_killed)

    with meanwhile(waits, replace_token):
        result, _ = execute_through(operator, context_of(running(campaign)))

    assert result["status"] == "Completed"


# -- the demo call -----------------------------------------------------------------------------------------------------


def demo_call(sandbox, **changes):
    campaign = a_campaign(sandbox)
    (contact, *_) = sandbox.world.campaigns[campaign].contacts
    return TingTingDemoCallOperator(task_id="demo", contact_id=contact, calling_window=DAYTIME, **changes)


def test_a_demo_call_rings_in_the_window_only(sandbox):
    it_is(sandbox, AT_THREE, speed=0)
    operator = demo_call(sandbox)

    with pytest.raises(AirflowFailException, match=r"outside the calling window.*Nobody was called"):
        execute(operator)
    assert writes(sandbox) == []

    it_is(sandbox, AT_EIGHT, speed=0)
    assert execute(operator)[0]["called"] is True


def test_a_demo_call_with_a_window_that_never_opens_is_refused_when_the_dag_file_is_read(sandbox):
    with pytest.raises(TingTingConfigError, match="never opens"):
        TingTingDemoCallOperator(task_id="demo", contact_id=1, calling_window=("08:00", "08:00"))


def test_the_end_of_a_campaign_that_nobody_answers_is_told_after_the_wait_too(sandbox, deferrable):
    it_is(sandbox, AT_THREE)
    campaign = a_campaign(sandbox, outcome="unanswered")
    operator = running(campaign, deferrable=deferrable)

    with pytest.raises(TingTingCampaignFailedError, match="nobody was reached"):
        execute_through(lambda: operator, context_of(operator))

    assert set(sandbox.ledger.times_dialled()) == set(NUMBERS)
