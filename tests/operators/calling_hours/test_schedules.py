"""A campaign's own schedule must lie within the calling window, and is then handed over at any hour."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from support.calling_hours import AT_EIGHT, AT_THREE, DAYTIME, NEPAL, it_is, running
from support.campaigns import a_campaign, writes
from support.task_context import execute

from airflow_provider_tingting._compat import AirflowFailException
from airflow_provider_tingting.sandbox import replies

pytestmark = pytest.mark.usefixtures("tingting_conn")


def test_a_schedule_outside_the_window_is_refused_before_the_campaign_is_run(sandbox):
    it_is(sandbox, AT_EIGHT)
    campaign = a_campaign(sandbox, schedule=(AT_EIGHT + timedelta(hours=13)).timestamp())

    with pytest.raises(
        AirflowFailException, match=r"scheduled for 2026-11-24T21:00:00\+05:45, outside its calling window"
    ):
        execute(running(campaign))

    assert writes(sandbox) == []


def test_a_schedule_within_the_window_is_handed_over_at_any_hour(sandbox):
    it_is(sandbox, AT_THREE)
    campaign = a_campaign(sandbox, schedule=(AT_EIGHT + timedelta(hours=1)).timestamp())

    result, _ = execute(running(campaign, wait_for_completion=False))

    assert result["status"] == "Scheduled"


@pytest.mark.parametrize("window", [None, DAYTIME])
def test_a_schedule_that_tingting_writes_without_an_offset_is_nepal_time(sandbox, monkeypatch, window):
    it_is(sandbox, AT_THREE)
    campaign = a_campaign(sandbox, schedule=(AT_EIGHT + timedelta(hours=1)).timestamp())
    monkeypatch.setattr(replies, "as_text", lambda moment: datetime.fromtimestamp(moment, NEPAL).strftime("%FT%T"))

    result, _ = execute(running(campaign, wait_for_completion=False, calling_window=window))

    assert result["status"] == "Scheduled"


def test_a_schedule_that_has_passed_makes_no_exception(sandbox):
    it_is(sandbox, AT_THREE - timedelta(hours=1))
    campaign = a_campaign(sandbox, schedule=(AT_THREE - timedelta(minutes=1)).timestamp())
    it_is(sandbox, AT_THREE)

    with pytest.raises(AirflowFailException, match="opens at 2026-11-24 08:00"):
        execute(running(campaign, outside_window="fail"))
