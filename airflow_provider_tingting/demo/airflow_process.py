"""A private Airflow for the demo: its environment, its commands, and one DAG run in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from airflow_provider_tingting.sandbox import Sandbox

_TASK_EVENTS = "TINGTING_DEMO_TASK_EVENTS"


def example_dags() -> Path:
    """Return the folder of the example DAGs: the checkout's, or the package's."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package.parent / "example_dags", package / "example_dags"):
        if (folder / "campaign_from_spreadsheet.py").is_file():
            return folder
    raise SystemExit("The example DAGs are missing. Run the demo from a checkout of airflow-provider-tingting.")


def environment(home: Path, sandbox: Sandbox, *, deferred: bool) -> dict[str, str]:
    """Return the environment of a private Airflow with the example DAGs and the sandbox's connection.

    :param home: Airflow's home, which is created.
    :param sandbox: the sandbox that `tingting_default` connects to.
    :param deferred: whether operators wait in the triggerer by default.
    """
    home.mkdir(parents=True, exist_ok=True)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    return inherited | {
        "AIRFLOW_HOME": str(home.resolve()),
        "AIRFLOW__CORE__DAGS_FOLDER": str(example_dags()),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE": str(deferred),
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        **{f"AIRFLOW_CONN_{name.upper()}": value for name, value in connections(home, sandbox).items()},
        "TINGTING_POLL_INTERVAL": "2",
        # The sandbox makes no real calls, so the examples run at any hour.
        "TINGTING_CALLING_WINDOW": "00:00-24:00",
        "NO_PROXY": "localhost,127.0.0.1,::1",
        "no_proxy": "localhost,127.0.0.1,::1",
        "PYTHONWARNINGS": "ignore",
    }


def connections(home: Path, sandbox: Sandbox) -> dict[str, str]:
    """Return the connections of the examples by id, each as JSON.

    :param home: Airflow's home.
    :param sandbox: the sandbox.
    """
    warehouse = {"conn_type": "sqlite", "host": str(home.resolve() / "warehouse.db")}
    with_rules = json.loads(sandbox.connection_json())
    with_rules["extra"] = {
        **with_rules["extra"],
        "do_not_call": str(example_dags() / "data" / "do_not_call.csv"),
        "contact_log": {"sql_conn_id": "tingting_warehouse", "table": "contact_log", "create_table": True},
        "secret_salt": "the demonstration",
        "daily_credit_limit": 500,
    }
    return {
        "tingting_default": sandbox.connection_json(),
        "tingting_warehouse": json.dumps(warehouse),
        "tingting_with_rules": json.dumps(with_rules),
    }


def run_airflow(settings: Mapping[str, str], log: Path, *words: str) -> None:
    """Run one `airflow` command to its end.

    :param settings: the environment.
    :param log: the file to which its output is appended.
    :param words: the command, such as `db`, `migrate`.
    :raises SystemExit: the command failed; the text shows the end of its output.
    """
    with log.open("ab") as output:
        done = subprocess.run(
            [sys.executable, "-m", "airflow", *words],
            env=dict(settings),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    if done.returncode:
        raise SystemExit(f"`airflow {' '.join(words)}` failed:\n{tail(log)}")


def tail(log: Path, lines: int = 15) -> str:
    """Return the last lines of a file.

    :param log: the file.
    :param lines: how many lines.
    """
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


class DagRun:
    """One run of a DAG by `airflow dags test`; a context manager.

    A listener in the process writes each task's state and result to a file, from which this class reads them.

    :param dag_id: the DAG's id.
    :param home: Airflow's home; the output of its commands goes to `demo.log` there.
    :param settings: the environment, see `environment`.
    """

    def __init__(self, dag_id: str, home: Path, settings: Mapping[str, str]) -> None:
        self.dag_id = dag_id
        self.log = home / "demo.log"
        self._events = home.resolve() / "task-events.jsonl"
        self._settings = {
            **settings,
            _TASK_EVENTS: str(self._events),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(Path(__file__).resolve().parent / "plugins"),
        }
        self._process: subprocess.Popen[bytes] | None = None

    def prepare(self) -> None:
        """Create or migrate Airflow's database, and store the DAGs in it.

        :raises SystemExit: a command of Airflow failed.
        """
        run_airflow(self._settings, self.log, "db", "migrate")
        run_airflow(self._settings, self.log, "dags", "reserialize")

    def __enter__(self) -> DagRun:
        self._events.write_bytes(b"")
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "airflow", "dags", "test", self.dag_id],
                env=self._settings,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    @property
    def ended(self) -> bool:
        """Whether the run's process has ended."""
        return self._process is not None and self._process.poll() is not None

    @property
    def run_id(self) -> str | None:
        """The id of the run; None before its first task."""
        return next((str(event["run_id"]) for event in self._read_events()), None)

    @property
    def states(self) -> dict[str, str]:
        """The current state of each task that has started, by task id."""
        return {event["task_id"]: event["state"] for event in self._read_events()}

    @property
    def results(self) -> dict[str, Any]:
        """The return value of each task that has succeeded, by task id."""
        return {event["task_id"]: event["result"] for event in self._read_events() if event["state"] == "success"}

    def _read_events(self) -> list[dict[str, Any]]:
        lines = self._events.read_text(encoding="utf-8").split("\n")
        # The last part is empty, or a line that is being written.
        return [json.loads(line) for line in lines[:-1]]
