"""A survey's report is checked as a campaign's is."""

from __future__ import annotations

import pytest
from support.report_download import rows_of
from support.task_context import execute

from airflow_provider_tingting.errors import TingTingReportError
from airflow_provider_tingting.operators.report import TingTingDownloadSurveyReportOperator


@pytest.mark.usefixtures("tingting_conn")
def test_a_survey_in_json_becomes_a_table_if_asked(tmp_path):
    target = tmp_path / "survey.csv"

    result, _ = execute(
        TingTingDownloadSurveyReportOperator(task_id="survey", survey_id=12, path=str(target), format="json", tidy=True)
    )

    assert (result["rows"], result["format"]) == (3, "csv")
    assert [row["answer"] for row in rows_of(target)] == ["1", "2", ""]


def test_what_is_no_survey_report_names_the_survey_and_leaves_the_old_file(server, target):
    server.report = b'a,b\n1,"2'

    with pytest.raises(TingTingReportError, match=r"Survey 12: .*breaks off"):
        execute(TingTingDownloadSurveyReportOperator(task_id="survey", survey_id=12, path=str(target)))

    assert target.read_text(encoding="utf-8") == "of yesterday"
