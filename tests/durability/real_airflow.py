"""A real Airflow for a test session: scheduler, workers, triggerer (and on Airflow 3 API server and DAG processor).

Every component is a process in a session of its own, with LocalExecutor and SQLite in a private home, so that workers
and triggerers can be killed for good. What is ended are these sessions and nothing else (`keeper.py`). The database is
read directly, which costs next to nothing and is the same on every version. Imports no Airflow.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
import requests
from durability.airflow_settings import IS_AIRFLOW_3, environment_of
from durability.keeper import kill, processes_of
from durability.person import Person
from durability.runs_desk import RUNS_DESK, begin_run
from support.airflow_home import AIRFLOW_VERSION, CHECKOUT, EXAMPLE_DAGS
from support.ports import free_port

DAGS = Path(__file__).parent / "dags"
# Examples that need more than `dag.test()`, by the Airflow that they need.
EXAMPLES = {"approve_before_running.py": (3, 1)}
_KEEPER = Path(__file__).parent / "keeper.py"
DAG_IDS = (
    "lifecycle_sync",
    "lifecycle_deferred",
    "lifecycle_stopped",
    "ten_old_days",
    "one_after_the_other",
    "wait_for_many",
    *(("after_finished",) if IS_AIRFLOW_3 else ()),
)
HAS_STATE_STORE = AIRFLOW_VERSION >= (3, 3)

SECONDS_TO_START = 180.0
SECONDS_TO_STOP = 20.0


@dataclass(frozen=True)
class TaskRow:
    """What the database says about a task.

    :param tries: the number of the current try, from 1; 0 before the first.
    :param pid: the process of the current try.
    """

    state: str | None
    tries: int
    pid: int | None


class RealAirflow:
    """One Airflow; `start()` and `stop()`.

    :param folder: an empty folder for its home, database and logs.
    :param dags: the folder of its DAGs.
    :param dag_ids: those of them that it must know before it is well.
    :param environment: more of the environment that its processes get, such as connections.
    """

    def __init__(
        self,
        folder: Path,
        *,
        dags: Path = DAGS,
        dag_ids: tuple[str, ...] = DAG_IDS,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self._given = dags
        self._dag_ids = dag_ids
        self.logs = folder / "logs"
        self.output = folder / "output"
        self._dags = folder / "dags"
        self._database = folder / "airflow.db"
        self._port = free_port()
        self.person = Person(f"http://127.0.0.1:{self._port}")
        self._environment = environment_of(
            folder,
            dags=self._dags,
            database=f"sqlite:///{self._database}?timeout=30",
            logs=self.logs,
            port=self._port,
            more=environment or {},
        )
        self._components: dict[str, subprocess.Popen[bytes]] = {}
        self._keeper: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    # -- its life --------------------------------------------------------------------------------------------------

    def start(self) -> RealAirflow:
        """Start every component together and return when all are well and know the DAGs."""
        for folder in (self.logs, self.output):
            folder.mkdir(parents=True)
        shutil.copytree(self._given, self._dags, ignore=shutil.ignore_patterns("__pycache__"))
        if self._given == DAGS:
            shutil.copytree(EXAMPLE_DAGS / "data", self._dags / "data")
            for example, since in EXAMPLES.items():
                if since <= AIRFLOW_VERSION:
                    shutil.copy(EXAMPLE_DAGS / example, self._dags)
        self._keeper = subprocess.Popen([sys.executable, _KEEPER], stdin=subprocess.PIPE, start_new_session=True)
        self._make_database()
        if IS_AIRFLOW_3:
            self._launch("api-server", "--host", "127.0.0.1", "--port", str(self._port), "--workers", "1")
            self._launch("dag-processor")
        self._launch("scheduler", "--skip-serve-logs")
        self.start_triggerer()
        self._launch_runs_desk()
        self._await(self._is_well, SECONDS_TO_START, "Airflow is not well")
        return self

    def stop(self) -> None:
        """Ask every component to end, and end what is left of their sessions."""
        for process in self._components.values():
            if process.poll() is None:
                process.terminate()
        deadline = time.monotonic() + SECONDS_TO_STOP
        for process in self._components.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.1, deadline - time.monotonic()))
        if self._keeper is not None and self._keeper.stdin is not None:
            self._keeper.stdin.close()
            self._keeper.wait(SECONDS_TO_STOP)
        for process in self._components.values():
            process.wait(5)

    def start_triggerer(self, name: str = "triggerer") -> None:
        """Start a triggerer.

        :param name: another one than `triggerer` for a second triggerer.
        """
        self._start(name, ["-m", "airflow", "triggerer", "--skip-serve-logs"])

    @contextlib.contextmanager
    def triggerer_stands_still(self) -> Iterator[None]:
        """Let the triggerer stand still with all its processes while the block runs."""
        parts = processes_of(self._components["triggerer"].pid)

        def signal_all(number: int) -> None:
            for part in parts:
                part.send_signal(number)

        try:
            # Not in the middle of writing: no other process could write then.
            self._await(lambda: self._stand_still(signal_all), 30, "the triggerer writes all the time")
            yield
        finally:
            signal_all(signal.SIGCONT)

    def kill_triggerer(self, name: str = "triggerer") -> None:
        """SIGKILL a triggerer with all its processes."""
        process = self._components.pop(name)
        for part in processes_of(process.pid):
            kill(part)
        process.wait(10)

    # -- its runs --------------------------------------------------------------------------------------------------

    def trigger(self, dag_id: str, run_id: str, conf: Mapping[str, str]) -> None:
        """Begin a DAG run; safe from any thread."""
        with self._lock:
            begun = begin_run(self._components["runs-desk"], dag_id, run_id, conf)
        assert begun, f"Airflow does not take the run:\n{self.tail()}"

    def backfill(self, dag_id: str, first: str, last: str, conf: Mapping[str, str]) -> None:
        """Begin a backfill as a person would; before Airflow 3 it has ended when this returns."""
        if IS_AIRFLOW_3:
            command = ["backfill", "create", "--dag-id", dag_id, "--from-date", first, "--to-date", last]
            with self._no_other_process_writes():
                self._airflow(*command, "--dag-run-conf", json.dumps(dict(conf)))
        else:
            command = ["dags", "backfill", dag_id, "-s", first, "-e", last, "--conf", json.dumps(dict(conf)), "--yes"]
            # Airflow 2 exits with 1 when a run has failed, and stops at the first one unless an option says otherwise.
            self._airflow(*command, "--continue-on-failures", may_fail=True)

    def runs(self, dag_id: str) -> dict[str, str]:
        """The state of each run of a DAG, by its id, oldest first."""
        return dict(self._query("SELECT run_id, state FROM dag_run WHERE dag_id = ? ORDER BY id", dag_id))

    def run_state(self, dag_id: str, run_id: str) -> str | None:
        """The state of a DAG run."""
        rows = self._query("SELECT state FROM dag_run WHERE dag_id = ? AND run_id = ?", dag_id, run_id)
        return rows[0][0] if rows else None

    def runs_and_types(self, dag_id: str) -> list[tuple[str, str, str]]:
        """Id, type and state of each run of a DAG, the oldest first."""
        rows = self._query("SELECT run_id, run_type, state FROM dag_run WHERE dag_id = ? ORDER BY id", dag_id)
        return [(run_id, run_type, state) for run_id, run_type, state in rows]

    def tasks(self, dag_id: str, run_id: str) -> dict[str, TaskRow]:
        """Each task of a DAG run."""
        rows = self._query(
            "SELECT task_id, state, try_number, pid FROM task_instance WHERE dag_id = ? AND run_id = ?", dag_id, run_id
        )
        return {task_id: TaskRow(state, tries or 0, pid) for task_id, state, tries, pid in rows}

    def states(self, dag_id: str, run_id: str) -> list[str | None]:
        """The state of each task of a DAG run, mapped ones one by one."""
        query = "SELECT state FROM task_instance WHERE dag_id = ? AND run_id = ?"
        return [state for (state,) in self._query(query, dag_id, run_id)]

    def returned(self, dag_id: str, run_id: str, task_id: str) -> Any:
        """What a task has returned."""
        query = "SELECT value FROM xcom WHERE dag_id = ? AND run_id = ? AND task_id = ? AND key = 'return_value'"
        value: Any = self._query(query, dag_id, run_id, task_id)[0][0]
        while isinstance(value, str | bytes):
            value = json.loads(value)
        return value

    def remembered(self, dag_id: str, run_id: str) -> dict[str, Any]:
        """What each task of a DAG run keeps in the task state store under the provider's key; empty before 3.3."""
        if not HAS_STATE_STORE:
            return {}
        query = "SELECT task_id, value FROM task_state_store WHERE dag_id = ? AND run_id = ? AND key = 'tingting_job'"
        return {task_id: json.loads(value) for task_id, value in self._query(query, dag_id, run_id)}

    def kill_worker(self, pid: int, *, with_supervisor: bool = False) -> bool:
        """SIGKILL a task's process, or also the one that watches over it; False when it has ended by itself.

        :raises AssertionError: the process is not one of this Airflow's.
        """
        try:
            victim = psutil.Process(pid)
            assert os.getsid(pid) == self._components["scheduler"].pid, f"process {pid} is not a worker of this Airflow"
            doomed = [victim.parent(), victim] if with_supervisor else [victim]
        except (psutil.NoSuchProcess, ProcessLookupError):
            return False
        was_alive: bool = victim.status() != psutil.STATUS_ZOMBIE
        for process in doomed:
            kill(process)
        return was_alive

    # -- its connections -------------------------------------------------------------------------------------------

    def put_connections(self, connections: Mapping[str, str]) -> None:
        """Store connections in the metadata database as `airflow connections` does; those that exist are replaced.

        :param connections: by id, each as the JSON that an environment variable would hold.
        """
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            file = Path(folder) / "connections.json"
            content = {name: json.loads(value) for name, value in connections.items()}
            file.write_text(json.dumps(content), encoding="utf-8")
            self._airflow("connections", "import", "--overwrite", str(file))

    # -- what it says ----------------------------------------------------------------------------------------------

    def log_files(self) -> Iterator[Path]:
        """Every file that any component or task has logged to."""
        for folder in (self.logs, self.output):
            yield from (path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink())

    def tail(self, run_id: str | None = None, *, lines: int = 40) -> str:
        """The end of what the components have said, or of what the tasks of a run have."""
        if run_id is None:
            files = sorted(self.output.iterdir())
        else:
            files = sorted(
                (path for path in self.log_files() if f"run_id={run_id}/" in f"{path}"), key=lambda p: p.stat().st_mtime
            )
        said = ((path, path.read_text(errors="replace").splitlines()[-lines:]) for path in files)
        return "\n".join(f"--- {path.relative_to(self.folder)}\n" + "\n".join(text) for path, text in said)

    # -- within ----------------------------------------------------------------------------------------------------

    def _make_database(self) -> None:
        kept = CHECKOUT / ".airflow" / "tests" / f"airflow-{version('apache-airflow')}.db"
        if kept.exists():
            shutil.copyfile(kept, self._database)
        else:
            self._airflow("db", "migrate")
        with contextlib.closing(sqlite3.connect(self._database)) as connection:
            # Readers do not wait for the writer, and so seldom for each other.
            connection.execute("PRAGMA journal_mode=WAL")

    def _airflow(self, *arguments: str, may_fail: bool = False) -> None:
        command = [sys.executable, "-m", "airflow", *arguments]
        done = subprocess.run(command, env=self._environment, capture_output=True, text=True, timeout=300)
        with (self.output / f"{arguments[0]}.txt").open("a", encoding="utf-8") as file:
            file.write(done.stdout + done.stderr)
        assert may_fail or done.returncode == 0, (
            f"`airflow {' '.join(arguments)}`:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        )

    @contextlib.contextmanager
    def _no_other_process_writes(self) -> Iterator[None]:
        """Let every component stand still.

        On SQLite a transaction that has read is refused as locked once another one has written, however long it may
        wait. `airflow backfill create` reads and writes in one, and the scheduler has been seen to end over what is
        left of it then.
        """
        parts = processes_of(*(process.pid for process in self._components.values()))

        def signal_all(number: int) -> None:
            for part in parts:
                with contextlib.suppress(psutil.NoSuchProcess):
                    part.send_signal(number)

        try:
            self._await(lambda: self._stand_still(signal_all), 30, "a process writes all the time")
            yield
        finally:
            signal_all(signal.SIGCONT)

    def _stand_still(self, signal_all: Callable[[int], None]) -> bool:
        """Stop all processes unless one of them is in the middle of writing."""
        signal_all(signal.SIGSTOP)
        with contextlib.closing(sqlite3.connect(self._database, timeout=0)) as connection:
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                signal_all(signal.SIGCONT)
                return False
        return True

    def _launch(self, component: str, *arguments: str) -> None:
        self._start(component, ["-m", "airflow", component, *arguments])

    def _launch_runs_desk(self) -> None:
        self._start("runs-desk", [str(RUNS_DESK)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def _start(self, component: str, arguments: list[str], **streams: int) -> None:
        with (self.output / f"{component}.txt").open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, *arguments],
                env=self._environment,
                cwd=self.folder,
                start_new_session=True,
                **{"stdin": subprocess.DEVNULL, "stdout": output, "stderr": output, **streams},  # type: ignore[call-overload]
            )
        self._components[component] = process
        assert self._keeper is not None and self._keeper.stdin is not None
        self._keeper.stdin.write(f"{process.pid}\n".encode())
        self._keeper.stdin.flush()

    def _is_well(self) -> bool:
        for component, process in self._components.items():
            assert process.poll() is None, f"the {component} has ended:\n{self.tail()}"
        if IS_AIRFLOW_3:
            try:
                health = requests.get(f"http://127.0.0.1:{self._port}/api/v2/monitor/health", timeout=10).json()
            except (requests.ConnectionError, requests.Timeout):
                return False
            if any(part and part["status"] != "healthy" for part in health.values()):
                return False
        jobs = {row[0] for row in self._query("SELECT job_type FROM job WHERE state = 'running'")}
        known = {row[0] for row in self._query("SELECT dag_id FROM serialized_dag")}
        return {"SchedulerJob", "TriggererJob"} <= jobs and set(self._dag_ids) <= known

    def _await(self, condition: Any, seconds: float, trouble: str) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"{trouble} after {seconds:.0f} s:\n{self.tail()}"
            time.sleep(0.2)

    def _query(self, query: str, *values: str) -> list[tuple[Any, ...]]:
        url = f"file:{self._database}?mode=ro"
        with contextlib.closing(sqlite3.connect(url, uri=True, timeout=30)) as connection:
            return connection.execute(query, values).fetchall()
