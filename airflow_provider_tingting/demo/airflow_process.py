"""Runs a DAG in a process of its own, as `airflow dags test` does, and reads from its database how far it is."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any


class AirflowRun:
    """One DAG run.

    :param dag_id: the DAG.
    :param home: Airflow's home; its log goes to `demo.log` there.
    :param environment: the process's environment.
    """

    def __init__(self, dag_id: str, home: Path, environment: Mapping[str, str]) -> None:
        self.dag_id = dag_id
        self.log = home / "demo.log"
        self._home = home
        self._environment = dict(environment)
        self._process: subprocess.Popen[bytes] | None = None

    def prepare(self) -> None:
        """Make or update Airflow's database and let it read the DAGs.

        :raises SystemExit: Airflow cannot; the text shows the end of its log.
        """
        for command in (("db", "migrate"), ("dags", "reserialize")):
            with self.log.open("ab") as log:
                done = subprocess.run(
                    [sys.executable, "-m", "airflow", *command],
                    env=self._environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
            if done.returncode:
                raise SystemExit(f"`airflow {' '.join(command)}` failed:\n{self.tail()}")

    def __enter__(self) -> AirflowRun:
        log = self.log.open("ab")
        with log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "airflow", "dags", "test", self.dag_id],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(timeout=30)

    @property
    def ended(self) -> bool:
        """Whether the process has ended."""
        return self._process is not None and self._process.poll() is not None

    def run_id(self) -> str | None:
        """Return the id of the newest run of the DAG."""
        rows = self._query("SELECT run_id FROM dag_run WHERE dag_id = ? ORDER BY id DESC LIMIT 1", self.dag_id)
        return str(rows[0][0]) if rows else None

    def states(self, run_id: str) -> dict[str, str]:
        """Return the state of each task of the run."""
        rows = self._query(
            "SELECT task_id, state FROM task_instance WHERE dag_id = ? AND run_id = ?", self.dag_id, run_id
        )
        return {task: state or "waiting" for task, state in rows}

    def result(self, run_id: str, task_id: str) -> Any:
        """Return what a task left as its return value, or None."""
        rows = self._query(
            "SELECT value FROM xcom WHERE dag_id = ? AND run_id = ? AND task_id = ? AND key = 'return_value'",
            self.dag_id,
            run_id,
            task_id,
        )
        value = rows[0][0] if rows else None
        # The column holds JSON, in which Airflow has put JSON again; SQLite returns a bare number as one.
        while isinstance(value, str):
            value = json.loads(value)
        return value

    def tail(self, lines: int = 15) -> str:
        """Return the end of Airflow's log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def _query(self, query: str, *values: str) -> list[tuple[Any, ...]]:
        database = self._home / "airflow.db"
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10)) as connection:
            return connection.execute(query, values).fetchall()
