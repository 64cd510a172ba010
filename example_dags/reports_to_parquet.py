"""The reports of a day as Parquet on object storage, partitioned by date: `date=2026-11-22/campaign_79.parquet`.

Engines such as Spark, DuckDB or Athena read the folder as one table. Set `TINGTING_LAKE` to `s3://…` or `gs://…`, with
the Airflow provider of that storage installed; without it the files stay on this machine.
"""

from __future__ import annotations

import os
from pathlib import Path

import pendulum

from airflow_provider_tingting.hooks.tingting import TingTingHook
from airflow_provider_tingting.operators.report import TingTingDownloadReportOperator

try:
    from airflow.sdk import DAG, AssetAlias, task
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.datasets import DatasetAlias as AssetAlias
    from airflow.decorators import task

HOME = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser()
LAKE = os.environ.get("TINGTING_LAKE", f"file://{HOME}/lake").rstrip("/")
NEPAL = "Asia/Kathmandu"

with DAG(
    dag_id="tingting_reports_to_parquet",
    description="Write the reports of yesterday's campaigns to the lake.",
    schedule="30 1 * * *",
    start_date=pendulum.datetime(2026, 1, 1, tz=NEPAL),
    catchup=False,
    tags=["tingting", "example"],
    doc_md=__doc__,
    # Another day, such as 2026-11-22, for a run that is started by hand.
    params={"day": ""},
):

    @task
    def reports(params: dict | None = None, data_interval_end: pendulum.DateTime | None = None) -> list[dict]:
        """Say which report goes where."""
        night = pendulum.instance(data_interval_end or pendulum.now()).in_timezone(NEPAL)
        day = params["day"] or night.subtract(days=1).to_date_string()
        return [
            {"campaign_id": campaign.id, "path": f"{LAKE}/date={day}/campaign_{campaign.id}.parquet"}
            # One that was stopped has called people, too.
            for status in ("Completed", "Terminated")
            for campaign in TingTingHook().iter_campaigns(status=status)
            if campaign.updated_at and pendulum.parse(campaign.updated_at).in_timezone(NEPAL).to_date_string() == day
        ]

    # The alias stands for files whose names are not known before; each gets an event with its figures.
    TingTingDownloadReportOperator.partial(
        task_id="write_report", format="parquet", outlets=[AssetAlias("tingting_lake")]
    ).expand_kwargs(reports())
