"""A number that comes again is dropped, and a row that no file can hold takes no number away."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.audiences import check

from airflow_provider_tingting.contacts.audience import AudienceOptions, check_audience
from airflow_provider_tingting.contacts.exclusion import Exclusion
from airflow_provider_tingting.contacts.sources import read_rows

HALF = "\ud83d"


@pytest.mark.parametrize(
    ("policy", "number", "neighbour"),
    [("nepal_mobile", "9841234567", "9841234566"), ("as_is", "14155550123", "4412345")],
)
def test_a_row_that_no_file_can_hold_leaves_its_number_to_a_good_row_that_comes_later(policy, number, neighbour):
    rows = [
        {"number": neighbour, "name": "Gita"},
        {"number": number, "name": f"Sita {HALF}"},
        {"number": number, "name": "Sita"},
        {"number": number, "name": "Sita again"},
        {"number": neighbour, "name": f"Gita {HALF}"},
    ]

    with check_audience(read_rows(rows), AudienceOptions(on_invalid="skip", number_policy=policy)) as audience:
        kept = [(contact.number, contact.variables["name"]) for contact in audience.contacts()]
        counts = (audience.total, audience.valid, audience.invalid, audience.duplicates)

    assert kept == [(neighbour, "Gita"), (number, "Sita")]
    assert counts == (5, 2, 1, 2)
    assert list(audience.reasons) == ["unusable_value (a text holds half a character)"]


def test_duplicates_that_say_something_else_are_counted_and_shown_masked() -> None:
    people = [
        {"number": "9841234501", "name": "Sita", "age": 5},
        {"number": "9841234501", "age": 5.0, "name": "Sita"},
        {"number": "+977 9841234501", "name": "Gita", "age": 5},
        {"number": "9841234502", "name": "Ram", "age": 5},
        {"number": "9841234502", "name": "", "age": 5},
    ]
    with check(people) as audience:
        assert (audience.duplicates, audience.conflicting) == (3, 2)
        assert audience.conflicts == [
            "the given contacts, row 3: 98******01 came before with other variables",
            "the given contacts, row 5: 98******02 came before with other variables",
        ]


def test_of_many_conflicts_ten_are_shown_and_all_counted() -> None:
    people = [{"number": f"98412{row % 50 + 1:05}", "name": str(row)} for row in range(150)]
    with check(people) as audience:
        assert (audience.valid, audience.duplicates, audience.conflicting) == (50, 100, 100)
        assert len(audience.conflicts) == 10


def test_numbers_as_they_are_are_compared_too() -> None:
    people = [{"number": "+91 98765 43210", "name": name} for name in ("a", "a", "b")]
    with check(people, number_policy="as_is") as audience:
        assert (audience.valid, audience.duplicates, audience.conflicting) == (1, 2, 1)


@pytest.mark.parametrize(
    "spellings",
    [
        pytest.param(["9841234567", "+977 9841234567", "9779841234567", "009779841234567"], id="a mobile"),
        pytest.param(["+91 98765 43210", "0091 9876543210", "919876543210"], id="a foreign number"),
        pytest.param(
            ["9841234567", "+0 984-1234567", "+0977 9841234567", "+977 (0)9841234567"], id="a mobile with zeros"
        ),
        pytest.param(
            ["01-4412345", "+977 1 4412345", "0097714412345", "+977 (0)1-4412345", "+0977 14412345"], id="a landline"
        ),
    ],
)
def test_a_number_as_it_is_names_one_contact_in_all_its_spellings(spellings: list[str]) -> None:
    people = [{"number": number, "name": "Sita"} for number in spellings]
    with check(people, number_policy="as_is") as audience:
        assert (audience.valid, audience.duplicates, audience.conflicting) == (1, len(people) - 1, 0)
    for entry in spellings:
        exclusion = Exclusion(number_policy="as_is")
        exclusion.add(read_rows([entry]))
        with check(people, exclusion, number_policy="as_is") as audience:
            assert (audience.valid, audience.excluded) == (0, len(people))


@settings(max_examples=40)
@given(st.lists(st.tuples(st.sampled_from(["9841234501", "9801234502", "9701234503"]), st.integers(0, 2))))
def test_a_conflict_is_a_duplicate_unlike_the_first(rows: list[tuple[str, int]]) -> None:
    first: dict[str, int] = {}
    expected = 0
    for number, value in rows:
        expected += first.setdefault(number, value) != value
    with check([{"number": number, "x": value} for number, value in rows]) as audience:
        assert audience.conflicting == expected
