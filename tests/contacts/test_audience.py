"""The check before anything is sent: which rows become contacts, which are rejected, and why."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.audiences import check, refusal, sent

from airflow_provider_tingting.contacts.audience import AudienceOptions
from airflow_provider_tingting.contacts.contact import Contact, Place
from airflow_provider_tingting.contacts.number_set import NumberSet
from airflow_provider_tingting.errors import TingTingConfigError

MESSY = """Phone No.,tags_name,district
+977 984-1234567,राम,काठमाडौं
9841234568,सीता,
984123,Hari,ललितपुर
01-4412345,Gita,भक्तपुर
,Shyam,ललितपुर
9841234567,Ram,Kathmandu
9.84E+09,Maya,Pokhara
9851234567,,Palpa
"""


@pytest.fixture
def messy(tmp_path: Path) -> Path:
    path = tmp_path / "people.csv"
    path.write_text(MESSY, "utf-8")
    return path


def test_a_messy_file_is_counted_row_by_row(messy: Path) -> None:
    with check(messy, required_tags=["tags_name"], on_invalid="skip") as audience:
        audience.raise_if_refused()
        assert (audience.total, audience.valid, audience.invalid, audience.duplicates) == (8, 2, 5, 1)
        assert audience.reasons == {
            "too_short": 1,
            "landline": 1,
            "empty": 1,
            "lost_digits": 1,
            "blank_tag (tags_name)": 1,
        }
        assert audience.carriers == {"NTC": 2}
        assert audience.variables == ("tags_name", "district")
        assert list(audience.contacts()) == [
            Contact("9841234567", {"tags_name": "राम", "district": "काठमाडौं"}, Place("people.csv", 2)),
            Contact("9841234568", {"tags_name": "सीता", "district": ""}, Place("people.csv", 3)),
        ]


def test_contacts_can_be_read_again_and_by_two_at_once(messy: Path) -> None:
    with check(messy, on_invalid="skip") as audience:
        pairs = list(zip(audience.contacts(), audience.contacts(), strict=True))
        assert len(pairs) == audience.valid == 3
        assert all(one == other for one, other in pairs)


def test_by_default_one_bad_row_refuses_all_and_the_error_shows_where(messy: Path) -> None:
    said = refusal(messy, required_tags=["tags_name"])
    assert "of 8 rows, 2 can be contacted" in said
    assert "too_short 1" in said
    assert "people.csv, row 5: 01*****45 is a landline" in said
    assert "people.csv, row 9 has nothing for a tag of the message; fill it in (tags_name)" in said
    assert "on_invalid='skip'" in said
    assert "Maya" not in said


def test_the_error_shows_ten_rows_and_counts_all(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("number\n9841234567\n" + "12345678\n" * 5000)
    said = refusal(path)
    assert "too_short 5000" in said or "not_a_mobile 5000" in said or "landline 5000" in said
    assert said.count("people.csv, row") == 10
    assert "12345678" not in said


def test_no_valid_contact_refuses_even_an_audience_that_skips() -> None:
    assert "of 2 rows, 0 can be contacted" in refusal(["12", "13"], on_invalid="skip")
    assert "The audience is empty" in refusal([])


def test_a_number_that_comes_again_is_dropped_and_the_first_good_row_stays() -> None:
    people = [
        {"number": "9841234567", "name": ""},
        {"number": "+977 9841234567", "name": "Ram"},
        {"number": 9841234567, "name": "Shyam"},
        {"number": "9841234568", "name": "Sita"},
    ]
    audience = check(people, required_tags=("name",), on_invalid="skip")
    assert (audience.valid, audience.invalid, audience.duplicates) == (2, 1, 1)
    assert [contact["other_variables"] for contact in sent(audience)] == [{"name": "Ram"}, {"name": "Sita"}]


def test_what_scientific_notation_left_of_many_numbers_is_no_number() -> None:
    numbers = [9840000000, 9850000000, "9841234567", 9840000000.0, "9840000000", 9850000000]
    people = [{"number": number, "name": f"n{row}"} for row, number in enumerate(numbers)]
    people[5]["name"] = people[1]["name"]
    with check(people, on_invalid="skip") as audience:
        assert [contact.number for contact in audience.contacts()] == ["9850000000", "9841234567"]
        assert (audience.total, audience.valid, audience.invalid, audience.duplicates) == (6, 2, 3, 1)
        assert audience.reasons == {"lost_digits": 3}
        assert sorted(row.place.row for row, _ in audience.rejects()) == [1, 4, 5]


@pytest.mark.parametrize("number", ["9841000000", "9841200000", 9841230000])
def test_a_rounded_number_of_contacts_with_different_variables_is_rejected(number: object) -> None:
    people = [{"number": number, "name": name} for name in ("Ram", "Sita", "Hari")]
    with check(people, on_invalid="skip") as audience:
        assert (audience.valid, audience.reasons, audience.carriers) == (0, {"lost_digits": 3}, {"NTC": 0})
    with check([{"number": number, "name": "Ram"}] * 2) as audience:
        assert (audience.valid, audience.duplicates) == (1, 1)


def test_a_list_of_numbers_that_a_spreadsheet_has_rounded_is_refused() -> None:
    with check([9840000000, 9840000000, 9800000000, "9841234567"], on_invalid="skip") as audience:
        assert (audience.valid, audience.reasons) == (2, {"lost_digits": 2})
    with check(["9841230000"] * 2) as audience:
        assert (audience.valid, audience.duplicates) == (1, 1)


@pytest.mark.parametrize(
    "value",
    [
        *("nan", "NaN", "NULL", "None", "NONE", "Null", "N/A", "<NA>", None),
        *("#N/A", "#SPILL!", "Err:508", "-", "—", "...", " "),
    ],
    ids=repr,
)
def test_a_placeholder_does_not_fill_a_tag(value: object) -> None:
    with check([{"number": "9841234567", "name": value}], required_tags=["name"], on_invalid="skip") as audience:
        assert audience.reasons == {"blank_tag (name)": 1}


@pytest.mark.parametrize(
    ("choice", "numbers", "reasons"),
    [
        ("refuse", ["9801112222"], {"several_numbers": 2}),
        ("first_mobile", ["9801112222", "9841234501", "9841234504"], {}),
        ("all", ["9801112222", "9841234501", "9841234502", "9841234504", "9841234505"], {}),
    ],
)
def test_a_cell_with_several_numbers_gives_what_is_chosen(choice: str, numbers: list[str], reasons: object) -> None:
    people = ["9801112222", "9841234501, 9841234502", "9841234504/05"]
    with check(people, several_numbers=choice, on_invalid="skip") as audience:
        assert [contact.number for contact in audience.contacts()] == numbers
        assert audience.reasons == reasons
        assert audience.total == audience.valid + audience.invalid


def test_text_of_a_legacy_font_is_counted_by_variable() -> None:
    names = ["/fd axfb'/", "Ram Bahadur", "k|;fb", "http://example.org/a", "C/O Hari (7)", "g]kfn", "राम"]
    with check([{"number": f"98412345{row:02}", "name": name} for row, name in enumerate(names)]) as audience:
        assert audience.legacy_text == {"name": 3}


def test_a_row_that_its_reader_could_not_split_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("number,name\n9841234567,Rai, Ram\n9841234568,x\n")
    with check(path, on_invalid="skip") as audience:
        assert audience.reasons == {"too_many_cells": 1}
        (rejected,) = audience.rejects()
        assert rejected[0].values == {"number": "9841234567", "name": "Rai", "column C": " Ram"}


def test_numbers_as_they_are_follow_other_rules() -> None:
    people = ["+91 98765-43210", "01-4412345", "+919876543210", "9840000000", 9840000000]
    audience = check(people, number_policy="as_is")
    assert audience.duplicates == 2
    assert [contact["number"] for contact in sent(audience)] == ["+919876543210", "014412345", "9840000000"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"on_invalid": "ignore"}, "on_invalid='ignore'"),
        ({"number_policy": "any"}, "number_policy='any'"),
        ({"several_numbers": "some"}, "several_numbers='some'"),
        ({"required_tags": "tags_name"}, "not one text"),
        ({"variables": {"a": "x"}, "constants": {"a": 1}}, "'a' is given in variables and in constants"),
        ({"variables": ["name"]}, "variables is a dict"),
        ({"constants": {"a": [1]}}, "constants: a list cannot be sent"),
    ],
)
def test_invalid_options_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(TingTingConfigError) as caught:
        check(["9841234567"], **options)
    assert said in str(caught.value)


def test_an_audience_shows_counts_only() -> None:
    with check([{"number": "9841234567", "name": "Ram"}]) as audience:
        assert repr(audience) == "<ValidatedAudience total=1 valid=1 invalid=0 duplicates=0>"


@settings(max_examples=30)
@given(st.lists(st.integers(0, 999_999_999_999), max_size=60))
def test_seen_numbers_are_a_set(numbers: list[int]) -> None:
    seen, truth = NumberSet(), set()
    for number in [*numbers, *numbers]:
        text = str(number)
        assert seen.add(text) == (text not in truth)
        truth.add(text)


@settings(max_examples=50)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["9841234567", "9801234567", "9701234567", "12", "", "9841234567 "]),
            st.one_of(st.none(), st.text(max_size=5), st.integers(), st.floats(), st.dates()),
        ),
        max_size=12,
    )
)
def test_every_row_is_a_contact_a_duplicate_or_a_reject(rows: list[tuple[str, object]]) -> None:
    people = [{"number": number, "x": value} for number, value in rows]
    with check(people, on_invalid="skip") as audience:
        contacts, rejects = list(audience.contacts()), list(audience.rejects())
        assert len(people) == audience.total == audience.valid + audience.invalid + audience.duplicates
        assert (len(contacts), len(rejects)) == (audience.valid, audience.invalid)
        assert sum(audience.reasons.values()) == audience.invalid
        assert sum(audience.carriers.values()) == audience.valid
        assert len({contact.number for contact in contacts}) == len(contacts)
        for contact in contacts:
            original = people[contact.place.row - 1]  # type: ignore[union-attr]
            assert str(original["number"]).strip() == contact.number
            json.dumps(contact.as_api(), allow_nan=False)


def test_text_of_a_legacy_font_is_counted_to_the_last_row() -> None:
    rows = [{"number": f"98412{last:05}", "name": "Sita" if last < 5500 else "/fd axfb'/"} for last in range(5510)]

    with check(rows) as audience:
        assert audience.legacy_text == {"name": 10}


@pytest.mark.parametrize(
    ("option", "choices"),
    [
        ("on_invalid", "'fail' or 'skip'"),
        ("number_policy", "'nepal_mobile' or 'as_is'"),
        ("several_numbers", "'refuse', 'first_mobile' or 'all'"),
    ],
)
def test_the_error_of_an_unknown_choice_lists_the_choices(option, choices):
    with pytest.raises(TingTingConfigError) as caught:
        AudienceOptions(**{option: "other"})

    assert str(caught.value) == f"{option}='other' is not known: use {choices}."
