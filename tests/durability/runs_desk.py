"""Begins DAG runs: reads one a line, as the JSON of `trigger_dag`'s arguments, and writes `triggered` for each.

One process for all runs, since the command line would take seconds for each. Not by REST: on SQLite the API server
stands still whenever that call has to wait for another writer, because it waits in the event loop.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from airflow import __version__
from airflow.api.common.trigger_dag import trigger_dag


def main() -> None:
    """Begin runs until the input ends."""
    more: dict[str, Any] = {"replace_microseconds": False}
    if not __version__.startswith("2."):
        from airflow.utils.types import DagRunTriggeredByType

        more["triggered_by"] = DagRunTriggeredByType.CLI
    for line in sys.stdin:
        trigger_dag(**json.loads(line), **more)
        print("triggered", flush=True)


if __name__ == "__main__":
    main()
