"""The examples in a local Airflow with its web page, the connection in place, beside a sandbox."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from rich.console import Console

from airflow_provider_tingting.demo.surroundings import environment
from airflow_provider_tingting.sandbox import Sandbox


def serve(home: Path, port: int) -> int:
    """Run `airflow standalone` until it is stopped, and return its exit code."""
    console = Console(highlight=False, soft_wrap=True)
    with Sandbox(speed=1.0) as sandbox:
        settings = environment(home, sandbox, deferred=True) | {
            "AIRFLOW__API__PORT": str(port),
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{port}",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
            # `airflow standalone` starts the other components by the name `airflow`.
            "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}",
        }
        console.print(
            f"[bold]Airflow[/] will answer at [cyan]http://127.0.0.1:{port}[/] in about a minute, without a password.\n"
            "  Start one of the DAGs named tingting_… there; the connection tingting_default is in place.\n"
            f"  The sandbox's own pages: [cyan]{sandbox.base_url.removesuffix('api/v1/')}[/]\n"
            "  [bold]Stop both with Ctrl-C.[/] Everything they write is in "
            f"{home}; delete that folder to begin afresh.\n"
        )
        # In a session of its own: a Ctrl-C of the terminal would reach each component beside ours, and a second
        # signal makes `airflow standalone` leave processes behind.
        process = subprocess.Popen(
            [sys.executable, "-m", "airflow", "standalone"], env=settings, start_new_session=True
        )
        try:
            return process.wait()
        except KeyboardInterrupt:
            # Its own way of stopping all components; a second Ctrl-C must not leave them behind.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            process.send_signal(signal.SIGINT)
            process.wait(timeout=60)
            return 0
