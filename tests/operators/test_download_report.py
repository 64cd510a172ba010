"""Downloading reports: whole, or not at all."""

from __future__ import annotations

import csv
import gzip
import json

import pytest
from support.campaigns import (
    NUMBERS,
    OUTCOMES,
    a_campaign,
    a_finished_campaign,
    losing_a_contact_before_the_report,
    reads,
)
from support.report_download import downloading
from support.task_context import REFUSED, execute

from airflow_provider_tingting._compat import AirflowFailException
from airflow_provider_tingting.errors import TingTingAPIError, TingTingConfigError, TingTingReportError
from airflow_provider_tingting.operators.report import TingTingDownloadSurveyReportOperator
from airflow_provider_tingting.sandbox import Sandbox

pytestmark = pytest.mark.usefixtures("tingting_conn")


@pytest.fixture
def campaign(sandbox):
    return a_finished_campaign(sandbox)


def rows_of(path, opener=open):
    with opener(path, "rt", encoding="utf-8", newline="") as file:
        return {row["number"]: row["status"] for row in csv.DictReader(file)}


def left_in(folder):
    return sorted(path.name for path in folder.rglob("*"))


def test_the_report_has_a_row_for_each_contact_and_its_figures_go_to_xcom(sandbox, campaign, tmp_path):
    target = tmp_path / "new folder" / "report.csv"

    result, xcoms = execute(downloading(str(campaign), target))

    assert rows_of(target) == dict(zip(NUMBERS, OUTCOMES, strict=True))
    assert (result["campaign_id"], result["path"], result["rows"]) == (campaign, str(target), 4)
    summary = result["summary"]
    assert (summary["contacts"], summary["reached"], summary["not_reached"], summary["pending"]) == (4, 2, 2, 0)
    assert summary["credits"] == sandbox.world.campaigns[campaign].spent
    assert xcoms == {
        "campaign_id": campaign,
        "tingting_campaign_link": f"{sandbox.root_url}#campaign-{campaign}",
        **{key: result[key] for key in ("path", "rows", "summary", "source", "final")},
    }
    assert (result["source"], result["final"], result["chart_path"]) == ("report", True, None)
    assert len(json.dumps(result)) < 2000


def test_a_name_in_gz_is_compressed(campaign, tmp_path):
    execute(downloading(campaign, tmp_path / "report.csv.gz"))

    assert set(rows_of(tmp_path / "report.csv.gz", gzip.open)) == set(NUMBERS)


def test_json_lines_keep_the_variables(campaign, tmp_path):
    execute(downloading(campaign, tmp_path / "report.jsonl", format="jsonl"))

    rows = [json.loads(line) for line in (tmp_path / "report.jsonl").read_text(encoding="utf-8").splitlines()]
    assert {row["number"]: row["status"] for row in rows} == dict(zip(NUMBERS, OUTCOMES, strict=True))


def test_raw_is_what_tingting_sent(campaign, tmp_path):
    result, _ = execute(downloading(campaign, tmp_path / "report.csv", format="raw"))

    assert result["rows"] == 4
    assert "Total Numbers" in (tmp_path / "report.csv").read_text(encoding="utf-8-sig")


def test_a_relative_path_is_one_from_the_working_directory(campaign, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    result, _ = execute(downloading(campaign, "reports/today.csv"))

    assert result["path"] == str(tmp_path / "reports" / "today.csv")
    assert (tmp_path / "reports" / "today.csv").exists()


def test_a_retry_replaces_the_file(campaign, tmp_path):
    target = tmp_path / "report.csv"
    target.write_text("of yesterday", encoding="utf-8")

    execute(downloading(campaign, target))

    assert len(rows_of(target)) == 4


# -- what is refused before anything is downloaded ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "changes", "error", "says"),
    [
        pytest.param("", {}, TingTingConfigError, ["path is empty"], id="no path"),
        pytest.param(None, {}, TingTingConfigError, ["path must be a path"], id="nothing"),
        pytest.param("nowhere://bucket/x.csv", {}, AirflowFailException, ["nowhere", "provider"], id="unknown storage"),
        pytest.param("x.csv", {"format": "pdf"}, TingTingConfigError, ["'pdf'", "jsonl"], id="unknown format"),
        pytest.param(
            "x.csv", {"campaign_id": "x"}, TingTingConfigError, ["campaign_id", "a text of 1"], id="no campaign id"
        ),
        pytest.param("x.csv", {"campaign_id": 4711}, AirflowFailException, ["4711", "404"], id="unknown campaign"),
        pytest.param("a file/x.csv", {}, AirflowFailException, ["a file", "not a directory"], id="below a file"),
        pytest.param("a folder", {}, AirflowFailException, ["a folder", "is a directory"], id="a folder"),
        pytest.param("reports/", {}, AirflowFailException, ["reports/", "is a folder"], id="like a folder"),
        pytest.param("/proc/nowhere/x.csv", {}, AirflowFailException, ["/proc/nowhere/x.csv"], id="not writable"),
        pytest.param("there.csv", {"overwrite": False}, AirflowFailException, ["there.csv", "overwrite"], id="there"),
    ],
)
def test_a_mistake_is_named_and_nothing_is_downloaded(
    sandbox, campaign, tmp_path, monkeypatch, path, changes, error, says
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a file").touch()
    (tmp_path / "a folder").mkdir()
    (tmp_path / "there.csv").write_text("of yesterday", encoding="utf-8")
    before = left_in(tmp_path)

    with pytest.raises(error) as raised:
        execute(downloading(**{"campaign_id": campaign, "path": path, **changes}))

    for part in says:
        assert part in str(raised.value)
    assert reads(sandbox, "download_campaign_report") == 0
    assert left_in(tmp_path) == before
    assert (tmp_path / "there.csv").read_text(encoding="utf-8") == "of yesterday"


# -- whole, or not at all ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["truncate", "lose-reply", "503-html", "502-empty"])
def test_a_download_that_breaks_off_is_begun_again(sandbox, campaign, tmp_path, fault):
    sandbox.faults.add(fault, call="download_campaign_report")

    result, _ = execute(downloading(campaign, tmp_path / "report.csv"))

    assert result["rows"] == len(rows_of(tmp_path / "report.csv")) == 4


@pytest.mark.parametrize("fault", ["garbage", "500"])
def test_without_report_and_listing_the_file_stays_as_it_was(sandbox, campaign, tmp_path, fault):
    target = tmp_path / "report.csv"
    target.write_text("of yesterday", encoding="utf-8")
    for call in ("download_campaign_report", "list_contacts"):
        sandbox.faults.add(fault, call=call, times="*")

    with pytest.raises((TingTingReportError, TingTingAPIError)):
        execute(downloading(campaign, target))

    assert target.read_text(encoding="utf-8") == "of yesterday"
    assert left_in(tmp_path) == ["report.csv"]


def test_a_report_that_lacks_contacts_is_refused(sandbox, campaign, tmp_path):
    with (
        losing_a_contact_before_the_report(sandbox, campaign),
        pytest.raises(
            TingTingReportError,
            match=f"Campaign {campaign}: The report is incomplete.*4 contacts, 3 came, 1 is missing",
        ),
    ):
        execute(downloading(campaign, tmp_path / "report.csv"))

    assert left_in(tmp_path) == []


@pytest.mark.parametrize("layout", ["plain", "preamble"])
@pytest.mark.parametrize("path", ["seed", "old"])
def test_each_way_that_tingting_serves_reports_gives_the_same_file(monkeypatch, tmp_path, layout, path):
    with Sandbox(dialect={"report_layout": layout, "report_path": path}) as other:
        monkeypatch.setenv("AIRFLOW_CONN_TINGTING_DEFAULT", other.connection_json())
        campaign = a_campaign(other)
        other.world.run_campaign(campaign)
        other.play_out()

        execute(downloading(campaign, tmp_path / "report.csv"))

    assert rows_of(tmp_path / "report.csv") == dict.fromkeys(NUMBERS, "completed")


# -- surveys -----------------------------------------------------------------------------------------------------------


def surveying(survey_id, path, **changes):
    return TingTingDownloadSurveyReportOperator(task_id="survey", survey_id=survey_id, path=str(path), **changes)


@pytest.mark.parametrize("format", ["csv", "json"])
def test_a_survey_comes_as_it_is(tmp_path, format):
    target = tmp_path / f"survey.{format}"

    result, xcoms = execute(surveying("12", target, format=format))

    assert result == {"survey_id": 12, "path": str(target), "rows": 3, "format": format}
    assert xcoms == result
    text = target.read_text(encoding="utf-8")
    rows = json.loads(text) if format == "json" else list(csv.DictReader(text.splitlines()))
    assert [row["answer"] for row in rows] == ["1", "2", ""]


@pytest.mark.parametrize(
    ("survey", "path", "format", "says"),
    [(12, "x.csv", "xlsx", "csv, json"), (12, "", "csv", "path is empty"), ("x", "x.csv", "csv", "survey_id"),
     (4711, "x.csv", "csv", "404")],
)  # fmt: skip
def test_a_mistake_about_a_survey_is_named_and_no_file_appears(tmp_path, monkeypatch, survey, path, format, says):
    monkeypatch.chdir(tmp_path)

    with pytest.raises(REFUSED, match=says):
        execute(surveying(survey, path, format=format))

    assert left_in(tmp_path) == []


def test_a_survey_path_that_cannot_be_written_is_found_out_before_the_download(sandbox):
    with pytest.raises(AirflowFailException, match="/proc/nowhere"):
        execute(surveying(12, "/proc/nowhere/survey.csv"))

    assert sandbox.requests == ()
