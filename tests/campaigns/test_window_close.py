"""The stop at the close of the calling window: when it is due, what is saved, and what a refusal means."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from support.scripted_server import ScriptedServer

from airflow_provider_tingting.api.models import Campaign, MessageResponse
from airflow_provider_tingting.api.stale_reads import READ_INTERVAL, STALE_WITHIN
from airflow_provider_tingting.campaigns.calling_window import CallingWindow
from airflow_provider_tingting.campaigns.run import CampaignJob
from airflow_provider_tingting.campaigns.state import JobState
from airflow_provider_tingting.campaigns.window_close import stop_at_close, stops_at, was_stopped_at_close
from airflow_provider_tingting.clock import use_clock
from airflow_provider_tingting.errors import (
    TingTingAPIError,
    TingTingCampaignError,
    TingTingConfigError,
    TingTingForbiddenError,
    TingTingNotFoundError,
    TingTingServerError,
    TingTingValidationError,
)
from airflow_provider_tingting.timezones import NEPAL

WINDOW = CallingWindow("08:00", "20:00")
CLOSES = datetime(2026, 11, 24, 20, tzinfo=NEPAL)
STOPPED = MessageResponse(message="Campaign stopped")
AWAY = TingTingServerError("get_campaign", "502", status_code=502)


def shown(status: str, **fields: Any) -> Campaign:
    return Campaign(id=7, status=status, **fields)


def after_closing(seconds: float = 0.0, **script: Any) -> ScriptedServer:
    script = {"get_campaign": [shown("Running"), shown("Terminated")], "stop_campaign": STOPPED, **script}
    return ScriptedServer(CLOSES.timestamp() + seconds, **script)


def stop(server: ScriptedServer, *, tolerate_outage: float = 600.0, job: CampaignJob | None = None) -> Campaign:
    job = job or CampaignJob(JobState(7))
    campaign: Campaign = server.run(stop_at_close(job, WINDOW, tolerate_outage=tolerate_outage))
    return campaign


# -- when it is due ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "campaign", "closes"),
    [
        pytest.param(CLOSES - timedelta(hours=1), None, CLOSES, id="in the window"),
        pytest.param(CLOSES + timedelta(hours=1), None, CLOSES + timedelta(hours=1), id="outside it, at once"),
        pytest.param(
            CLOSES - timedelta(hours=1),
            shown("Scheduled", schedule="2026-11-25T10:00:00+05:45"),
            CLOSES + timedelta(days=1),
            id="scheduled for tomorrow",
        ),
        pytest.param(
            CLOSES - timedelta(hours=1),
            shown("Scheduled", schedule="2026-11-23T10:00:00+05:45"),
            CLOSES,
            id="scheduled for yesterday",
        ),
        pytest.param(
            CLOSES - timedelta(hours=1),
            shown("Running", schedule="2026-11-25T10:00:00+05:45"),
            CLOSES,
            id="runs already",
        ),
    ],
)
def test_a_campaign_is_stopped_when_the_window_in_which_it_runs_closes(
    now: datetime, campaign: Campaign | None, closes: datetime
) -> None:
    with use_clock(ScriptedServer(now.timestamp())):
        assert stops_at(WINDOW, campaign) == closes.timestamp()


@pytest.mark.parametrize("microseconds", [0.3, 0.5, 0.7], ids="{} microseconds".format)
def test_outside_the_window_the_stop_is_due_at_once_whatever_a_datetime_rounds(microseconds: float) -> None:
    now = (CLOSES + timedelta(minutes=1)).timestamp() + microseconds * 1e-6

    with use_clock(ScriptedServer(now)):
        assert stops_at(WINDOW, None) == now


def test_a_window_that_never_closes_stops_nothing() -> None:
    with use_clock(ScriptedServer()):
        assert stops_at(CallingWindow("00:00", "24:00"), None) is None


@pytest.mark.parametrize(("seconds", "is_stopped"), [(-1.0, False), (0.0, True)], ids=["a second before", "at"])
def test_the_campaign_is_stopped_at_the_close_and_not_before(seconds: float, is_stopped: bool) -> None:
    server = after_closing(seconds)

    campaign = stop(server)

    assert campaign.status == ("Terminated" if is_stopped else "Running")
    assert bool(server.sent("stop_campaign")) is is_stopped


def test_a_campaign_that_is_scheduled_for_the_next_day_is_not_stopped() -> None:
    scheduled = shown("Scheduled", schedule="2026-11-25T10:00:00+05:45")
    server = after_closing(get_campaign=scheduled)

    assert stop(server) == scheduled
    assert server.sent("stop_campaign") == []


# -- the request -------------------------------------------------------------------------------------------------------


def test_when_the_stop_is_requested_is_saved_before() -> None:
    server = after_closing(5.0)
    saved: list[JobState] = []

    def answer(call: Any) -> MessageResponse:
        assert saved[-1].stop_requested_at == CLOSES.timestamp() + 5
        return STOPPED

    server.script["stop_campaign"] = [answer]

    stop(server, job=CampaignJob(JobState(7), save=saved.append))

    assert len(saved) == 1
    # What the first read shows is final, so there is no pause.
    assert server.now == CLOSES.timestamp() + 5


def test_a_campaign_that_does_not_end_is_read_for_half_a_minute() -> None:
    server = after_closing(get_campaign=shown("Running"))

    with pytest.raises(TingTingCampaignError, match="it still is Running") as raised:
        stop(server)

    assert (raised.value.campaign_id, raised.value.status) == (7, "Running")
    assert server.now - CLOSES.timestamp() == 30


@pytest.mark.parametrize("pause", [None, 25.0], ids=["10 s", "as long as TingTing asks"])
def test_while_tingting_does_not_respond_the_stop_is_tried_again(pause: float | None) -> None:
    away = TingTingServerError("get_campaign", "502", status_code=502, retry_after=pause)
    server = after_closing(get_campaign=[away, away, shown("Running"), shown("Terminated")])

    assert stop(server).status == "Terminated"
    assert server.pauses("get_campaign")[:2] == [pause or 10.0] * 2


def test_an_outage_for_longer_than_tolerated_is_an_error() -> None:
    server = after_closing(get_campaign=AWAY)

    with pytest.raises(TingTingServerError):
        stop(server, tolerate_outage=60.0)

    assert server.now - CLOSES.timestamp() == 60


@pytest.mark.parametrize(
    ("refusal", "error"),
    [
        pytest.param(TingTingNotFoundError("stop_campaign", "no.", status_code=404), TingTingConfigError, id="404"),
        pytest.param(TingTingValidationError("stop_campaign", "no.", status_code=405), TingTingConfigError, id="405"),
        pytest.param(TingTingForbiddenError("stop_campaign", "no.", status_code=403), TingTingForbiddenError, id="403"),
    ],
)
def test_a_server_without_a_stop_differs_from_one_that_refuses_it(
    refusal: TingTingAPIError, error: type[Exception]
) -> None:
    with pytest.raises(error):
        stop(after_closing(get_campaign=shown("Running"), stop_campaign=refusal))


def test_a_stop_is_requested_again_for_a_minute_after_a_404() -> None:
    gone = TingTingNotFoundError("stop_campaign", "no.", status_code=404)
    server = after_closing(get_campaign=shown("Running"), stop_campaign=[gone, gone, MessageResponse(message="ok")])
    server.script["get_campaign"] = [*[shown("Running")] * 3, shown("Terminated")]

    assert stop(server).status == "Terminated"
    assert server.pauses("stop_campaign") == [READ_INTERVAL, READ_INTERVAL]

    server = after_closing(get_campaign=shown("Running"), stop_campaign=gone)
    with pytest.raises(TingTingConfigError, match="offers no stop"):
        stop(server)
    assert server.now - CLOSES.timestamp() == STALE_WITHIN


def test_a_404_of_a_read_before_or_after_the_request_is_an_older_response() -> None:
    gone = TingTingNotFoundError("get_campaign", "not found.", status_code=404)
    refusal = TingTingValidationError("stop_campaign", "over.", status_code=400)
    server = after_closing(get_campaign=[gone, shown("Running"), gone, shown("Completed")], stop_campaign=refusal)

    assert stop(server).status == "Completed"
    assert len(server.sent("stop_campaign")) == 1
    assert server.pauses("get_campaign") == [READ_INTERVAL, 0, READ_INTERVAL]


def test_a_refusal_of_a_campaign_that_has_ended_meanwhile_is_no_error() -> None:
    refusal = TingTingValidationError("stop_campaign", "over.", status_code=400)

    ended = stop(after_closing(get_campaign=[shown("Running"), shown("Completed")], stop_campaign=refusal))

    assert ended.status == "Completed"


# -- who stopped it ----------------------------------------------------------------------------------------------------

EVENING, NOON = "2026-11-24T20:00:05+05:45", "2026-11-24T12:00:00+05:45"


@pytest.mark.parametrize(
    ("status", "updated_at", "requested", "is_saved", "was_stopped"),
    [
        pytest.param("Terminated", NOON, True, True, True, id="a try has requested it"),
        pytest.param("Completed", EVENING, True, True, False, id="it ended by itself"),
        pytest.param("Completed", EVENING, False, False, False, id="it ended by itself, without a store"),
        pytest.param("Terminated", EVENING, False, True, False, id="no try has requested it"),
        pytest.param("Terminated", EVENING, False, False, True, id="outside the window, without a store"),
        pytest.param("Terminated", NOON, False, False, False, id="in the window, without a store"),
        pytest.param("Terminated", None, False, False, False, id="at a time that is unknown, without a store"),
    ],
)
def test_whether_a_terminated_campaign_was_stopped_at_the_close(
    status: str, updated_at: str | None, requested: bool, is_saved: bool, was_stopped: bool
) -> None:
    job = CampaignJob(JobState(7, stop_requested_at=1.0 if requested else None))
    campaign = shown(status, updated_at=updated_at)

    assert was_stopped_at_close(job, WINDOW, campaign, is_saved=is_saved) is was_stopped
