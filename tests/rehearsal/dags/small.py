"""A DAG that is rehearsed in a moment."""

from __future__ import annotations

import pendulum

from airflow_provider_tingting.operators.campaign import TingTingCreateCampaignOperator, TingTingRunCampaignOperator
from airflow_provider_tingting.operators.contacts import TingTingAddContactsOperator

try:
    from airflow.sdk import DAG, task
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.decorators import task

with DAG(
    dag_id="small",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="Asia/Kathmandu"),
    catchup=False,
    params={"start": ""},
):
    create = TingTingCreateCampaignOperator(
        task_id="create",
        name="Small",
        user_phone=[3],
        voice=1,
        message="Namaste {name}.",
        schedule="{{ params.start }}",
    )
    add = TingTingAddContactsOperator(
        task_id="add",
        campaign_id=create.output,
        contacts=[{"number": "9841000001", "name": "Sita"}, {"number": "9841000002", "name": "Hari"}],
    )
    run = TingTingRunCampaignOperator(task_id="run", campaign_id=create.output, success_when=0.0)

    @task
    def extra() -> None:
        """Do something beside the campaign."""

    create >> add >> run >> extra()
