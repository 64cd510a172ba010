"""A campaign from a spreadsheet: create it, add the contacts, run it, download the report.

Needs the connection `tingting_default`. Runs offline against the sandbox (`make demo`).
"""

from __future__ import annotations

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
    from airflow.sdk import DAG
except ImportError:  # Airflow 2
    from airflow import DAG

HERE = Path(__file__).parent
REPORTS = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser() / "reports"

# [START howto_retries]
# Airflow's default is no retry, and then a killed worker fails the run. A retry finds the campaign of the attempt
# before it and calls no contact again. Before Airflow 3.3 the delay also gives TingTing time to carry out a request
# whose response was lost.
DEFAULT_ARGS = {
    "retries": 3,
    "retry_delay": timedelta(minutes=5),
    "retry_exponential_backoff": True if airflow_version.startswith(("2.", "3.0.", "3.1.")) else 2,
    "max_retry_delay": timedelta(minutes=30),
}
# [END howto_retries]

with DAG(
    dag_id="tingting_campaign_from_spreadsheet",
    description="Announce to the households of a ward that the water is cut off tomorrow.",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="Asia/Kathmandu"),
    catchup=False,
    default_args=DEFAULT_ARGS,
    tags=["tingting", "example"],
    doc_md=__doc__,
):
    # [START howto_create_campaign]
    create = TingTingCreateCampaignOperator(
        task_id="create_campaign",
        name="Water notice, ward 7",
        services="PHONE",
        user_phone=[3],
        voice="Rija",
        message="नमस्कार {tags_name} जी, भोलि बिहान {tags_time}देखि खानेपानी आउने छैन।",
        description="Announced by the ward office",
    )
    # [END howto_create_campaign]

    # [START howto_add_contacts]
    add = TingTingAddContactsOperator(
        task_id="add_contacts",
        campaign_id=create.output,
        contacts=str(HERE / "data" / "ward_7.xlsx"),
        number_column="Mobile",
        variables={"tags_name": "Householder", "tags_time": "Cut off from"},
    )
    # [END howto_add_contacts]

    # [START howto_run_campaign]
    run = TingTingRunCampaignOperator(
        task_id="run_campaign",
        campaign_id=create.output,
        poll_interval=float(os.environ.get("TINGTING_POLL_INTERVAL", "30")),
        timeout=timedelta(hours=6),
        # The campaign starts in these hours only, and a cleared run of last week starts no campaign.
        calling_window=os.environ.get("TINGTING_CALLING_WINDOW", "08:00-20:00"),
        max_age=timedelta(days=1),
    )
    # [END howto_run_campaign]

    # [START howto_download_report]
    report = TingTingDownloadReportOperator(
        task_id="download_report",
        campaign_id=create.output,
        # The campaign's id, not `ds`: a run without a logical date has none.
        path=str(REPORTS / "water_notice_{{ ti.xcom_pull(task_ids='create_campaign') }}.csv"),
    )
    # [END howto_download_report]

    create >> add >> run >> report
