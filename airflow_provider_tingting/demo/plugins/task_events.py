"""An Airflow plugin for the demo: its listener writes each task's state and result to a file, a JSON line at a time."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin

#: The environment variable that names the file.
FILE_VARIABLE = "TINGTING_DEMO_TASK_EVENTS"


@hookimpl
def on_task_instance_running(previous_state: Any, task_instance: Any) -> None:
    """Record that a task runs.

    :param previous_state: the state before.
    :param task_instance: the task instance.
    """
    _record(task_instance, "running")


@hookimpl
def on_task_instance_success(previous_state: Any, task_instance: Any) -> None:
    """Record a task's success and its return value.

    :param previous_state: the state before.
    :param task_instance: the task instance.
    """
    _record(task_instance, "success", task_instance.xcom_pull(task_ids=task_instance.task_id))


@hookimpl
def on_task_instance_failed(previous_state: Any, task_instance: Any, error: Any) -> None:
    """Record a task's failure.

    :param previous_state: the state before.
    :param task_instance: the task instance.
    :param error: why it failed.
    """
    _record(task_instance, "failed")


def _record(task_instance: Any, state: str, result: Any = None) -> None:
    event = {"run_id": task_instance.run_id, "task_id": task_instance.task_id, "state": state, "result": result}
    with Path(os.environ[FILE_VARIABLE]).open("a", encoding="utf-8") as file:
        file.write(json.dumps(event, default=str) + "\n")


class TaskEventsPlugin(AirflowPlugin):
    """Registers the listener where the environment names a file."""

    name = "tingting_demo_task_events"
    listeners = [sys.modules[__name__]] if FILE_VARIABLE in os.environ else []
