"""A survey report is passed through, and made tidy where its JSON allows."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path

import pytest

from airflow_provider_tingting.errors import TingTingConfigError, TingTingReportError, TingTingStorageRefusedError
from airflow_provider_tingting.reports.survey import WrittenSurvey, write_survey_report

CSV = b'Number,Q1,Q2\r\n9841234567,1,"yes,\r\nplease"\r\n""\r\n9801234568,2,\r\n'
ANSWERS = [{"number": "9841234567", "q1": 1, "q2": None}, {"number": "9801234568", "q3": "=cmd()", "q1": True}]


def test_csv_is_passed_through_and_counted(tmp_path: Path) -> None:
    target = tmp_path / "survey.csv"
    written = write_survey_report(io.BytesIO(CSV), target)
    assert target.read_bytes() == CSV
    assert written == WrittenSurvey(rows=2, columns=("Number", "Q1", "Q2"), format="csv", bytes=len(CSV))


@pytest.mark.parametrize("reply", [ANSWERS, {"data": ANSWERS, "count": 2}, {"results": ANSWERS}])
@pytest.mark.parametrize("tidy", [True, False])
def test_json_of_flat_objects_has_columns(reply: object, tidy: bool, tmp_path: Path) -> None:
    body = json.dumps(reply).encode()
    target = tmp_path / "survey"
    written = write_survey_report(io.BytesIO(body), target, format="json", tidy=tidy)
    assert (written.rows, written.columns) == (2, ("number", "q1", "q2", "q3"))
    assert written.bytes == target.stat().st_size
    if not tidy:
        assert (written.format, target.read_bytes()) == ("json", body)
        return
    assert written.format == "csv"
    assert list(csv.reader(io.StringIO(target.read_text()))) == [
        ["number", "q1", "q2", "q3"],
        ["9841234567", "1", "", ""],
        ["9801234568", "true", "", "'=cmd()"],
    ]


@pytest.mark.parametrize(
    ("reply", "rows"), [({"questions": {"a": 1}}, None), ([{"a": {"b": 1}}], 1), ([1, 2], 2), ("text", None), ([], 0)]
)
def test_other_json_is_passed_through_even_when_tidy_is_asked(reply: object, rows: int | None, tmp_path: Path) -> None:
    body = json.dumps(reply).encode()
    written = write_survey_report(io.BytesIO(body), tmp_path / "survey.json", format="json", tidy=True)
    assert (tmp_path / "survey.json").read_bytes() == body
    assert written == WrittenSurvey(rows=rows, columns=(), format="json", bytes=len(body))


def test_gzip_goes_by_name(tmp_path: Path) -> None:
    write_survey_report(io.BytesIO(CSV), tmp_path / "survey.csv.gz")
    assert gzip.decompress((tmp_path / "survey.csv.gz").read_bytes()) == CSV


@pytest.mark.parametrize(
    ("body", "format", "words"),
    [
        (b"", "csv", "empty"),
        (b"", "json", "empty"),
        (b"<html>", "csv", "HTML"),
        (b"<html>", "json", "HTML"),
        (b'{"detail": "Not found."}', "csv", "Not found."),
        (b'a,b\n1,"tw', "csv", "breaks off"),
        (b"a,b\n1,\x00", "csv", "NUL"),
        (b"a,b\n1,\xff", "csv", "UTF-8"),
        (b'[{"a": 1}, {"a"', "json", "line 1, column"),
        (b'["\xff"]', "json", "not whole JSON"),
        (b"[" * 100_000, "json", "not whole JSON"),
    ],
)
def test_a_bad_body_is_refused_and_the_old_file_kept(body: bytes, format: str, words: str, tmp_path: Path) -> None:
    target = tmp_path / "survey"
    target.write_text("old")
    with pytest.raises(TingTingReportError, match=words):
        write_survey_report(io.BytesIO(body), target, format=format)
    assert target.read_text() == "old"


def test_overwrite_and_format_have_their_effect(tmp_path: Path) -> None:
    target = tmp_path / "survey"
    target.write_text("old")
    with pytest.raises(TingTingStorageRefusedError, match="overwrite is off"):
        write_survey_report(io.BytesIO(CSV), target, overwrite=False)
    with pytest.raises(TingTingConfigError, match="csv, json"):
        write_survey_report(io.BytesIO(CSV), target, format="xml")
    assert target.read_text() == "old"
