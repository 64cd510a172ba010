"""Escalating retries: a call, a second call some hours later, and an SMS to the contacts that neither call reached.

`tingting_ladder` makes all tasks: each step addresses only contacts that were not reached, `outcome` judges all steps
as one and writes one report with each try in columns. When enough contacts were reached, or fewer than
`MINIMUM_CONTACTS` are left, the remaining steps are skipped.

The task `run_campaign` of the second step waits in the triggerer for the hour of the second call.
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pendulum
from airflow import __version__ as airflow_version

from airflow_provider_tingting.task_groups.ladder import Step, tingting_ladder

try:
    from airflow.sdk import DAG, Param
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.models.param import Param

HERE = Path(__file__).parent
HOME = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser()
HOURS_BETWEEN = float(os.environ.get("TINGTING_HOURS_BETWEEN", "4"))
MINIMUM_CONTACTS = 2
# A retry finds the campaign of the attempt before it and calls no contact again.
DEFAULT_ARGS = {
    "retries": 3,
    "retry_delay": timedelta(minutes=5),
    "retry_exponential_backoff": True if airflow_version.startswith(("2.", "3.0.", "3.1.")) else 2,
    "max_retry_delay": timedelta(minutes=30),
}

with DAG(
    dag_id="tingting_retry_ladder",
    description="Payment reminder: a call, a call some hours later, an SMS. Waits for the hour of the second call.",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="Asia/Kathmandu"),
    catchup=False,
    default_args=DEFAULT_ARGS,
    tags=["tingting", "example"],
    doc_md=__doc__,
    params={
        "contacts": Param(str(HERE / "data" / "patients.csv"), type="string", description="A .csv file of contacts."),
    },
):
    # [START howto_ladder]
    tingting_ladder(
        campaign={
            "name": "Reminder",
            "user_phone": [3],
            "voice": "Binod",
            "message": "नमस्कार {name} जी, तपाईंको किस्ता तिर्ने समय भयो।",
            "sms_message": "{name} ji, kista tirne samaya bhayo.",
        },
        audience="{{ params.contacts }}",
        steps=[Step("PHONE"), Step("PHONE", after=timedelta(hours=HOURS_BETWEEN)), Step("SMS")],
        stop_when=0.95,
        minimum_contacts=MINIMUM_CONTACTS,
        run={
            "deferrable": True,
            "poll_interval": float(os.environ.get("TINGTING_POLL_INTERVAL", "30")),
            "calling_window": os.environ.get("TINGTING_CALLING_WINDOW", "08:00-20:00"),
            "max_age": timedelta(days=3),
        },
        path=str(HOME / "audiences"),
        report=str(HOME / "reports" / "reminder_{{ run_id | replace(':', '') }}.csv"),
    )
    # [END howto_ladder]
