"""The settings of a real Airflow for tests: it notices a dead process soon, and logs little. Imports no Airflow."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from cryptography.fernet import Fernet
from support.airflow_home import AIRFLOW_VERSION, CHECKOUT

IS_AIRFLOW_3 = AIRFLOW_VERSION >= (3, 0)
PARALLELISM = 8
# A worker or triggerer that says nothing for so long is taken for dead. A busy machine of two cores must not reach it.
_WORKER_IS_DEAD_AFTER = 25
_TRIGGERER_IS_DEAD_AFTER = 15
_SECONDS_TO_PARSE = 300


def environment_of(
    folder: Path, *, dags: Path, database: str, logs: Path, port: int, more: Mapping[str, str]
) -> dict[str, str]:
    """The environment of all processes of an Airflow.

    :param folder: its home.
    :param database: SQLAlchemy's URI of its database.
    :param port: where its API server listens.
    :param more: what else its processes get.
    """
    own = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PYTEST"))}
    # The examples call at any hour of the tests.
    own["TINGTING_CALLING_WINDOW"] = "00:00-24:00"
    url = f"http://127.0.0.1:{port}"
    settings = {
        "CORE__DAGBAG_IMPORT_TIMEOUT": str(_SECONDS_TO_PARSE),
        "CORE__DAGS_FOLDER": str(dags),
        "CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__FERNET_KEY": Fernet.generate_key().decode(),
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__MAX_ACTIVE_RUNS_PER_DAG": "500",
        "CORE__MAX_ACTIVE_TASKS_PER_DAG": "500",
        "CORE__PARALLELISM": str(PARALLELISM),
        "CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "API__BASE_URL": url,
        "API_AUTH__JWT_SECRET": "one secret for all processes of this Airflow, long enough for HS512",
        "DATABASE__SQL_ALCHEMY_CONN": database,
        "DAG_PROCESSOR__DAG_FILE_PROCESSOR_TIMEOUT": str(_SECONDS_TO_PARSE),
        "DAG_PROCESSOR__REFRESH_INTERVAL": "60",
        "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "60",
        "LOGGING__BASE_LOG_FOLDER": str(logs),
        "METRICS__TIMER_UNIT_CONSISTENCY": "True",
        "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.3",
        "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": str(_WORKER_IS_DEAD_AFTER),
        "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "1",
        "TRIGGERER__JOB_HEARTBEAT_SEC": "1",
        "TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": str(_TRIGGERER_IS_DEAD_AFTER),
        "USAGE_DATA_COLLECTION__ENABLED": "False",
        "WORKERS__EXECUTION_API_TIMEOUT": "30",
    }
    if not IS_AIRFLOW_3:
        settings |= {
            "SCHEDULER__MIN_FILE_PROCESS_INTERVAL": "60",
            "SCHEDULER__PARSING_PROCESSES": "1",
            # On SQLite, without row locks, two schedulers of a task would count one try as two.
            "SCHEDULER__SCHEDULE_AFTER_TASK_EXECUTION": "False",
            "SCHEDULER__SCHEDULER_ZOMBIE_TASK_THRESHOLD": str(_WORKER_IS_DEAD_AFTER),
            "SCHEDULER__ZOMBIE_DETECTION_INTERVAL": "1",
            "SCHEDULER__LOCAL_TASK_JOB_HEARTBEAT_SEC": "3",
        }
    return (
        own
        | {f"AIRFLOW__{name}": value for name, value in settings.items()}
        | {
            "AIRFLOW_HOME": str(folder),
            # Airflow 2 allows SQLite with one task at a time only, or with this.
            "_AIRFLOW__SKIP_DATABASE_EXECUTOR_COMPATIBILITY_CHECK": "1",
            "NO_PROXY": "localhost,127.0.0.1,::1",
            "no_proxy": "localhost,127.0.0.1,::1",
            "PYTHONPATH": str(CHECKOUT),
            "PYTHONUNBUFFERED": "1",
            "PYTHONWARNINGS": "ignore",
        }
        | dict(more)
    )
