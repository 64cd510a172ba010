"""Which rows `where` keeps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.audiences import check, numbers_of

from airflow_provider_tingting.errors import TingTingConfigError, TingTingContactsError

PEOPLE = [
    {"number": "9841234501", "Ward": 7, "name": "Sita"},
    {"number": "9841234502", "Ward": "8 ", "name": "Ram"},
    {"number": "9841234503", "Ward": 7.0, "name": "Hari"},
    {"number": "12", "Ward": 9, "name": "Gita"},
]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({"Ward": 7}, ["01", "03"]),
        ({"Ward": "7"}, ["01", "03"]),
        ({"Ward": "७"}, ["01", "03"]),
        ({"ward": [7, 8]}, ["01", "02", "03"]),
        ({"Ward": 7, "name": "HARI"}, ["03"]),
        (lambda row: row["name"] != "Ram" and row["Ward"] != 9, ["01", "03"]),
    ],
)
def test_rows_are_chosen_and_the_others_only_counted(where: Any, expected: list[str]) -> None:
    audience = check(PEOPLE, where=where)
    assert numbers_of(audience) == expected
    assert (audience.total, audience.invalid) == (len(expected), 0)
    assert audience.filtered_out == 4 - len(expected)


def test_rows_are_chosen_by_digits_of_any_script() -> None:
    people = [{"number": f"984123450{row}", "Ward": ward} for row, ward in enumerate(["७", "7", 7, "Ward ७", "८"], 1)]
    assert numbers_of(check(people, where={"Ward": 7})) == ["01", "02", "03"]
    assert numbers_of(check(people, where={"Ward": "ward 7"})) == ["04"]


def test_contacts_in_the_shape_of_the_api_are_chosen_by_their_variables() -> None:
    people = [{"number": "9841234501", "other_variables": {"Ward": ward}} for ward in (7, 8)]
    assert numbers_of(check(people, where={"Ward": 7})) == ["01"]
    assert numbers_of(check(people, where=lambda row: row["number"].endswith("01"))) == ["01"]


def test_an_audience_that_where_empties_says_so() -> None:
    with check(PEOPLE, where={"Ward": 70}) as audience, pytest.raises(TingTingContactsError) as raised:
        audience.raise_if_refused()
    assert "where= keeps none of the 4 rows" in str(raised.value)


def test_a_column_of_where_must_be_there(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("number,Ward\n9841234501,7\n")
    with pytest.raises(TingTingContactsError, match=r"no column 'Wards' \(where\). Did you mean 'Ward'"):
        check(path, where={"Wards": 7})


@pytest.mark.parametrize("where", ["Ward == 7", 7, ["Ward"], {"Ward": {"a": 1}}, {}, ""])
def test_where_is_never_code(where: Any) -> None:
    with pytest.raises(TingTingConfigError, match="where"):
        check(PEOPLE, where=where)


def test_a_function_that_fails_is_reported_by_its_place_and_quotes_no_contact() -> None:
    with pytest.raises(TingTingContactsError) as raised:
        check(PEOPLE, where=lambda row: int(row["name"]))
    assert "the given contacts, row 1 with ValueError" in str(raised.value)
    assert "Sita" not in str(raised.value)
