"""The credits of one day: what counts as spent, until when a campaign waits, and which day it is in Nepal."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from support.scripted_server import ScriptedServer, a_page

from airflow_provider_tingting.api.models import Campaign, Dashboard
from airflow_provider_tingting.campaigns.daily_credits import DailyCredits, OverLimit
from airflow_provider_tingting.errors import TingTingForbiddenError
from airflow_provider_tingting.timezones import NEPAL

#: Five past one in the night in Nepal, when it is the day before in UTC; with a part of a second.
NOW = datetime(2026, 11, 24, 1, 5, 15, 500_000, NEPAL)
MIDNIGHT = datetime(2026, 11, 24, tzinfo=NEPAL)
NO_DASHBOARD = TingTingForbiddenError("get_dashboard", "company accounts only.", status_code=403)


def campaign(contacts: int, number: int = 7, status: str = "Not Started") -> Campaign:
    return Campaign(id=number, status=status, campaign_action_count=contacts)


def over(
    own: int,
    *,
    limit: float = 100.0,
    recorded: float = 0.0,
    now: datetime = NOW,
    begins: datetime | None = None,
    running: Any = None,
    dashboard: Any = NO_DASHBOARD,
) -> OverLimit | None:
    """Return why a campaign of so many contacts, each of which takes a credit, does not fit into the day."""
    since: list[float] = []

    def recorded_since(moment: float) -> float:
        since.append(moment)
        return recorded

    credits = DailyCredits(limit, lambda each: float(each.campaign_action_count or 0), recorded_since)
    server = ScriptedServer(list_campaigns=running or a_page(), get_dashboard=dashboard)
    result: OverLimit | None = server.run(credits.over(campaign(own), now.astimezone(timezone.utc), begins))
    assert since in ([], [MIDNIGHT.timestamp()])
    return result


@pytest.mark.parametrize(("own", "fits"), [(60, True), (61, False)], ids=["exactly the rest", "one credit more"])
def test_a_campaign_may_take_what_is_left_of_the_day(own: int, fits: bool) -> None:
    assert (over(own, recorded=40) is None) is fits


@pytest.mark.parametrize(("own", "fits"), [(100, True), (101, False)], ids=["the whole limit", "one credit more"])
def test_a_campaign_alone_may_take_the_whole_limit(own: int, fits: bool) -> None:
    assert (over(own) is None) is fits


def test_a_campaign_that_fits_into_no_day_names_no_time() -> None:
    assert over(101, recorded=5) == OverLimit(
        "it is estimated at 101 credits, and daily_credit_limit of the connection is 100", None
    )


def test_campaigns_that_have_ended_are_waited_for_until_midnight_in_nepal() -> None:
    assert over(61, recorded=40) == OverLimit(
        "it is estimated at 61 credits, today's campaigns take 40, and daily_credit_limit of the connection is 100",
        MIDNIGHT + timedelta(days=1),
    )


def test_campaigns_that_run_now_count_with_their_estimates_and_are_checked_again_in_an_hour() -> None:
    server_pages = [
        a_page(campaign(20, 8, "Running"), count=2, following="?offset=1"),
        a_page(campaign(21, 9, "Running"), count=2),
    ]

    found = over(50, recorded=10, running=server_pages)

    assert found is not None
    assert "today's campaigns take 51" in found.figures
    assert found.until == NOW + timedelta(hours=1)


def test_less_than_an_hour_before_midnight_they_are_checked_again_at_midnight() -> None:
    late = MIDNIGHT + timedelta(hours=23, minutes=30)

    found = over(90, running=a_page(campaign(20, 8, "Running")), now=late)

    assert found is not None
    assert found.until == MIDNIGHT + timedelta(days=1)


def test_recorded_credits_that_leave_exactly_enough_are_not_what_is_waited_for() -> None:
    found = over(60, recorded=40, running=a_page(campaign(1, 8, "Running")))

    assert found is not None
    assert found.until == NOW + timedelta(hours=1)


@pytest.mark.parametrize(("shown", "fits"), [(40.0, True), (41.0, False)], ids=["leaves enough", "does not"])
def test_what_the_dashboard_shows_of_one_day_counts_where_it_is_more(shown: float, fits: bool) -> None:
    def answer(call: Any) -> Dashboard:
        return Dashboard(credits_used=shown if call.request.query == {"days": 1} else 0.0)

    assert (over(60, recorded=10, dashboard=answer) is None) is fits


@pytest.mark.parametrize(
    ("begins", "fits"),
    [
        pytest.param(datetime(2026, 11, 24, 23, 59, tzinfo=NEPAL), False, id="today in Nepal"),
        pytest.param(datetime(2026, 11, 25, 0, 1, tzinfo=NEPAL), True, id="tomorrow in Nepal"),
    ],
)
def test_what_was_spent_today_says_nothing_of_another_day(begins: datetime, fits: bool) -> None:
    assert (over(61, recorded=40, begins=begins.astimezone(timezone.utc)) is None) is fits
