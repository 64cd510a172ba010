"""The whole life of a campaign: waiting in a worker, deferred to the triggerer, and with `stop_on_kill`.

The `conf` of each run says which TingTing to use, whom to call and where the report goes, so that many runs can live
side by side. Nothing personal is in the `conf`.
"""

from __future__ import annotations

from datetime import timedelta

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

for dag_id, deferrable, stop_on_kill in (
    ("lifecycle_sync", False, False),
    ("lifecycle_deferred", True, False),
    ("lifecycle_stopped", True, True),
):
    with DAG(
        dag_id=dag_id,
        schedule=None,
        default_args={
            "retries": 3,
            "retry_delay": timedelta(seconds=1),
            "tingting_conn_id": "{{ dag_run.conf['connection'] }}",
        },
    ):
        create = TingTingCreateCampaignOperator(
            task_id="create",
            name="{{ dag_run.conf['name'] }}",
            services="PHONE",
            user_phone=[3],
            voice="Prashanna",
            message="नमस्कार {tags_name} जी, तपाईंको लालुपाते खोप {tags_place} मा छ।",
        )
        add = TingTingAddContactsOperator(
            task_id="add", campaign_id=create.output, contacts="{{ dag_run.conf['contacts'] }}"
        )
        run = TingTingRunCampaignOperator(
            task_id="run",
            campaign_id=create.output,
            deferrable=deferrable,
            stop_on_kill=stop_on_kill,
            poll_interval=0.7,
        )
        report = TingTingDownloadReportOperator(
            task_id="report", campaign_id=create.output, path="{{ dag_run.conf['report'] }}"
        )
        add >> run >> report
