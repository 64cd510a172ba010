"""A report that decides something: who did not answer is called again, but only if it is worth a campaign.

The first campaign's report is a table; a plain task reads it and writes the audience of the second campaign.
"""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pendulum

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
POLL_INTERVAL = float(os.environ.get("TINGTING_POLL_INTERVAL", "30"))
WORTH_A_CAMPAIGN = 2
# The first campaign may end late, and the second is to wait for the morning then; but not for next week.
RUNNING = {
    "deferrable": True,
    "poll_interval": POLL_INTERVAL,
    "success_when": 0.0,
    "calling_window": os.environ.get("TINGTING_CALLING_WINDOW", "08:00-20:00"),
    "max_age": pendulum.duration(days=2),
}

with DAG(
    dag_id="tingting_call_again_who_did_not_answer",
    description="Payment reminder, and a second one for those who did not pick up.",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="Asia/Kathmandu"),
    catchup=False,
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
        task_id="add_everybody", campaign_id=first.output, contacts="{{ params.contacts }}", number_column="mobile"
    )
    run_first = TingTingRunCampaignOperator(task_id="run_first", campaign_id=first.output, **RUNNING)
    report = TingTingDownloadReportOperator(
        task_id="report",
        campaign_id=first.output,
        path=str(REPORTS / "reminder_{{ ti.xcom_pull(task_ids='create_first') }}.csv"),
    )

    @task.short_circuit
    def unanswered(report: dict) -> str | None:
        """Write who did not answer to a file; return its path, or nothing when they are too few."""
        with Path(report["path"]).open(encoding="utf-8", newline="") as file:
            rows = [row for row in csv.DictReader(file) if row["status"] == "unanswered"]
        if len(rows) < WORTH_A_CAMPAIGN:
            return None
        path = Path(report["path"]).with_suffix(".unanswered.csv")
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["number", "name"])
            writer.writerows([row["number"], row["name"]] for row in rows)
        return str(path)

    again = unanswered(report.output)
    second = TingTingCreateCampaignOperator(task_id="create_second", name="Reminder, second call", **campaign)
    add_second = TingTingAddContactsOperator(
        task_id="add_unanswered", campaign_id=second.output, contacts=again, number_column="number"
    )
    run_second = TingTingRunCampaignOperator(task_id="run_second", campaign_id=second.output, **RUNNING)

    first >> add_first >> run_first >> report
    again >> second >> add_second >> run_second
