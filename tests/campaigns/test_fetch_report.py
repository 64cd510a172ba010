"""A campaign's report over HTTP: the listing in its place byte by byte, what is checked, and what is read again."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.recording_server import Received, Reply
from support.report_download import BODY, HEADER, PREAMBLE, ROWS, Server
from support.virtual_time import VirtualTime

from airflow_provider_tingting.api import TingTingClient
from airflow_provider_tingting.api.models import Campaign
from airflow_provider_tingting.campaigns.fetch_report import (
    FetchedReport,
    check_fetched,
    fetch_listing,
    fetch_report,
    spooled,
)
from airflow_provider_tingting.campaigns.outcome import fetch_complete, summarise
from airflow_provider_tingting.clock import use_clock
from airflow_provider_tingting.errors import TingTingReportError, TingTingServerError

FAILS = Reply({"detail": "Server error."}, 500)

Use = Callable[[TingTingClient, Campaign], Any]


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


def using(server: Server, use: Use) -> Any:
    with TingTingClient("a-token", base_url=server.base_url, max_retries=0) as client:
        return use(client, Campaign.model_validate(server.campaign))


def listing(server: Server) -> str:
    """Return the listing of the contacts as a report."""
    with spooled() as spool:
        spool.write(b"of an earlier download" * 100)
        using(server, lambda client, campaign: fetch_listing(client, campaign, spool))
        spool.seek(0)
        return spool.read().decode()


CONTACT = {
    "id": 1,
    "number": "9841234501",
    "status": "completed",
    "call_duration": "10s",
    "playback": "100",
    "credit_consumed": 1,
    "credit_consumed_SMS": 2,
    "updated_at": "2026-11-23T10:00:00+05:45",
    "carrier": "NTC",
    "other_variables": {"नाम": "सीता, \u201cस\u201d", "ward": 5},
}
COLUMNS = (
    "Number,Status,Duration (Seconds),Playback (%),Credit Consumed,Credit Consumed SMS,Other Info,Action Date,Carrier"
)


def test_the_listing_is_written_with_the_columns_of_a_report(server: Server) -> None:
    server.listed = [CONTACT, {"id": 2, "number": "9841234502", "status": "unanswered"}]

    variables = json.dumps(CONTACT["other_variables"], ensure_ascii=False).replace('"', '""')
    assert listing(server) == (
        f"{COLUMNS}\n"
        f'9841234501,completed,10.0,100.0,1.0,2.0,"{variables}",2026-11-23T10:00:00+05:45,NTC\n'
        "9841234502,unanswered,,,,,,,\n"
    )


def test_a_campaign_that_sends_an_sms_after_some_outcomes_has_a_column_for_it(server: Server) -> None:
    server.campaign["failover_target"] = ["unanswered"]
    server.listed = [{"id": 2, "number": "9841234502", "status": "unanswered", "failover_sms_sent": True}]

    assert listing(server) == f"{COLUMNS},Failover SMS Sent\n9841234502,unanswered,,,,,,,,True\n"


def test_half_a_character_in_a_listing_is_replaced(server: Server) -> None:
    server.listed = [{**CONTACT, "other_variables": {"name": "Sita \ud83d"}}]

    assert "Sita ?" in listing(server)


def test_the_progress_of_a_long_listing_is_logged(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    server.campaign["campaign_action_count"] = 1001
    server.listed = [{"id": number, "number": "9841234501", "status": "completed"} for number in range(1001)]
    answer = server.answer

    with use_clock(time := VirtualTime(0.0)), caplog.at_level(logging.INFO):

        def slowly(request: Received) -> Reply:
            time.push(20.0)
            return answer(request)

        server.reply = slowly
        listing(server)

    assert "Campaign 79: 1,000 of 1,001 contacts read, 50 a second, about 1 s to go" in caplog.text


@pytest.mark.parametrize("source", ["report", "listing"])
@pytest.mark.parametrize("lacks", [0, 1], ids=["all", "one is missing"])
def test_each_source_is_checked_for_missing_contacts(server: Server, source: str, lacks: int) -> None:
    rows = ROWS[lacks:]
    server.report = (HEADER + "".join(rows)).encode() if source == "report" else FAILS
    server.list(*rows)

    def check(client: TingTingClient, campaign: Campaign) -> None:
        with spooled() as spool:
            fetched = fetch_report(client, campaign, spool)
            assert fetched.source == source
            check_fetched(fetched, campaign, require_complete=False)
            if not lacks:
                check_fetched(fetched, campaign)
                return
            of = "" if source == "report" else " of campaign 79"
            with pytest.raises(TingTingReportError, match=f"The report{of} is incomplete: .*1 is missing"):
                check_fetched(fetched, campaign)

    using(server, check)


@pytest.mark.parametrize(
    ("preamble", "says"),
    [
        pytest.param(PREAMBLE.replace("Water", "Food"), "is called 'Water, notice'", id="another name"),
        pytest.param(PREAMBLE + "Campaign Id,80\n", "campaign 79 was asked for", id="another id"),
    ],
)
def test_the_report_of_another_campaign_is_refused(server: Server, preamble: str, says: str) -> None:
    server.report = (preamble + BODY).encode()

    def check(client: TingTingClient, campaign: Campaign) -> None:
        with spooled() as spool:
            check_fetched(fetch_report(client, campaign, spool), campaign, require_complete=False)

    with pytest.raises(TingTingReportError, match=says):
        using(server, check)


def fetched(server: Server, **options: bool) -> FetchedReport:
    def fetch(client: TingTingClient, campaign: Campaign) -> FetchedReport:
        with spooled() as spool:
            return fetch_report(client, campaign, spool, **options)

    result: FetchedReport = using(server, fetch)
    return result


def downloads(server: Server) -> int:
    return sum(request.path == "/api/v1/download/79/report/" for request in server.received)


def test_a_damaged_report_is_downloaded_twice_before_the_listing_replaces_it(server: Server) -> None:
    server.report = [BODY.encode()[:-40], BODY.encode()[:-30], BODY.encode()]
    server.list(*ROWS)

    assert fetched(server).source == "listing"
    assert downloads(server) == 2


def test_a_longer_damaged_download_leaves_nothing_in_the_next_one(server: Server) -> None:
    server.report = [(BODY + ROWS[0] * 9).encode()[:-40], BODY.encode()]

    assert fetched(server).read.summary.contacts == 3


def test_where_the_listing_may_not_replace_a_damaged_report_it_is_an_error(server: Server) -> None:
    server.report = BODY.encode()[:-40]
    server.list(*ROWS)

    with pytest.raises(TingTingReportError):
        fetched(server, may_list=False)
    assert downloads(server) == 2


def test_the_error_of_a_listing_that_fails_too_names_the_report_as_its_cause(server: Server) -> None:
    server.report = FAILS
    answer = server.answer
    server.reply = lambda request: FAILS if "campaign-detail" in request.path else answer(request)

    with pytest.raises(TingTingServerError, match="list_contacts") as raised:
        fetched(server)
    assert "download_campaign_report" in str(raised.value.__cause__)


# -- the figures of a campaign that has ended --------------------------------------------------------------------------


def test_a_report_that_lacks_contacts_is_replaced_by_a_whole_listing(server: Server) -> None:
    server.report = (HEADER + ROWS[0]).encode()
    server.list(*ROWS)

    def complete(client: TingTingClient, campaign: Campaign) -> tuple[str, int]:
        with spooled() as spool:
            fetched = fetch_complete(client, campaign, spool)
            return fetched.source, fetched.read.summary.contacts

    assert using(server, complete) == ("listing", 3)


@pytest.mark.parametrize("report", [(HEADER + ROWS[0]).encode(), FAILS], ids=["lacks contacts, too", "fails"])
def test_a_listing_that_lacks_contacts_gives_no_figures(server: Server, report: Any) -> None:
    server.report = report
    server.list(*ROWS[:2])

    with pytest.raises(TingTingReportError, match="1 is missing"):
        using(server, lambda client, campaign: summarise(client, campaign))
    assert sum("campaign-detail" in request.path for request in server.received) == 1
