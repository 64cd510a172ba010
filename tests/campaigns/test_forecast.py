"""When a campaign would end, by the pace of earlier campaigns, and whether its estimate fits what they have cost."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from support.scripted_server import ScriptedServer, pages_of

from airflow_provider_tingting.api.models import Campaign, Contact, Page
from airflow_provider_tingting.campaigns.calling_window import CallingWindow
from airflow_provider_tingting.campaigns.forecast import (
    Forecast,
    drift_of,
    drift_text,
    forecast,
    next_fitting,
    read_pace,
)
from airflow_provider_tingting.campaigns.history import PastCampaign, pace_of, recent_campaigns
from airflow_provider_tingting.clock import use_clock
from airflow_provider_tingting.errors import TingTingAPIError
from airflow_provider_tingting.timezones import NEPAL

NOON = datetime(2026, 11, 24, 12, tzinfo=NEPAL)
EIGHT_TO_EIGHT, ALL_DAY = CallingWindow("08:00", "20:00"), CallingWindow("00:00", "24:00")


def at_noon(compute: Callable[[], Any]) -> Any:
    with use_clock(ScriptedServer(NOON.timestamp())):
        return compute()


# -- when a campaign ends ----------------------------------------------------------------------------------------------


def test_a_forecast_begins_now_or_when_it_may_and_ends_with_its_window() -> None:
    now = at_noon(lambda: forecast(EIGHT_TO_EIGHT, 600, 10))
    at_night = at_noon(lambda: forecast(EIGHT_TO_EIGHT, 600, 10, NOON.replace(hour=22)))

    assert (now.starts_at, now.ends_at, now.closes_at) == (NOON, NOON.replace(hour=13), NOON.replace(hour=20))
    assert at_night.starts_at == NOON.replace(day=25, hour=8)


def test_a_forecast_is_plain_json() -> None:
    made = at_noon(lambda: forecast(EIGHT_TO_EIGHT, 5000, 9.8765))

    assert made.to_json() == {
        "calls_per_minute": 9.88,
        "starts_at": "2026-11-24T12:00:00+05:45",
        "ends_at": made.ends_at.isoformat(),
        "closes_at": "2026-11-24T20:00:00+05:45",
        "fits": False,
        "text": "at 9.9 calls a minute the campaign would end at 20:26, after the window closes at 20:00",
    }
    assert Forecast(5000, 10, NOON, None).to_json() | {"text": ""} == {
        "calls_per_minute": 10,
        "starts_at": "2026-11-24T12:00:00+05:45",
        "ends_at": "2026-11-24T20:20:00+05:45",
        "closes_at": None,
        "fits": True,
        "text": "",
    }


@pytest.mark.parametrize(
    ("contacts", "closes_at", "says", "fits"),
    [
        (480, NOON.replace(hour=20), "at 20:00, before the window closes at 20:00", True),
        (490, NOON.replace(hour=20), "at 20:10, after the window closes at 20:00", True),
        (491, NOON.replace(hour=20), "at 20:11, after the window closes at 20:00", False),
        (480, NOON.replace(day=25, hour=2), "at 20:00, before the window closes at 2026-11-25 02:00", True),
        (840, NOON.replace(hour=20), "at 2026-11-25 02:00, after the window closes at 2026-11-24 20:00", False),
        (840, NOON.replace(day=25, hour=3), "at 2026-11-25 02:00, before the window closes at 03:00", True),
        (840, None, "at 2026-11-25 02:00", True),
    ],
    ids=[
        "in the last minute",
        "ten minutes late",
        "later",
        "a window over midnight",
        "an end on the next day",
        "both on the next day",
        "no end of the window",
    ],
)
def test_a_forecast_says_when_the_campaign_ends_and_when_its_window_closes(
    contacts: int, closes_at: datetime | None, says: str, fits: bool
) -> None:
    made = Forecast(contacts, 1, NOON, closes_at)

    assert str(made) == f"at 1 calls a minute the campaign would end {says}"
    assert made.fits is fits


@pytest.mark.parametrize(
    ("window", "contacts", "opens"),
    [
        (EIGHT_TO_EIGHT, 100, NOON.replace(day=25, hour=8)),
        (EIGHT_TO_EIGHT, 12 * 60 * 10, NOON.replace(day=25, hour=8)),
        (EIGHT_TO_EIGHT, 12 * 60 * 10 + 1, None),
        (CallingWindow("12:00", "20:00"), 100, NOON.replace(day=25)),
    ],
    ids=["short", "a whole window", "longer than each window", "it opens in this moment"],
)
def test_the_next_fitting_window_is_a_later_one_that_is_long_enough(
    window: CallingWindow, contacts: int, opens: datetime | None
) -> None:
    assert at_noon(lambda: next_fitting(window, contacts, 10)) == opens


# -- the pace of the account's last campaigns --------------------------------------------------------------------------


def campaign(
    campaign_id: int, *, status: str = "Completed", services: str = "PHONE", count: int | None = 100
) -> Campaign:
    return Campaign(id=campaign_id, status=status, services=services, campaign_action_count=count)


def called(*seconds: float | None) -> list[Contact]:
    """Make contacts whose calls ended so many seconds after noon; None is a contact without a time."""
    return [
        Contact(updated_at=None if each is None else (NOON + timedelta(seconds=each)).isoformat()) for each in seconds
    ]


def contacts_by_page(rows: list[Contact], size: int, spent: float | None = None) -> Callable[[Any], Page[Contact]]:
    def answer(call: Any) -> Page[Contact]:
        offset = int(call.request.query["offset"])
        return Page[Contact](count=len(rows), results=rows[offset : offset + size], total_credits_consumed=spent)

    return answer


def history(campaigns: list[Campaign], contacts: Any = None, *, size: int = 50, **changes: Any) -> Any:
    """Return the past campaigns as they are read, and the server that was asked."""
    answers = contacts or contacts_by_page(called(*range(0, 3000, 30)), 100)
    server = ScriptedServer(list_campaigns=pages_of(campaigns, size), list_contacts=answers)
    return server.run(recent_campaigns("PHONE", **changes)), server


def ids(past: list[PastCampaign]) -> list[int]:
    return [one.campaign_id for one in past]


def test_the_last_three_completed_campaigns_with_the_same_services_are_read() -> None:
    campaigns = [
        campaign(20),
        campaign(19, services="SMS"),
        campaign(18, status="Running"),
        campaign(17, count=19),
        campaign(16, count=20),
        campaign(15, count=None),
        campaign(14),
    ]

    past, server = history(campaigns)
    assert ids(past) == [20, 16, 15]
    assert server.calls[0].request.query["status"] == "Completed"
    assert ids(history(campaigns, exclude=20)[0]) == [16, 15, 14]


def test_the_list_is_read_until_three_campaigns_are_found() -> None:
    others = [campaign(one, services="SMS") for one in range(50, 40, -1)]

    past, server = history([campaign(60), *others[:1], campaign(30), *others[1:3], campaign(20), campaign(10)], size=2)
    assert ids(past) == [60, 30, 20]
    assert len(server.sent("list_campaigns")) == 3


@pytest.mark.parametrize(("size", "pages"), [(50, 2), (33, 4)], ids=["exactly", "by whole pages"])
def test_no_more_than_a_hundred_campaigns_are_searched(size: int, pages: int) -> None:
    past, server = history([campaign(one, services="SMS") for one in range(300, 0, -1)], size=size)

    assert past == []
    assert len(server.sent("list_campaigns")) == pages


def test_the_pace_is_read_from_the_first_and_the_last_page_of_contacts() -> None:
    rows = called(*(6 * one for one in range(301)))

    past, server = history([campaign(7, count=None)], contacts_by_page(rows, 100, spent=602.5))

    assert past == [PastCampaign(7, contacts=301, calls_per_minute=10.0, credits=602.5)]
    assert [int(call.request.query["offset"]) for call in server.calls[1:]] == [0, 201]


def test_a_page_that_holds_all_contacts_is_the_only_one_that_is_read() -> None:
    past, server = history([campaign(7)], contacts_by_page(called(*(6 * one for one in range(101))), 101))

    assert (past[0].contacts, past[0].calls_per_minute) == (101, 10.0)
    assert server.sent("list_contacts") == ["list_contacts"]


def test_a_server_with_small_pages_is_read_behind_its_first_page() -> None:
    _, server = history([campaign(7)], contacts_by_page(called(*range(60)), 25))

    assert [int(call.request.query["offset"]) for call in server.calls[1:]] == [0, 25]


@pytest.mark.parametrize(
    ("seconds", "pace"),
    [
        ([0] * 19 + [60], 19.0),
        ([0] * 19 + [59], None),
        ([0] * 18 + [600], None),
        ([600, *[None] * 18, 0], 1.9),
        ([600, *[None] * 19], None),
    ],
    ids=["twenty in a minute", "within less than a minute", "fewer than twenty", "two times", "one time"],
)
def test_a_pace_needs_twenty_contacts_and_times_that_are_a_minute_apart(
    seconds: list[float | None], pace: float | None
) -> None:
    past, _ = history([campaign(7, count=None)], contacts_by_page(called(*seconds), 100))

    assert past[0].calls_per_minute == (None if pace is None else pytest.approx(pace))


def test_a_campaign_whose_list_has_no_count_has_as_many_contacts_as_tingting_says_elsewhere() -> None:
    def without_a_count(call: Any) -> Page[Contact]:
        return Page[Contact](count=0, results=called(*range(0, 1200, 60)))

    assert history([campaign(7, count=40)], without_a_count)[0][0].contacts == 40
    assert history([campaign(7, count=None)], without_a_count)[0][0].contacts == 20


def test_the_pace_of_several_campaigns_is_the_middle_one() -> None:
    past = [PastCampaign(one, 100, pace, None) for one, pace in enumerate([50.0, None, 10.0, 12.0])]

    assert pace_of(past) == 12.0
    assert pace_of(past[1:2]) is None


def test_a_pace_that_the_user_gives_is_taken_and_a_small_campaign_needs_none() -> None:
    server = ScriptedServer(list_campaigns=TingTingAPIError("list_campaigns", "is down.", status_code=500))

    assert server.run(read_pace("PHONE", 5000, 3)) == 3.0
    assert server.run(read_pace("PHONE", 99, None)) is None
    assert not server.calls
    assert server.run(read_pace("PHONE", 100, None)) is None
    assert server.calls


# -- what they cost ----------------------------------------------------------------------------------------------------


def spent(campaign_id: int, credits: float | None, contacts: int = 100) -> PastCampaign:
    return PastCampaign(campaign_id, contacts, None, credits)


def test_an_estimate_is_compared_with_what_the_last_campaigns_have_spent() -> None:
    past = [spent(9, 300.0), spent(8, None), spent(7, 0.0), spent(6, 10.0, contacts=0), spent(5, 100.1, 101)]

    assert drift_of(past, 600, 900) == {
        "campaign_ids": [9, 7, 5],
        "credits_per_contact": 1.3292,
        "estimated_per_contact": 0.6667,
        "drift": 0.9939,
    }


@pytest.mark.parametrize(
    ("past", "estimate", "contacts"),
    [([], 100.0, 100), ([spent(8, None)], 100.0, 100), ([spent(8, 50.0)], 0.0, 100), ([spent(8, 50.0)], 100.0, 0)],
    ids=["no campaign", "no costs", "an estimate of nothing", "no contact"],
)
def test_without_figures_there_is_no_comparison(past: list[PastCampaign], estimate: float, contacts: int) -> None:
    assert drift_of(past, estimate, contacts) is None


@pytest.mark.parametrize(
    ("credits", "warns"),
    [(120.0, False), (121.0, True), (80.0, False), (79.0, True)],
    ids=["20%", "21%", "-20%", "-21%"],
)
def test_costs_that_differ_by_more_than_a_fifth_are_worth_a_warning(credits: float, warns: bool) -> None:
    said = drift_text(drift_of([spent(9, credits), spent(8, credits)], 100.0, 100))

    each = f"{credits / 100:.2f}".rstrip("0")
    assert said == (
        f"The last campaigns (9, 8) spent {each} credits a contact, and the estimate assumes 1: correct "
        "credits_per_call or credits_per_sms_part"
        if warns
        else None
    )
    assert drift_text(None) is None
