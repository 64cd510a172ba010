"""Who came to what is read back with every variable, in whatever format the report was written."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from airflow_provider_tingting.reports.header import COLUMN_NAMES
from airflow_provider_tingting.reports.outcomes import Outcomes
from airflow_provider_tingting.reports.tidy import CORE, OTHER_INFO
from airflow_provider_tingting.reports.writers import write_report

# What columns of a report are called, and so what a reader of reports may take a variable for.
NAMES = sorted({name for names in COLUMN_NAMES.values() for name in names})


def a_report(*variables: dict[str, str]) -> io.BytesIO:
    text = io.StringIO()
    write = csv.writer(text).writerow
    write(["Number", "Status", "Duration (Seconds)", "Playback (%)", "Credit Consumed", "Other Info"])
    for index, own in enumerate(variables):
        write([f"984123450{index}", "unanswered", "0", "0", "1", repr(own)])
    return io.BytesIO(text.getvalue().encode())


def read_back(path: Path, source: io.BytesIO, format: str) -> list[tuple[str, str, dict[str, object]]]:
    write_report(source, path, format=format)
    return [(one.number, one.status, dict(one.variables)) for one in Outcomes(path)]


@pytest.mark.parametrize("format", ["csv", "jsonl", "xlsx"])
@pytest.mark.parametrize(
    "written", [str.lower, str.title, lambda name: name.replace(" ", "_")], ids=["lower", "Title", "snake_case"]
)
def test_a_variable_that_is_called_like_a_column_of_a_report_stays_a_variable(tmp_path, format, written):
    names = [name for name in map(written, NAMES) if name.casefold() not in {*dict(CORE), OTHER_INFO}]
    own = {name: f"{index}" for index, name in enumerate(dict.fromkeys(names))}
    own["name"] = "Sita"

    back = read_back(tmp_path / f"report.{format}", a_report(own, {}), format)

    assert back == [("9841234500", "unanswered", own), ("9841234501", "unanswered", {})]


@pytest.mark.parametrize("format", ["csv", "jsonl", "xlsx"])
def test_a_variable_that_is_called_just_like_a_column_gets_its_name_back(tmp_path, format):
    own = {name: "7" for name, _ in CORE} | {OTHER_INFO: "8", "=ward": "=9"}

    ((number, _, variables),) = read_back(tmp_path / f"report.{format}", a_report(own), format)

    assert (number, variables) == ("9841234500", own)
