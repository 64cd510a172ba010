"""The main job: a campaign from a spreadsheet, from its creation to its report.

Needs the connection `tingting_default`; runs offline against the sandbox (`make demo`).
"""

from __future__ import annotations

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
    from airflow.sdk import DAG
except ImportError:  # Airflow 2
    from airflow import DAG

HERE = Path(__file__).parent
REPORTS = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser() / "reports"

with DAG(
    dag_id="tingting_campaign_from_spreadsheet",
    description="Tell the households of a ward that the water will be cut off tomorrow.",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="Asia/Kathmandu"),
    catchup=False,
    tags=["tingting", "example"],
    doc_md=__doc__,
):
    create = TingTingCreateCampaignOperator(
        task_id="create_campaign",
        name="Water notice, ward 7",
        services="PHONE",
        user_phone=[3],
        voice="Rija",
        message="नमस्कार {tags_name} जी, भोलि बिहान {tags_time}देखि खानेपानी आउने छैन।",
        description="Announced by the ward office",
    )

    add = TingTingAddContactsOperator(
        task_id="add_contacts",
        campaign_id=create.output,
        contacts=str(HERE / "data" / "ward_7.xlsx"),
        number_column="Mobile",
        variables={"tags_name": "Householder", "tags_time": "Cut off from"},
    )

    run = TingTingRunCampaignOperator(
        task_id="run_campaign",
        campaign_id=create.output,
        poll_interval=float(os.environ.get("TINGTING_POLL_INTERVAL", "30")),
        timeout=pendulum.duration(hours=6),
        # Nobody is called at night, and nobody for a run of last week that somebody clears.
        calling_window=os.environ.get("TINGTING_CALLING_WINDOW", "08:00-20:00"),
        max_age=pendulum.duration(days=1),
    )

    report = TingTingDownloadReportOperator(
        task_id="download_report",
        campaign_id=create.output,
        path=str(REPORTS / "water_notice_{{ ti.xcom_pull(task_ids='create_campaign') }}.csv"),
    )

    create >> add >> run >> report
