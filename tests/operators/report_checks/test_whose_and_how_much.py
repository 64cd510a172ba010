"""Whose report it is that has come, whether it holds each contact once, and whether it is final."""

from __future__ import annotations

import pytest
from support.report_download import BODY, HEADER, ROWS, downloading, refused, rows_of
from support.task_context import execute


def test_a_row_that_comes_twice_does_not_stand_for_one_that_is_missing(server, target):
    server.report = (HEADER + ROWS[0] + ROWS[1] + ROWS[1]).encode()

    said = refused(target)

    assert "Campaign 79: The report is incomplete: the campaign has 3 contacts, 2 came, 1 is missing" in said
    assert "1 row repeats a number that came before" in said
    assert "require_complete=False" in said
    assert "no contact is called again" in said


@pytest.mark.parametrize("spelling", ["+9779841234502", "977 9841234502", " 9841234502", "9779841234502"])
def test_a_number_is_the_same_however_it_is_spelt(server, target, spelling):
    spelt = ROWS[1].replace("9841234502", spelling.replace(" 98", "98") if spelling.startswith("977 ") else spelling)
    server.report = (HEADER + ROWS[0] + ROWS[1] + spelt).encode()

    assert "1 row repeats" in refused(target)


def test_an_incomplete_report_is_written_if_the_task_may(server, target, logged):
    server.report = (HEADER + ROWS[0] + ROWS[1] + ROWS[1]).encode()

    result, _ = execute(downloading(79, target, require_complete=False))

    assert (result["rows"], result["summary"]["duplicates"]) == (3, 1)
    assert len(rows_of(target)) == 3
    assert "1 is missing" in logged()


@pytest.mark.parametrize(
    ("preamble", "says"),
    [
        ("Campaign Name,Vaccination\nServices,PHONE\n\n", ["'Vaccination'", "'Water, notice'"]),
        ("Campaign ID,80\nCampaign Name,Water, notice\n\n", ["campaign 80", "campaign 79"]),
    ],
)
def test_the_report_of_another_campaign_is_refused(server, target, preamble, says):
    server.report = (preamble + BODY).encode()

    said = refused(target, require_complete=False)

    assert "another campaign" in said
    for part in says:
        assert part in said


@pytest.mark.parametrize("name", ['"Water, notice"', "Water, notice,,,", '" WATER,\nnotice "'])
def test_the_name_of_the_campaign_may_be_written_in_another_way(server, target, name):
    server.report = f"Campaign Name,{name}\n{BODY}".encode()

    assert execute(downloading(79, target))[0]["rows"] == 3


@pytest.mark.parametrize(("status", "final"), [("Completed", True), ("Terminated", True), ("Running", False)])
def test_the_report_of_a_campaign_that_has_not_ended_is_not_final(server, target, logged, status, final):
    server.campaign["status"] = status

    result, xcoms = execute(downloading(79, target))

    assert result["final"] is xcoms["final"] is final
    assert ("Campaign 79 is Running: the outcomes in its report may change" in logged()) is not final
