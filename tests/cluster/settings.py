"""The settings of the cluster: hosts with a name, a disk and a folder for temporary files of their own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from cluster.host_name import HOST
from durability.airflow_settings import IS_AIRFLOW_3, environment_of
from support.airflow_home import CHECKOUT

# Within these seconds a living process makes itself heard, on a busy machine of two cores too.
TASK_IS_DEAD_AFTER = 30
TRIGGERER_IS_DEAD_AFTER = 20
_SCHEDULER_IS_DEAD_AFTER = 20
# A worker that is killed keeps the message of a task that it has fetched and not begun.
_MESSAGE_IS_LOST_AFTER = 90
TASKS_OF_A_WORKER = 4


def shared_environment(
    folder: Path, *, dags: Path, database: str, broker: str, port: int, more: Mapping[str, str]
) -> dict[str, str]:
    """Return the environment that the processes of all hosts have in common.

    :param folder: the cluster's folder; below it lie the logs, as on a remote log store.
    :param database: SQLAlchemy's URI of Airflow's database.
    :param broker: the URI of Redis.
    :param port: where the API server listens.
    :param more: more of it.
    """
    settings = {
        "CORE__EXECUTOR": "CeleryExecutor",
        "CORE__HOSTNAME_CALLABLE": "cluster.host_name.host_name",
        # Of each scheduler: a task that waits behind many others in the queue would count as lost.
        "CORE__PARALLELISM": str(2 * TASKS_OF_A_WORKER),
        "CELERY__BROKER_URL": broker,
        # A second by default.
        "CELERY__OPERATION_TIMEOUT": "10",
        "CELERY__RESULT_BACKEND": f"db+{database}",
        "CELERY__SYNC_PARALLELISM": "1",
        "CELERY__TASK_PUBLISH_MAX_RETRIES": "10",
        "CELERY__WORKER_CONCURRENCY": str(TASKS_OF_A_WORKER),
        "CELERY__WORKER_PREFETCH_MULTIPLIER": "1",
        "SCHEDULER__NUM_STUCK_IN_QUEUED_RETRIES": "10",
        "SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "10",
        "SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": str(_SCHEDULER_IS_DEAD_AFTER),
        "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": str(TASK_IS_DEAD_AFTER),
        "SCHEDULER__TASK_QUEUED_TIMEOUT": str(_MESSAGE_IS_LOST_AFTER),
        "SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": "10",
        "TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": str(TRIGGERER_IS_DEAD_AFTER),
        "WEBSERVER__EXPOSE_CONFIG": "False",
    }
    if not IS_AIRFLOW_3:
        settings |= {
            "SCHEDULER__SCHEDULER_ZOMBIE_TASK_THRESHOLD": str(TASK_IS_DEAD_AFTER),
            # PostgreSQL has row locks.
            "SCHEDULER__SCHEDULE_AFTER_TASK_EXECUTION": "True",
        }
    shared = environment_of(folder, dags=dags, database=database, logs=folder / "logs", port=port, more={})
    shared |= {f"AIRFLOW__{name}": value for name, value in settings.items()}
    # `cluster.host_name` lies in the folder of the tests.
    return {**shared, "PYTHONPATH": f"{CHECKOUT}:{CHECKOUT / 'tests'}", **more}


def host_environment(shared: Mapping[str, str], folder: Path, host: str) -> dict[str, str]:
    """Return the environment of the processes of a host, and make its folders.

    :param folder: the folder of all hosts' disks.
    """
    disk = folder / host
    for name in ("tmp", "home", "work"):
        (disk / name).mkdir(parents=True, exist_ok=True)
    return {**shared, HOST: host, "TMPDIR": str(disk / "tmp"), "AIRFLOW_HOME": str(disk / "home"), "HOME": str(disk)}
