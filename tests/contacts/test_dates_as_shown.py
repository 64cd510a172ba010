"""Dates and times of a workbook are spoken as the sheet shows them, as far as the number format says how."""

from __future__ import annotations

import argparse
import io
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from support.raw_workbooks import raw_workbook, row

from airflow_provider_tingting.cli import contacts_check
from airflow_provider_tingting.contacts.audience import AudienceOptions, check_audience
from airflow_provider_tingting.contacts.contact import plain_value
from airflow_provider_tingting.contacts.sources import read_rows

#: 8 July 2025, a Tuesday, and 4:30 in the afternoon of that day.
DAY, AFTERNOON = "45846", "45846.6875"


@pytest.fixture
def workbook(tmp_path: Path, library: str) -> Any:
    def write(stored: str, code: str = "General", number: int | None = None, rows: str = "") -> Path:
        styles = f'<xf numFmtId="0"/><xf numFmtId="{164 if number is None else number}"/>'
        cell = f'<c r="B2" s="1"><v>{stored}</v></c>'
        path = tmp_path / "people.xlsx"
        path.write_bytes(raw_workbook(row(cell) + rows, styles=styles, code=code).build())
        return path

    return write


def value_of(path: Path) -> Any:
    [found] = read_rows(path)
    return found.values["name"]


@pytest.mark.parametrize(
    ("code", "stored", "shown"),
    [
        ("dd/mm/yyyy", DAY, "08/07/2025"),
        ("mm/dd/yyyy", DAY, "07/08/2025"),
        ("yyyy-mm-dd", DAY, "2025-07-08"),
        ("yyyy-mm-dd", AFTERNOON, "2025-07-08"),
        ("d-mmm-yy", DAY, "8-Jul-25"),
        ("[$-409]d-mmm-yy;@", DAY, "8-Jul-25"),
        ("[$-4009]dd mmmm, yyyy", DAY, "08 July, 2025"),
        ("[$-en-GB]dddd d mmm", DAY, "Tuesday 8 Jul"),
        ("[$-461]yyyy/mm/dd", DAY, "2025/07/08"),
        ('d"th" mmmm', DAY, "8th July"),
        ("dd\\.mm\\.yy", DAY, "08.07.25"),
        ("DD/MM/YYYY", DAY, "08/07/2025"),
        ("ddd", DAY, "Tue"),
        ("dd/mm/yyyy hh:mm", AFTERNOON, "08/07/2025 16:30"),
        ("d/m/yy h:mm AM/PM", AFTERNOON, "8/7/25 4:30 PM"),
        ("h:mm AM/PM", "0.0208333333333333", "12:30 AM"),
        ("hh:mm:ss", "0.5", "12:00:00"),
        ("mm:ss", "0.00105324074074074", "01:31"),
        ("[h]:mm", "1.25", "30:00"),
    ],
    ids=str,
)
def test_a_known_format_is_shown_as_the_sheet_shows_it(workbook: Any, code: str, stored: str, shown: str) -> None:
    assert plain_value(value_of(workbook(stored, code))) == shown


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (14, "2025-07-08 16:30:00"),
        (15, "8-Jul-25"),
        (16, "8-Jul"),
        (17, "Jul-25"),
        (18, "4:30 PM"),
        (19, "4:30:00 PM"),
        (20, "16:30"),
        (21, "16:30:00"),
        (22, "2025-07-08 16:30:00"),
    ],
    ids=str,
)
def test_of_the_built_in_formats_those_that_follow_the_computer_are_iso(workbook: Any, number: int, shown: str) -> None:
    assert plain_value(value_of(workbook(AFTERNOON, number=number))) == shown


@pytest.mark.parametrize(
    "code",
    [
        "[$-F800]dddd, mmmm dd, yyyy",
        "[$-4000439]dd/mm/yyyy",
        "[$-461]d mmmm yyyy",
        "mmmmm-yy",
        "yyyy-mm-dd hh:mm:ss",
        "yyyy\\-mm\\-dd\\ h:mm:ss",
        "ss.000",
    ],
    ids=str,
)
def test_a_format_that_is_not_known_is_iso(workbook: Any, code: str) -> None:
    assert plain_value(value_of(workbook(DAY, code))) == "2025-07-08"


def test_a_date_is_still_a_date_to_where(workbook: Any) -> None:
    path = workbook(DAY, "dd/mm/yyyy")
    assert value_of(path) == date(2025, 7, 8)
    wanted = [
        {"name": date(2025, 7, 8)},
        {"name": "2025-07-08"},
        {"name": "08/07/2025"},
        lambda found: found["name"] < date(2026, 1, 1),
    ]
    for where in wanted:
        with check_audience(read_rows(path), AudienceOptions(where=where)) as audience:
            assert audience.valid == 1


@pytest.mark.parametrize(
    ("code", "stored", "moment"),
    [
        ("dd/mm/yyyy hh:mm", AFTERNOON, datetime(2025, 7, 8, 16, 30)),
        ("h:mm AM/PM", "0.6875", time(16, 30)),
    ],
    ids=str,
)
def test_a_time_is_still_a_time(workbook: Any, code: str, stored: str, moment: object) -> None:
    assert value_of(workbook(stored, code)) == moment


def test_each_cell_of_a_column_has_its_own_format(workbook: Any) -> None:
    further = '<row r="3"><c r="A3"><v>9841234502</v></c><c r="B3"><v>7</v></c></row>'
    path = workbook(DAY, "dd/mm/yyyy", rows=further)

    assert [plain_value(found.values["name"]) for found in read_rows(path)] == ["08/07/2025", 7]


@pytest.mark.parametrize(
    ("code", "said"), [("d-mmm-yy", "due on 8-Jul-25"), ("[$-F800]dddd", "due on 2025-07-08")], ids=["known", "ISO"]
)
def test_the_check_shows_a_date_as_it_is_spoken(workbook: Any, code: str, said: str) -> None:
    parser = argparse.ArgumentParser()
    contacts_check.add_arguments(parser)
    written = io.StringIO()
    arguments = parser.parse_args([str(workbook(DAY, code)), "--message", "It is due on {name}."])

    assert contacts_check.run(arguments, Console(file=written, width=120)) == 0
    assert said in written.getvalue()
