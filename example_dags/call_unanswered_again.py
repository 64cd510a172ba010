"""A second campaign for the contacts that did not answer the first, if there are enough of them.

The report of the first campaign is a table: a TaskFlow task reads it and writes the audience of the second campaign.
`retry_ladder.py` does the same with `TingTingUnreachedContactsOperator`, without code of its own.
"""

from __future__ import annotations

import csv
import os
from datetime import timedelta
from pathlib import Path

import pendulum
from airflow import __version__ as airflow_version

from airflow_provider_tingting.operators.campaign import (
    TingTingCreateCampaignOperator,
    TingTingRunCampaignOperator,
)
from airflow_provider_tingting.operators.contacts import TingTingAddContactsOperator
from airflow_provider_tingting.operators.report import TingTingDownloadReportOperator

try:
    from airflow.sdk import DAG, task
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.decorators import task

HERE = Path(__file__).parent
REPORTS = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser() / "reports"
MINIMUM_CONTACTS = 2
# A retry finds the campaign of the attempt before it and calls no contact again.
DEFAULT_ARGS = {
    "retries": 3,
    "retry_delay": timedelta(minutes=5),
    "retry_exponential_backoff": True if airflow_version.startswith(("2.", "3.0.", "3.1.")) else 2,
    "max_retry_delay": timedelta(minutes=30),
}
# When the first campaign ends late, the second waits for the next morning.
RUN_ARGUMENTS = {
    "deferrable": True,
    "poll_interval": float(os.environ.get("TINGTING_POLL_INTERVAL", "30")),
    "success_when": 0.0,
    "calling_window": os.environ.get("TINGTING_CALLING_WINDOW", "08:00-20:00"),
    "max_age": timedelta(days=2),
}

with DAG(
    dag_id="tingting_call_unanswered_again",
    description="Payment reminder, and a second call to the contacts that did not answer.",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="Asia/Kathmandu"),
    catchup=False,
    default_args=DEFAULT_ARGS,
    tags=["tingting", "example"],
    doc_md=__doc__,
    params={"contacts": str(HERE / "data" / "patients.csv")},
):
    campaign = {
        "services": "PHONE",
        "user_phone": [3],
        "voice": "Binod",
        "message": "नमस्कार {name} जी, तपाईंको किस्ता तिर्ने समय भयो।",
    }

    first = TingTingCreateCampaignOperator(task_id="create_first", name="Reminder", **campaign)
    add_first = TingTingAddContactsOperator(
        task_id="add_all", campaign_id=first.output, contacts="{{ params.contacts }}", number_column="mobile"
    )
    run_first = TingTingRunCampaignOperator(task_id="run_first", campaign_id=first.output, **RUN_ARGUMENTS)
    report = TingTingDownloadReportOperator(
        task_id="report",
        campaign_id=first.output,
        path=str(REPORTS / "reminder_{{ ti.xcom_pull(task_ids='create_first') }}.csv"),
    )

    # [START howto_read_a_report]
    @task.short_circuit
    def unanswered(report: dict) -> str | None:
        """Write the unanswered contacts to a file and return its path; return None when there are too few."""
        with Path(report["path"]).open(encoding="utf-8", newline="") as file:
            rows = [row for row in csv.DictReader(file) if row["status"] == "unanswered"]
        if len(rows) < MINIMUM_CONTACTS:
            return None
        path = Path(report["path"]).with_suffix(".unanswered.csv")
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["number", "name"])
            writer.writerows([row["number"], row["name"]] for row in rows)
        return str(path)

    # [END howto_read_a_report]

    again = unanswered(report.output)
    second = TingTingCreateCampaignOperator(task_id="create_second", name="Reminder, second call", **campaign)
    add_second = TingTingAddContactsOperator(
        task_id="add_unanswered", campaign_id=second.output, contacts=again, number_column="number"
    )
    run_second = TingTingRunCampaignOperator(task_id="run_second", campaign_id=second.output, **RUN_ARGUMENTS)

    first >> add_first >> run_first >> report
    again >> second >> add_second >> run_second
