"""One odd row never loses a report: every cell text can be counted, drawn and written in every format."""

from __future__ import annotations

import io
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.report_files import report_body

from airflow_provider_tingting.reports.chart.figures import ChartFigures
from airflow_provider_tingting.reports.parser import open_report
from airflow_provider_tingting.reports.read_report import read_report
from airflow_provider_tingting.reports.writers import write_report

FORMATS = ["csv", "jsonl", "xlsx", "raw", *(["parquet"] if find_spec("pyarrow") else [])]
COLUMNS = ["Duration", "Playback", "Credit Consumed", "Credit Consumed SMS", "Action Date", "Carrier", "Other Info"]
GOOD = {"Number": "9841234567", "Status": "Completed", "Duration": "10", "Action Date": "2025-07-09 14:46:00"}


def write_everywhere(odd: dict[str, str], folder: Path) -> None:
    body = report_body([GOOD, {**GOOD, "Number": "9801234567", **odd}])
    assert read_report(io.BytesIO(body)).summary.contacts == 2
    assert ChartFigures.of(open_report(io.BytesIO(body))).summary.contacts == 2
    for format in FORMATS:
        assert write_report(io.BytesIO(body), folder / f"report-{format}", format=format).rows == 2


@pytest.mark.parametrize(
    ("column", "text"),
    [
        ("Action Date", "0001-01-01"),
        ("Action Date", "0001-01-01T00:00:00+05:45"),
        ("Action Date", "1899-12-31 10:00"),
        ("Action Date", "9999-12-31T23:59:59-12:00"),
        ("Duration", "1e308"),
        ("Duration", "1" * 400),
        ("Duration", f"{'9' * 300}h 1s"),
        ("Playback", "1e300%"),
        ("Credit Consumed", "9" * 20),
        ("Other Info", "{'a': 1e999}"),
        ("Other Info", "{" * 5000 + "}" * 5000),
        ("Other Info", f"{{'a': {'9' * 5000}}}"),
    ],
    ids=lambda text: text[:24],
)
def test_a_value_out_of_range_stays_text(column: str, text: str, tmp_path: Path) -> None:
    write_everywhere({column: text}, tmp_path)
    (_, row) = open_report(io.BytesIO(report_body([GOOD, {**GOOD, column: text}]))).rows()
    assert row.other_info == text if column == "Other Info" else row.extra == {column: text}


_AMOUNTS = st.one_of(st.floats(), st.integers(), st.integers(10**300, 10**400)).map(str)
_DATES = st.one_of(st.datetimes().map(str), st.datetimes().map(lambda moment: moment.strftime("%d/%m/%Y %I:%M %p")))
_TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=20)


@settings(max_examples=25, deadline=None)
@given(odd=st.dictionaries(st.sampled_from(COLUMNS), st.one_of(_AMOUNTS, _DATES, _TEXTS), min_size=1))
def test_every_text_in_every_column_is_written(odd: dict[str, str], tmp_path_factory: Any) -> None:
    write_everywhere(odd, tmp_path_factory.mktemp("odd"))
