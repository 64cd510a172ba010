"""What a person does in Airflow's pages, by Airflow's REST API. Imports no Airflow."""

from __future__ import annotations

from typing import Any

import requests


class Person:
    """A person who is logged in to one Airflow.

    :param where: the address of its API server.
    """

    def __init__(self, where: str) -> None:
        self._where = where

    def decide(self, dag_id: str, run_id: str, task_id: str, option: str) -> None:
        """Answer a task that waits for a person."""
        answer = {"chosen_options": [option], "params_input": {}}
        self._patch(f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/-1/hitlDetails", answer)

    def mark_failed(self, dag_id: str, run_id: str, task_id: str) -> None:
        """Mark a task as failed."""
        self._patch(f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}", {"new_state": "failed"})

    def _patch(self, path: str, body: dict[str, Any]) -> None:
        token = requests.get(f"{self._where}/auth/token", timeout=30).json()["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        answer = requests.patch(f"{self._where}/api/v2/{path}", json=body, headers=headers, timeout=60)
        assert answer.status_code == 200, answer.text
