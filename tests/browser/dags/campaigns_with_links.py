"""Two tasks that make a campaign: with one connection it leaves a link to it, with the other there is nowhere to go."""

from __future__ import annotations

from airflow.sdk import DAG

from airflow_provider_tingting.operators.campaign import TingTingCreateCampaignOperator

with DAG("campaigns_with_links", schedule=None):
    for task_id, tingting_conn_id in (("with_link", "tingting_default"), ("without_link", "tingting_plain")):
        TingTingCreateCampaignOperator(
            task_id=task_id,
            tingting_conn_id=tingting_conn_id,
            name=f"खोप अभियान {task_id}",
            services="PHONE",
            user_phone=[3],
            voice=1,
            message="नमस्कार {name} जी।",
        )
