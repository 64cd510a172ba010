"""What a campaign came to, in numbers."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_tingting.api.statuses import ContactStatus
from airflow_provider_tingting.errors import TingTingReportError
from airflow_provider_tingting.reports.cells import CONTACT_STATUSES
from airflow_provider_tingting.reports.parser import ReportRow, open_report
from airflow_provider_tingting.reports.summary import (
    NOT_REACHED,
    PENDING,
    REACHED,
    CampaignSummary,
    SummaryBuilder,
    summarise_report,
    summarise_rows,
)

# The same contacts, once as a report and once as `campaign-detail` lists them.
REPORT = b"""\
Number,Status,Duration (Seconds),Playback (%),Credit Consumed,Other Info,Action Date,Carrier
9841000001,Completed,10,91,2,{},,NTC
9841000002,Hungup,5,40,1.1,{},,Ncell
9841000003,Unanswered,30,0,0,{},,NTC
9841000004,Failed,,,,{},,
9841000005,Not Started,,,,{},,other
9841000006,Answered,3,10,0.2,{},,NTC
9841000007,Voicemail,9,50,1,{},,NTC
"""
LISTING = [
    {"status": "voicemail", "call_duration": "9s", "playback": "50", "credit_consumed": 1, "carrier": "NTC"},
    {"status": "answered", "call_duration": "3s", "playback": "10", "credit_consumed": 0.2, "carrier": "NTC"},
    {"status": "not started", "call_duration": "", "playback": "", "credit_consumed": 0, "carrier": "other"},
    {"status": "failed", "call_duration": None, "playback": "", "credit_consumed": None, "carrier": None},
    {"status": "unanswered", "call_duration": "30s", "playback": "", "credit_consumed": 0, "carrier": "NTC"},
    {"status": "hungup", "call_duration": "5s", "playback": "40", "credit_consumed": 1.1, "carrier": "Ncell"},
    {"status": "completed", "call_duration": "10s", "playback": "91", "credit_consumed": "2.0", "carrier": "NTC"},
]
OUTCOME = CampaignSummary(
    contacts=7,
    reached=2,
    not_reached=2,
    pending=2,
    unknown=1,
    by_status={
        "answered": 1,
        "completed": 1,
        "failed": 1,
        "hungup": 1,
        "not started": 1,
        "unanswered": 1,
        "voicemail": 1,
    },
    by_carrier={"NTC": 4, "Ncell": 1, "other": 1},
    credits=4.3,
    credits_calls=4.3,
    credits_sms=0.0,
    seconds_talked=15.0,
    median_playback=65.5,
    reach_rate=0.2857,
)


def of_listing() -> CampaignSummary:
    builder = SummaryBuilder()
    for row in LISTING:
        builder.add(
            str(row["status"]),
            carrier=row["carrier"],  # type: ignore[arg-type]
            duration_seconds=row["call_duration"],  # type: ignore[arg-type]
            playback_percent=row["playback"],  # type: ignore[arg-type]
            credits_calls=row["credit_consumed"],  # type: ignore[arg-type]
        )
    return builder.result()


def test_report_rows_and_listing_tell_the_same() -> None:
    report = open_report(io.BytesIO(REPORT))
    assert summarise_report(report) == OUTCOME
    assert summarise_rows(report.rows()) == OUTCOME
    assert of_listing() == OUTCOME


def test_every_documented_status_is_in_one_group_only() -> None:
    assert {"completed", "hungup"} == REACHED
    assert {"failed", "unanswered", "terminated"} == NOT_REACHED
    assert {*REACHED, *NOT_REACHED, *PENDING} == set(CONTACT_STATUSES)
    assert len(REACHED) + len(NOT_REACHED) + len(PENDING) == len(CONTACT_STATUSES)


def test_the_client_and_the_report_speak_of_the_same_statuses() -> None:
    builder = SummaryBuilder()
    for status in ContactStatus:
        builder.add(status)
    summary = builder.result()
    assert summary.unknown == sum(status not in CONTACT_STATUSES for status in map(str, ContactStatus))
    assert summary.reached == sum(status.is_reached for status in ContactStatus) == len(REACHED)
    assert summary.not_reached == sum(status.is_final for status in ContactStatus) - len(REACHED)


@pytest.mark.parametrize("status", ["", "success", "completed!", "COMPLETE", "voicemail", "स्वीकृत"])
def test_an_unknown_status_is_never_reached(status: str) -> None:
    summary = summarise_rows([ReportRow("9841234567", status, duration_seconds=9.0, playback_percent=100.0)])
    assert (summary.unknown, summary.reached, summary.contacts) == (1, 0, 1)
    assert (summary.reach_rate, summary.seconds_talked, summary.median_playback) == (0.0, 0.0, None)


def test_nobody_has_no_rate() -> None:
    assert SummaryBuilder().result() == CampaignSummary()
    assert CampaignSummary().reach_rate is None


def test_credits_of_calls_and_sms_are_added() -> None:
    builder = SummaryBuilder()
    for _ in range(10):
        builder.add("completed", credits_calls=0.1, credits_sms="0.2")
    summary = builder.result()
    assert (summary.credits_calls, summary.credits_sms, summary.credits) == (1.0, 2.0, 3.0)


@pytest.mark.parametrize("amount", [float("nan"), float("inf"), -1.0, "-1", "many"])
def test_an_amount_that_makes_no_sense_counts_as_nothing(amount: float | str) -> None:
    builder = SummaryBuilder()
    builder.add("completed", duration_seconds=amount, playback_percent=amount, credits_calls=amount, credits_sms=amount)
    summary = builder.result()
    assert (summary.contacts, summary.credits, summary.seconds_talked, summary.median_playback) == (1, 0.0, 0.0, None)


@given(st.lists(st.integers(0, 100), min_size=1))
def test_the_median_is_the_median(percents: list[int]) -> None:
    from statistics import median

    summary = summarise_rows(ReportRow("", "completed", playback_percent=float(percent)) for percent in percents)
    assert summary.median_playback == median(percents)


def test_json_goes_there_and_back() -> None:
    plain = json.loads(json.dumps(OUTCOME.to_json()))
    assert CampaignSummary.from_json(plain) == OUTCOME
    assert CampaignSummary.from_json({**plain, "of_a_later_version": 1}) == OUTCOME


@given(
    st.lists(st.tuples(st.text(max_size=50), st.text(max_size=50)), max_size=60),
    st.integers(0, 10**12),
)
def test_json_is_less_than_a_kilobyte_whatever_comes(pairs: list[tuple[str, str]], times: int) -> None:
    builder = SummaryBuilder()
    for status in CONTACT_STATUSES:
        builder.add(status, times=times, credits_calls=1 / 3, duration_seconds=1 / 3)
    for status, carrier in pairs:
        builder.add(status, carrier=carrier, times=times)
    summary = builder.result()
    plain = summary.to_json()
    assert len(json.dumps(plain)) < 1000
    assert sum(plain["by_status"].values()) == summary.contacts
    assert sum(plain["by_carrier"].values()) == sum(summary.by_carrier.values())


def test_a_million_different_statuses_do_not_fill_the_memory() -> None:
    builder = SummaryBuilder()
    for index in range(20_000):
        builder.add(f"status {index}", carrier=f"carrier {index}")
    summary = builder.result()
    assert summary.unknown == 20_000
    assert len(summary.by_status) <= 1001
    assert sum(summary.by_carrier.values()) == 20_000


def test_a_second_header_is_found_while_counting() -> None:
    with pytest.raises(TingTingReportError, match=r"second header \(line 9\)"):
        summarise_report(open_report(io.BytesIO(REPORT + REPORT)))


def test_a_number_that_comes_again_is_a_duplicate_however_it_is_spelt() -> None:
    rows = ["9841000001", "+977 9841000001", "9779841000001", " 9841000001 ", "9841000002", "123", "123", "", ""]
    body = "Number,Status\n" + "".join(f"{number},Completed\n" for number in rows)
    report = open_report(io.BytesIO(body.encode()))

    assert summarise_report(report).duplicates == summarise_rows(report.rows()).duplicates == 4
    assert summarise_report(report).contacts == 9


@given(st.lists(st.sampled_from([f"98410000{index:02}" for index in range(30)] + ["1", "x", "९८४१००००९९"])))
def test_duplicates_are_the_rows_beyond_the_different_numbers(numbers: list[str]) -> None:
    body = "Number,Status\n" + "".join(f"{number},Failed\n" for number in numbers)

    assert summarise_report(open_report(io.BytesIO(body.encode()))).duplicates == len(numbers) - len(set(numbers))


def test_duplicates_are_counted_as_well_when_a_set_would_be_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow_provider_tingting.reports import distinct

    monkeypatch.setattr(distinct, "_FEW", 1000)
    numbers = [f"98{index * 7919 % 10**8:08}" for index in range(5000)]
    odd = ["+9779800000000", "09800000000", "x", "x", "12345", "९८००००००००", "", ""]
    doubles = 3 + 1  # the first number in three other spellings, and an x
    rows = [*numbers, *odd, *numbers[:700]]
    body = "Number,Status\n" + "".join(f"{number},Failed\n" for number in rows)

    assert summarise_report(open_report(io.BytesIO(body.encode()))).duplicates == doubles + 700
