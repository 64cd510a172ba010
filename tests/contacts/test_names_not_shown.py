"""A file without a header has a contact's data where others have names: an error does not show them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_provider_tingting.contacts.audience import AudienceOptions, check_audience
from airflow_provider_tingting.contacts.sources import read_rows
from airflow_provider_tingting.errors import TingTingContactsError


@pytest.mark.parametrize(
    "cell",
    [
        pytest.param("01-4412345", id="a landline"),
        pytest.param("01*****45", id="a masked number"),
        pytest.param("98******67", id="a masked mobile"),
        pytest.param("9841234567/9801234567", id="two numbers"),
        pytest.param("9.84E+09", id="a number that lost digits"),
        pytest.param("+91 98412 34567", id="a foreign number"),
        pytest.param("984123456", id="a number with a digit too few"),
        pytest.param("Sita 9841234567", id="a number behind a name"),
    ],
)
@pytest.mark.parametrize(
    "options",
    [
        pytest.param({}, id="no column named"),
        pytest.param({"number_column": "Sita"}, id="another column named"),
        pytest.param({"number_column": "Baneshwor", "required_tags": ("sitasharma",)}, id="a tag like a name"),
        pytest.param({"where": {"Sita Sharm": "x"}, "number_column": "Baneshwor"}, id="a filter like a name"),
    ],
)
@pytest.mark.parametrize("last", ["Baneshwor", "Baneshwor,Sita Sharma"], ids=["each once", "a name twice"])
def test_an_error_about_a_file_without_a_header_shows_no_cell_of_the_first_contact(
    tmp_path: Path, cell: str, options: dict[str, Any], last: str
) -> None:
    path = tmp_path / "people.csv"
    path.write_text(f"Sita Sharma,{cell},{last}\nHari,9841234567,Patan,x\n")
    with (
        pytest.raises(TingTingContactsError) as raised,
        check_audience(read_rows(path), AudienceOptions(**options)) as audience,
    ):
        audience.raise_if_refused()

    said = str(raised.value)
    assert "Sita Sharma" not in said
    assert cell not in said
    assert "Baneshwor" not in said


def test_the_names_of_a_sound_header_are_shown_though_they_have_digits(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("Name,Paid 2026-12-01,Ward 12,Fee (Rs. 1500)\nHari,1,2,3\n")
    with (
        pytest.raises(TingTingContactsError, match=r"'Name', 'Paid 2026-12-01', 'Ward 12', 'Fee \(Rs\. 1500\)'"),
        check_audience(read_rows(path), AudienceOptions()),
    ):
        pass
