"""Rehearses a DAG: runs it unchanged against a sandbox that is started for it, and reports what it would do.

The DAG runs in a process of its own with an Airflow of its own: another home, another database, and the sandbox in
place of every TingTing connection. The real account cannot be reached from there, because its connection is not read
and the client refuses every other server.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from airflow_provider_tingting.errors import TingTingError
from airflow_provider_tingting.files.private import private_folder
from airflow_provider_tingting.masking import mask_text
from airflow_provider_tingting.rehearsal.dag_file import choose_place
from airflow_provider_tingting.rehearsal.environment import UserAirflow, child_environment
from airflow_provider_tingting.rehearsal.request import RehearsalRequest

__all__ = ["RehearsalError", "RehearsalRequest", "rehearse"]


class RehearsalError(TingTingError):
    """The rehearsal's own process has failed."""


def rehearse(
    request: RehearsalRequest, *, keep: Path | None = None, environ: Mapping[str, str] = os.environ
) -> dict[str, Any]:
    """Rehearse a DAG and return the report; nothing is left behind except in `keep`.

    :param request: the options.
    :param keep: a folder that keeps the files and tables that the DAG would write; None removes them.
    :param environ: the environment of the user's Airflow.
    :raises TingTingError: the DAG cannot be rehearsed; the text says why.
    """
    folders = [Path(request.dags)] if request.dags else UserAirflow(environ).dag_folders
    places = choose_place(request.dag_id, folders)
    with private_folder("tingting-rehearsal-") as home:
        result = home / "result.json"
        orders = {
            "request": request.to_json(),
            "places": [str(place) for place in places],
            "written": str((keep or home / "written").absolute()),
            "result": str(result),
            "environ": dict(environ),
        }
        folder = folders[0] if folders[0].is_dir() else folders[0].parent
        log = home / "log.txt"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "airflow_provider_tingting.rehearsal"],
                env=child_environment(environ, home, folder.resolve()),
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            try:
                process.communicate(json.dumps(orders).encode())
            finally:
                if process.poll() is None:
                    process.kill()
                    process.wait()
        return _read_result(result, log)


def _read_result(result: Path, log: Path) -> dict[str, Any]:
    if not result.is_file():
        lines = log.read_text(errors="replace").strip().splitlines()[-15:]
        raise RehearsalError(
            "The rehearsal's process ended early. Its last lines:\n" + "\n".join(map(mask_text, lines))
        )
    read = json.loads(result.read_text(encoding="utf-8"))
    if "error" in read:
        raise RehearsalError(read["error"])
    report: dict[str, Any] = read["report"]
    return report
