"""The report of a campaign that ended badly comes all the same, and the run stays red."""

from __future__ import annotations

from support.campaigns import NUMBERS, a_campaign
from support.report_download import downloading, rows_of

DAG_FILE = """
from airflow_provider_tingting.operators.campaign import TingTingRunCampaignOperator
from airflow_provider_tingting.operators.report import TingTingDownloadReportOperator

try:
    from airflow.sdk import DAG, task
except ImportError:
    from airflow import DAG
    from airflow.decorators import task

with DAG("badly", schedule=None, params={"campaign_id": 0, "reports": ""}, render_template_as_native_obj=True) as dag:

    @task
    def create(params=None):
        if not params["campaign_id"]:
            raise ValueError("no campaign")
        return params["campaign_id"]

    @task(trigger_rule="all_done")
    def use(report):
        print("used", report["rows"])
        return report["rows"]

    campaign_id = create()
    run = TingTingRunCampaignOperator(task_id="run", campaign_id=campaign_id, poll_interval=0.05)
    usual = TingTingDownloadReportOperator(
        task_id="usual", campaign_id=campaign_id, path="{{ params.reports }}/usual.csv"
    )
    always = TingTingDownloadReportOperator(
        task_id="always", campaign_id=campaign_id, path="{{ params.reports }}/always.csv", download_on_failure=True
    )
    run >> [usual, always]
    use(always.output)
"""


def run_badly(sandbox, run_dag, tmp_path, campaign_id):
    (tmp_path / "badly.py").write_text(DAG_FILE, encoding="utf-8")
    sandbox.clock.speed = 1000
    return run_dag("badly", folder=tmp_path, conf={"campaign_id": campaign_id, "reports": str(tmp_path / "reports")})


def test_the_report_of_a_campaign_that_ended_badly_comes_and_the_run_stays_red(
    sandbox, tingting_conn, run_dag, tmp_path, logged
):
    campaign = a_campaign(sandbox, outcome="unanswered")

    finished = run_badly(sandbox, run_dag, tmp_path, campaign)

    states = {"create": "success", "run": "failed", "usual": "upstream_failed", "always": "failed", "use": "success"}
    assert finished.states == states
    assert finished.state == "failed"
    assert len(rows_of(tmp_path / "reports" / "always.csv")) == len(NUMBERS)
    assert finished.xcom("always", key="summary")["not_reached"] == len(NUMBERS)
    assert finished.xcom("use") == len(NUMBERS)
    assert "because run failed before it" in logged()


def test_the_report_of_a_campaign_that_ended_well_is_green(sandbox, tingting_conn, run_dag, tmp_path):
    finished = run_badly(sandbox, run_dag, tmp_path, a_campaign(sandbox))

    assert set(finished.states.values()) == {"success"}
    assert finished.state == "success"


def test_without_a_campaign_there_is_no_report_and_the_task_says_so(sandbox, tingting_conn, run_dag, tmp_path, logged):
    finished = run_badly(sandbox, run_dag, tmp_path, 0)

    assert (finished.states["create"], finished.states["always"]) == ("failed", "failed")
    assert "There is no campaign_id, so there is no report" in logged()
    assert not (tmp_path / "reports").exists()


MAPPED_DAG_FILE = """
from airflow_provider_tingting.operators.campaign import TingTingRunCampaignOperator
from airflow_provider_tingting.operators.report import TingTingDownloadReportOperator

try:
    from airflow.sdk import DAG, task
except ImportError:
    from airflow import DAG
    from airflow.decorators import task

with DAG("several", schedule=None, params={"ids": [], "reports": ""}, render_template_as_native_obj=True) as dag:

    @task
    def campaigns(params=None):
        return params["ids"]

    ids = campaigns()
    run = TingTingRunCampaignOperator.partial(task_id="run", poll_interval=0.05).expand(campaign_id=ids)
    report = TingTingDownloadReportOperator.partial(
        task_id="report", path="{{ params.reports }}/{{ ti.map_index }}.csv", download_on_failure=True,
        trigger_rule="all_done",
    ).expand(campaign_id=ids)
    run >> report
"""


def test_of_several_campaigns_only_the_report_of_the_bad_one_is_red(sandbox, tingting_conn, run_dag, tmp_path):
    good = a_campaign(sandbox, NUMBERS[:2])
    bad = a_campaign(sandbox, NUMBERS[2:], outcome="failed")
    (tmp_path / "several.py").write_text(MAPPED_DAG_FILE, encoding="utf-8")
    sandbox.clock.speed = 1000

    finished = run_dag("several", folder=tmp_path, conf={"ids": [good, bad], "reports": str(tmp_path / "reports")})

    assert {name: finished.states[name] for name in ("report[0]", "report[1]")} == {
        "report[0]": "success",
        "report[1]": "failed",
    }
    assert sorted(path.name for path in (tmp_path / "reports").iterdir()) == ["0.csv", "1.csv"]


def test_a_trigger_rule_of_ones_own_is_kept(tmp_path):
    assert downloading(79, tmp_path / "x.csv").trigger_rule == "all_success"
    assert downloading(79, tmp_path / "x.csv", download_on_failure=True).trigger_rule == "all_done"
    mine = downloading(79, tmp_path / "x.csv", download_on_failure=True, trigger_rule="all_failed")
    assert mine.trigger_rule == "all_failed"
