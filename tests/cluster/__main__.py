"""Starts the tests' cluster for a person, with a TingTing sandbox and the examples, until Ctrl+C.

make cluster                          print the addresses, and wait
make cluster ARGS="--speed 10"        let the sandbox's clock run ten times as fast
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import threading
from contextlib import ExitStack
from pathlib import Path

from cluster.cluster import Cluster
from cluster.stores import missing_programs
from support.airflow_home import EXAMPLE_DAGS
from support.postgres_server import PostgresServer, folder_for_server

from airflow_provider_tingting.sandbox import Sandbox


def main() -> int:
    """Run a cluster, and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="make cluster", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dags", type=Path, default=EXAMPLE_DAGS, help="the folder of DAGs (default: the examples)")
    parser.add_argument("--speed", type=float, default=1.0, help="seconds of the sandbox in a real second (default: 1)")
    options = parser.parse_args()
    if missing := missing_programs():
        print(f"make cluster: needs {' and '.join(missing)}; .ci/system-packages installs them", file=sys.stderr)
        return 2
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tingting-cluster-")))
        sandbox = stack.enter_context(Sandbox(speed=options.speed))
        server = PostgresServer(stack.enter_context(folder_for_server()), max_connections=300)
        environment = {"AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "True"}
        cluster = Cluster(folder / "cluster", server, dags=options.dags.resolve(), environment=environment)
        stack.callback(cluster.stop)
        print("Starting two schedulers, two Celery workers and two triggerers; this takes a minute.", flush=True)
        cluster.start({"tingting_default": sandbox.connection_json()})
        print(f"Airflow:            {cluster.address}")
        print(f"TingTing sandbox:   {sandbox.root_url}")
        print(f"Logs of components: {cluster.output}")
        print("Stop it with Ctrl+C; then everything above is removed.", flush=True)
        ended.wait()
        print("Stopping.", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
