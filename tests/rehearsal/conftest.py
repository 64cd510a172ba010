from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.recording_server import RecordingServer

DAGS = Path(__file__).parent / "dags"

#: A plugin of the user, whose listener has an effect outside.
PAGER = """
import os

from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin


class Pager:
    @hookimpl
    def on_task_instance_running(self, previous_state, task_instance):
        with open(os.environ["PAGES"], "a") as file:
            file.write(task_instance.task_id)


class PagerPlugin(AirflowPlugin):
    name = "pager"
    listeners = [Pager()]
"""


@pytest.fixture(scope="session")
def real_server() -> Iterator[RecordingServer]:
    """The server of the real connection; a rehearsal must send nothing there."""
    with RecordingServer() as server:
        yield server


@pytest.fixture(scope="session")
def real_environment(real_server: RecordingServer, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a user: the real account, another database, variables, an Airflow home."""
    folder = tmp_path_factory.mktemp("user")
    with sqlite3.connect(folder / "clinic.db") as database:
        database.execute("create table people (number text)")
        database.execute("insert into people values ('9841000001'), ('9841000005')")
    plugins = folder / "plugins"
    plugins.mkdir()
    (plugins / "pager.py").write_text(PAGER, encoding="utf-8")
    url = f"http://127.0.0.1:{real_server.port}/api/v1/"
    real = json.dumps({"conn_type": "tingting", "host": url, "password": "the-real-token"})
    return {
        **os.environ,
        "AIRFLOW_HOME": str(folder),
        "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
        "AIRFLOW_CONN_TINGTING_DEFAULT": real,
        "AIRFLOW_CONN_TINGTING_OTHER": real,
        "AIRFLOW_CONN_CLINIC_DB": json.dumps({"conn_type": "sqlite", "host": str(folder / "clinic.db")}),
        "AIRFLOW_CONN_TINGTING_WAREHOUSE": json.dumps({"conn_type": "sqlite", "host": str(folder / "warehouse.db")}),
        "AIRFLOW_VAR_CLINIC_TOWN": "Bhaktapur",
        "REAL_SERVER": url,
        "REPORT_ABOVE": f"/data{'/..' * 40}{folder}/above.csv",
        "PAGES": str(folder / "pages.txt"),
        "LETTERS": str(folder / "letters.txt"),
    }


def tasks_of(report: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the tasks of a report by id; an instance of a mapped task is named `task[0]`."""
    names = {}
    for task in report["tasks"]:
        index = "" if task["map_index"] is None else f"[{task['map_index']}]"
        names[f"{task['task_id']}{index}"] = task
    return names
