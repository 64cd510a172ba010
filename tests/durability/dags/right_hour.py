"""Campaigns that must not start: for runs of long ago, and while another one runs."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from airflow_provider_tingting.operators.campaign import (
    TingTingCreateCampaignOperator,
    TingTingRunCampaignOperator,
)
from airflow_provider_tingting.operators.contacts import TingTingAddContactsOperator

try:
    from airflow.sdk import DAG
except ImportError:  # Airflow 2
    from airflow import DAG

TO_TINGTING = {"tingting_conn_id": "{{ dag_run.conf['connection'] }}"}

with DAG(
    dag_id="ten_old_days",
    schedule="@daily",
    start_date=datetime(2025, 1, 1, tzinfo=timezone.utc),
    end_date=datetime(2025, 1, 10, tzinfo=timezone.utc),
    catchup=False,
    default_args=TO_TINGTING,
):
    create = TingTingCreateCampaignOperator(
        task_id="create", name="Water notice of {{ ds }}", user_phone=[3], voice="Rija", message="नमस्कार"
    )
    add = TingTingAddContactsOperator(task_id="add", campaign_id=create.output, contacts=["9841234501", "9841234502"])
    run = TingTingRunCampaignOperator(
        task_id="run", campaign_id=create.output, max_age=timedelta(days=1), retries=2, retry_delay=timedelta(seconds=1)
    )
    add >> run

with DAG(dag_id="one_after_the_other", schedule=None, default_args=TO_TINGTING):
    TingTingRunCampaignOperator(
        task_id="run",
        campaign_id="{{ dag_run.conf['campaign'] }}",
        deferrable=True,
        poll_interval=0.7,
        one_at_a_time=True,
        start_timeout=300,
    )
