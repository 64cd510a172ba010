"""A large audience in waves: several campaigns, each of which ends within one calling window.

`split_audience` forecasts from `expected_pace` how many contacts each window takes; the mapped group `wave` makes a
campaign for each part. The campaigns run one after the other.
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
AUDIENCES = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser() / "audiences"
# A retry finds the campaign of the attempt before it and calls no contact again.
DEFAULT_ARGS = {
    "retries": 3,
    "retry_delay": timedelta(minutes=5),
    "retry_exponential_backoff": True if airflow_version.startswith(("2.", "3.0.", "3.1.")) else 2,
    "max_retry_delay": timedelta(minutes=30),
}

with DAG(
    dag_id="tingting_notice_in_waves",
    description="A notice to more contacts than one day can call.",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="Asia/Kathmandu"),
    catchup=False,
    default_args=DEFAULT_ARGS,
    tags=["tingting", "example"],
    doc_md=__doc__,
    params={"contacts": str(HERE / "data" / "patients.csv")},
):
    # [START howto_waves]
    tingting_campaign(
        "notice",
        campaign={
            "name": "Vaccination",
            "user_phone": [3],
            "voice": "Prashanna",
            "message": "नमस्कार {name} जी, खोप आइतबार दिइन्छ।",
        },
        audience="{{ params.contacts }}",
        run={
            "deferrable": True,
            "poll_interval": float(os.environ.get("TINGTING_POLL_INTERVAL", "30")),
            "calling_window": os.environ.get("TINGTING_CALLING_WINDOW", "08:00-20:00"),
            "expected_pace": 40,
            "max_age": timedelta(days=7),
            "success_when": 0.0,
        },
        waves="fit_window",
        path=str(AUDIENCES),
    )
    # [END howto_waves]
