"""Campaigns by the rules of the connection, a ladder, and one that ends with its calling window."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

from airflow_provider_tingting.operators.campaign import TingTingCreateCampaignOperator, TingTingRunCampaignOperator
from airflow_provider_tingting.operators.contacts import TingTingAddContactsOperator
from airflow_provider_tingting.operators.report import TingTingUnreachedContactsOperator
from airflow_provider_tingting.task_groups.campaign import tingting_campaign
from airflow_provider_tingting.task_groups.ladder import Step, tingting_ladder

try:
    from airflow.sdk import DAG
except ImportError:  # Airflow 2
    from airflow import DAG

# All hosts share this folder.
SHARED = Path(os.environ["CLUSTER_SHARED"])
# The window of the campaign that ends with it, which the test writes before the run; until then, the whole day.
WINDOW = SHARED / "window.txt"
DEFAULTS = {"retries": 5, "retry_delay": timedelta(seconds=2)}
CAMPAIGN = {"user_phone": [3], "voice": "Prashanna", "message": "नमस्कार, भोलि खोप दिइन्छ।", "sms_message": "Bholi khop."}
RUN = {"deferrable": True, "poll_interval": 2, "success_when": 0.0}

with DAG(dag_id="rules_of_the_connection", schedule=None, default_args=DEFAULTS):
    tingting_campaign(
        "reminder",
        tingting_conn_id="rules",
        campaign={**CAMPAIGN, "name": "{{ run_id }}", "purpose": "reminder"},
        audience={"contacts": "{{ dag_run.conf['contacts'] }}"},
        frequency_cap={"calls": 1, "per": timedelta(days=7), "purpose": "reminder"},
        run=RUN,
        report="{{ dag_run.conf['report'] }}",
    )

with DAG(dag_id="ladder", schedule=None, default_args=DEFAULTS):
    tingting_ladder(
        tingting_conn_id="ladder",
        campaign={**CAMPAIGN, "name": "{{ run_id }}"},
        audience="{{ dag_run.conf['contacts'] }}",
        steps=[Step("PHONE"), Step("PHONE", after=timedelta(seconds=15)), Step("SMS")],
        run=RUN,
        path=str(SHARED / "ladder"),
        report="{{ dag_run.conf['report'] }}",
    )

with DAG(dag_id="window_close", schedule=None, default_args={**DEFAULTS, "tingting_conn_id": "window"}):
    create = TingTingCreateCampaignOperator(task_id="create", name="{{ run_id }}", **CAMPAIGN)
    add = TingTingAddContactsOperator(
        task_id="add", campaign_id=create.output, contacts="{{ dag_run.conf['contacts'] }}"
    )
    run = TingTingRunCampaignOperator(
        task_id="run",
        campaign_id=create.output,
        calling_window=WINDOW.read_text() if WINDOW.exists() else "00:00-24:00",
        at_window_close="stop",
        on_stopped="succeed",
        **RUN,
    )
    rest = TingTingUnreachedContactsOperator(
        task_id="rest", campaign_id=create.output, statuses=["terminated"], path="{{ dag_run.conf['report'] }}"
    )
    add >> run >> rest
