"""Workbooks, sound and broken, the same with both libraries."""

from __future__ import annotations

import gzip
import io
import zipfile
from datetime import date, datetime, time, timedelta
from pathlib import Path

import pytest
from openpyxl import Workbook

from airflow_provider_tingting.contacts.sources import read_rows, workbook_package, workbook_reader
from airflow_provider_tingting.errors import TingTingContactsError


@pytest.fixture(autouse=True)
def library(library: str) -> str:
    if library == "calamine" and workbook_reader._version("python-calamine") < workbook_reader._OLDEST_CALAMINE:
        pytest.skip("this calamine is too old to be used")
    return library


def save(path: Path, *rows: tuple[object, ...], merge: str | None = None) -> Path:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in rows:
        sheet.append(row)
    if merge:
        sheet.merge_cells(merge)
    book.save(path)
    return path


def values(source: object, **options: str) -> list[dict[str, object]]:
    return [dict(row.values) for row in read_rows(source, **options)]


def refusal(source: object, **options: str) -> str:
    with pytest.raises(TingTingContactsError) as caught:
        list(read_rows(source, **options))
    return str(caught.value)


def edit(path: Path, part: str, old: str, new: str) -> Path:
    """Change one part of a workbook, as a program that writes other XML would have written it."""
    with zipfile.ZipFile(path) as package:
        parts = {name: package.read(name) for name in package.namelist()}
    # openpyxl writes an empty element in another way when lxml is there.
    parts[part] = parts[part].replace(b"<v></v>", b"<v />").replace(b"<v/>", b"<v />")
    assert old.encode() in parts[part]
    parts[part] = parts[part].replace(old.encode(), new.encode())
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as package:
        for name, content in parts.items():
            package.writestr(name, content)
    return path


def test_every_kind_of_cell_is_read_as_what_it_is(tmp_path: Path) -> None:
    path = save(
        tmp_path / "people.xlsx",
        ("number", "text", "due"),
        (9841234567, "राम & <sons>", datetime(2025, 7, 8)),
        ("9841234567", " kept ", datetime(2025, 7, 8, 10, 30)),
        (9841234567.5, 12.0, date(2025, 7, 8)),
        (True, "#N/A", time(10, 30)),
        ("+977 9841234567", "two\nlines", timedelta(hours=30)),
        ("9841234567", "_x0041_ is read as A", None),
    )
    assert [tuple(row.values()) for row in values(path)] == [
        (9841234567, "राम & <sons>", date(2025, 7, 8)),
        ("9841234567", "kept", datetime(2025, 7, 8, 10, 30)),
        (9841234567.5, 12, date(2025, 7, 8)),
        (True, "#N/A", time(10, 30)),
        ("+977 9841234567", "two\nlines", timedelta(hours=30)),
        ("9841234567", "A is read as A", None),
    ]
    assert type(values(path)[0]["number"]) is int


def test_a_row_knows_its_sheet_and_its_number_in_it(tmp_path: Path) -> None:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet["B3"], sheet["D3"] = "number", "name"
    sheet["B5"], sheet["D5"] = "9841234567", "राम"
    sheet["B9"] = "9841234568"
    book.save(tmp_path / "people.xlsx")
    rows = list(read_rows(tmp_path / "people.xlsx"))
    assert [str(row.place) for row in rows] == [
        "people.xlsx, sheet 'Sheet', row 5",
        "people.xlsx, sheet 'Sheet', row 9",
    ]
    assert [row.values for row in rows] == [
        {"number": "9841234567", "name": "राम"},
        {"number": "9841234568", "name": None},
    ]


def test_a_size_that_a_workbook_claims_wrongly_hides_no_contact(tmp_path: Path) -> None:
    path = save(tmp_path / "people.xlsx", ("number", "name"), *((f"98412345{row:02}", "x") for row in range(50)))
    edit(path, "xl/worksheets/sheet1.xml", 'ref="A1:B51"', 'ref="A1:A2"')
    assert len(values(path)) == 50
    assert values(path)[49] == {"number": "9841234549", "name": "x"}


def test_the_one_visible_sheet_with_data_is_taken(tmp_path: Path) -> None:
    book = Workbook()
    book.create_sheet("People").append(("number",))
    book["People"].append(("9841234567",))
    hidden = book.create_sheet("Old")
    hidden.append(("number",))
    hidden.append(("9851234567",))
    hidden.sheet_state = "hidden"
    book.save(tmp_path / "people.xlsx")
    assert [row.place.sheet for row in read_rows(tmp_path / "people.xlsx")] == ["People"]
    assert values(tmp_path / "people.xlsx", sheet="Old") == [{"number": "9851234567"}]
    assert "no sheet 'Olds'. Its sheets are 'Sheet', 'People', 'Old'" in refusal(tmp_path / "people.xlsx", sheet="Olds")


def test_several_sheets_with_data_are_a_question(tmp_path: Path) -> None:
    book = Workbook()
    for name in ("East", "पश्चिम"):
        sheet = book.create_sheet(name)
        sheet.append(("number",))
        sheet.append(("9841234567",))
    book.save(tmp_path / "people.xlsx")
    assert "data on several sheets: 'East', 'पश्चिम'" in refusal(tmp_path / "people.xlsx")
    assert len(values(tmp_path / "people.xlsx", sheet="पश्चिम")) == 1


def test_the_whole_workbook_may_be_empty(tmp_path: Path) -> None:
    assert "no visible sheet has data ('Sheet')" in refusal(save(tmp_path / "people.xlsx"))
    assert "a header but no rows" in refusal(save(tmp_path / "people.xlsx", ("number", "name")))
    assert "sheet 'Sheet' is empty" in refusal(save(tmp_path / "people.xlsx"), sheet="Sheet")


def test_a_formula_with_its_result_is_its_result(tmp_path: Path) -> None:
    path = save(tmp_path / "people.xlsx", ("number", "name", "note"), ("9841234567", "=A1", "=B1"))
    edit(path, "xl/worksheets/sheet1.xml", "<f>A1</f><v />", "<f>A1</f><v>12</v>")
    edit(path, "xl/worksheets/sheet1.xml", '<c r="C2"><f>B1</f><v />', '<c r="C2" t="str"><f>B1</f><v></v>')
    assert values(path) == [{"number": "9841234567", "name": 12, "note": None}]


@pytest.mark.parametrize("nothing", ["<v />", "<v></v>", "", "<v/>"])
def test_a_formula_without_its_result_is_refused_with_its_cell(tmp_path: Path, nothing: str) -> None:
    rows = [("98412345" + f"{row:02}", "x" * 200) for row in range(60)]
    path = save(tmp_path / "people.xlsx", ("number", "name"), *rows, ("9841234567", '=IF(A1="",1,2)'))
    edit(path, "xl/worksheets/sheet1.xml", "<v />", nothing)
    said = refusal(path)
    assert "sheet 'Sheet', cell B62" in said
    assert "Open it in a spreadsheet program and save it" in said


def test_a_formula_far_into_a_large_sheet_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook_package, "_CHUNK", 512)
    rows = [("98412345" + f"{row:02}", "x" * row) for row in range(90)]
    path = save(tmp_path / "people.xlsx", ("number", "name"), *rows, ("9841234567", "=1+1"), *rows)
    assert "cell B92" in refusal(path)


@pytest.mark.parametrize("merge", ["A1:B1", "B1:B2"])
def test_merged_cells_in_the_header_are_refused(tmp_path: Path, merge: str) -> None:
    path = save(tmp_path / "people.xlsx", ("number", "name"), (None, None), ("9841234567", "x"), merge=merge)
    said = refusal(path)
    assert f"the cells {merge} of the header row are merged" in said
    assert "unmerge" in said


def test_merged_cells_elsewhere_do_not_matter(tmp_path: Path) -> None:
    rows = (("number", "name"), ("9841234567", "x"), ("9841234568", None))
    assert len(values(save(tmp_path / "people.xlsx", *rows, merge="B2:B3"))) == 2


def test_a_title_above_the_header_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "people.xlsx", ("ABC Bank",), ("number", "name"), ("9841234567", "x"))
    assert "looks like a second header" in refusal(path)
    path = save(tmp_path / "people.xlsx", ("ABC Bank",), ("subscriber", "name"), ("9841234567", "x"))
    assert "column B has a value in row 2 but no name in the header" in refusal(path)


def test_a_doubled_column_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "people.xlsx", ("number", "name", " name "), ("9841234567", "x", "y"))
    assert "the column 'name' is there 2 times (columns B, C)" in refusal(path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "it is empty"),
        (b"number,name\n9841234567,x\n", "a text, perhaps a CSV under a workbook's name. If it is one, let its name"),
        ("number,name\n9841234567,सीता\n".encode("utf-16"), "a text, perhaps a CSV"),
        ("number\tname\n9841234567\té\n".encode("cp1252"), "a text, perhaps a CSV"),
        (b"<html><table></table></html>", "a web page"),
        (b"PK\x03\x04 cut off", "damaged or cut off"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "an old workbook (.xls)"),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600) + "EncryptedPackage".encode("utf-16-le"),
            "protected by a password",
        ),
    ],
)
def test_what_is_no_workbook_is_named_for_what_it_is(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "people.xlsx"
    path.write_bytes(content)
    assert said in refusal(path)


def test_a_zip_that_is_no_workbook_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "people.xlsx"
    with zipfile.ZipFile(path, "w") as package:
        package.writestr("readme.txt", "hello")
    assert "a zip file but no .xlsx workbook" in refusal(path)


def test_a_damaged_workbook_is_one_sentence(tmp_path: Path) -> None:
    path = save(tmp_path / "people.xlsx", ("number",), ("9841234567",))
    edit(path, "xl/worksheets/sheet1.xml", "</sheetData>", "<oops")
    assert "is a damaged workbook" in refusal(path)
    path = save(tmp_path / "people.xlsx", ("number",), ("9841234567",))
    edit(path, "xl/workbook.xml", "<sheets>", "<sheets><<")
    assert "is a damaged workbook" in refusal(path)
    path = save(tmp_path / "people.xlsx", ("number",), ("9841234567",))
    path.write_bytes(path.read_bytes()[:-200])
    assert "damaged or cut off" in refusal(path)


def test_a_zip_bomb_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook_package, "DENSEST_FROM", 1024 * 1024)
    path = save(tmp_path / "people.xlsx", ("number",), ("9841234567",))
    edit(path, "xl/worksheets/sheet1.xml", "</sheetData>", "</sheetData>" + " " * 4_000_000)
    said = refusal(path)
    assert "xl/worksheets/sheet1.xml would grow from 0.0 MiB to 3.8 MiB" in said


def test_a_workbook_that_declares_entities_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "people.xlsx", ("number",), ("9841234567",))
    edit(path, "xl/workbook.xml", "<workbook ", '<!DOCTYPE w [<!ENTITY a "b">]><workbook ')
    assert "is a damaged workbook (xl/workbook.xml declares a document type)" in refusal(path)


def test_a_packed_workbook_is_unpacked(tmp_path: Path) -> None:
    plain = save(tmp_path / "people.xlsx", ("number",), ("9841234567",))
    packed = tmp_path / "people.xlsx.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert values(packed) == [{"number": "9841234567"}]


def test_a_workbook_under_the_old_name_is_read_by_its_content(tmp_path: Path) -> None:
    path = save(tmp_path / "people.xlsx", ("number",), ("9841234567",)).rename(tmp_path / "people.xls")
    assert values(path) == [{"number": "9841234567"}]


def test_a_stream_that_is_not_local_is_read_through_a_copy(tmp_path: Path) -> None:
    content = save(tmp_path / "people.xlsx", ("number",), ("9841234567",)).read_bytes()

    class Elsewhere:
        name = "people.xlsx"

        def open(self, mode: str) -> io.BytesIO:
            assert mode == "rb"
            return io.BytesIO(content)

    assert values(Elsewhere()) == [{"number": "9841234567"}]
