"""What a campaign came to, in numbers."""

from __future__ import annotations

import json
import random
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.report_files import report_body, summary_of

from airflow_provider_tingting.api.statuses import ContactStatus
from airflow_provider_tingting.errors import TingTingReportError
from airflow_provider_tingting.reports import CONTACT_STATUSES
from airflow_provider_tingting.reports.summary import (
    NOT_REACHED,
    PENDING,
    REACHED,
    CampaignSummary,
)

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


def test_a_report_is_counted_by_outcome_carrier_and_credits() -> None:
    assert summary_of(REPORT) == OUTCOME


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_the_rows_does_not_change_the_summary(seed: int) -> None:
    header, *rows = REPORT.splitlines(keepends=True)
    random.Random(seed).shuffle(rows)
    assert summary_of(header + b"".join(rows)) == OUTCOME


def test_every_documented_status_is_in_one_group_only() -> None:
    assert {"completed", "hungup"} == REACHED
    assert {"failed", "unanswered", "terminated"} == NOT_REACHED
    assert {*REACHED, *NOT_REACHED, *PENDING} == set(CONTACT_STATUSES)
    assert len(REACHED) + len(NOT_REACHED) + len(PENDING) == len(CONTACT_STATUSES)


def test_the_client_and_the_report_know_the_same_statuses() -> None:
    summary = summary_of(report_body({"Status": str(status)} for status in ContactStatus))
    assert summary.unknown == sum(status not in CONTACT_STATUSES for status in map(str, ContactStatus))
    assert summary.reached == sum(status.is_reached for status in ContactStatus) == len(REACHED)
    assert summary.not_reached == sum(status.is_final for status in ContactStatus) - len(REACHED)


@pytest.mark.parametrize("status", ["", "success", "completed!", "COMPLETE", "voicemail", "स्वीकृत"])
def test_an_unknown_status_is_never_reached(status: str) -> None:
    row = {"Number": "9841234567", "Status": status, "Duration": "9", "Playback": "100"}
    summary = summary_of(report_body([row]))
    assert (summary.unknown, summary.reached, summary.contacts) == (1, 0, 1)
    assert (summary.reach_rate, summary.seconds_talked, summary.median_playback) == (0.0, 0.0, None)


def test_a_report_without_contacts_has_no_reach_rate() -> None:
    assert summary_of(report_body([])) == CampaignSummary()
    assert CampaignSummary().reach_rate is None


def test_credits_of_calls_and_sms_are_added() -> None:
    row = {"Status": "completed", "Credit Consumed": "0.1", "Credit Consumed SMS": "0.2"}
    summary = summary_of(report_body({**row, "Number": number} for number in range(10)))
    assert (summary.credits_calls, summary.credits_sms, summary.credits) == (1.0, 2.0, 3.0)


@pytest.mark.parametrize("amount", ["nan", "inf", "1e999", "-1", "many", "9" * 400])
def test_an_amount_that_cannot_be_read_counts_as_nothing(amount: str) -> None:
    row = {"Status": "completed", "Duration": amount, "Playback": amount, "Credits": amount, "SMS credit": amount}
    summary = summary_of(report_body([row]))
    assert (summary.contacts, summary.credits, summary.seconds_talked, summary.median_playback) == (1, 0.0, 0.0, None)


@given(st.lists(st.integers(0, 100), min_size=1))
def test_the_median_is_the_median(percents: list[int]) -> None:
    summary = summary_of(report_body({"Status": "Completed", "Playback": percent} for percent in percents))
    assert summary.median_playback == median(percents)


def test_json_goes_there_and_back() -> None:
    plain = json.loads(json.dumps(OUTCOME.to_json()))
    assert CampaignSummary.from_json(plain) == OUTCOME
    assert CampaignSummary.from_json({**plain, "of_a_later_version": 1}) == OUTCOME


_COUNTS = st.dictionaries(st.text(max_size=50), st.integers(0, 10**12), max_size=60)


@given(by_status=_COUNTS, by_carrier=_COUNTS, amount=st.floats(0, 1e15))
def test_json_is_less_than_a_kilobyte_for_any_counts(
    by_status: dict[str, int], by_carrier: dict[str, int], amount: float
) -> None:
    statuses = {name[:32]: times for name, times in by_status.items()}
    carriers = {name[:32]: times for name, times in by_carrier.items()}
    contacts = sum(statuses.values())
    plain = CampaignSummary(
        contacts,
        contacts,
        contacts,
        contacts,
        contacts,
        statuses,
        carriers,
        amount,
        amount,
        amount,
        amount,
        1 / 3,
        1 / 3,
    ).to_json()
    assert len(json.dumps(plain)) < 1000
    assert sum(plain["by_status"].values()) == contacts
    assert sum(plain["by_carrier"].values()) == sum(carriers.values())


def test_many_different_statuses_do_not_fill_the_memory() -> None:
    summary = summary_of(report_body({"Status": f"status {n}", "Carrier": f"carrier {n}"} for n in range(5_000)))
    assert summary.unknown == 5_000
    assert len(summary.by_status) <= 1001
    assert sum(summary.by_carrier.values()) == 5_000


def test_a_second_header_is_found_while_counting() -> None:
    with pytest.raises(TingTingReportError, match=r"second header \(line 9\)"):
        summary_of(REPORT + REPORT)


def test_a_number_that_comes_again_is_a_duplicate_however_it_is_spelt() -> None:
    rows = ["9841000001", "+977 9841000001", "9779841000001", " 9841000001 ", "9841000002", "123", "123", "", ""]
    body = "Number,Status\n" + "".join(f"{number},Completed\n" for number in rows)
    summary = summary_of(body.encode())

    assert (summary.duplicates, summary.contacts) == (4, 9)


@pytest.mark.parametrize(
    "spellings",
    [
        ["9841000001", "+977 984-1000001", "009779841000001", "+977-0984-1000001", "०९८४१०००००१", "(984) 1000001"],
        ["+91 98765 43210", "0091 9876543210", "919876543210", "+91-98765-43210"],
        ["01-4412345", "+977 1 4412345", "0097714412345"],
    ],
    ids=["a mobile", "a foreign number", "a landline"],
)
def test_one_phone_in_all_its_spellings_is_one_number(spellings: list[str]) -> None:
    body = "Number,Status\n" + "".join(f"{number},Completed\n" for number in spellings)

    assert summary_of(body.encode()).duplicates == len(spellings) - 1


@given(st.lists(st.sampled_from([f"98410000{index:02}" for index in range(30)] + ["1", "x", "९८४१००००९९"])))
def test_duplicates_are_the_rows_beyond_the_different_numbers(numbers: list[str]) -> None:
    body = "Number,Status\n" + "".join(f"{number},Failed\n" for number in numbers)

    assert summary_of(body.encode()).duplicates == len(numbers) - len(set(numbers))


def test_duplicates_are_counted_as_well_when_a_set_would_be_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow_provider_tingting.reports import distinct_numbers

    monkeypatch.setattr(distinct_numbers, "_FEW", 1000)
    numbers = [f"98{index * 7919 % 10**8:08}" for index in range(5000)]
    odd = ["+9779800000000", "09800000000", "x", "x", "12345", "९८००००००००", "", ""]
    doubles = 3 + 1  # the first number in three other spellings, and an x
    rows = [*numbers, *odd, *numbers[:700]]
    body = "Number,Status\n" + "".join(f"{number},Failed\n" for number in rows)

    assert summary_of(body.encode()).duplicates == doubles + 700

    # Python reads it as the first number, a person does not.
    body = "Number,Status\n" + "".join(f"{number},Failed\n" for number in [*numbers, "98_00000000"])

    assert summary_of(body.encode()).duplicates == 0
