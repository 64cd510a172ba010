"""A report that lacks contacts says how many."""

from __future__ import annotations

import pytest

from airflow_provider_tingting.errors import TingTingReportError
from airflow_provider_tingting.reports.completeness import announced_contacts, check_complete


@pytest.mark.parametrize(
    ("rows", "expected", "announced"), [(5, 5, None), (5, None, None), (6, 5, 5), (0, 0, 0), (5, None, 5), (5, 5, 4)]
)
def test_a_whole_report_passes(rows: int, expected: int | None, announced: int | None) -> None:
    check_complete(rows, expected, announced=announced)


@pytest.mark.parametrize(
    ("rows", "expected", "announced", "words"),
    [
        (97, 100, None, ["the campaign has 100 contacts", "97 came", "3 are missing"]),
        (0, 1, None, ["the campaign has 1 contact,", "1 is missing"]),
        (2, None, 3, ["itself announces 3 contacts", "1 is missing"]),
        (2, 3, 5, ["itself announces 5 contacts", "3 are missing"]),
        (2, 5, 3, ["the campaign has 5 contacts", "3 are missing"]),
        (1_000_000, 98_765_432, None, ["97,765,432 are missing"]),
    ],
)
def test_a_shortfall_says_how_many_are_missing(
    rows: int, expected: int | None, announced: int | None, words: list[str]
) -> None:
    with pytest.raises(TingTingReportError) as caught:
        check_complete(rows, expected, announced=announced, campaign_id=79)
    for word in ["campaign 79", *words]:
        assert word in str(caught.value)


def test_the_preamble_announces_contacts() -> None:
    assert announced_contacts({"total_numbers": 7}) == 7
    assert announced_contacts({"total_numbers": "many"}) is None
    assert announced_contacts({}) is None
