"""Before the start, a task forecasts whether its campaign ends before the calling window closes."""

from __future__ import annotations

from datetime import timedelta

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred
from support.calling_hours import AT_EIGHT, running
from support.campaigns import a_campaign, writes
from support.task_context import context_of, execute
from support.virtual_time import run_in_virtual_time

from airflow_provider_tingting._compat import AirflowFailException
from airflow_provider_tingting.errors import TingTingConfigError
from airflow_provider_tingting.hooks.tingting import TingTingHook
from airflow_provider_tingting.operators.contacts import TingTingCheckContactsOperator

pytestmark = pytest.mark.usefixtures("tingting_conn")

AT_NOON = AT_EIGHT.replace(hour=12)
#: At ten calls a minute these contacts take until 20:20.
MANY = [f"98412{number:05d}" for number in range(5000)]
SOME = MANY[:150]
#: A campaign that takes the sandbox longer than a minute.
PAST = MANY[:600]


@pytest.fixture(autouse=True)
def clock(sandbox):
    """One time for all; it is noon."""
    with run_in_virtual_time(at=AT_NOON.timestamp()) as clock:
        sandbox.clock.resume(clock.time(), speed=1.0)
        yield clock


def without_waiting(campaign, **changes):
    return running(campaign, wait_for_completion=False, **changes)


def past_campaign(sandbox, clock, *, services="PHONE", seconds=600):
    """A campaign of the account that is completed."""
    campaign = a_campaign(sandbox, PAST, services=services, sms_message="{name}")
    sandbox.world.run_campaign(campaign)
    clock.push(seconds)
    assert TingTingHook().get_campaign(campaign).status == "Completed"
    return campaign


def test_a_campaign_that_would_end_after_the_window_is_run_with_a_warning(sandbox, logged):
    campaign = a_campaign(sandbox, MANY)

    execute(without_waiting(campaign, expected_pace=10))

    assert (
        f"Campaign {campaign}: at 10 calls a minute the campaign would end at 20:20, after the window closes at 20:00"
    ) in logged()
    assert writes(sandbox) == ["run_campaign"]


def test_a_campaign_that_ends_in_time_is_run_without_a_warning(sandbox, logged):
    execute(without_waiting(a_campaign(sandbox, SOME), expected_pace=1, fits_window="fail"))

    assert "at 1 calls a minute the campaign would end at 14:30, before the window closes at 20:00" in logged()
    assert writes(sandbox) == ["run_campaign"]


def test_a_campaign_that_does_not_fit_is_refused_if_it_is_to_fail(sandbox):
    with pytest.raises(AirflowFailException, match=r'fits_window="fail": at 10 calls.*20:20.*no contact was called'):
        execute(without_waiting(a_campaign(sandbox, MANY), expected_pace=10, fits_window="fail"))

    assert writes(sandbox) == []


def test_a_campaign_waits_for_a_window_in_which_it_fits(sandbox, clock, logged):
    operator = without_waiting(a_campaign(sandbox, MANY), expected_pace=10, fits_window="wait", deferrable=True)
    with pytest.raises(TaskDeferred) as waiting:
        operator.execute(context_of(operator))
    tomorrow = AT_EIGHT + timedelta(days=1)
    assert waiting.value.trigger.not_before == tomorrow.timestamp()
    assert "when it has a whole window: at 10 calls a minute" in logged()

    clock.push(tomorrow.timestamp() - clock.time() + 30)
    operator.execute_start(context_of(operator), event=None, **waiting.value.kwargs)

    assert writes(sandbox) == ["run_campaign"]


def test_a_campaign_that_fits_no_window_is_refused_instead_of_waiting_for_ever(sandbox):
    with pytest.raises(AirflowFailException, match=r"No window of the next two weeks is long enough.*waves"):
        execute(without_waiting(a_campaign(sandbox, MANY), expected_pace=5, fits_window="wait"))

    assert writes(sandbox) == []


def test_the_pace_is_that_of_the_last_campaigns_with_the_same_services(sandbox, clock, logged):
    past_campaign(sandbox, clock)
    past_campaign(sandbox, clock, services="SMS", seconds=3600)

    execute(without_waiting(a_campaign(sandbox, SOME)))

    # The sandbox dials four contacts a second.
    assert "calls a minute the campaign would end at 13:" in logged()
    reads = [request.call for request in sandbox.requests]
    assert reads.count("list_contacts") == 2
    assert reads[reads.index("run_campaign") - 1] == "get_campaign"


@pytest.mark.parametrize("fault", ["500", "503-html", "garbage"])
def test_a_history_that_cannot_be_read_delays_no_campaign(sandbox, clock, fault):
    past_campaign(sandbox, clock)
    sandbox.faults.add(fault, call="list_contacts", times="*")

    execute(without_waiting(a_campaign(sandbox, SOME), fits_window="fail"))

    assert "run_campaign" in writes(sandbox)


def test_for_a_small_campaign_no_history_is_read(sandbox, clock):
    past_campaign(sandbox, clock)

    execute(without_waiting(a_campaign(sandbox)))

    assert "list_campaigns" not in [request.call for request in sandbox.requests]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        pytest.param({"expected_pace": 0}, "expected_pace must be a number of calls a minute above 0", id="zero"),
        pytest.param({"expected_pace": -1.5}, "above 0", id="negative"),
        pytest.param({"expected_pace": "fast"}, "above 0", id="a word"),
        pytest.param({"expected_pace": float("inf")}, "above 0", id="infinite"),
        pytest.param({"fits_window": "split"}, "fits_window must be one of", id="no such policy"),
        pytest.param({"fits_window": "wait", "calling_window": None}, "needs a calling_window", id="no window"),
    ],
)
def test_a_pace_that_is_none_is_refused_when_the_dag_file_is_read(arguments, says):
    with pytest.raises(TingTingConfigError, match=says):
        running(1, **arguments)


# -- the check, and the estimate beside what was spent --------------------------------------------------------------


def checking(contacts, **changes):
    people = [{"number": number, "name": "Sita"} for number in contacts]
    return TingTingCheckContactsOperator(
        task_id="check",
        contacts=people,
        **{"message": "Namaste {name}", "calling_window": ("08:00", "20:00"), **changes},
    )


def test_the_check_forecasts_the_end_of_the_campaign(sandbox, logged):
    result, _ = execute(checking(MANY, expected_pace=10))

    assert result["forecast"] == {
        "calls_per_minute": 10.0,
        "starts_at": "2026-11-24T12:00:00+05:45",
        "ends_at": "2026-11-24T20:20:00+05:45",
        "closes_at": "2026-11-24T20:00:00+05:45",
        "fits": False,
        "text": "at 10 calls a minute the campaign would end at 20:20, after the window closes at 20:00",
    }
    assert "If it starts at 2026-11-24 12:00: at 10 calls a minute" in logged()


@pytest.mark.parametrize(
    "changes", [pytest.param({"calling_window": None}, id="no window"), pytest.param({}, id="no pace known")]
)
def test_without_a_window_or_a_pace_there_is_no_forecast(changes):
    assert execute(checking(SOME, **changes))[0]["forecast"] is None


@pytest.mark.parametrize(
    ("price", "warns"), [pytest.param(1.0, False, id="as estimated"), pytest.param(0.5, True, id="twice as much")]
)
def test_the_check_warns_when_past_campaigns_cost_another_price(sandbox, clock, logged, price, warns):
    campaign = past_campaign(sandbox, clock)
    spent = sandbox.world.campaigns[campaign].spent / len(PAST)

    result, _ = execute(checking(SOME, credits_per_call=price * spent))

    drift = result["credits"]["drift"]
    assert drift["campaign_ids"] == [campaign]
    assert drift["drift"] == pytest.approx(1 / price - 1, abs=0.01)
    assert ("correct credits_per_call" in logged()) is warns


def test_the_run_shows_the_estimate_beside_what_was_spent(sandbox, logged):
    campaign = a_campaign(sandbox)
    check = TingTingCheckContactsOperator(
        task_id="check", campaign_id=campaign, contacts=[{"number": "9841234501", "name": "S"}]
    )
    _, xcoms = execute(check)
    run = running(campaign, poll_interval=5.0)
    context = context_of(run)
    context["ti"].upstream["check"] = xcoms
    run.get_flat_relative_ids = lambda upstream: {"check"}

    result = run.execute(context)

    assert result["estimate"] == xcoms["summary"]["credits"]["estimate"] == 1
    assert result["credits"] == 4
    assert "Credits: 4 spent, 300 % more than the estimate of 1." in logged()
