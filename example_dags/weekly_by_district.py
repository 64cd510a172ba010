"""A campaign that comes back: every Sunday morning, Nepal time, one for each district with its own audience.

The audience is built in a TaskFlow task and handed on as a file, because people do not belong into XCom.
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

try:
    from airflow.sdk import DAG, task, task_group
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.decorators import task, task_group

HERE = Path(__file__).parent
AUDIENCES = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser() / "audiences"
DISTRICTS = ["Kathmandu", "Kaski", "Morang"]

with DAG(
    dag_id="tingting_weekly_by_district",
    description="Remind the patients of each district of this week's vaccination day.",
    schedule="0 10 * * SUN",
    start_date=pendulum.datetime(2026, 1, 1, tz="Asia/Kathmandu"),
    catchup=False,
    # It phones people by the clock: somebody has to switch it on.
    is_paused_upon_creation=True,
    tags=["tingting", "example"],
    doc_md=__doc__,
):

    @task
    def campaign_name(district: str) -> str:
        """Name the district's campaign."""
        return f"Vaccination day, {district}"

    @task
    def audience(district: str, run_id: str | None = None) -> str:
        """Write this week's patients of a district to a file and return its path."""
        with (HERE / "data" / "patients.csv").open(encoding="utf-8", newline="") as file:
            patients = [row for row in csv.DictReader(file) if row["district"] == district]
        AUDIENCES.mkdir(parents=True, exist_ok=True)
        path = AUDIENCES / f"{pendulum.now('Asia/Kathmandu'):%G-W%V}_{district}.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["number", "tags_name", "tags_place"])
            writer.writerows([row["mobile"], row["name"], row["place"]] for row in patients)
        return str(path)

    @task_group
    def district_campaign(district: str) -> None:
        """Create, fill and run one district's campaign."""
        create = TingTingCreateCampaignOperator(
            task_id="create_campaign",
            name=campaign_name(district),
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
            # A reminder of Sunday is worth nothing on Monday, and nobody wants it at night.
            calling_window=os.environ.get("TINGTING_CALLING_WINDOW", "08:00-20:00"),
            max_age=pendulum.duration(hours=10),
        )
        add >> run

    district_campaign.expand(district=DISTRICTS)
