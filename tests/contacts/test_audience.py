"""The check before anything is sent: who may be contacted, who not, and why."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_tingting.contacts.audience import AudienceOptions, CheckedAudience, check_audience
from airflow_provider_tingting.contacts.contact import Contact, Place
from airflow_provider_tingting.contacts.seen import SeenNumbers
from airflow_provider_tingting.contacts.sources import Row, read_rows
from airflow_provider_tingting.errors import TingTingConfigError, TingTingContactsError

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


def check(source: object, **options: Any) -> CheckedAudience:
    return check_audience(read_rows(source), AudienceOptions(**options))


def sent(audience: CheckedAudience) -> list[dict[str, object]]:
    with audience:
        return [contact.as_api() for contact in audience.contacts()]


def refusal(source: object, **options: Any) -> str:
    with pytest.raises(TingTingContactsError) as caught, check(source, **options) as audience:
        audience.raise_if_refused()
    return str(caught.value)


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
    assert "nothing was sent" in said
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


def test_no_valid_contact_refuses_even_those_who_skip() -> None:
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
        assert [contact.number for contact in audience.contacts()] == ["9841234567", "9850000000"]
        assert (audience.total, audience.valid, audience.invalid, audience.duplicates) == (6, 2, 3, 1)
        assert audience.reasons == {"lost_digits": 3}
        assert [row.place.row for row, _ in audience.rejects()] == [1, 4, 5]


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
        "\u200bNumber\u00a0",
    ],
)
def test_the_column_of_numbers_is_found_by_its_usual_names(header: str) -> None:
    audience = check([{"ward": 5, header: "9841234567"}])
    assert sent(audience) == [{"number": "9841234567", "other_variables": {"ward": 5}}]


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
        ({"required_tags": "tags_name"}, "not one text"),
        ({"variables": {"a": "x"}, "constants": {"a": 1}}, "'a' is given in variables and in constants"),
        ({"variables": ["name"]}, "variables is a dict"),
        ({"constants": {"a": [1]}}, "constants: a list cannot be sent"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(TingTingConfigError) as caught:
        check(["9841234567"], **options)
    assert said in str(caught.value)


def test_an_audience_shows_counts_only() -> None:
    with check([{"number": "9841234567", "name": "Ram"}]) as audience:
        assert repr(audience) == "<CheckedAudience total=1 valid=1 invalid=0 duplicates=0>"


def test_what_waits_on_disk_is_private_and_gone_afterwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with check(["9841234567", "12"], on_invalid="skip") as audience:
        assert list(audience.contacts())
        assert not list(tmp_path.iterdir()), "a file that has no name cannot be opened by others or left behind"
    with pytest.raises(ValueError, match="closed file"):
        list(audience.contacts())


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs a list of open files")
def test_a_source_that_fails_half_way_leaves_nothing() -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))

    def rows() -> Iterator[Row]:
        yield Row(Place("a query", 1), {"number": "9841234567"})
        raise ConnectionError("the database went away")

    with pytest.raises(ConnectionError):
        check_audience(rows())
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
def test_a_full_disk_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: open("/dev/full", "w+b", buffering=0))  # noqa: PTH123, SIM115
    with pytest.raises(TingTingContactsError, match=r"is full.*TMPDIR.*Nothing was sent"):
        check(["9841234567"])


@settings(max_examples=30)
@given(st.lists(st.integers(0, 999_999_999_999), max_size=60))
def test_seen_numbers_are_a_set(numbers: list[int]) -> None:
    seen, truth = SeenNumbers(), set()
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


MEMORY = """
import resource, sys
from airflow_provider_tingting.contacts.audience import AudienceOptions, check_audience
from airflow_provider_tingting.contacts.numbers import normalise
from airflow_provider_tingting.contacts.send import batches
from airflow_provider_tingting.contacts.sources import read_rows
normalise("9841234567")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with check_audience(read_rows(sys.argv[1]), AudienceOptions(required_tags=("name",))) as audience:
    sent = sum(len(batch) for batch in batches(audience.contacts(), 500))
print(sent, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_memory_does_not_grow_with_the_audience(tmp_path: Path) -> None:
    def grown(size: int) -> int:
        path = tmp_path / "people.csv"
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("number", "name"))
            writer.writerows((f"98412{row:05}", "x" * 200) for row in range(size))
        said = subprocess.run(
            [sys.executable, "-c", MEMORY, str(path)],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        sent, grown = map(int, said.stdout.split())
        assert sent == size
        return grown // (1 if sys.platform != "darwin" else 1024)

    # 90,000 contacts more are 20 MB of text: kept in memory they would show.
    assert grown(100_000) - grown(10_000) < 4_000
