"""Reminders by the rules of the connection: a do-not-call list, a contact log with a frequency cap, and a daily limit.

Needs the connection `tingting_with_rules`, whose extra holds `do_not_call`, `contact_log`, `secret_salt` and
`daily_credit_limit`, and the database that the contact log names. Runs offline against the sandbox (`make demo`).
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pendulum
from airflow import __version__ as airflow_version

from airflow_provider_tingting.task_groups.campaign import tingting_campaign

try:
    from airflow.sdk import DAG
except ImportError:  # Airflow 2
    from airflow import DAG

HERE = Path(__file__).parent
REPORTS = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser() / "reports"
# A retry finds the campaign of the attempt before it and calls no contact again.
DEFAULT_ARGS = {
    "retries": 3,
    "retry_delay": timedelta(minutes=5),
    "retry_exponential_backoff": True if airflow_version.startswith(("2.", "3.0.", "3.1.")) else 2,
    "max_retry_delay": timedelta(minutes=30),
}

with DAG(
    dag_id="tingting_rules_of_the_connection",
    description="Remind patients, each at most twice a week, and none who asked not to be called.",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="Asia/Kathmandu"),
    catchup=False,
    default_args=DEFAULT_ARGS,
    tags=["tingting", "example"],
    doc_md=__doc__,
):
    # [START howto_rules]
    tingting_campaign(
        "reminder",
        tingting_conn_id="tingting_with_rules",
        campaign={
            "name": "Reminder",
            "user_phone": [3],
            "voice": "Binod",
            "message": "नमस्कार {name} जी, भोलि तपाईंको जाँचको दिन हो।",
            "purpose": "reminder",
        },
        audience={
            "contacts": str(HERE / "data" / "patients.csv"),
            "rejects_path": str(REPORTS / "not_called_{{ run_id | replace(':', '') }}.csv"),
        },
        # The contact log of the connection shows who was called how often.
        frequency_cap={"calls": 2, "per": timedelta(days=7), "purpose": "reminder"},
        run={
            "deferrable": True,
            "poll_interval": float(os.environ.get("TINGTING_POLL_INTERVAL", "30")),
            "calling_window": os.environ.get("TINGTING_CALLING_WINDOW", "08:00-20:00"),
            "max_age": timedelta(days=2),
            # A campaign that would pass the day's credits is run on the next day.
            "over_daily_limit": "wait",
        },
        report=str(REPORTS / "reminder_{{ run_id | replace(':', '') }}.csv"),
    )
    # [END howto_rules]
