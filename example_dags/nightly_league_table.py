"""Two DAGs: one loads the reports of a day into a database, and its asset event starts the other, a league table.

The first DAG finds the day's campaigns, loads the report of each into one table, and sends their summaries with one
asset event. The second DAG is scheduled on that asset: it ranks the campaigns by the share of contacts that they
reached, and writes a chart page of the best one.

Needs the connections `tingting_default` and `tingting_warehouse` (a database), and the extra `chart`.
"""

from __future__ import annotations

import csv
import os
from collections import defaultdict
from datetime import timedelta
from pathlib import Path

import pendulum
from airflow import __version__ as airflow_version

from airflow_provider_tingting.hooks.tingting import TingTingHook
from airflow_provider_tingting.operators.report import TingTingDownloadReportOperator
from airflow_provider_tingting.transfers.tingting_to_sql import TingTingReportToSqlOperator

try:
    from airflow.sdk import DAG, Asset, Param, task
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.datasets import Dataset as Asset
    from airflow.decorators import task
    from airflow.models.param import Param

REPORTS = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser() / "reports"
NEPAL = "Asia/Kathmandu"
LOADED = Asset("tingting://app.tingting.io/reports/nightly")
# A passing fault of TingTing or of the database is retried; a load replaces its campaign's rows and never doubles them.
DEFAULT_ARGS = {
    "retries": 3,
    "retry_delay": timedelta(minutes=5),
    "retry_exponential_backoff": True if airflow_version.startswith(("2.", "3.0.", "3.1.")) else 2,
    "max_retry_delay": timedelta(minutes=30),
}

with DAG(
    dag_id="tingting_nightly_reports",
    description="Load the reports of a day's campaigns into the database.",
    schedule="0 1 * * *",
    start_date=pendulum.datetime(2026, 1, 1, tz=NEPAL),
    catchup=False,
    default_args=DEFAULT_ARGS,
    tags=["tingting", "example"],
    doc_md=__doc__,
    params={
        "day": Param(
            None,
            type=["null", "string"],
            format="date",
            description="The day in Nepal on which the campaigns ended. Empty: the day before for a scheduled run, and "
            "the latest day on which a campaign ended for a manual run.",
        )
    },
):

    @task
    def finished_campaigns(params: dict | None = None, dag_run=None, data_interval_end=None) -> list[int]:
        """Return the ids of the campaigns that ended on the day."""
        ended = defaultdict(list)
        # A terminated campaign has called contacts, too.
        for status in ("Completed", "Terminated"):
            for campaign in TingTingHook().iter_campaigns(status=status):
                if campaign.updated_at:
                    moment = pendulum.parse(campaign.updated_at).in_timezone(NEPAL)
                    ended[moment.to_date_string()].append(campaign.id)
        if params["day"]:
            day = params["day"]
        elif dag_run.run_type in ("scheduled", "backfill"):
            day = pendulum.instance(data_interval_end).in_timezone(NEPAL).subtract(days=1).to_date_string()
        else:
            day = max(ended, default="")
        print(f"{len(ended[day])} campaigns ended on {day or 'any day'}")
        return ended[day]

    # [START howto_report_to_sql]
    load = TingTingReportToSqlOperator.partial(
        task_id="load_report", table="tingting_calls", sql_conn_id="tingting_warehouse"
    ).expand(campaign_id=finished_campaigns())
    # [END howto_report_to_sql]

    @task(outlets=[LOADED])
    def publish(loads: list[dict], *, outlet_events: dict) -> None:
        """Send the summaries of all campaigns with one event, so that one run of the next DAG has all of them."""
        outlet_events[LOADED].extra = {"campaigns": list(loads)}

    publish(load.output)

with DAG(
    dag_id="tingting_league_table",
    description="Rank the campaigns of a day by the share of contacts that they reached.",
    schedule=[LOADED],
    start_date=pendulum.datetime(2026, 1, 1, tz=NEPAL),
    catchup=False,
    default_args=DEFAULT_ARGS,
    tags=["tingting", "example"],
    doc_md=__doc__,
):

    @task(inlets=[LOADED])
    def league_table(*, inlet_events: dict, **context) -> dict:
        """Write the league table of the events that started this run; of the newest event for a manual run."""
        # Airflow 2 calls assets datasets.
        triggering = context.get("triggering_asset_events") or context.get("triggering_dataset_events") or {}
        events = [event for of_one in triggering.values() for event in of_one] or [inlet_events[LOADED][-1]]
        campaigns = {campaign["campaign_id"]: campaign for event in events for campaign in event.extra["campaigns"]}
        ranked = sorted(campaigns.values(), key=lambda campaign: -(campaign["summary"]["reach_rate"] or 0))
        REPORTS.mkdir(parents=True, exist_ok=True)
        path = REPORTS / f"league_{pendulum.now(NEPAL):%Y%m%dT%H%M%S}.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["rank", "campaign_id", "contacts", "reached", "reach_rate", "credits"])
            for rank, campaign in enumerate(ranked, 1):
                summary = campaign["summary"]
                figures = (summary[name] for name in ("contacts", "reached", "reach_rate", "credits"))
                writer.writerow([rank, campaign["campaign_id"], *figures])
        print(f"{len(ranked)} campaigns: {path}")
        return {"path": str(path), "best": ranked[0]["campaign_id"]}

    # [START howto_chart_report]
    best = "{{ ti.xcom_pull(task_ids='league_table', key='best') }}"
    chart = TingTingDownloadReportOperator(
        task_id="chart_of_the_best",
        campaign_id=best,
        path=str(REPORTS / f"campaign_{best}.csv"),
        chart_path=str(REPORTS / f"campaign_{best}.html"),
    )
    # [END howto_chart_report]
    league_table() >> chart
