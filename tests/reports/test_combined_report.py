"""Several campaigns that called the same contacts, judged as one: each contact counts once, with its best outcome."""

from __future__ import annotations

import csv
import io
from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.report_files import report_body

from airflow_provider_tingting.reports import CONTACT_STATUSES
from airflow_provider_tingting.reports.combined import CombinedReport
from airflow_provider_tingting.reports.outcomes import Outcome
from airflow_provider_tingting.reports.parser import Report, open_report
from airflow_provider_tingting.reports.unreached import UNREACHED, Choice, write_unreached

SITA, GITA = "9841234501", "9841234502"


def a_report(*rows: tuple[str, str]) -> Report:
    """A report of numbers and statuses, in which each row costs one credit."""
    body = report_body({"Number": number, "Status": status, "Credit Consumed": "1"} for number, status in rows)
    return open_report(io.BytesIO(body))


@pytest.mark.parametrize("statuses", list(permutations(("unanswered", "completed", "failed"))), ids=" then ".join)
@pytest.mark.parametrize("place", [0, 1], ids=["in the first report", "in a later report"])
def test_a_contact_that_one_row_says_was_reached_counts_as_reached(statuses: tuple[str, ...], place: int) -> None:
    before = [a_report((SITA, "unanswered"))] * place

    summary = CombinedReport([*before, a_report(*((SITA, status) for status in statuses))]).summary()

    assert (summary.contacts, summary.reached, summary.credits) == (1, 1, 3.0 + place)


def test_a_number_that_stands_twice_in_a_report_is_one_try_of_one_row(tmp_path: Path) -> None:
    path = tmp_path / "combined.csv"
    first = a_report((SITA, "unanswered"), (GITA, "failed"), (SITA, "hungup"))

    CombinedReport([first, a_report((GITA, "unanswered"), (GITA, "completed"))]).write(path)

    with path.open(encoding="utf-8", newline="") as file:
        found = {row["number"]: row for row in csv.DictReader(file)}
    shown = ("outcome", "tries", "reached_by", "try_1_status", "try_1_credits", "try_2_status", "try_2_credits")
    assert {number: tuple(row[name] for name in shown) for number, row in found.items()} == {
        SITA: ("reached", "1", "1", "hungup", "2.0", "", ""),
        GITA: ("reached", "2", "2", "failed", "1.0", "completed", "2.0"),
    }


def test_each_variable_has_a_column_of_its_own_also_when_its_name_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "combined.csv"
    info = str({"outcome": "A", "variable_outcome": "B", "ward": "C"})
    body = report_body([{"Number": SITA, "Status": "completed", "Other Info": info}])

    CombinedReport([open_report(io.BytesIO(body))]).write(path)

    with path.open(encoding="utf-8", newline="") as file:
        [row] = csv.DictReader(file)
    assert [row[name] for name in ("outcome", "variable_outcome", "variable_outcome_2", "ward")] == [
        "reached",
        "A",
        "B",
        "C",
    ]


def test_a_number_abroad_is_another_contact_than_the_number_in_nepal_with_the_same_last_digits() -> None:
    rows = (("+919841234567", "unanswered"), ("9841234567", "completed"))

    for reports in ([a_report(*rows)], [a_report(row) for row in rows]):
        summary = CombinedReport(reports).summary()
        assert (summary.contacts, summary.reached, summary.not_reached) == (2, 1, 1)


@pytest.mark.parametrize(
    "number", ["+9779841234501", "9779841234501", "09841234501", "984-1234501", "00977 9841234501"]
)
def test_a_number_is_the_same_contact_however_the_reports_write_it(number: str) -> None:
    summary = CombinedReport([a_report((SITA, "unanswered")), a_report((number, "completed"))]).summary()

    assert (summary.contacts, summary.reached) == (1, 1)


@given(st.lists(st.tuples(st.sampled_from([SITA, GITA, "+9779841234501"]), st.sampled_from(CONTACT_STATUSES))))
def test_the_contacts_not_reached_are_those_that_the_next_campaign_would_call(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]
) -> None:
    outcomes = [Outcome(number, status, {}) for number, status in rows]
    audience = tmp_path_factory.getbasetemp() / "left.jsonl"
    left = write_unreached(outcomes, audience, Choice.read(UNREACHED, None, "tries"))

    summary = CombinedReport([a_report(*rows)]).summary()

    assert summary.not_reached == left.contacts
