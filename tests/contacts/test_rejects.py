"""The file of rejected rows: complete, harmless, and there as a whole or not at all."""

from __future__ import annotations

import csv
import stat
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from airflow_provider_tingting.contacts.audience import AudienceOptions, ValidatedAudience, check_audience
from airflow_provider_tingting.contacts.sources import read_rows
from airflow_provider_tingting.errors import TingTingConfigError, TingTingStorageError
from airflow_provider_tingting.files.csv_escaping import escape_formula

PEOPLE = [
    {"number": "12", "name": "=HYPERLINK(1)", "age": 5},
    {"number": "9841234567", "name": "Ram"},
    {"number": "+977-1-4412345", "name": "@cmd", "age": -5.5},
    {"number": "-1+2", "name": '=cmd|"/c calc"!A1', "note": "\tx"},
    {"number": None, "name": "सीता, \n 'quoted'"},
]


@pytest.fixture
def audience() -> Any:
    with check_audience(read_rows(PEOPLE), AudienceOptions(on_invalid="skip")) as checked:
        yield checked


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def test_rejects_keep_their_columns_and_gain_a_reason(audience: ValidatedAudience, tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "rejects.csv"
    assert audience.write_rejects(path) == 4
    assert path.read_bytes().startswith(b"\xef\xbb\xbf"), "Excel needs the mark to show Nepali"
    rows = rows_of(path)
    assert list(rows[0]) == ["number", "name", "age", "note", "reason"]
    assert [row["age"] for row in rows] == ["5", "-5.5", "", ""]
    assert rows[0]["reason"] == "too_short: has too few digits; a Nepal mobile has ten"
    assert rows[3]["name"] == "सीता, \n 'quoted'"


def test_no_cell_of_a_rejects_csv_is_a_formula(audience: ValidatedAudience, tmp_path: Path) -> None:
    audience.write_rejects(tmp_path / "rejects.csv")
    cells = [cell for row in rows_of(tmp_path / "rejects.csv") for cell in row.values()]
    assert "'=HYPERLINK(1)" in cells
    assert "'@cmd" in cells
    assert "'-1+2" in cells
    assert "'\tx" in cells
    assert all(cell in ("-5.5", "+977-1-4412345") or not cell.startswith(("=", "+", "-", "@", "\t")) for cell in cells)


@pytest.mark.parametrize(
    "text", ["＝cmd|'/c calc'!A1", "\n=1+1", "＋1+2", "＠SUM(1)"], ids=["equals", "line", "plus", "at"]
)
def test_rejects_and_reports_escape_the_same_formulas(text: str, tmp_path: Path) -> None:
    with check_audience(read_rows([{"number": "12", "name": text}]), AudienceOptions(on_invalid="skip")) as checked:
        checked.write_rejects(tmp_path / "rejects.csv")
    assert rows_of(tmp_path / "rejects.csv")[0]["name"] == escape_formula(text) == f"'{text}"


def test_rejects_can_be_corrected_and_read_again(audience: ValidatedAudience, tmp_path: Path) -> None:
    path = tmp_path / "rejects.csv"
    audience.write_rejects(path)
    text = path.read_text("utf-8-sig").replace("12,", "'+9779841234560,", 1)
    path.write_text(text, "utf-8-sig")
    with check_audience(read_rows(path), AudienceOptions(on_invalid="skip")) as again:
        assert [contact.number for contact in again.contacts()] == ["9841234560"]


def test_rejects_in_a_workbook_are_texts(audience: ValidatedAudience, tmp_path: Path) -> None:
    path = tmp_path / "rejects.xlsx"
    assert audience.write_rejects(str(path)) == 4
    sheet = load_workbook(path)["Contacts"]
    assert [cell.value for cell in sheet[2]] == [
        "12",
        "=HYPERLINK(1)",
        5,
        None,
        "too_short: has too few digits; a Nepal mobile has ten",
    ]
    assert {cell.data_type for row in sheet.iter_rows() for cell in row} <= {"s", "n"}


def test_without_rejects_the_file_has_a_header_only(tmp_path: Path) -> None:
    path = tmp_path / "rejects.csv"
    path.write_text("what an earlier run left")
    with check_audience(read_rows(["9841234567"])) as audience:
        assert audience.write_rejects(path) == 0
    assert path.read_text("utf-8-sig") == "reason\n"


def test_another_ending_is_refused(audience: ValidatedAudience, tmp_path: Path) -> None:
    with pytest.raises(TingTingConfigError, match=r"'rejects\.txt' is neither"):
        audience.write_rejects(tmp_path / "rejects.txt")


def test_a_target_that_cannot_be_written_is_named_and_nothing_is_left(
    audience: ValidatedAudience, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TingTingStorageError, match="cannot be written"):
        audience.write_rejects(tmp_path / "file" / "rejects.csv")
    (tmp_path / "rejects.csv").mkdir()
    with pytest.raises(TingTingStorageError, match="cannot be written"):
        audience.write_rejects(tmp_path / "rejects.csv")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "rejects.csv"]


def test_rejects_keep_the_rights_and_the_link_of_the_old_file(audience: ValidatedAudience, tmp_path: Path) -> None:
    real, link = tmp_path / "real.csv", tmp_path / "rejects.csv"
    real.write_text("old")
    real.chmod(0o600)
    link.symlink_to(real)
    audience.write_rejects(link)
    assert link.is_symlink()
    assert stat.S_IMODE(real.stat().st_mode) == 0o600
    assert len(rows_of(real)) == 4


def test_rejects_go_to_object_storage(audience: ValidatedAudience, tmp_path: Path) -> None:
    try:
        from airflow.sdk import ObjectStoragePath
    except ImportError:
        from airflow.io.path import ObjectStoragePath
    for name in ("rejects.csv", "rejects.xlsx"):
        for _ in range(2):
            assert audience.write_rejects(ObjectStoragePath(f"file://{tmp_path}/deep/{name}")) == 4
    assert sorted(path.name for path in (tmp_path / "deep").iterdir()) == ["rejects.csv", "rejects.xlsx"]
    assert len(rows_of(tmp_path / "deep" / "rejects.csv")) == 4


def test_what_no_cell_can_hold_does_not_keep_a_row_out_of_the_workbook(tmp_path: Path) -> None:
    people = [{"number": "98\x0012", "name": "Ra\x07m"}, {"number": "12", "name": "x" * 40_000}]
    with check_audience(read_rows(people), AudienceOptions(on_invalid="skip")) as audience:
        assert audience.write_rejects(tmp_path / "rejects.xlsx") == 2

    rows = list(load_workbook(tmp_path / "rejects.xlsx").active.iter_rows(min_row=2, values_only=True))
    assert rows[0][:2] == ("98\N{REPLACEMENT CHARACTER}12", "Ra\N{REPLACEMENT CHARACTER}m")
    assert len(rows[1][1]) == 32_767
