"""A cluster on one machine: CeleryExecutor, PostgreSQL and Redis, two of each process, each on a host of its own.

A host is a name, a disk (Airflow home, working folder) and a folder for temporary files; only the logs, the database
and the broker are shared. Every component is a process in a session of its own. A process manager starts a component
again that ends, as systemd or Kubernetes does; what is ended when the tests are over are these sessions and nothing
else. Imports no Airflow.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil
import requests
from cluster.database import AirflowDatabase
from cluster.settings import TASKS_OF_A_WORKER, host_environment, shared_environment
from cluster.stores import RedisServer
from durability import keeper
from durability.airflow_settings import IS_AIRFLOW_3
from durability.keeper import kill, processes_of
from durability.runs_desk import RUNS_DESK, begin_run
from support.ports import free_port
from support.postgres_server import PostgresServer

DAGS = Path(__file__).parent / "dags"
WORKERS = ("worker-1", "worker-2")
TRIGGERERS = ("triggerer-1", "triggerer-2")
SCHEDULERS = ("scheduler-1", "scheduler-2")
_SECONDS_TO_START = 600.0
_SECONDS_TO_STOP = 60.0
# How long the process manager waits before it starts a component again.
_RESTART_DELAY = 1.0


class Cluster:
    """One cluster; `start()` and `stop()`.

    :param folder: an empty folder for everything that it keeps.
    :param server: PostgreSQL, not started.
    :param dags: the folder of its DAGs.
    :param dag_ids: those that it must know before it is ready.
    :param environment: more of the environment that all its processes get.
    :ivar database: what Airflow's database says.
    :ivar ended: how often each component has ended and was started again.
    """

    def __init__(
        self,
        folder: Path,
        server: PostgresServer,
        *,
        dags: Path = DAGS,
        dag_ids: tuple[str, ...] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.output = folder / "output"
        self.logs = folder / "logs"
        self._server = server
        self._dag_ids = dag_ids
        self._components: dict[str, subprocess.Popen[bytes]] = {}
        self._commands: dict[str, list[str]] = {}
        self._lock = threading.RLock()
        self._closing = threading.Event()
        self.ended: Counter[str] = Counter()
        for each in (self.output, self.logs, folder / "redis"):
            each.mkdir(parents=True)
        self._keeper = subprocess.Popen(
            [sys.executable, keeper.__file__], stdin=subprocess.PIPE, start_new_session=True
        )
        self._redis = RedisServer(folder / "redis", lambda process: self._keep(process.pid))
        self.database = AirflowDatabase(server.uri)
        self._port = free_port()
        self._environment = shared_environment(
            folder,
            dags=dags,
            database=server.uri.replace("postgresql://", "postgresql+psycopg2://"),
            broker=self._redis.uri,
            port=self._port,
            more=environment or {},
        )
        self._manager = threading.Thread(target=self._manage, daemon=True)

    # -- its life --------------------------------------------------------------------------------------------------

    @property
    def address(self) -> str:
        """Where its web page and its REST API are."""
        return f"http://127.0.0.1:{self._port}"

    def start(self, connections: Mapping[str, str]) -> Cluster:
        """Start every component and return when all are ready and know the DAGs.

        :param connections: Airflow connections to store, as JSON by their id.
        """
        self._start_database()
        self._redis.start()
        self._airflow("db", "migrate")
        self._store(connections)
        if IS_AIRFLOW_3:
            self._launch("api-server", "api-server", "--host", "127.0.0.1", "--port", str(self._port), "--workers", "1")
            self._launch("dag-processor", "dag-processor")
        else:
            self._make_user()
            self._launch("webserver", "webserver", "--hostname", "127.0.0.1", "--port", str(self._port), "-w", "1")
        for name in SCHEDULERS:
            self._launch(name, "scheduler", "--skip-serve-logs")
        for name in TRIGGERERS:
            self._launch(name, "triggerer", "--skip-serve-logs")
        for name in WORKERS:
            self._launch(
                name, "celery", "worker", "--celery-hostname", name, "--queues", f"default,{name}",
                "--concurrency", str(TASKS_OF_A_WORKER), "--skip-serve-logs", "--without-mingle", "--without-gossip",
            )  # fmt: skip
        self._start("runs-desk", [str(RUNS_DESK)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.until(self.is_ready, "the readiness of the cluster", within=_SECONDS_TO_START)
        self._manager.start()
        return self

    def stop(self) -> None:
        """Ask every component to end, and end what is left of their sessions."""
        self._closing.set()
        if self._manager.is_alive():
            self._manager.join()
        with self._lock:
            for process in self._components.values():
                self._signal(process, signal.SIGCONT)
                process.terminate()
            deadline = time.monotonic() + _SECONDS_TO_STOP
            for process in self._components.values():
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(max(0.1, deadline - time.monotonic()))
        self._redis.crash()
        self._server.crash()
        assert self._keeper.stdin is not None
        self._keeper.stdin.close()
        self._keeper.wait(_SECONDS_TO_STOP)
        for process in self._components.values():
            process.wait(_SECONDS_TO_STOP)

    def is_ready(self) -> bool:
        """Return whether all components are well and know the DAGs."""
        for name, process in self._components.items():
            assert process.poll() is None, f"{name} has ended:\n{self.tail()}"
        if IS_AIRFLOW_3:
            try:
                health = requests.get(f"{self.address}/api/v2/monitor/health", timeout=10).json()
            except requests.RequestException:
                return False
            if any(part and part["status"] != "healthy" for part in health.values()):
                return False
        jobs = self.database.running_jobs()
        return (
            all("ready." in self._said(name) for name in WORKERS)
            and jobs["SchedulerJob"] >= len(SCHEDULERS)
            and jobs["TriggererJob"] >= len(TRIGGERERS)
            and set(self._dag_ids) <= self.database.known_dags()
        )

    # -- what happens to it ----------------------------------------------------------------------------------------

    def kill(self, name: str) -> None:
        """SIGKILL a component with all its processes, as when its machine is lost; it is started again."""
        for part in processes_of(self._components[name].pid):
            kill(part)

    def is_task_alive(self, pid: int) -> bool:
        """Return whether a process executes a task in a worker of this cluster."""
        with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
            workers = {self._components[name].pid for name in WORKERS}
            return os.getsid(pid) in workers and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
        return False

    def kill_task(self, pid: int, *, with_supervisor: bool = False) -> bool:
        """SIGKILL the process of a task, or also the one that watches over it; False when it has ended by itself."""
        if not self.is_task_alive(pid):
            return False
        for process in self.parts_of_task(pid) if with_supervisor else [psutil.Process(pid)]:
            kill(process)
        return True

    def parts_of_task(self, pid: int) -> list[psutil.Process]:
        """Return the process of a task and, behind it, the one of the Celery worker that watches over it."""
        task = psutil.Process(pid)
        parts = [task]
        # Up to the main process of the Celery worker, which has others to serve.
        while (parent := parts[-1].parent()) is not None and parent.pid not in self._main_processes():
            parts.append(parent)
        return parts

    @contextmanager
    def standing_still(self, name: str) -> Iterator[None]:
        """Let a component with all its processes stand still (SIGSTOP) during a `with` block."""
        process = self._components[name]
        self._signal(process, signal.SIGSTOP)
        try:
            yield
        finally:
            self._signal(process, signal.SIGCONT)

    def crash_database(self) -> None:
        """End PostgreSQL at once and start it again."""
        self._server.crash()
        self._start_database()

    def crash_broker(self) -> None:
        """End Redis at once and start it again."""
        self._redis.crash()
        self._redis.start()

    # -- its runs --------------------------------------------------------------------------------------------------

    def trigger(self, dag_id: str, run_id: str, conf: Mapping[str, object]) -> None:
        """Begin a DAG run; safe from any thread."""
        with self._lock:
            begun = begin_run(self._components["runs-desk"], dag_id, run_id, conf)
        assert begun, f"Airflow does not take the run:\n{self.tail()}"

    def until(self, condition: Callable[[], object], what: str, *, within: float = 600.0, every: float = 0.3) -> None:
        """Wait until a condition holds.

        :raises AssertionError: it has not become so.
        """
        deadline = time.monotonic() + within
        while not condition():
            assert time.monotonic() < deadline, f"{what} did not come within {within:.0f} s\n{self.tail()}"
            time.sleep(every)

    # -- what it says ----------------------------------------------------------------------------------------------

    def tail(self, *, lines: int = 12) -> str:
        """Return the end of what each component has written."""
        files = sorted(self.output.iterdir())
        return "\n".join(
            f"--- {path.name}\n" + "\n".join(path.read_text(errors="replace").splitlines()[-lines:]) for path in files
        )

    def logs_of(self, run_id: str) -> str:
        """Return what the tasks of a run have logged."""
        files = [path for path in self.logs.rglob("*.log") if f"run_id={run_id}/" in f"{path}"]
        return "\n".join(path.read_text(errors="replace") for path in sorted(files))

    # -- within ----------------------------------------------------------------------------------------------------

    def _launch(self, name: str, *arguments: str) -> None:
        self._commands[name] = ["-m", "airflow", *arguments]
        self._start(name, self._commands[name])

    def _start(self, name: str, arguments: list[str], **streams: int) -> None:
        environment = host_environment(self._environment, self.folder / "hosts", name)
        with (self.output / f"{name}.txt").open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, *arguments],
                env=environment,
                cwd=self.folder / "hosts" / name / "work",
                start_new_session=True,
                **{"stdin": subprocess.DEVNULL, "stdout": output, "stderr": output, **streams},  # type: ignore[call-overload]
            )
        self._components[name] = process
        self._keep(process.pid)

    def _start_database(self) -> None:
        self._server.start()
        self._keep(self._server.session)

    def _keep(self, session: int) -> None:
        assert self._keeper.stdin is not None
        self._keeper.stdin.write(f"{session}\n".encode())
        self._keeper.stdin.flush()

    def _manage(self) -> None:
        """Start components again that have ended."""
        while not self._closing.wait(_RESTART_DELAY):
            for name, command in self._commands.items():
                process = self._components[name]
                if process.poll() is None:
                    continue
                for part in processes_of(process.pid):
                    kill(part)
                # A Celery worker refuses to start over the file of the one that was killed.
                for file in (self.folder / "hosts" / name / "home").glob("*.pid"):
                    file.unlink(missing_ok=True)
                self.ended[name] += 1
                self._start(name, command)

    def _main_processes(self) -> set[int]:
        return {process.pid for process in self._components.values()}

    @staticmethod
    def _signal(process: subprocess.Popen[bytes], number: int) -> None:
        for part in processes_of(process.pid):
            with contextlib.suppress(psutil.NoSuchProcess):
                part.send_signal(number)

    def _said(self, name: str) -> str:
        file = self.output / f"{name}.txt"
        return file.read_text(errors="replace") if file.exists() else ""

    def _store(self, connections: Mapping[str, str]) -> None:
        file = self.folder / "connections.json"
        file.write_text(json.dumps({name: json.loads(value) for name, value in connections.items()}), encoding="utf-8")
        self._airflow("connections", "import", "--overwrite", str(file))
        file.unlink()

    def _make_user(self) -> None:
        self._airflow(
            "users", "create", "--role", "Admin", "--username", "admin", "--password", "admin",
            "--firstname", "A", "--lastname", "Person", "--email", "admin@example.org",
        )  # fmt: skip

    def _airflow(self, *arguments: str) -> None:
        environment = host_environment(self._environment, self.folder / "hosts", "operator")
        done = subprocess.run(
            [sys.executable, "-m", "airflow", *arguments], env=environment, capture_output=True, text=True, timeout=300
        )
        said = f"{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        assert done.returncode == 0, f"`airflow {' '.join(arguments)}`:\n{said}"
