"""What Airflow's database says about runs and tasks, read directly: the same on every version, and it costs little."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

import psycopg2

# A restart of the database takes less.
_UNREACHABLE_FOR = 60.0


@dataclass(frozen=True)
class TaskRow:
    """A task instance.

    :param tries: the number of the current try, from 1; 0 before the first.
    :param pid: the process of the current try.
    :param host: where that is.
    """

    run_id: str
    task_id: str
    map_index: int
    state: str | None
    tries: int
    pid: int | None
    host: str
    triggerer: int | None


class AirflowDatabase:
    """Questions to Airflow's database.

    :param uri: where it is.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri

    def tasks(self, dag_id: str, run_id: str = "%") -> list[TaskRow]:
        """Return the task instances of a DAG.

        :param run_id: of this run; may hold `%` for any text.
        """
        rows = self._query(
            "SELECT ti.run_id, ti.task_id, ti.map_index, ti.state, ti.try_number, ti.pid, ti.hostname, t.triggerer_id "
            "FROM task_instance ti LEFT JOIN trigger t ON t.id = ti.trigger_id "
            "WHERE ti.dag_id = %s AND ti.run_id LIKE %s ORDER BY ti.run_id, ti.task_id, ti.map_index",
            dag_id,
            run_id,
        )
        return [TaskRow(*row[:4], row[4] or 0, *row[5:]) for row in rows]

    def runs(self, dag_id: str, run_id: str = "%") -> dict[str, str]:
        """Return the state of each run of a DAG, by its id."""
        return dict(
            self._query("SELECT run_id, state FROM dag_run WHERE dag_id = %s AND run_id LIKE %s", dag_id, run_id)
        )

    def running_jobs(self) -> Counter[str]:
        """Return how many jobs of each kind run."""
        return Counter(row[0] for row in self._query("SELECT job_type FROM job WHERE state = 'running'"))

    def triggerer_on(self, host: str) -> int:
        """Return the id of the job of the triggerer that runs on a host."""
        query = "SELECT max(id) FROM job WHERE job_type = 'TriggererJob' AND hostname = %s"
        found: int = self._query(query, host)[0][0]
        return found

    def known_dags(self) -> set[str]:
        """Return the ids of the DAGs that have been parsed."""
        return {row[0] for row in self._query("SELECT dag_id FROM serialized_dag")}

    def _query(self, query: str, *values: str) -> list[tuple[Any, ...]]:
        deadline = time.monotonic() + _UNREACHABLE_FOR
        while True:
            try:
                connection = psycopg2.connect(self.uri)
                try:
                    with connection.cursor() as cursor:
                        cursor.execute(query, values or None)
                        return cursor.fetchall()
                finally:
                    connection.close()
            except psycopg2.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.3)
