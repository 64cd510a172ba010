"""A report that lacks contacts says how many."""

from __future__ import annotations

import pytest

from airflow_provider_tingting.errors import TingTingReportError
from airflow_provider_tingting.reports.completeness import announced_contacts, check_campaign, check_complete


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


@pytest.mark.parametrize(
    ("rows", "duplicates", "words"),
    [
        (3, 1, ["2 came", "1 is missing, and 1 row repeats a number", "require_complete=False"]),
        (4, 2, ["2 came", "1 is missing, and 2 rows repeat a number"]),
        (2, 1, ["1 came", "2 are missing, and 1 row repeats"]),
    ],
)
def test_a_number_that_comes_twice_counts_once(rows: int, duplicates: int, words: list[str]) -> None:
    with pytest.raises(TingTingReportError) as caught:
        check_complete(rows, 3, duplicates=duplicates)
    for word in words:
        assert word in str(caught.value)


def test_duplicates_beyond_all_contacts_are_no_shortfall() -> None:
    check_complete(5, 3, duplicates=2)
    check_complete(5, None, duplicates=2)


@pytest.mark.parametrize(
    ("fields", "campaign_id", "name"),
    [
        ({}, 79, "Water"),
        ({"name": "Water"}, 79, "Water"),
        ({"name": " WATER\n"}, 79, "water"),
        ({"name": "Water"}, None, None),
        ({"name": ""}, 79, "Water"),
        ({"campaign_id": 79, "name": "Water"}, 79, ""),
        ({"name": "\u0915\u093c"}, 79, "\u0958"),
    ],
)
def test_the_report_of_the_campaign_passes(fields: dict[str, object], campaign_id: int | None, name: str) -> None:
    check_campaign(fields, campaign_id=campaign_id, name=name)


@pytest.mark.parametrize("fields", [{"name": "Water 2"}, {"name": "Vaccination"}, {"id": 80, "name": "Water"}])
def test_the_report_of_another_campaign_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(TingTingReportError, match="of another campaign: it says"):
        check_campaign(fields, campaign_id=79, name="Water")
