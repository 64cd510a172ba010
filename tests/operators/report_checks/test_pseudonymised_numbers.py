"""Numbers that do not leave the team: masked or hashed in every format, or refused before the download."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from support.campaigns import NUMBERS, connection, reads
from support.report_download import downloading
from support.task_context import REFUSED, execute


@pytest.mark.parametrize("numbers", ["masked", "sha256"])
@pytest.mark.parametrize("format", ["csv", "jsonl", "xlsx", "parquet"])
def test_no_number_is_in_a_file_that_is_to_leave_the_team(played, tmp_path, numbers, format):
    if format == "parquet":
        pytest.importorskip("pyarrow")
    target = tmp_path / f"report.{format}"

    result, _ = execute(downloading(played, target, format=format, numbers=numbers))

    content = text_of(target, format)
    assert not [number for number in NUMBERS if number in content]
    assert "Sita" in content
    assert result["summary"]["contacts"] == len(NUMBERS)
    expected = {
        "masked": [f"{number[:2]}******{number[-2:]}" for number in NUMBERS],
        "sha256": [hmac.new(b"salt of a test", number.encode(), hashlib.sha256).hexdigest() for number in NUMBERS],
    }[numbers]
    assert all(number in content for number in expected)


def text_of(path, format):
    if format == "parquet":
        from pyarrow import parquet

        return str(parquet.read_table(path).to_pylist())
    if format == "xlsx":
        from openpyxl import load_workbook

        return str(list(load_workbook(path).active.values))
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("changes", "salt", "says"),
    [
        ({"numbers": "sha256"}, None, "secret_salt"),
        ({"numbers": "sha256"}, "  ", "secret_salt"),
        ({"numbers": "md5"}, "salt", "plain, masked, sha256"),
        ({"numbers": "masked", "format": "raw"}, "salt", "every number in clear"),
    ],
)
def test_numbers_that_cannot_be_pseudonymised_are_refused_before_the_download(
    sandbox, played, tmp_path, monkeypatch, changes, salt, says
):
    monkeypatch.setenv("AIRFLOW_CONN_TINGTING_DEFAULT", connection(sandbox, **{"secret_salt": salt} if salt else {}))

    with pytest.raises(REFUSED, match=says):
        execute(downloading(played, tmp_path / "report", **changes))

    assert reads(sandbox, "download_campaign_report") == 0
    assert list(tmp_path.iterdir()) == []
