"""Begins DAG runs: reads one a line, as the JSON of `trigger_dag`'s arguments, and writes `triggered` for each.

One process for all runs, since the command line would take seconds for each. Not by REST: on SQLite the API server
stands still whenever that call has to wait for another writer, because it waits in the event loop. Only that process
imports Airflow; the tests that start it and write to it do not.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

RUNS_DESK = Path(__file__)
_TRIGGERED = "triggered"


def begin_run(desk: subprocess.Popen[bytes], dag_id: str, run_id: str, conf: Mapping[str, object]) -> bool:
    """Begin a DAG run; False when the process has ended instead. One thread at a time.

    :param desk: the process that executes this file, with pipes.
    """
    assert desk.stdin is not None and desk.stdout is not None
    desk.stdin.write(json.dumps({"dag_id": dag_id, "run_id": run_id, "conf": dict(conf)}).encode() + b"\n")
    desk.stdin.flush()
    return any(line.strip() == _TRIGGERED.encode() for line in desk.stdout)


def main() -> None:
    """Begin runs until the input ends."""
    from airflow import __version__
    from airflow.api.common.trigger_dag import trigger_dag

    more: dict[str, Any] = {"replace_microseconds": False}
    if not __version__.startswith("2."):
        from airflow.utils.types import DagRunTriggeredByType

        more["triggered_by"] = DagRunTriggeredByType.CLI
    for line in sys.stdin:
        trigger_dag(**json.loads(line), **more)
        print(_TRIGGERED, flush=True)


if __name__ == "__main__":
    main()
