"""The examples in a local Airflow with its web page, the connection in place, beside a sandbox."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rich.console import Console

from airflow_provider_tingting.demo.surroundings import environment
from airflow_provider_tingting.sandbox import Sandbox

_SECONDS_TO_END = 60.0


def serve(home: Path, port: int) -> int:
    """Run `airflow standalone` until it is stopped, and return the exit code."""
    console = Console(highlight=False, soft_wrap=True)
    if _is_taken(port):
        console.print(f"Port {port} is taken. Stop what is using it, or: make airflow ARGS='--port {port + 1}'")
        return 2
    address = f"http://127.0.0.1:{port}"
    with Sandbox(speed=1.0) as sandbox:
        settings = environment(home, sandbox, deferred=True) | {
            "AIRFLOW__API__PORT": str(port),
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__BASE_URL": address,
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{address}/execution/",
            # `airflow standalone` starts the other components by the name `airflow`.
            "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}",
        }
        log = home / "airflow.log"
        console.print(f"Starting Airflow and a TingTing sandbox; what Airflow says goes to {log} …")
        with _standalone(settings, log) as process:
            try:
                _await_page(process, f"{address}/api/v2/version")
                if process.poll() is None:
                    console.print(
                        f"[bold]Airflow[/] answers at [cyan]{address}[/], without a password.\n"
                        "  Start one of the DAGs named tingting_… there; the connection tingting_default is in place.\n"
                        f"  The sandbox's own pages: [cyan]{sandbox.root_url}[/]\n"
                        "  [bold]Stop both with Ctrl+C.[/] Everything they write is in "
                        f"{home}; delete that folder to begin afresh."
                    )
                return process.wait()
            except KeyboardInterrupt:
                console.print("Stopping …")
                return 0


@contextmanager
def _standalone(settings: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Give a running `airflow standalone` and end it, with all that it started, however this process is told to end."""
    for sign in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, signal.default_int_handler)
    with log.open("ab") as output:
        # In a session of its own: a Ctrl+C of the terminal would reach each component beside ours, and a second
        # signal makes `airflow standalone` leave processes behind.
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
            process.wait(timeout=_SECONDS_TO_END)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _await_page(process: subprocess.Popen[bytes], url: str) -> None:
    while process.poll() is None:
        with suppress(urllib.error.URLError, OSError), urllib.request.urlopen(url, timeout=1):
            return
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=1)


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
