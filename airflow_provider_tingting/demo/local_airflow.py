"""`make airflow`: the examples in a local Airflow with its web UI, beside a sandbox."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path

from rich.console import Console

from airflow_provider_tingting.demo.airflow_process import connections, environment, example_dags, run_airflow
from airflow_provider_tingting.sandbox import Sandbox

_SECONDS_TO_STOP = 60.0
_LOCAL_BUNDLE = "airflow.dag_processing.bundles.local.LocalDagBundle"


def serve(home: Path, port: int) -> int:
    """Run `airflow standalone` and a sandbox until they are interrupted, and return the exit code.

    :param home: the folder for everything that both write.
    :param port: the port of Airflow's web UI.
    """
    console = Console(highlight=False, soft_wrap=True)
    if int(version("apache-airflow").split(".")[0]) < 3:
        console.print("The local web UI needs Airflow 3. On Airflow 2 run the demo without --airflow.")
        return 2
    if _is_taken(port):
        console.print(
            f"Port {port} is in use. Stop the program that uses it, or run: make airflow ARGS='--port {port + 1}'"
        )
        return 2
    address = f"http://127.0.0.1:{port}"
    log = home / "airflow.log"
    with Sandbox(speed=1.0) as sandbox:
        settings = _settings(home, sandbox, address)
        console.print(f"Starting Airflow and a TingTing sandbox (about a minute). Airflow's log: {log}")
        _store_connections(home, sandbox, settings, log)
        with _standalone(settings, log) as process:
            try:
                _wait_for_page(process, f"{address}/api/v2/version")
                if process.poll() is None:
                    console.print(_welcome(home, sandbox, address))
                return process.wait()
            except KeyboardInterrupt:
                console.print("Stopping …")
                return 0


def _welcome(home: Path, sandbox: Sandbox, address: str) -> str:
    push = "curl -X POST -H 'Content-Type: application/json' -d '{\"push\": 3600}'"
    return f"""\
[bold]Airflow[/]  [cyan]{address}[/] (no password). Trigger one of the DAGs named tingting_…, which unpauses it
  Connection    tingting_default, under Admin, Connections
  Your DAGs     put their files into {home.resolve() / "dags"}

[bold]Sandbox[/]  [cyan]{sandbox.root_url}[/] (campaigns, contacts, ledger, faults)
  Base URL      {sandbox.base_url}
  Token         {sandbox.token}
  Clock         move it forward on the page, or by one hour with
                {push} {sandbox.root_url}sandbox/clock

[bold]Stop both with Ctrl+C.[/] All files are in {home}; delete that folder to start again without data."""


def _settings(home: Path, sandbox: Sandbox, address: str) -> dict[str, str]:
    """Return the environment. Its connections are in Airflow's database, where the Connections page shows them."""
    settings = environment(home, sandbox, deferred=True)
    for name in connections(home, sandbox):
        del settings[f"AIRFLOW_CONN_{name.upper()}"]
    own_dags = home.resolve() / "dags"
    own_dags.mkdir(exist_ok=True)
    bundles = [
        {"name": name, "classpath": _LOCAL_BUNDLE, "kwargs": {"path": str(folder), "refresh_interval": 10}}
        for name, folder in (("examples", example_dags()), ("own", own_dags))
    ]
    return settings | {
        "AIRFLOW__API__PORT": address.rpartition(":")[2],
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__BASE_URL": address,
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{address}/execution/",
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(bundles),
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "10",
        # `airflow standalone` starts its components by the name `airflow`.
        "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}",
    }


def _store_connections(home: Path, sandbox: Sandbox, settings: dict[str, str], log: Path) -> None:
    run_airflow(settings, log, "db", "migrate")
    file = home / "connections.json"
    content = {name: json.loads(value) for name, value in connections(home, sandbox).items()}
    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as output:  # noqa: PTH123
        json.dump(content, output)
    try:
        run_airflow(settings, log, "connections", "import", "--overwrite", str(file))
    finally:
        file.unlink()


@contextmanager
def _standalone(settings: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Yield a running `airflow standalone`, and stop it with all its components on any end of the block."""
    with log.open("ab") as output:
        # In a session of its own: the terminal's Ctrl+C would reach each component, and a second signal makes
        # `airflow standalone` leave processes running.
        process = subprocess.Popen(
            [sys.executable, "-m", "airflow", "standalone"],
            env=settings,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        with suppress(subprocess.TimeoutExpired, ProcessLookupError):
            process.send_signal(signal.SIGINT)
            process.wait(timeout=_SECONDS_TO_STOP)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _wait_for_page(process: subprocess.Popen[bytes], url: str) -> None:
    while process.poll() is None:
        with suppress(urllib.error.URLError, OSError), urllib.request.urlopen(url, timeout=1):
            return
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=1)


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
