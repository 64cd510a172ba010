"""A notice that is called until the window closes; the contacts that are left are called the next morning.

The window stays closed on the holidays of a file. A contact who does not answer gets an SMS at once. The task `run`
stops the campaign when the window closes, and `rest` writes the contacts that were not called for a second campaign.
When there are none, the tasks after it are skipped.
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pendulum
from airflow import __version__ as airflow_version

from airflow_provider_tingting.campaigns.calling_window import CallingWindow
from airflow_provider_tingting.operators.campaign import (
    TingTingCreateCampaignOperator,
    TingTingRunCampaignOperator,
)
from airflow_provider_tingting.operators.contacts import TingTingAddContactsOperator
from airflow_provider_tingting.operators.report import TingTingUnreachedContactsOperator

try:
    from airflow.sdk import DAG
except ImportError:  # Airflow 2
    from airflow import DAG

HERE = Path(__file__).parent
AUDIENCES = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser() / "audiences"
OPENS, CLOSES = os.environ.get("TINGTING_CALLING_WINDOW", "08:00-20:00").split("-")
HOLIDAYS = os.environ.get("TINGTING_HOLIDAYS", str(HERE / "data" / "holidays_2083.txt"))
# A retry finds the campaign of the attempt before it and calls no contact again.
DEFAULT_ARGS = {
    "retries": 3,
    "retry_delay": timedelta(minutes=5),
    "retry_exponential_backoff": True if airflow_version.startswith(("2.", "3.0.", "3.1.")) else 2,
    "max_retry_delay": timedelta(minutes=30),
}

with DAG(
    dag_id="tingting_notice_in_the_evening",
    description="A notice until the window closes, and the rest the next morning.",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="Asia/Kathmandu"),
    catchup=False,
    default_args=DEFAULT_ARGS,
    tags=["tingting", "example"],
    doc_md=__doc__,
    params={"contacts": str(HERE / "data" / "patients.csv")},
):
    campaign = {
        "user_phone": [3],
        "voice": "Binod",
        "message": "नमस्कार {name} जी, भोलि बिहान खानेपानी आउने छैन।",
        "sms_message": "{name} ji, bholi bihana khanepani aaudaina.",
        # Not on TingTing's API page: a server that does not know it fails the task.
        "failover_target": ["unanswered", "failed"],
    }
    # [START howto_window_close]
    waiting = {
        "deferrable": True,
        "poll_interval": float(os.environ.get("TINGTING_POLL_INTERVAL", "30")),
        "calling_window": CallingWindow(OPENS, CLOSES, closed_on=HOLIDAYS),
        "max_age": timedelta(days=2),
        "success_when": 0.0,
    }
    today = TingTingCreateCampaignOperator(task_id="create", name="Water notice", **campaign)
    add = TingTingAddContactsOperator(
        task_id="add_contacts", campaign_id=today.output, contacts="{{ params.contacts }}"
    )
    run = TingTingRunCampaignOperator(
        task_id="run",
        campaign_id=today.output,
        at_window_close="stop",
        on_stopped="succeed",
        fits_window="warn",
        **waiting,
    )
    rest = TingTingUnreachedContactsOperator(
        task_id="rest",
        campaign_id=today.output,
        statuses=["terminated"],
        path=str(AUDIENCES / "rest_of_{{ ti.xcom_pull(task_ids='create') }}.csv"),
    )
    # [END howto_window_close]
    tomorrow = TingTingCreateCampaignOperator(task_id="create_rest", name="Water notice, next morning", **campaign)
    add_rest = TingTingAddContactsOperator(
        task_id="add_rest", campaign_id=tomorrow.output, contacts=rest.output["path"], number_column="number"
    )
    run_rest = TingTingRunCampaignOperator(task_id="run_rest", campaign_id=tomorrow.output, **waiting)

    add >> run >> rest >> tomorrow >> add_rest >> run_rest
