"""The page with charts is written beside the report, and only with it."""

from __future__ import annotations

import pytest
from support.campaigns import NUMBERS, reads
from support.report_download import BODY, downloading, refused
from support.task_context import execute

from airflow_provider_tingting._compat import AirflowFailException
from airflow_provider_tingting.errors import TingTingConfigError


def test_the_page_with_charts_is_written_beside_the_report(played, tmp_path):
    pytest.importorskip("matplotlib")
    page = tmp_path / "pages" / "report.html"

    result, xcoms = execute(downloading(played, tmp_path / "report.csv", chart_path=str(page), numbers="masked"))

    assert result["chart_path"] == xcoms["chart_path"] == str(page)
    content = page.read_text(encoding="utf-8")
    assert '<h1 dir="auto">Water</h1>' in content
    assert f"Campaign {played} · PHONE · Completed" in content
    assert not [number for number in NUMBERS if number in content]


def test_without_the_report_there_is_no_page(server, target):
    """A cell is longer than a sheet of a workbook can hold, which is found out in the middle of writing it."""
    pytest.importorskip("matplotlib")
    server.report = BODY.replace("Sita", "S" * 40_000).encode()

    target = target.rename(target.with_suffix(".xlsx"))
    said = refused(target, chart_path=str(target.with_suffix(".html")))

    assert "a cell can hold" in said


@pytest.mark.parametrize(
    ("chart", "error", "says"),
    [
        ("report.html", AirflowFailException, "the same file"),
        ("/proc/nowhere/x.html", AirflowFailException, "/proc/nowhere"),
        ("pages/", TingTingConfigError, "chart_path must end in .html"),
    ],
)
def test_a_page_that_cannot_be_written_is_found_out_before_the_download(
    sandbox, played, tmp_path, monkeypatch, chart, error, says
):
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)

    with pytest.raises(error, match=says):
        execute(downloading(played, "report.html", chart_path=chart))

    assert reads(sandbox, "download_campaign_report") == 0
