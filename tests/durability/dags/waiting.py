"""Ten campaigns that one mapped task waits for, deferred; the run's `conf` says which they are and where."""

from __future__ import annotations

from airflow_provider_tingting.operators.campaign import TingTingRunCampaignOperator

try:
    from airflow.sdk import DAG, task
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.decorators import task

with DAG(
    dag_id="wait_for_many",
    schedule=None,
    default_args={"tingting_conn_id": "{{ dag_run.conf['connection'] }}"},
):

    @task
    def campaigns(dag_run=None) -> list[int]:
        """The campaigns to run."""
        return [int(campaign) for campaign in dag_run.conf["campaigns"].split(",")]

    TingTingRunCampaignOperator.partial(task_id="run", deferrable=True, poll_interval=1).expand(campaign_id=campaigns())
