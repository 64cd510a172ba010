"""Every night yesterday's campaigns into the database; the league table starts by itself when they are there.

The first DAG finds the campaigns, loads the report of each into one table, and tells on an asset what came of them. The
second DAG is scheduled on that asset: it ranks the campaigns by whom they reached, from the figures that it was told,
and draws the best one. Needs the connections `tingting_default` and `tingting_warehouse`, a database, and the extra
`chart`.
"""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pendulum

from airflow_provider_tingting.hooks.tingting import TingTingHook
from airflow_provider_tingting.operators.report import TingTingDownloadReportOperator
from airflow_provider_tingting.transfers.tingting_to_sql import TingTingReportToSqlOperator

try:
    from airflow.sdk import DAG, Asset, task
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.datasets import Dataset as Asset
    from airflow.decorators import task

REPORTS = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser() / "reports"
NEPAL = "Asia/Kathmandu"
LOADED = Asset("tingting://app.tingting.io/reports/nightly")

with DAG(
    dag_id="tingting_nightly_reports",
    description="Load the reports of yesterday's campaigns into the database.",
    schedule="0 1 * * *",
    start_date=pendulum.datetime(2026, 1, 1, tz=NEPAL),
    catchup=False,
    tags=["tingting", "example"],
    doc_md=__doc__,
    # Another day, such as 2026-11-22, for a run that is started by hand.
    params={"day": ""},
):

    @task
    def finished_campaigns(params: dict | None = None, data_interval_end: pendulum.DateTime | None = None) -> list[int]:
        """Find the campaigns that ended on the day before."""
        night = pendulum.instance(data_interval_end or pendulum.now()).in_timezone(NEPAL)
        day = params["day"] or night.subtract(days=1).to_date_string()
        return [
            campaign.id
            # One that was stopped has called people, too.
            for status in ("Completed", "Terminated")
            for campaign in TingTingHook().iter_campaigns(status=status)
            if campaign.updated_at and pendulum.parse(campaign.updated_at).in_timezone(NEPAL).to_date_string() == day
        ]

    load = TingTingReportToSqlOperator.partial(
        task_id="load_report", table="tingting_calls", sql_conn_id="tingting_warehouse"
    ).expand(campaign_id=finished_campaigns())

    @task(outlets=[LOADED])
    def tell(loads: list[dict], *, outlet_events: dict) -> None:
        """Tell all figures of the night at once, so that one run of the next DAG sees all of them."""
        outlet_events[LOADED].extra = {"campaigns": list(loads)}

    tell(load.output)

with DAG(
    dag_id="tingting_league_table",
    description="Rank the campaigns of the night by the share of people that they reached.",
    schedule=[LOADED],
    start_date=pendulum.datetime(2026, 1, 1, tz=NEPAL),
    catchup=False,
    tags=["tingting", "example"],
    doc_md=__doc__,
):

    @task(inlets=[LOADED])
    def league_table(*, inlet_events: dict, **context) -> dict:
        """Write the league table of what this run was told of; by hand, of what was told last."""
        told = context.get("triggering_asset_events") or context.get("triggering_dataset_events") or {}
        events = [event for of_one in told.values() for event in of_one] or [inlet_events[LOADED][-1]]
        campaigns = {campaign["campaign_id"]: campaign for event in events for campaign in event.extra["campaigns"]}
        ranked = sorted(campaigns.values(), key=lambda campaign: -(campaign["summary"]["reach_rate"] or 0))
        REPORTS.mkdir(parents=True, exist_ok=True)
        path = REPORTS / f"league_{pendulum.now(NEPAL):%Y%m%dT%H%M%S}.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["rank", "campaign_id", "contacts", "reached", "reach_rate", "credits"])
            for rank, campaign in enumerate(ranked, 1):
                figures = campaign["summary"]
                shown = (figures[name] for name in ("contacts", "reached", "reach_rate", "credits"))
                writer.writerow([rank, campaign["campaign_id"], *shown])
        print(f"{len(ranked)} campaigns: {path}")
        return {"path": str(path), "best": ranked[0]["campaign_id"]}

    best = "{{ ti.xcom_pull(task_ids='league_table', key='best') }}"
    picture = TingTingDownloadReportOperator(
        task_id="picture_of_the_best",
        campaign_id=best,
        path=str(REPORTS / f"campaign_{best}.csv"),
        chart_path=str(REPORTS / f"campaign_{best}.html"),
    )
    league_table() >> picture
