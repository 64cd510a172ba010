"""A person approves before credits are spent: check, estimate, preview, approval, a demo call, and then the campaign.

Airflow asks under "Required Actions" (Airflow 3.1 and later). When the person rejects, the campaign is deleted and no
contact is called. Needs the connection `tingting_default`. Runs offline against the sandbox.
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pendulum
from airflow import __version__ as airflow_version

from airflow_provider_tingting.hooks.tingting import TingTingHook
from airflow_provider_tingting.operators.campaign import (
    TingTingCreateCampaignOperator,
    TingTingDeleteCampaignOperator,
    TingTingRunCampaignOperator,
)
from airflow_provider_tingting.operators.contacts import TingTingAddContactsOperator, TingTingCheckContactsOperator
from airflow_provider_tingting.operators.preview import TingTingDemoCallOperator, TingTingPreviewVoiceOperator

HERE = Path(__file__).parent
# The first household of the spreadsheet stands for the campaign's owner, who gets the demo call.
OWNER = "9840000001"
AUDIENCE = {
    "contacts": str(HERE / "data" / "ward_7.xlsx"),
    "number_column": "Mobile",
    "variables": {"tags_name": "Householder", "tags_time": "Cut off from"},
}
# A retry finds the campaign of the attempt before it and calls no contact again.
DEFAULT_ARGS = {
    "retries": 3,
    "retry_delay": timedelta(minutes=5),
    "retry_exponential_backoff": True if airflow_version.startswith(("2.", "3.0.", "3.1.")) else 2,
    "max_retry_delay": timedelta(minutes=30),
}

# `ApprovalOperator` came with Airflow 3.1; on an older version this file has no DAG.
if not airflow_version.startswith(("2.", "3.0.")):
    from airflow.providers.standard.operators.hitl import ApprovalOperator
    from airflow.sdk import DAG, task

    with DAG(
        dag_id="tingting_approve_before_running",
        description="Ask a person before the households of a ward are called.",
        schedule=None,
        start_date=pendulum.datetime(2026, 1, 1, tz="Asia/Kathmandu"),
        catchup=False,
        default_args=DEFAULT_ARGS,
        tags=["tingting", "example"],
        doc_md=__doc__,
    ):
        create = TingTingCreateCampaignOperator(
            task_id="create_campaign",
            name="Water notice, ward 7, with approval",
            user_phone=[3],
            voice="Rija",
            message="नमस्कार {tags_name} जी, भोलि बिहान {tags_time}देखि खानेपानी आउने छैन।",
        )

        # [START howto_check_contacts]
        check = TingTingCheckContactsOperator(task_id="check_contacts", campaign_id=create.output, **AUDIENCE)
        # [END howto_check_contacts]

        add = TingTingAddContactsOperator(task_id="add_contacts", campaign_id=create.output, **AUDIENCE)

        # [START howto_preview_voice]
        preview = TingTingPreviewVoiceOperator(task_id="preview_voice", campaign_id=create.output)
        # [END howto_preview_voice]

        # [START howto_approval]
        approve = ApprovalOperator(
            task_id="approve",
            subject="Call the households of ward 7?",
            body="""
{%- set figures = ti.xcom_pull(task_ids='check_contacts') -%}
{%- set added = ti.xcom_pull(task_ids='add_contacts') -%}
{%- set counted = added.get('in_campaign') -%}
{%- set credits = figures['credits'] -%}
**{{ added['total'] if counted is none else counted }}** households would be called, {{ figures['invalid'] }} cannot be.
That costs about {{ credits['estimate'] }} credits.
The account's balance is {{ 'unknown' if credits['remaining'] is none else credits['remaining'] }}.

[Listen to the voice]({{ ti.xcom_pull(task_ids='preview_voice', key='url') }})
""",
            defaults="Reject",
        )
        # [END howto_approval]

        @task
        def owner(campaign_id: int) -> int:
            """Return the id of the owner among the contacts."""
            contacts = TingTingHook().iter_contacts(campaign_id)
            found = next((contact.id for contact in contacts if contact.number == OWNER), None)
            if found is None:
                raise ValueError("OWNER is not among the contacts. Set it to the number of the campaign's owner.")
            return found

        found = owner(create.output)
        # A person may approve late in the evening, or a day later.
        hours = os.environ.get("TINGTING_CALLING_WINDOW", "08:00-20:00")
        # [START howto_demo_call]
        demo = TingTingDemoCallOperator(
            task_id="demo_call", contact_id=found, calling_window=hours, max_age=timedelta(days=2)
        )
        # [END howto_demo_call]

        run = TingTingRunCampaignOperator(
            task_id="run_campaign",
            campaign_id=create.output,
            poll_interval=float(os.environ.get("TINGTING_POLL_INTERVAL", "30")),
            timeout=timedelta(hours=6),
            calling_window=hours,
            max_age=timedelta(days=2),
        )

        # [START howto_delete_campaign]
        # The id is empty unless the run was skipped. The rule `all_skipped` would also skip this task after a failure,
        # and a DAG run whose last task is skipped is a success.
        delete = TingTingDeleteCampaignOperator(
            task_id="delete_rejected",
            campaign_id="""
{%- if not ti.xcom_pull(task_ids='run_campaign', key='campaign_id') -%}
{{ ti.xcom_pull(task_ids='create_campaign') }}
{%- endif %}""",
            missing_ok=True,
            unless_run=True,
            trigger_rule="none_failed",
        )
        # [END howto_delete_campaign]

        create >> check >> add >> preview >> approve >> found >> demo >> run >> delete
