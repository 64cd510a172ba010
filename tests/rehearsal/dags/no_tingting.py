"""A DAG without TingTing."""

from __future__ import annotations

import pendulum

try:
    from airflow.sdk import DAG, task
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.decorators import task

with DAG(dag_id="no_tingting", schedule=None, start_date=pendulum.datetime(2026, 1, 1), catchup=False):

    @task
    def hello() -> None:
        """Do nothing."""

    hello()
