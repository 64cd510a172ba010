"""Contacts as workbooks for the bulk upload: what is read back is what was sent, the same with both libraries."""

from __future__ import annotations

import sys
import tempfile
import zipfile
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook

from airflow_provider_tingting.contacts import workbook
from airflow_provider_tingting.contacts.contact import Contact, Place
from airflow_provider_tingting.contacts.sources import read_rows
from airflow_provider_tingting.contacts.workbook import WorkbookPart, write_workbook
from airflow_provider_tingting.errors import TingTingContactsError
from airflow_provider_tingting.files.workbook import MAX_TEXT


@pytest.fixture(params=["openpyxl", "rustpy"], autouse=True)
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "openpyxl":
        monkeypatch.setitem(sys.modules, "rustpy_xlsxwriter", None)
    else:
        pytest.importorskip("rustpy_xlsxwriter")
    return str(request.param)


def contacts(count: int, **variables: object) -> Iterator[Contact]:
    for position in range(count):
        yield Contact(f"98{position:08}", variables, Place("people.csv", position + 2))


def refusal(path: Path, *people: Contact) -> str:
    with pytest.raises(TingTingContactsError) as caught:
        write_workbook(people, path)
    assert not list(path.parent.iterdir())
    return str(caught.value)


def test_every_number_is_a_text_cell_and_no_text_a_formula(tmp_path: Path) -> None:
    path = tmp_path / "people.xlsx"
    variables = {"name": "राम & <x>", "age": 5.0, "share": 0.5, "vip": True, "note": None, "sum": "=1+1", "err": "#N/A"}
    assert write_workbook(contacts(1, **variables), path) == [WorkbookPart(path, 1)]
    header, row = load_workbook(path).active.iter_rows()  # type: ignore[union-attr]
    assert [cell.value for cell in header] == ["number", *variables]
    assert [cell.value for cell in row] == ["9800000000", "राम & <x>", "5", "0.5", True, None, "=1+1", "#N/A"]
    assert [cell.data_type for cell in row] == ["s", "s", "s", "s", "b", "n", "s", "s"]
    with zipfile.ZipFile(path) as package:
        assert b"<f>" not in package.read("xl/worksheets/sheet1.xml")


def test_the_fast_library_is_used_where_it_is_installed(
    tmp_path: Path, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    if library == "openpyxl":
        with pytest.raises(ImportError):
            write_workbook(contacts(1), tmp_path / "people.xlsx")
    else:
        assert write_workbook(contacts(1), tmp_path / "people.xlsx")[0].contacts == 1


def test_a_release_of_the_fast_library_that_no_contact_compared_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workbook, "version", lambda distribution: "0.7.4")
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(ImportError):
        write_workbook(contacts(1), tmp_path / "people.xlsx")


def test_numbers_are_written_out_as_the_api_has_them(tmp_path: Path) -> None:
    values = {"a": 2**62, "b": 1.50, "c": 1e300, "d": Decimal("12.50"), "e": date(2025, 7, 8), "f": 1200.0}
    write_workbook(contacts(1, **values), tmp_path / "people.xlsx")
    (row,) = load_workbook(tmp_path / "people.xlsx").active.iter_rows(min_row=2, values_only=True)  # type: ignore[union-attr]
    assert row == ("9800000000", str(2**62), "1.5", "1e+300", "12.50", "2025-07-08", "1200")


def test_more_contacts_than_rows_become_several_workbooks(tmp_path: Path) -> None:
    parts = write_workbook(contacts(7, name="x"), tmp_path / "people.xlsx", max_rows=4)
    assert [(part.path.name, part.contacts) for part in parts] == [
        ("people.xlsx", 3),
        ("people-2.xlsx", 3),
        ("people-3.xlsx", 1),
    ]
    read = [row.values["number"] for part in parts for row in read_rows(part.path)]
    assert read == [contact.number for contact in contacts(7)]


def test_no_contact_gives_no_workbook(tmp_path: Path) -> None:
    assert write_workbook([], tmp_path / "people.xlsx") == []
    assert not list(tmp_path.iterdir())


def test_the_columns_may_be_named(tmp_path: Path) -> None:
    people = [Contact("9841234567", {"a": 1}), Contact("9841234568", {"b": "x"})]
    write_workbook(people, tmp_path / "people.xlsx", variables=("a", "b"))
    assert [tuple(row.values.values()) for row in read_rows(tmp_path / "people.xlsx")] == [
        ("9841234567", "1", None),
        ("9841234568", None, "x"),
    ]


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"name": "x" * 32_768}, "row 3, column 'name': the text has 32768 characters"),
        ({"name": "bell\x07"}, "row 3, column 'name': the text holds a control character"),
        ({"name": "half \ud83d"}, "control character"),
        ({"other": "x"}, "people.csv, row 9 has the variable 'other'"),
        ({"number": "x"}, "people.csv, row 9 has the variable 'number'"),
    ],
)
def test_what_no_workbook_can_hold_is_refused_and_no_workbook_left(
    tmp_path: Path, variables: dict[str, object], said: str
) -> None:
    people = Contact("9841234567", {"name": "ok"}), Contact("9841234568", variables, Place("people.csv", 9))
    assert said in refusal(tmp_path / "people.xlsx", *people)


def test_the_longest_text_fits_beside_others(tmp_path: Path) -> None:
    longest = "ब" * MAX_TEXT
    write_workbook([Contact("9841234567", {"a": longest, "b": longest})], tmp_path / "people.xlsx")
    (row,) = read_rows(tmp_path / "people.xlsx")
    assert (row.values["a"], row.values["b"]) == (longest, longest)


@pytest.mark.parametrize(("text", "read"), [("one\r\ntwo\rthree", "one\ntwo\nthree"), ("tab\there", "tab\there")])
def test_line_ends_become_those_of_a_spreadsheet_program(tmp_path: Path, text: str, read: str) -> None:
    write_workbook([Contact("9841234567", {"name": text})], tmp_path / "people.xlsx")
    assert [cell.value for cell in load_workbook(tmp_path / "people.xlsx").active["B"]] == ["name", read]  # type: ignore[index]


def test_a_variable_called_number_has_no_place_in_a_workbook(tmp_path: Path) -> None:
    assert "A variable is called 'number'" in refusal(tmp_path / "people.xlsx", *contacts(1, number=5))


def test_a_failure_in_a_later_part_takes_the_earlier_ones_away(tmp_path: Path) -> None:
    people = [*contacts(5, name="x"), Contact("9841234568", {"name": "\x00"})]
    with pytest.raises(TingTingContactsError):
        write_workbook(people, tmp_path / "people.xlsx", max_rows=3)
    assert not list(tmp_path.iterdir())


def test_a_failure_leaves_nothing_in_the_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    (tmp_path / "out").mkdir()
    with pytest.raises(TingTingContactsError):
        write_workbook(contacts(1, name="\x00"), tmp_path / "out" / "people.xlsx")
    write_workbook(contacts(3, name="x"), tmp_path / "out" / "people.xlsx")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12), st.text("_x0A", min_size=7, max_size=20)
)


@settings(max_examples=40, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=5))
def test_every_text_is_read_back_without_its_outer_spaces(texts: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "people.xlsx"
        write_workbook([Contact("9841234567", {"name": text}) for text in texts], path)
        # An error value is not text to any reader: it is left to the check, which refuses it for a tag.
        kept = [text.strip(" \t\n\r\xa0") for text in texts]
        expected = [text if text and not text.startswith("#") else None for text in kept]
        read = [row.values["name"] for row in read_rows(path)]
        assert [one if not str(one).startswith("#") else None for one in read] == expected


@pytest.mark.parametrize("text", ["_x0041_", "_x005F_x0041_", "a_x000D_b", "_X0041_", "_x0041_x0042_", "two\nlines"])
def test_a_text_that_looks_like_an_escape_survives(tmp_path: Path, text: str) -> None:
    write_workbook([Contact("9841234567", {"name": text})], tmp_path / "people.xlsx")
    assert [row.values["name"] for row in read_rows(tmp_path / "people.xlsx")] == [text]
