"""Phone numbers in files that leave the team."""

from __future__ import annotations

import hashlib
import hmac
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.report_files import report_body, summary_of

from airflow_provider_tingting.contacts.sources import read_rows
from airflow_provider_tingting.errors import TingTingConfigError
from airflow_provider_tingting.reports import NUMBERS
from airflow_provider_tingting.reports.pseudonyms import check_numbers, hasher, pseudonymise
from airflow_provider_tingting.reports.rows import ReportRow
from airflow_provider_tingting.reports.writers import write_report


def row(**changes: object) -> ReportRow:
    return ReportRow(**{"number": "9841234567", "status": "completed", **changes})  # type: ignore[arg-type]


def test_plain_rows_are_the_rows_themselves() -> None:
    rows = [row()]
    assert pseudonymise(rows, "plain") is rows


def test_the_same_person_has_the_same_hash_in_every_spelling() -> None:
    hashed = hasher("salt")
    expected = hmac.new(b"salt", b"9841234567", hashlib.sha256).hexdigest()
    for number in ("9841234567", " 9841234567 ", "+9779841234567", "+977 9841234567", "9779841234567"):
        assert hashed(number) == expected
    assert hasher("other")("9841234567") != expected != hashed("9841234568")


@pytest.mark.parametrize("numbers", ["masked", "sha256"])
@pytest.mark.parametrize(
    "info",
    [
        {"of": "9841234567"},
        {"of": 9841234567},
        {"of": ["x", {"deep": "+977 984-1234567"}]},
        {"of": 9841234567.0},
        "call 9841234567",
        {"9841234567": "owner"},
        {"of": {"+977 984-1234567": "owner"}},
    ],
)
def test_a_number_in_the_variables_or_an_unknown_column_is_masked_too(numbers: str, info: object) -> None:
    [changed] = pseudonymise([row(other_info=info, extra={"Remark": "see 9841234567"})], numbers, "salt")

    shown = json.dumps([changed.number, changed.other_info, dict(changed.extra)])
    assert "1234567" not in shown
    assert changed.status == "completed"


@pytest.mark.parametrize("format", ["csv", "jsonl", "xlsx"])
def test_a_column_that_is_called_like_a_number_is_masked_and_keeps_its_values(format: str, tmp_path: Path) -> None:
    report = (
        "Number,Status,Duration (Seconds),Playback (%),Credit Consumed,Other Info,Action Date,9841234568\n"
        '9841234501,Failed: 9841234569,10,90,1,"{""9841234567"": ""Sita""}",,Hari\n'
    )

    write_report(io.BytesIO(report.encode()), tmp_path / f"report.{format}", format=format, numbers="masked")

    [row] = read_rows(tmp_path / f"report.{format}")
    shown = json.dumps(dict(row.values))
    assert "Sita" in shown
    assert "Hari" in shown
    assert "412345" not in shown


def test_a_number_in_the_wrong_column_is_in_no_summary() -> None:
    summary = summary_of(report_body([{"Status": "Failed: 9841234567", "Carrier": "+977 9841234567"}])).to_json()

    assert list(summary["by_status"]) == ["failed: 98******67"]
    assert "1234567" not in json.dumps(summary)


def test_what_is_no_phone_number_stays() -> None:
    info = {"name": "Sita", "ward": 5, "amount": 1_250_000, "rate": 1.5, "due": "2026-11-23", "paid": None, "ok": True}

    [changed] = pseudonymise([row(other_info=info)], "masked")

    assert changed.other_info == info


@given(st.integers(9700000000, 9899999999), st.sampled_from(["masked", "sha256"]))
def test_no_number_comes_through(number: int, numbers: str) -> None:
    [changed] = pseudonymise([row(number=str(number), other_info={"again": number})], numbers, "salt")

    assert str(number) not in f"{changed.number} {changed.other_info}"


@pytest.mark.parametrize(
    ("numbers", "format", "salt", "says"),
    [
        ("hidden", "csv", "salt", "plain, masked, sha256"),
        ("masked", "raw", "salt", "format='raw'"),
        ("sha256", "raw", "salt", "format='raw'"),
        ("sha256", "csv", None, "secret_salt"),
        ("sha256", "csv", "", "secret_salt"),
    ],
)
def test_what_cannot_be_applied_is_refused_and_nothing_is_written(
    numbers: str, format: str, salt: str | None, says: str, tmp_path: object
) -> None:
    with pytest.raises(TingTingConfigError, match=says):
        check_numbers(numbers, format=format, salt=salt)
    target = tmp_path / "report"  # type: ignore[operator]
    with pytest.raises(TingTingConfigError, match=says):
        write_report(io.BytesIO(b"Number,Status\n"), target, numbers=numbers, format=format, salt=salt)
    assert not target.exists()


def test_every_way_is_allowed_somewhere() -> None:
    for numbers in NUMBERS:
        check_numbers(numbers, format="csv", salt="salt")
