"""Which contacts an exclusion leaves out, and which entries refuse its list."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.audiences import check, numbers_of

from airflow_provider_tingting.contacts.contact import Place, Row
from airflow_provider_tingting.contacts.exclusion import Exclusion
from airflow_provider_tingting.contacts.sources import read_rows
from airflow_provider_tingting.errors import TingTingConfigError, TingTingContactsError

PEOPLE = [
    {"number": "9841234501", "Ward": 7, "name": "Sita"},
    {"number": "9841234502", "Ward": "8 ", "name": "Ram"},
    {"number": "9841234503", "Ward": 7.0, "name": "Hari"},
    {"number": "12", "Ward": 9, "name": "Gita"},
]


def excluding(*sources: object, **options: Any) -> Exclusion:
    exclusion = Exclusion(**options)
    for source in sources:
        exclusion.add(read_rows(source, may_be_empty=True))
    return exclusion


def test_excluded_contacts_are_left_out_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "do_not_call.csv"
    path.write_text("name,Phone no\nRam,+977 984-1234502\nGita,\nOffice,01-4412345\n")
    exclusion = excluding(path, ["९८४१२३४५०३"])
    audience = check(PEOPLE[:3], exclusion)
    assert numbers_of(audience) == ["01"]
    assert (audience.total, audience.valid, audience.excluded) == (3, 1, 2)
    assert (exclusion.size, exclusion.unusable) == (2, 2)


def test_a_contact_that_is_excluded_needs_no_good_row() -> None:
    """A blank tag of a contact that is excluded is no reason to refuse the others."""
    audience = check(
        [{"number": "9841234501", "name": ""}, {"number": "9841234502", "name": "Ram"}],
        excluding(["9841234501"]),
        required_tags=("name",),
    )
    with audience:
        audience.raise_if_refused()
        assert (audience.valid, audience.excluded, audience.invalid) == (1, 1, 0)


def test_when_all_contacts_are_excluded_no_contact_is_left() -> None:
    with check(["9841234501"], excluding(["9841234501"])) as audience, pytest.raises(TingTingContactsError) as raised:
        audience.raise_if_refused()
    assert "of 1 rows, 0 can be contacted. Excluded: 1. No contact is left" in str(raised.value)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("9.84E+09", "has lost digits"),
        ("9841234501 / 9841234502", "more than one number"),
    ],
)
def test_an_entry_that_may_stand_for_any_contact_is_refused(tmp_path: Path, entry: str, said: str) -> None:
    path = tmp_path / "do_not_call.csv"
    path.write_text(f"number\n{entry}\n")
    with pytest.raises(TingTingContactsError) as raised:
        excluding(path)
    assert "exclude: do_not_call.csv, row 2" in str(raised.value)
    assert said in str(raised.value)
    assert "9841234501" not in str(raised.value)


def test_a_row_with_too_many_cells_still_excludes_its_number(tmp_path: Path) -> None:
    path = tmp_path / "do_not_call.csv"
    path.write_text("number,name\n9841234501,Rai, Ram\n")
    assert "9841234501" in excluding(path)
    path.write_text("name,number\nRai, Ram,9841234501\n")
    with pytest.raises(TingTingContactsError, match="row 2"):
        excluding(path)


def test_rows_without_a_single_number_are_the_wrong_column(tmp_path: Path) -> None:
    path = tmp_path / "do_not_call.csv"
    path.write_text("name\nRam\nSita\n")
    with pytest.raises(TingTingContactsError, match=r"do_not_call.csv, row 2: .* is not a phone number"):
        excluding(path)
    path.write_text("phone\n01-4412345\n\n5412345\n")
    with pytest.raises(TingTingContactsError, match=r"do_not_call.csv has 2 rows, but not one number"):
        excluding(path)


@pytest.mark.parametrize("policy", ["nepal_mobile", "as_is"])
@pytest.mark.parametrize(
    "entry",
    [
        "9841234567;",
        "9841234567 (Sita)",
        "Sita: +977 984-1234567",
        "wrong number ९८४१२३४५६७!",
        "09841234567 (Sita)",
        "(984) 1234567 Sita",
        "984  1234567 Sita",
        "984 - 1234567 Ram",
        "984_1234567 Ram",
        "984–1234567 Ram",
        "984\xa01234567 Ram",
        "+977 (984) 1234567 Ram",
        "+977-0984-1234567 Ram",
        "Ram: 984/1234567",
    ],
)
def test_a_word_beside_the_number_does_not_get_any_contact_called(entry: str, policy: str) -> None:
    exclude = Exclusion(number_policy=policy)
    exclude.add(read_rows([{"number": "9801112222"}, {"number": entry}, {"number": "01-4412345"}]))

    assert "9841234567" in exclude
    assert exclude.unusable == (policy == "nepal_mobile")


@pytest.mark.parametrize(("entry", "policy"), [("Sita 98412345678", "nepal_mobile"), ("Sita +1 202 555 0100", "as_is")])
def test_a_text_whose_digits_cannot_be_reported_apart_is_refused(entry: str, policy: str) -> None:
    exclude = Exclusion(number_policy=policy)

    with pytest.raises(TingTingContactsError, match="The entry may name a contact") as raised:
        exclude.add(read_rows([{"number": "9801112222"}, {"number": entry}]))

    assert not re.search(r"\d{6}", str(raised.value).replace(" ", ""))


@pytest.mark.parametrize("policy", ["nepal_mobile", "as_is"])
@pytest.mark.parametrize(
    "entry",
    ["9841234567/68", "9841234567/8", "Sita: +977-984-1234567 / 68", "९८४१२३४५६७/६८", "98 4123 4567/234568 (Ram)"],
)
def test_a_second_number_that_shares_its_first_digits_is_refused(entry: str, policy: str) -> None:
    exclude = Exclusion(number_policy=policy)

    with pytest.raises(
        TingTingContactsError, match=r"row 2: 9\d\*+\d\d holds more than one number; keep one"
    ) as raised:
        exclude.add(read_rows([{"number": "9801112222"}, {"number": entry}]))

    assert "Ram" not in str(raised.value)
    assert "Sita" not in str(raised.value)


def test_two_whole_numbers_and_a_date_are_no_shared_digits() -> None:
    exclude = Exclusion()
    exclude.add(read_rows([{"number": "98-4123 4567 - 9851234567 x"}, {"number": "9841234501 since 9/8/2024"}]))

    assert all(number in exclude for number in ("9841234567", "9851234567", "9841234501"))


def test_the_error_of_a_row_that_holds_no_number_says_to_correct_or_remove_it() -> None:
    with pytest.raises(
        TingTingContactsError,
        match=r"row 2: .*correct or remove that row, or pass over such rows with on_invalid_exclude='skip'\.",
    ):
        excluding([{"number": "9801112222"}, {"number": "Updated at 1970-01-01 00:00:00"}])


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("", "empty"),
        ("NULL", "empty"),
        ("01-4412345", "landline"),
        ("5412345", "landline"),
        ("+919876543210", "foreign"),
    ],
)
def test_an_entry_that_certainly_names_no_mobile_is_passed_over_and_counted(entry: str, reason: str) -> None:
    exclude = Exclusion()
    exclude.add(read_rows([{"number": "9801112222"}, {"number": entry}]))

    assert (exclude.size, exclude.passed_over) == (1, {reason: 1})


UNREADABLE = [
    "9831234567",
    "9779831234567",
    "Sita 9831234567",
    "ext. 123",
    "Sita 01-4412345",
    "98412345679801234567",
    "19841234567",
    "98412345671",
    "01-44112239841234567",
    "(*$!@#$%^&",
    "+977 984123450.0",
    "+977 98412345.60",
    "9.841E+09",
    "9840000000",
    9840000000.0,
    "Ram Bahadur",
    "#N/A",
    "#REF!",
    "Err:502",
    "0098 41234567",
    "+999 84123456",
]


@pytest.mark.parametrize("entry", UNREADABLE, ids=repr)
def test_an_entry_that_may_name_a_contact_refuses_the_list_unless_it_is_skipped(entry: object) -> None:
    rows = [{"number": "9801112222"}, {"number": entry}]
    with pytest.raises(TingTingContactsError, match=r"exclude: the given contacts, row 2"):
        Exclusion().add(read_rows(rows))

    exclude = Exclusion(on_invalid="skip")
    exclude.add(read_rows(rows))

    assert (exclude.size, exclude.unusable) == (1, 1)


def test_a_list_that_a_spreadsheet_has_rounded_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "do_not_call.csv"
    path.write_text("name,phone\nRam,9841230000\nSita,9841230000\n")
    with pytest.raises(TingTingContactsError, match=r"row 3: 98\*{6}00 has lost digits"):
        excluding(path)
    path.write_text("name,phone\nRam,9841230000\nRam,9841230000\n")
    assert "9841230000" in excluding(path)


def test_all_columns_of_numbers_count(tmp_path: Path) -> None:
    path = tmp_path / "do_not_call.csv"
    path.write_text(
        "Name,Mobile,Alternate No,Mobile 2,Guardian,Ward\n"
        "Ram,9841234501,9841234502,,9841234504,7\nSita,,,9841234503,Hari,8\n"
    )
    exclusion = excluding(path)
    assert [number[-1] for number in sorted(f"984123450{digit}" for digit in range(1, 6)) if number in exclusion] == [
        "1",
        "2",
        "3",
        "4",
    ]
    assert exclusion.passed_over == {}


@pytest.mark.parametrize("header", ["Contact", "WhatsApp", "Remarks", "Mobile No (2)", "Phone / फोन नम्बर", "Handset"])
@pytest.mark.parametrize(
    "entry",
    ["9841234567", "+977 984-1234567", "९८४१२३४५६७", "9841234567.0", "Mob: 9841234567", "9811111112/9841234567"],
)
def test_a_number_beside_the_first_column_of_numbers_is_excluded_as_well(
    tmp_path: Path, header: str, entry: str
) -> None:
    path = tmp_path / "do_not_call.csv"
    path.write_text(f"Phone,Name,{header}\n9811111111,Ram,{entry}\n,Sita,{entry}\n", encoding="utf-8")

    assert "9841234567" in excluding(path, several_numbers="all")


@pytest.mark.parametrize(
    ("policy", "text"),
    [
        ("nepal_mobile", "Phone,Remarks\n9811111111,\n,9841234567 asked not to be called\n"),
        ("as_is", "Phone,Remarks\n9811111111,\n,9841234567 asked not to be called\n"),
        ("nepal_mobile", "Phone,Remarks\n9811111111,\n01-4412345,his mobile: 984-1234567\n"),
        ("nepal_mobile", "Phone\n9811111111,9841234567\n"),
        ("as_is", "Phone\n9811111111,9841234567\n"),
        ("nepal_mobile", "Phone\n9811111111\n+9841234567\n"),
        ("as_is", "Phone\n9811111111\n+9841234567\n"),
    ],
    ids=[
        "remark beside a blank",
        "remark beside a blank, as it is",
        "remark beside a landline",
        "beyond the header",
        "beyond the header, as it is",
        "plus without a country code",
        "plus without a country code, as it is",
    ],
)
def test_a_number_in_an_odd_place_is_excluded(tmp_path: Path, policy: str, text: str) -> None:
    path = tmp_path / "do_not_call.csv"
    path.write_text(text)

    assert "9841234567" in excluding(path, number_policy=policy)


def test_numbers_among_the_variables_of_the_api_are_excluded() -> None:
    rows = [{"number": "9811111111", "other_variables": {"Mobile 2": "+977 9841234567"}}]

    assert "9841234567" in excluding(rows)


def test_a_zero_before_the_country_code_is_one_number_as_it_is() -> None:
    assert "9841234567" in excluding(["9811111111", "0977-9841234567"], number_policy="as_is")


@pytest.mark.parametrize("policy", ["nepal_mobile", "as_is"])
@pytest.mark.parametrize(
    "entry",
    [
        pytest.param("+0 984-1234567", id="a zero behind the plus sign"),
        pytest.param("+0977 9841234567", id="a zero before the country code"),
    ],
)
def test_a_mobile_behind_a_prefix_that_no_country_has_is_excluded(entry: str, policy: str) -> None:
    assert "9841234567" in excluding(["9811111111", entry], number_policy=policy)


@pytest.mark.parametrize("entry", ["9841234567-68", "98412345679801234567", "9841234567 9801234567"])
def test_several_numbers_are_no_long_number_as_it_is(entry: str) -> None:
    with pytest.raises(TingTingContactsError, match="more than one number"):
        excluding(["9811111111", entry], number_policy="as_is")


def test_other_digits_of_a_list_exclude_no_contact(tmp_path: Path) -> None:
    path = tmp_path / "do_not_call.csv"
    path.write_text("Phone,Amount,Citizenship,Since\n9811111111,1.5E+08,27-01-75-12345,2026-12-01 10:00:00\n")

    assert excluding(path).size == 1


def test_a_failed_formula_in_a_list_of_one_column_is_an_entry(tmp_path: Path) -> None:
    path = tmp_path / "do_not_call.csv"
    path.write_text("Phone\n#N/A\n9811111111\n")
    with pytest.raises(TingTingContactsError, match="row 2: The cell is a formula that failed"):
        excluding(path)


def test_formulas_that_were_copied_below_the_list_are_blank(tmp_path: Path) -> None:
    path = tmp_path / "do_not_call.csv"
    path.write_text("Name,Phone\nRam,9811111111\n#N/A,#N/A\n,#N/A\n")

    assert excluding(path).passed_over == {}


def test_all_numbers_of_a_cell_count_where_several_are_allowed() -> None:
    exclusion = Exclusion(several_numbers="first_mobile")
    exclusion.add(
        read_rows(["9841234501/02", "9841234503, 9841234504", "98412345059841234506", "9841234507। 9841234508"])
    )

    assert exclusion.size == 8


def test_an_unknown_choice_for_invalid_entries_is_refused() -> None:
    with pytest.raises(TingTingConfigError, match="on_invalid_exclude='ignore' is not known"):
        Exclusion(on_invalid="ignore")


def test_numbers_as_they_are_are_excluded_in_every_form() -> None:
    exclusion = excluding(["00919876543210", "+977 9841234501", "014412345"], number_policy="as_is")
    audience = check(["+919876543210", "9841234501", "01-4412345", "+919876543211"], exclusion, number_policy="as_is")
    assert numbers_of(audience) == ["11"]
    assert audience.excluded == 3


def test_a_list_of_no_contact_excludes_no_contact(tmp_path: Path) -> None:
    path = tmp_path / "do_not_call.csv"
    path.write_text("number,name\n")
    assert excluding(path).size == 0


def test_the_column_of_numbers_is_the_audiences_the_usual_one_or_the_only_one(tmp_path: Path) -> None:
    named, only = tmp_path / "named.csv", tmp_path / "only.csv"
    named.write_text("Phone,Handset\n9841234501,9841234502\n")
    only.write_text("refused\n9841234503\n")
    exclusion = excluding(named, only, number_column="Handset")
    assert [number in exclusion for number in ("9841234501", "9841234502", "9841234503")] == [True, True, True]


@pytest.mark.parametrize("odd", ["", "12ab", "9841234501-98", None, "unknown"], ids=repr)
def test_an_odd_number_in_a_listing_matches_no_excluded_one(odd: object) -> None:
    exclusion = Exclusion()
    exclusion.add(read_rows(["9841234501"]))
    assert exclusion.matches("+977 984-1234501")
    assert not exclusion.matches(odd)


@pytest.mark.parametrize("column", ["ward", "name"])
def test_the_wrong_column_of_an_excluding_source_is_refused_before_a_contact_is_called(
    tmp_path: Path, column: str
) -> None:
    path = tmp_path / "do_not_call.csv"
    path.write_text("ward,name,number\n7,Ram,9841234501\n8,Sita,9841234502\n")
    with pytest.raises(TingTingContactsError):
        Exclusion().add(read_rows(path), number_column=column)
    with pytest.raises(TingTingContactsError, match="has no column 'phones'"):
        Exclusion().add(read_rows(path), number_column="phones")


@settings(max_examples=40)
@given(st.sets(st.integers(1_000_001, 99_999_999_999)), st.lists(st.integers(1_000_001, 99_999_999_999)))
def test_an_exclusion_holds_what_was_added_and_nothing_else(added: set[int], others: list[int]) -> None:
    exclusion = Exclusion(number_policy="as_is")
    exclusion.add(Row(Place("x", 1), {"number": str(number)}, ("number",)) for number in added)
    for number in [*added, *others]:
        assert (str(number) in exclusion) == (number in added)
