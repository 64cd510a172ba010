"""Workbooks as offices and other programs write them: the same rows with both libraries, and what a person sees."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.odd_workbooks import Cell, OddWorkbook

from airflow_provider_tingting.contacts.contact import plain_value
from airflow_provider_tingting.contacts.sources import read_rows
from airflow_provider_tingting.errors import TingTingConfigError, TingTingContactsError

HEADER = {0: Cell("number"), 1: Cell("name"), 2: Cell("amount")}


def people(*rows: Mapping[int, Cell]) -> dict[int, Mapping[int, Cell]]:
    return {1: HEADER, **dict(enumerate(rows, 2))}


def person(last: int, name: object = "Sita", amount: object = 5, **style: Any) -> dict[int, Cell]:
    return {0: Cell(f"98412345{last:02}"), 1: Cell(name), 2: Cell(amount, **style)}


@pytest.fixture
def read(tmp_path: Path, library: str) -> Any:
    def values(book: OddWorkbook, **options: Any) -> list[tuple[object, ...]]:
        path = tmp_path / "people.xlsx"
        path.write_bytes(book.build())
        return [tuple(row.values.values()) for row in read_rows(path, **options)]

    return values


# -- rows and columns that a person does not see -----------------------------------------------------------------------


def test_hidden_rows_are_refused_with_their_count_and_the_choice(read: Any) -> None:
    book = OddWorkbook(people(person(1), person(2), person(3), {}), hidden=(3, 4, 5))
    with pytest.raises(TingTingContactsError) as raised:
        read(book)

    assert "sheet 'People' hides 2 rows with values" in str(raised.value)
    assert "hidden_rows='include'" in str(raised.value)
    assert "hidden_rows='skip'" in str(raised.value)


@pytest.mark.parametrize(("choice", "last"), [("include", ["01", "02", "03"]), ("skip", ["01", "03"])])
def test_hidden_rows_are_read_or_left_out_as_chosen(read: Any, choice: str, last: list[str]) -> None:
    book = OddWorkbook(people(person(1), person(2), person(3)), hidden=(3,))

    assert [str(number)[-2:] for number, *_ in read(book, hidden_rows=choice)] == last


def test_hidden_rows_without_values_do_not_matter(read: Any) -> None:
    assert len(read(OddWorkbook(people(person(1), {}, person(3)), hidden=(3, 9)))) == 2


def test_an_unknown_choice_for_hidden_rows_is_refused(read: Any) -> None:
    with pytest.raises(TingTingConfigError, match="hidden_rows must be one of ask, include, skip"):
        read(OddWorkbook(people(person(1))), hidden_rows="yes")


def test_hidden_columns_are_read_and_logged(read: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    columns = '<cols><col min="3" max="3" width="9" hidden="1"/></cols>'

    assert read(OddWorkbook(people(person(1)), columns=columns)) == [("9841234501", "Sita", 5)]
    assert "the hidden columns C to C are read like the others" in caplog.text


# -- numbers as they are shown -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stored", "code", "shown"),
    [
        (3702.2999999999997, "General", 3702.3),
        (7, "000", "007"),
        (0.13, "0%", "13%"),
        (0.1255, "0.0%", "12.6%"),
        (1234.5, "#,##0.00", "1,234.50"),
        (-1234.5, "#,##0.00_);(#,##0.00)", "-1,234.50"),
        (1234567, "#,##0", "1,234,567"),
        (2.5, "0.00", "2.50"),
        (5, "General", 5),
        (5.0, "General", 5),
        (7, '"Ward" 0', 7),
    ],
    ids=str,
)
def test_a_number_is_read_as_the_spreadsheet_shows_it(read: Any, stored: float, code: str, shown: object) -> None:
    book = OddWorkbook(people(person(1, amount=stored, style=1), person(2, amount="", style=1)), formats=[code])

    assert [amount for *_, amount in read(book)] == [shown, None]


def test_each_cell_of_a_column_with_several_formats_is_read_as_it_is_shown(read: Any) -> None:
    rows = people(person(1, amount=7, style=1), person(2, amount=8), {}, person(4, amount=0.13, style=2))

    assert [amount for *_, amount in read(OddWorkbook(rows, formats=["000", "0%"]))] == ["007", 8, "13%"]


# -- valid packages that are unusual -----------------------------------------------------------------------------------

UNUSUAL = {
    "strict": {"strict": True},
    "another main part": {"main": "book/main.xml"},
    "main part at the root": {"main": "workbook.xml"},
    "backslashes": {"backslashes": True},
    "capitals": {"upper": True},
    "strict and backslashes": {"strict": True, "backslashes": True},
}


@pytest.mark.parametrize("unusual", UNUSUAL.values(), ids=UNUSUAL)
def test_a_valid_workbook_of_another_program_is_read(read: Any, unusual: dict[str, Any]) -> None:
    rows = people({**person(1), 1: Cell("राम", kind="shared")}, person(2, name="Ram & sons", amount=True))

    assert read(OddWorkbook(rows, **unusual)) == [("9841234501", "राम", 5), ("9841234502", "Ram & sons", True)]


@pytest.mark.parametrize("stray", [(1_048_575, 25), (1_048_575, 16_383), (2, 16_383)], ids=str)
def test_a_stray_cell_far_away_takes_no_memory(tmp_path: Path, stray: tuple[int, int]) -> None:
    row, column = stray
    path = tmp_path / "people.xlsx"
    book = OddWorkbook({1: HEADER, 2: person(1), row + 1: {**({} if row > 2 else person(1)), column: Cell("x")}})
    path.write_bytes(book.build())
    with pytest.raises(TingTingContactsError, match=r"has a value in row .* but no name in the header"):
        list(read_rows(path))


@pytest.mark.parametrize("sheet", [2082, 2082.0, "2082", " 2082 "], ids=repr)
def test_a_sheet_that_a_native_template_made_a_number_is_found(tmp_path: Path, sheet: object, library: str) -> None:
    from openpyxl import Workbook

    book = Workbook()
    book.active.title = "2082"
    book.active.append(["9841234501"])
    book.save(tmp_path / "people.xlsx")

    assert len(list(read_rows(tmp_path / "people.xlsx", sheet=str(sheet).strip() if sheet == " 2082 " else sheet))) == 1


# -- both libraries ----------------------------------------------------------------------------------------------------

FORMATS = (
    *("000", "#,##0.00", "0%", "dd/mm/yyyy", "d-mmm-yy", "[$-409]dddd, d mmmm yyyy;@", "h:mm AM/PM", "hh:mm:ss"),
    *("[h]:mm", "yyyy-mm-dd hh:mm:ss", "[$-F800]dddd", "mmm yyyy", 'd"th of" mmmm', "dd.mm.yy hh:mm"),
)
DATE_STYLES = st.integers(4, len(FORMATS))
texts = st.text(st.sampled_from("aZ5 कराम\u200d\n\t&<>\"'_x0041_#N/A😀\xa0"), max_size=8)
cells = st.one_of(
    st.builds(Cell, texts, st.sampled_from(["inline", "shared", "str"]), preserve=st.booleans()),
    st.builds(Cell, st.sampled_from(["#N/A", "#REF!"]), st.just("e")),
    st.builds(Cell, st.booleans()),
    st.builds(Cell, st.integers(-(10**12), 10**12), style=st.integers(0, 3)),
    st.builds(Cell, st.floats(-1e9, 1e9, allow_nan=False), style=st.integers(0, 3)),
    # Dates to the second: of finer times, each library keeps another part.
    st.builds(Cell, st.integers(0, 60_000 * 86_400).map(lambda seconds: seconds / 86_400), style=DATE_STYLES),
    st.builds(Cell, st.integers(61, 60_000), style=DATE_STYLES),
    st.builds(Cell, st.sampled_from([9841234567, 2958466, 1e15]), style=DATE_STYLES),
    st.builds(Cell, st.sampled_from(["2025-07-08", "2025-07-08T10:30:00"]), st.just("d"), style=DATE_STYLES),
)
books = st.builds(
    OddWorkbook,
    rows=st.dictionaries(st.integers(2, 12), st.dictionaries(st.integers(1, 5), cells, max_size=5), max_size=8).map(
        lambda rows: {
            1: {column: Cell(f"column {column}") for column in range(6)},
            **{row: {0: Cell(f"98412345{row:02}"), **found} for row, found in rows.items()},
            2: {0: Cell("9841234500"), **rows.get(2, {})},
        }
    ),
    hidden=st.sets(st.integers(2, 12), max_size=3).map(tuple),
    formats=st.just(FORMATS),
    strict=st.booleans(),
    main=st.sampled_from(["xl/workbook.xml", "xl/workbook.xml", "Book/Main.xml"]),
    backslashes=st.booleans(),
    upper=st.booleans(),
    prefix=st.sampled_from(["", "", "x"]),
    single_quotes=st.booleans(),
    without_places=st.booleans(),
    encoding=st.sampled_from(["UTF-8", "UTF-8", "UTF-16"]),
    is_1904=st.booleans(),
    careless=st.booleans(),
)


def shown(value: object) -> object:
    return (value, plain_value(value))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(book=books, choice=st.sampled_from(["include", "skip"]))
def test_both_libraries_give_the_same_rows(tmp_path: Path, book: OddWorkbook, choice: str) -> None:
    pytest.importorskip("python_calamine")
    path = tmp_path / "people.xlsx"
    path.write_bytes(book.build())
    found: list[object] = []
    for module in ({"python_calamine": None}, {}):
        with pytest.MonkeyPatch.context() as patch:
            for name, value in module.items():
                patch.setitem(sys.modules, name, value)
            try:
                rows = [(row.place, dict(row.values)) for row in read_rows(path, hidden_rows=choice)]
                found.append(
                    [(place, {name: (type(value), shown(value)) for name, value in row.items()}) for place, row in rows]
                )
            except TingTingContactsError as error:
                found.append(str(error))

    assert found[0] == found[1]
