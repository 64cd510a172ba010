"""Which column holds the numbers, and which columns become variables of the message."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from support.audiences import check, refusal, sent

from airflow_provider_tingting.contacts.audience import AudienceOptions, check_audience
from airflow_provider_tingting.contacts.contact import Place
from airflow_provider_tingting.contacts.sources import Row
from airflow_provider_tingting.errors import TingTingContactsError


@pytest.mark.parametrize(
    "header",
    [
        "number",
        "Numbers",
        "PHONE",
        "phone_number",
        "Phone No.",
        "Mobile No",
        "mobile-number",
        "Contact Number",
        "Contact",
        "Cell",
        "नम्बर",
        "फोन",
        "फोन नम्बर",
        "फोन नं.",
        "मोबाइल",
        "मोबाईल नं",
        "मोबाइल नम्बर",
        "सम्पर्क नम्बर",
        "सम्पर्क",
        "मोवाइल नं.",
        "सम्पर्क नम्वर",
        "संपर्क नंबर",
        "टेलिफोन नं.",
        "Mobile Number*",
        "Ph. No.",
        "Mobile Number (10 digits)",
        "Mobile No. [required]",
        "मोबाइल नम्बर (अनिवार्य)",
        "मोबाइल न.",
        "Phone Number / फोन नम्बर",
        "\u200bNumber\u00a0",
    ],
)
def test_the_column_of_numbers_is_found_by_its_usual_names(header: str) -> None:
    audience = check([{"ward": 5, header: "9841234567"}])
    assert sent(audience) == [{"number": "9841234567", "other_variables": {"ward": 5}}]


@pytest.mark.parametrize(
    ("tag", "header"),
    [("\u0928\u093cाम", "\u0929ाम"), ("क्\u200dष", "क्ष"), ("name", "name\u200d")],
    ids=["composed letter", "joiner", "joiner at the end"],
)
def test_a_column_that_looks_like_a_tag_fills_it_under_the_tags_own_spelling(tag: str, header: str) -> None:
    audience = check([{"number": "9841234567", header: "Sita"}], required_tags=[tag])
    assert sent(audience) == [{"number": "9841234567", "other_variables": {tag: "Sita"}}]


def test_two_columns_that_may_hold_the_numbers_are_a_question(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("Phone,Mobile,name\n014412345,9841234567,x\n")
    said = refusal(path)
    assert "'Phone', 'Mobile' may all hold the phone numbers" in said
    assert "number_column='Phone'" in said
    assert sent(check(path, number_column="mobile"))[0]["number"] == "9841234567"


def test_a_word_that_may_mean_something_else_counts_only_alone(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("Contact,Mobile\nRam,9841234567\n")
    assert sent(check(path)) == [{"number": "9841234567", "other_variables": {"Contact": "Ram"}}]


def test_without_a_column_of_numbers_the_columns_are_named(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("subscriber,name\n9841234567,x\n")
    said = refusal(path)
    assert "The columns are 'subscriber', 'name'" in said
    assert "number_column=" in said
    assert "Did you mean 'subscriber'?" in refusal(path, number_column="Subscribers")


def test_variables_are_mapped_and_nothing_else_is_sent(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("number,Customer name,secret\n9841234567,राम,x\n", "utf-8")
    audience = check(
        path,
        variables={"tags_name": "customer NAME", "phone": "number"},
        constants={"due": date(2025, 7, 8)},
        required_tags=("tags_name", "due"),
    )
    assert sent(audience) == [
        {"number": "9841234567", "other_variables": {"tags_name": "राम", "phone": "9841234567", "due": "2025-07-08"}}
    ]


def test_a_column_that_a_variable_needs_must_be_there(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("number,Customer name\n9841234567,x\n")
    said = refusal(path, variables={"tags_name": "Costumer name"})
    assert "no column 'Costumer name' for the variable 'tags_name'. Did you mean 'Customer name'?" in said


def test_a_tag_without_a_column_names_the_closest(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("number,name,district\n" + "9841234567,x,y\n" * 3)
    said = refusal(path, required_tags=("tags_name",))
    assert "The message uses {tags_name}" in said
    assert "variables={'tags_name': 'name'}" in said
    assert "'distrikt'" not in said
    assert "means the column 'district'" in refusal(path, required_tags=("distrikt",))
    assert "The columns are 'number', 'name', 'district'" in refusal(path, required_tags=("xyz",))


def test_a_table_without_a_tags_column_is_not_read_to_its_end() -> None:
    read = []

    def rows() -> Iterator[Row]:
        columns = ("number", "name")
        for row in range(2, 1000):
            read.append(row)
            yield Row(Place("people.csv", row), {"number": "9841234567", "name": "x"}, columns)

    with pytest.raises(TingTingContactsError, match=r"uses \{age\}"):
        check_audience(rows(), AudienceOptions(required_tags=("age",)))
    assert len(read) == 1


def test_dicts_may_differ_and_a_tag_that_one_lacks_rejects_that_one() -> None:
    people: list[object] = [
        {"number": "9841234567", "name": "Ram"},
        {"number": "9841234568"},
        {"name": "Sita"},
        {"number": "9841234569", "other_variables": {"name": "Hari", "number": "5"}},
    ]
    with check(people, required_tags=("name",), on_invalid="skip") as audience:
        assert audience.reasons == {"blank_tag (name)": 1, "empty": 1}
        assert [contact.variables for contact in audience.contacts()] == [
            {"name": "Ram"},
            {"name": "Hari", "number": "5"},
        ]
    assert "The message uses {age}" in refusal(people, required_tags=("age",), on_invalid="skip")
    assert "no column 'Alter'" in refusal(people, variables={"age": "Alter"}, on_invalid="skip")


@pytest.mark.parametrize("blank", ["", "  ", None, float("nan"), "#N/A", "#REF!"])
def test_what_is_blank_fills_no_tag(blank: object) -> None:
    audience = check(
        [{"number": "9841234567", "name": blank}, {"number": "9841234568", "name": 0}],
        required_tags=("name",),
        on_invalid="skip",
    )
    assert audience.reasons == {"blank_tag (name)": 1}
    assert sent(audience) == [{"number": "9841234568", "other_variables": {"name": 0}}]


def test_a_value_that_cannot_be_sent_rejects_its_row() -> None:
    people = [{"number": "9841234567", "x": ["a"]}, {"number": "9841234568", "x": "half \ud83d"}]
    people.append({"number": "9841234569", "x": "whole 😀"})
    with check(people, on_invalid="skip") as audience:
        assert audience.reasons == {
            "unusable_value (a list cannot be sent as a variable)": 1,
            "unusable_value (a text holds half a character)": 1,
        }
        assert [contact.variables for contact in audience.contacts()] == [{"x": "whole 😀"}]


def test_a_column_without_a_note_takes_precedence(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("Mobile (office),Mobile\n9841234501,9841234502\n")
    assert [contact["number"] for contact in sent(check(path))] == ["9841234502"]
