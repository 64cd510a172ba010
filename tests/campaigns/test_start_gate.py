"""The last check before a request: what happens while it reads who else runs, and what a deferral says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from support.scripted_server import ScriptedServer, a_page

from airflow_provider_tingting.api.models import Campaign, MessageResponse
from airflow_provider_tingting.campaigns.calling_window import CallingWindow
from airflow_provider_tingting.campaigns.daily_credits import DailyCredits
from airflow_provider_tingting.campaigns.run import CampaignJob
from airflow_provider_tingting.campaigns.start_gate import StartDeferred, StartGate
from airflow_provider_tingting.campaigns.state import RunRequest
from airflow_provider_tingting.errors import (
    TingTingCampaignTimeoutError,
    TingTingForbiddenError,
    TingTingNotFoundError,
    TingTingRunTooOldError,
    TingTingStartRefusedError,
)
from airflow_provider_tingting.timezones import NEPAL

CLOSES_AT = datetime(2026, 11, 24, 20, 0, tzinfo=NEPAL).timestamp()
WINDOW = CallingWindow.read(("08:00", "20:00"))


def shown(status: str = "Not Started", number: int = 7, **fields: Any) -> Campaign:
    return Campaign(id=number, status=status, campaign_action_count=3, **fields)


def at(before_closing: float, **script: Any) -> ScriptedServer:
    """Return an account in which nothing runs, so many seconds before the calling window closes."""
    answers = {
        "list_campaigns": a_page(),
        "get_campaign": shown(),
        "run_campaign": MessageResponse(message="Campaign Began Successfully!!"),
        **script,
    }
    return ScriptedServer(now=CLOSES_AT - before_closing, **answers)


def passes_after(server: ScriptedServer, seconds: float, then: Callable[[], object] = lambda: None) -> Any:
    """Return what answers the list of campaigns slowly, while something else happens."""

    def answer(call: Any) -> Any:
        server.now += seconds
        then()
        return a_page()

    return answer


def run(server: ScriptedServer, gate: StartGate) -> CampaignJob:
    job = CampaignJob()
    job.attach_to(7)
    server.run(job.run_once(gate=gate.check))
    return job


def test_inside_the_window_and_with_nothing_running_the_campaign_is_run() -> None:
    server = at(60)

    assert run(server, StartGate(window=WINDOW, one_at_a_time=True)).state.run is RunRequest.ACCEPTED
    assert server.sent("run_campaign") == ["run_campaign"]


def test_a_window_that_closes_while_the_others_are_read_defers_the_start() -> None:
    server = at(60)
    server.script["list_campaigns"] = [passes_after(server, 40)]

    with pytest.raises(StartDeferred, match="when its calling window opens") as deferred:
        run(server, StartGate(window=WINDOW, one_at_a_time=True))

    assert deferred.value.until == CLOSES_AT + 12 * 3600
    assert server.sent("run_campaign") == []


def test_a_window_that_closes_while_the_others_are_read_refuses_the_start_when_it_may_not_wait() -> None:
    server = at(60)
    server.script["list_campaigns"] = [passes_after(server, 40)]

    with pytest.raises(TingTingStartRefusedError, match="No contact was called"):
        run(server, StartGate(window=WINDOW, wait_for_window=False, one_at_a_time=True))

    assert server.sent("run_campaign") == []


def test_a_run_that_gets_too_old_while_the_others_are_read_is_refused() -> None:
    server = at(600)
    server.script["list_campaigns"] = [passes_after(server, 40)]
    began = server.now

    def check_age() -> None:
        if server.now - began > 60:
            raise TingTingRunTooOldError("This run is too old.")

    with pytest.raises(TingTingRunTooOldError):
        run(server, StartGate(one_at_a_time=True, check_age=check_age))

    assert server.sent("run_campaign") == []


def test_the_account_is_checked_again_after_an_old_404_of_the_campaign() -> None:
    server = at(3600)
    shown = server.script["get_campaign"]
    gone = TingTingNotFoundError("get_campaign", "not found.", status_code=404)
    server.script["get_campaign"] = [*shown, gone, *shown]

    run(server, StartGate(one_at_a_time=True))

    after_the_404 = server.sent()[server.times.index(server.now) :]
    assert after_the_404[0] == "get_campaign"
    assert after_the_404.index("list_campaigns") < after_the_404.index("run_campaign")


def test_a_campaign_that_a_person_runs_while_the_others_are_read_is_not_run_again() -> None:
    server = at(3600)

    def person_runs() -> None:
        server.script["get_campaign"] = [shown("Running")]

    server.script["list_campaigns"] = [passes_after(server, 1, person_runs)]

    assert run(server, StartGate(window=WINDOW, one_at_a_time=True)).state.run is RunRequest.ACCEPTED
    assert server.sent("run_campaign") == []


def test_a_campaign_that_a_person_runs_at_closing_time_is_adopted_and_not_deferred() -> None:
    server = at(60)

    def person_runs() -> None:
        server.script["get_campaign"] = [shown("Running")]

    server.script["list_campaigns"] = [passes_after(server, 40, person_runs)]

    assert run(server, StartGate(window=WINDOW, one_at_a_time=True)).state.run is RunRequest.ACCEPTED


def test_others_that_run_defer_the_start_until_they_have_ended() -> None:
    others = [shown("Running", number) for number in range(10, 17)]

    with pytest.raises(StartDeferred, match=r"now: 10, 11, 12, 13, 14\)") as deferred:
        run(at(3600, list_campaigns=a_page(*others)), StartGate(one_at_a_time=True))

    assert deferred.value.until is None
    assert deferred.value.why.startswith("while others run on this account")


@pytest.mark.parametrize(("late", "is_late"), [(0.0, True), (1.0, False)], ids=["at the deadline", "before it"])
def test_a_start_that_cannot_come_before_its_deadline_is_given_up(late: float, is_late: bool) -> None:
    opens = CLOSES_AT + 12 * 3600
    gate = StartGate(window=WINDOW, deadline=opens + late)

    with pytest.raises(TingTingCampaignTimeoutError if is_late else StartDeferred):
        run(at(-10), gate)


def test_others_that_run_at_the_deadline_end_the_wait_for_the_start() -> None:
    server = at(3600, list_campaigns=a_page(shown("Running", 10)))

    with pytest.raises(TingTingCampaignTimeoutError, match="no contact was called") as raised:
        run(server, StartGate(one_at_a_time=True, deadline=server.now))
    assert (raised.value.campaign_id, raised.value.status) == (7, "Not Started")


# -- a campaign that TingTing starts by its own schedule ---------------------------------------------------------------


def test_a_schedule_in_the_window_passes_at_any_hour() -> None:
    server = at(-3600, get_campaign=shown(schedule="2026-11-25T09:00:00+05:45"))

    run(server, StartGate(window=WINDOW, one_at_a_time=True))

    assert server.sent("run_campaign", "list_campaigns") == ["run_campaign"]


TEN = "2026-11-25T10:00:00+05:45"
LIMIT = DailyCredits(1000.0, estimate=lambda campaign: 3.0, recorded_since=lambda moment: 0.0)


@pytest.mark.parametrize(
    ("meanwhile", "refusal"),
    [
        pytest.param("2026-11-25T07:00:00+05:45", "Give it another schedule", id="moved out of the window"),
        pytest.param(None, "which opens at 2026-11-25 08:00", id="removed, outside the window"),
    ],
)
def test_a_schedule_that_a_person_changes_during_the_checks_is_checked_again(
    meanwhile: str | None, refusal: str
) -> None:
    server = at(-3600, get_campaign=[shown(schedule=TEN), shown(schedule=meanwhile)])

    with pytest.raises(TingTingStartRefusedError, match=refusal):
        run(server, StartGate(window=WINDOW, wait_for_window=False, credits=LIMIT))

    assert server.sent("run_campaign") == []


def test_a_schedule_that_stays_is_checked_once() -> None:
    server = at(-3600, get_campaign=shown(schedule=TEN))
    estimated: list[int] = []
    limit = replace(LIMIT, estimate=lambda campaign: float(estimated.append(campaign.id) or 3))

    run(server, StartGate(window=WINDOW, credits=limit))

    assert estimated == [7]
    assert server.sent("run_campaign", "get_campaign") == [
        "get_campaign",
        "get_campaign",
        "run_campaign",
        "get_campaign",
    ]


def test_a_scheduled_campaign_of_a_run_that_gets_too_old_during_the_checks_is_refused() -> None:
    server = at(-3600, get_campaign=shown(schedule=TEN))
    checks: list[float] = []

    def check_age() -> None:
        checks.append(server.now)
        if len(checks) == 2:
            raise TingTingRunTooOldError("This run is too old.")

    with pytest.raises(TingTingRunTooOldError):
        run(server, StartGate(credits=LIMIT, check_age=check_age))

    assert server.sent("run_campaign") == []


def test_a_schedule_outside_the_window_is_refused() -> None:
    with pytest.raises(TingTingStartRefusedError, match="Give it another schedule"):
        run(at(3600, get_campaign=shown(schedule="2026-11-25T07:00:00+05:45")), StartGate(window=WINDOW))


def test_a_schedule_that_cannot_be_read_is_refused_when_there_is_a_window() -> None:
    with pytest.raises(TingTingStartRefusedError, match="a schedule that cannot be read"):
        run(at(3600, get_campaign=shown(schedule="tomorrow")), StartGate(window=WINDOW))

    # Without a window it is as none: whatever else runs is waited for.
    server = at(3600, get_campaign=shown(schedule="tomorrow"))
    run(server, StartGate(one_at_a_time=True))
    assert server.sent("list_campaigns")


@pytest.mark.parametrize("time", ["09:00:00", "20:00:10"], ids=["in the morning", "at this moment"])
def test_a_schedule_that_has_passed_is_none(time: str) -> None:
    with pytest.raises(StartDeferred):
        run(at(-10, get_campaign=shown(schedule=f"2026-11-24T{time}+05:45")), StartGate(window=WINDOW))


def test_a_scheduled_campaign_of_a_run_that_is_too_old_is_refused() -> None:
    def check_age() -> None:
        raise TingTingRunTooOldError("This run is too old.")

    with pytest.raises(TingTingRunTooOldError):
        run(at(3600, get_campaign=shown(schedule="2026-11-25T09:00:00+05:45")), StartGate(check_age=check_age))


# -- a campaign that is too long for its window ------------------------------------------------------------------------

HALF_PAST_SEVEN = "2026-11-25T19:30:00+05:45"


@pytest.mark.parametrize("fits_window", ["fail", "wait"])
def test_a_scheduled_campaign_is_forecast_from_its_schedule(fits_window: str) -> None:
    server = at(3600 * 11, get_campaign=shown(schedule=HALF_PAST_SEVEN))

    # Three contacts take an hour.
    with pytest.raises(TingTingStartRefusedError, match="does not fit its calling window"):
        run(server, StartGate(window=WINDOW, expected_pace=0.05, fits_window=fits_window))


def test_a_campaign_that_a_person_runs_while_the_pace_is_read_is_not_run_again() -> None:
    server = at(3600, get_campaign=shown().model_copy(update={"campaign_action_count": 100}))

    def person_runs() -> None:
        server.script["get_campaign"] = [shown("Running")]

    server.script["list_campaigns"] = [passes_after(server, 1, person_runs)]

    assert run(server, StartGate(window=WINDOW)).state.run is RunRequest.ACCEPTED
    assert server.sent("run_campaign") == []


def test_the_earliest_start_is_named_in_nepal_time() -> None:
    noon = datetime(2026, 11, 25, 12, 30, tzinfo=NEPAL).timestamp()

    with pytest.raises(StartDeferred, match=r"before 2026-11-25 12:30 \(not_before\)") as deferred:
        run(at(60), StartGate(not_before=noon))

    assert deferred.value.until == noon


def test_at_the_earliest_start_the_campaign_is_run() -> None:
    server = at(60)

    run(server, StartGate(not_before=server.now))

    assert server.sent("run_campaign")


@pytest.mark.parametrize(
    ("fits_window", "pace", "is_run"),
    [("warn", 0.02, True), ("warn", 3.0, True), ("fail", 3.0, True), ("fail", 0.02, False), ("wait", 0.001, False)],
    ids=["only warned of", "fits", "must fit and does", "must fit and does not", "fits no window"],
)
def test_a_campaign_that_does_not_fit_is_run_only_with_a_warning(
    fits_window: str, pace: float, is_run: bool, caplog: pytest.LogCaptureFixture
) -> None:
    server = at(3600)
    gate = StartGate(window=WINDOW, expected_pace=pace, fits_window=fits_window)

    if is_run:
        run(server, gate)
    else:
        with pytest.raises(TingTingStartRefusedError):
            run(server, gate)

    assert ("after the window closes" in caplog.text) is (is_run and pace < 1)
    assert server.sent("run_campaign") == ["run_campaign"] * is_run
    assert server.sent("list_campaigns") == []
    # The campaign is read before the checks, and after its run.
    assert server.sent("get_campaign") == ["get_campaign"] * (1 + is_run)


def test_a_campaign_waits_for_the_next_window_in_which_it_fits() -> None:
    with pytest.raises(StartDeferred, match="before 2026-11-25 08:00, when it has a whole window") as deferred:
        run(at(3600), StartGate(window=WINDOW, expected_pace=0.02, fits_window="wait"))

    assert deferred.value.until == CLOSES_AT + 12 * 3600


@pytest.mark.parametrize(("contacts", "reads"), [(99, 0), (100, 1)], ids=["99 contacts", "100 contacts"])
def test_the_pace_of_earlier_campaigns_is_read_once_and_for_large_campaigns_only(contacts: int, reads: int) -> None:
    large = shown().model_copy(update={"campaign_action_count": contacts})
    server = at(3600, get_campaign=large)
    gate = StartGate(window=WINDOW)

    server.run(gate.check(large))
    server.run(gate.check(large))

    assert len(server.sent("list_campaigns")) == reads
    # After reads that take time, the campaign is read again.
    assert len(server.sent("get_campaign")) == reads


def test_a_campaign_without_a_window_or_contacts_has_no_forecast() -> None:
    empty = shown().model_copy(update={"campaign_action_count": None})
    server = at(3600, get_campaign=empty)

    server.run(StartGate(window=WINDOW).check(empty))
    server.run(StartGate(expected_pace=0.001, fits_window="fail").check(shown()))

    assert server.sent() == []


def test_a_gate_that_reads_nothing_reads_the_campaign_once() -> None:
    server = at(3600)

    run(server, StartGate(window=WINDOW))

    assert server.sent() == ["get_campaign", "run_campaign", "get_campaign"]


# -- the credits of the day --------------------------------------------------------------------------------------------

SPENT = DailyCredits(10.0, estimate=lambda campaign: 3.0, recorded_since=lambda moment: 8.0)
TODAY = "2026-11-24T19:30:00+05:45"


def spending(server: ScriptedServer) -> ScriptedServer:
    server.script["get_dashboard"] = [TingTingForbiddenError("get_dashboard", "no.", status_code=403)]
    return server


def test_a_campaign_that_passes_the_days_credits_waits_for_midnight_where_that_is_chosen() -> None:
    with pytest.raises(StartDeferred, match="before 2026-11-25 00:00 in Nepal, because it is estimated at") as deferred:
        run(spending(at(3600)), StartGate(credits=SPENT, wait_for_credits=True))

    assert deferred.value.until == CLOSES_AT + 4 * 3600


@pytest.mark.parametrize(
    ("limit", "schedule", "waits", "remedy"),
    [
        pytest.param(10.0, None, False, "Clear the task tomorrow", id="the task does not wait"),
        pytest.param(10.0, TODAY, True, "Give it another schedule", id="TingTing starts it today"),
        pytest.param(2.0, None, True, "It never fits into one day", id="it fits into no day"),
        pytest.param(2.0, TODAY, True, "It never fits into one day", id="it is scheduled and fits into no day"),
    ],
)
def test_a_campaign_that_cannot_wait_for_credits_is_refused(
    limit: float, schedule: str | None, waits: bool, remedy: str
) -> None:
    server = spending(at(3600, get_campaign=shown(schedule=schedule)))

    with pytest.raises(TingTingStartRefusedError, match=remedy):
        run(server, StartGate(credits=replace(SPENT, limit=limit), wait_for_credits=waits))


def test_a_campaign_that_begins_tomorrow_does_not_need_todays_credits() -> None:
    server = spending(at(3600, get_campaign=shown(schedule=TEN)))

    assert run(server, StartGate(credits=SPENT)).state.run is RunRequest.ACCEPTED
