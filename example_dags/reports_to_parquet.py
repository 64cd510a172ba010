"""The reports of a day as Parquet on object storage, partitioned by date: `date=2026-11-22/campaign_79.parquet`.

Engines such as Spark, DuckDB or Athena read the folder as one table. Set `TINGTING_LAKE` to `s3://…` or `gs://…` and
install the Airflow provider of that storage; without it the files stay on this machine. Needs the extra `parquet`.
"""

from __future__ import annotations

import os
from collections import defaultdict
from datetime import timedelta
from pathlib import Path

import pendulum
from airflow import __version__ as airflow_version

from airflow_provider_tingting.hooks.tingting import TingTingHook
from airflow_provider_tingting.operators.report import TingTingDownloadReportOperator

try:
    from airflow.sdk import DAG, AssetAlias, Param, task
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.datasets import DatasetAlias as AssetAlias
    from airflow.decorators import task
    from airflow.models.param import Param

HOME = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser()
LAKE = os.environ.get("TINGTING_LAKE", f"file://{HOME}/lake").rstrip("/")
NEPAL = "Asia/Kathmandu"
# A retry downloads the report again; an incomplete file never appears at the path.
DEFAULT_ARGS = {
    "retries": 3,
    "retry_delay": timedelta(minutes=5),
    "retry_exponential_backoff": True if airflow_version.startswith(("2.", "3.0.", "3.1.")) else 2,
    "max_retry_delay": timedelta(minutes=30),
}

with DAG(
    dag_id="tingting_reports_to_parquet",
    description="Write the reports of a day's campaigns to the data lake.",
    schedule="30 1 * * *",
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
    def reports(params: dict | None = None, dag_run=None, data_interval_end=None) -> list[dict]:
        """Return the arguments of each download: the campaign and its path."""
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
        return [{"campaign_id": one, "path": f"{LAKE}/date={day}/campaign_{one}.parquet"} for one in ended[day]]

    # [START howto_report_to_parquet]
    # The alias stands for files whose names are not known when the DAG is parsed; each sends an event with its summary.
    TingTingDownloadReportOperator.partial(
        task_id="write_report", format="parquet", outlets=[AssetAlias("tingting_lake")]
    ).expand_kwargs(reports())
    # [END howto_report_to_parquet]
