"""A real Airflow with one finished run, whose pages a browser can open: its API server on SQLite in a private home.

Every visitor is an administrator.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import requests
from cryptography.fernet import Fernet
from support.airflow_home import CHECKOUT
from support.ports import free_port

from airflow_provider_tingting.demo.airflow_process import DagRun, environment, tail
from airflow_provider_tingting.sandbox import Sandbox

DAG_ID = "campaigns_with_links"
_DAGS = Path(__file__).parent / "dags"
_SECONDS_TO_RUN = 120.0
_SECONDS_TO_START = 120.0
_SECONDS_TO_STOP = 20.0


class AirflowPages:
    """One Airflow; a context manager.

    :param home: an empty folder for its home.
    :param sandbox: the TingTing of its connections `tingting_default` and `tingting_plain`, which has no campaign page.
    """

    def __init__(self, home: Path, sandbox: Sandbox) -> None:
        self.home = home
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.run_id = ""
        plain = json.loads(sandbox.connection_json()) | {"extra": {}}
        self._environment = environment(home, sandbox, deferred=False) | {
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API_AUTH__JWT_SECRET": "one secret for all processes of this Airflow, long enough for HS512",
            "AIRFLOW__CORE__DAGS_FOLDER": str(_DAGS),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__CORE__FERNET_KEY": Fernet.generate_key().decode(),
            "AIRFLOW_CONN_TINGTING_PLAIN": json.dumps(plain),
            "PYTHONPATH": str(CHECKOUT),
        }
        self._server: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> AirflowPages:
        kept = CHECKOUT / ".airflow" / "tests" / f"airflow-{version('apache-airflow')}.db"
        if kept.exists():
            shutil.copyfile(kept, self.home / "airflow.db")
        self._finish_a_run()
        with (self.home / "api-server.txt").open("wb") as output:
            self._server = subprocess.Popen(
                [sys.executable, "-m", "airflow", "api-server", "--host", "127.0.0.1", "--port", str(self.port)],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            self._await_page()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._server is None:
            return
        self._server.terminate()
        try:
            self._server.wait(_SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            self._server.kill()
            self._server.wait()

    def connection(self, conn_id: str) -> dict[str, object]:
        """What is stored as a connection, as Airflow's REST API shows it."""
        answer = requests.get(f"{self.url}/api/v2/connections/{conn_id}", headers=self._signed_in(), timeout=10)
        answer.raise_for_status()
        content: dict[str, object] = answer.json()
        return content

    def store_connection(self, conn_id: str, *, host: str, port: int, password: str, extra: dict[str, object]) -> None:
        """Store a connection through Airflow's REST API."""
        content = {
            "connection_id": conn_id,
            "conn_type": "tingting",
            "host": host,
            "port": port,
            "password": password,
            "extra": json.dumps(extra),
        }
        url = f"{self.url}/api/v2/connections"
        requests.post(url, json=content, headers=self._signed_in(), timeout=10).raise_for_status()

    def test_on_the_command_line(self, conn_id: str) -> bool:
        """Whether `airflow connections test` finds that a stored connection works."""
        command = [sys.executable, "-m", "airflow", "connections", "test", conn_id]
        done = subprocess.run(command, env=self._environment, capture_output=True, text=True, timeout=60)
        assert ("Connection success!" in done.stdout) == (done.returncode == 0), done.stdout + done.stderr[-2000:]
        return done.returncode == 0

    def forget_connections(self) -> None:
        """Remove every stored connection."""
        headers = self._signed_in()
        stored = requests.get(f"{self.url}/api/v2/connections", headers=headers, timeout=10).json()["connections"]
        for one in stored:
            url = f"{self.url}/api/v2/connections/{one['connection_id']}"
            requests.delete(url, headers=headers, timeout=10).raise_for_status()

    def task_page(self, task_id: str) -> str:
        """The address of a finished task's page."""
        return f"{self.url}/dags/{DAG_ID}/runs/{self.run_id}/tasks/{task_id}"

    def _signed_in(self) -> dict[str, str]:
        token = requests.get(f"{self.url}/auth/token", timeout=10).json()["access_token"]
        return {"Authorization": f"Bearer {token}"}

    def _finish_a_run(self) -> None:
        run = DagRun(DAG_ID, self.home, self._environment)
        run.prepare()
        with run:
            deadline = time.monotonic() + _SECONDS_TO_RUN
            while not run.ended:
                assert time.monotonic() < deadline, tail(run.log)
                time.sleep(0.2)
        self.run_id = run.run_id or ""
        states = run.states
        assert states == {"with_link": "success", "without_link": "success"}, f"{states}\n{tail(run.log, 40)}"

    def _await_page(self) -> None:
        assert self._server is not None
        deadline = time.monotonic() + _SECONDS_TO_START
        while True:
            said = (self.home / "api-server.txt").read_text(errors="replace")[-2000:]
            assert self._server.poll() is None and time.monotonic() < deadline, f"no api-server:\n{said}"
            try:
                if requests.get(f"{self.url}/api/v2/version", timeout=5).ok:
                    return
            except (requests.ConnectionError, requests.Timeout):
                time.sleep(0.3)
