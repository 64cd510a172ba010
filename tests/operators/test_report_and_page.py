"""The report and the page with its charts are two files, however their paths are written."""

from __future__ import annotations

import pytest
from support.campaigns import a_campaign, reads
from support.task_context import execute
from upath import UPath

from airflow_provider_tingting._compat import AirflowFailException
from airflow_provider_tingting.operators.report import TingTingDownloadReportOperator

pytest.importorskip("matplotlib")


@pytest.fixture
def download(sandbox, tingting_conn, tmp_path, monkeypatch):
    campaign = a_campaign(sandbox)
    sandbox.world.run_campaign(campaign)
    sandbox.play_out()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "reports").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "reports")

    def run(path, chart_path):
        return execute(
            TingTingDownloadReportOperator(task_id="report", campaign_id=campaign, path=path, chart_path=chart_path)
        )

    return run


@pytest.mark.parametrize(
    ("path", "page"),
    [
        ("reports/x.html", "reports/x.html"),
        ("reports/x.html", "./reports/x.html"),
        ("reports/x.html", "reports/../reports//x.html"),
        ("reports/x.html", "{folder}/reports/x.html"),
        ("reports/x.html", "file://{folder}/reports/x.html"),
        ("reports/x.html", "link/x.html"),
        (UPath("memory://pages/x.html"), UPath("memory://pages/x.html")),
        (UPath("memory://pages/x.html"), UPath("memory://pages/y/../x.html")),
    ],
    ids=str,
)
def test_a_page_that_would_replace_the_report_is_refused_before_the_download(sandbox, download, tmp_path, path, page):
    page = page.format(folder=tmp_path) if isinstance(page, str) else page

    with pytest.raises(AirflowFailException, match="are the same file"):
        download(path, page)

    assert reads(sandbox, "download_campaign_report") == 0
    assert list((tmp_path / "reports").iterdir()) == []


@pytest.mark.parametrize(
    ("path", "page"),
    [
        ("reports/x.csv", "reports/x.html"),
        (UPath("memory://pages/x.csv"), UPath("memory://pages/x.html")),
        ("/tmp/x.html", UPath("memory://tmp/x.html")),
    ],
    ids=str,
)
def test_two_files_are_two(download, tmp_path, path, page):
    path = path.replace("/tmp", str(tmp_path)) if isinstance(path, str) else path

    result, _ = download(path, page)

    assert result["rows"] == 4
    assert (UPath(result["path"]).exists(), UPath(result["chart_path"]).exists()) == (True, True)
