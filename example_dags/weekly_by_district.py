"""A recurring campaign: every Sunday at ten in Nepal, one campaign for each district with an audience of its own.

Each audience is written to a file by a `@task.tingting_audience` function, because contacts do not belong into XCom.

The runs of one week have the same `occasion`: a manual run beside the scheduled one finds its campaigns, reports their
outcome and calls no contact again.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pendulum
from airflow import __version__ as airflow_version

from airflow_provider_tingting.operators.campaign import (
    TingTingCreateCampaignOperator,
    TingTingRunCampaignOperator,
)
from airflow_provider_tingting.operators.contacts import TingTingAddContactsOperator

try:
    from airflow.sdk import DAG, task, task_group
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.decorators import task, task_group

HERE = Path(__file__).parent
AUDIENCES = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser() / "audiences"
DISTRICTS = ["Kathmandu", "Kaski", "Morang"]
# A retry finds the campaign of the attempt before it and calls no contact again.
DEFAULT_ARGS = {
    "retries": 3,
    "retry_delay": timedelta(minutes=5),
    "retry_exponential_backoff": True if airflow_version.startswith(("2.", "3.0.", "3.1.")) else 2,
    "max_retry_delay": timedelta(minutes=30),
}

with DAG(
    dag_id="tingting_weekly_by_district",
    description="Remind the patients of each district of this week's vaccination day.",
    schedule="0 10 * * SUN",
    start_date=pendulum.datetime(2026, 1, 1, tz="Asia/Kathmandu"),
    catchup=False,
    # It calls contacts by the clock, so a person must switch it on.
    is_paused_upon_creation=True,
    default_args=DEFAULT_ARGS,
    tags=["tingting", "example"],
    doc_md=__doc__,
):

    @task
    def campaign_name(district: str) -> str:
        """Return the name of the district's campaign."""
        return f"Vaccination day, {district}"

    # [START howto_occasion]
    @task
    def occasion(district: str, data_interval_end=None, dag_run=None) -> str:
        """Return the week and the district: all runs with the same text share one campaign."""
        moment = pendulum.instance(data_interval_end or dag_run.run_after).in_timezone("Asia/Kathmandu")
        return f"{moment:%G-W%V} {district}"

    # [END howto_occasion]

    # [START howto_tingting_audience]
    # In a folder each task instance has a file of its own, so two runs never write to the same one.
    @task.tingting_audience(path=f"{AUDIENCES}/")
    def audience(district: str) -> Iterator[dict]:
        """Yield this week's patients of a district."""
        with (HERE / "data" / "patients.csv").open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                if row["district"] == district:
                    yield {"number": row["mobile"], "tags_name": row["name"], "tags_place": row["place"]}

    # [END howto_tingting_audience]

    # [START howto_mapped_campaigns]
    @task_group
    def district_campaign(district: str) -> None:
        """Create, fill and run one district's campaign."""
        create = TingTingCreateCampaignOperator(
            task_id="create_campaign",
            name=campaign_name(district),
            occasion=occasion(district),
            services="SMS & PHONE",
            user_phone=[3],
            voice="Prashanna",
            message="नमस्कार {tags_name} जी, यो आइतबार {tags_place}मा खोप दिइन्छ।",
            sms_message="{tags_name}: yo aitabar {tags_place} ma khop.",
        )
        add = TingTingAddContactsOperator(
            task_id="add_contacts", campaign_id=create.output, contacts=audience(district)
        )
        run = TingTingRunCampaignOperator(
            task_id="run_campaign",
            campaign_id=create.output,
            deferrable=True,
            poll_interval=float(os.environ.get("TINGTING_POLL_INTERVAL", "30")),
            success_when=0.3,
            # On Monday a reminder of Sunday is too late: the run fails instead of calling.
            calling_window=os.environ.get("TINGTING_CALLING_WINDOW", "08:00-20:00"),
            max_age=timedelta(hours=10),
        )
        add >> run

    district_campaign.expand(district=DISTRICTS)
    # [END howto_mapped_campaigns]
