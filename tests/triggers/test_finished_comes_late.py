"""The trigger reports what finishes during an outage or before its own page says so, and nothing ends its watch."""

from __future__ import annotations

import pytest
from support.campaigns import a_campaign, connection
from support.finished import finish, reported

from airflow_provider_tingting.sandbox.routes import campaigns as campaign_routes

pytestmark = pytest.mark.usefixtures("tingting_conn", "virtual_time")


@pytest.mark.parametrize("silent", ["list_campaigns", "*"])
def test_what_finishes_while_the_first_polls_have_no_answer_is_reported_and_nothing_older(sandbox, monkeypatch, silent):
    monkeypatch.setenv("AIRFLOW_CONN_TINGTING_DEFAULT", connection(sandbox, max_retries=0))
    sandbox.world.campaigns[finish(sandbox, name="Long ago")].updated_at -= 3600
    without_a_time = finish(sandbox)
    really = campaign_routes.campaign_json

    def campaign_json(campaign, dialect, **options):
        content = really(campaign, dialect, **options)
        return {**content, "updated_at": None} if campaign.id == without_a_time else content

    monkeypatch.setattr(campaign_routes, "campaign_json", campaign_json)
    outage = sandbox.faults.add("500", call=silent, times="*")

    def act():
        finish(sandbox, name="During the outage")
        sandbox.faults.remove(outage.id)

    events = reported(sandbox, act)

    assert [event["name"] for event in events] == ["During the outage"]


@pytest.mark.parametrize("own_page", ["says that it runs", "is not there"])
def test_a_finish_far_down_the_list_that_its_own_page_shows_late_is_reported(sandbox, monkeypatch, own_page):
    old = a_campaign(sandbox)
    for _ in range(25):
        finish(sandbox)
    stale = 3
    really = campaign_routes.campaign_json

    def campaign_json(campaign, dialect, **options):
        nonlocal stale
        content = really(campaign, dialect, **options)
        # The list has the voices, a campaign's own page does not.
        if campaign.id == old and not options and stale:
            stale -= 1
            if own_page == "is not there":
                sandbox.world.campaign(4711)
            content["status"] = "Running"
        return content

    monkeypatch.setattr(campaign_routes, "campaign_json", campaign_json)

    def act():
        sandbox.world.run_campaign(old)
        sandbox.play_out()

    events = reported(sandbox, act, after=4)

    assert [event["campaign_id"] for event in events] == [old]
    assert stale == 0


def test_an_unexpected_error_leaves_the_summary_out_and_ends_nothing(sandbox, monkeypatch, logged):
    def read_report(*arguments, **options):
        raise ValueError("Exceeds the limit for 9841234567")

    monkeypatch.setattr("airflow_provider_tingting.reports.read_report.read_report", read_report)

    events = reported(sandbox, lambda: (finish(sandbox), finish(sandbox)), events=2)

    assert [(event["campaign_id"], event["summary"]) for event in events] == [(1, None), (2, None)]
    said = logged()
    assert "The event of campaign 1 has no summary. ValueError: Exceeds the limit for 98******67" in said
