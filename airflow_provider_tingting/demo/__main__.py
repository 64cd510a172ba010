"""The command line of the demo."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from airflow_provider_tingting.demo import campaign_run, local_airflow


def main(arguments: list[str] | None = None) -> int:
    """Run the demo and return the exit code.

    :param arguments: the words of the command line; None means those of this process.
    """
    parser = argparse.ArgumentParser(
        prog="python -m airflow_provider_tingting.demo",
        description="Run an example campaign as an Airflow DAG against a local TingTing sandbox. "
        "It makes no real calls, and needs no account.",
    )
    parser.add_argument("--deferred", action="store_true", help="wait in the triggerer instead of in a worker")
    parser.add_argument("--airflow", action="store_true", help="open the examples in a local Airflow instead")
    parser.add_argument(
        "--home", type=Path, default=Path(".airflow/demo"), help="folder for everything that is written"
    )
    parser.add_argument("--port", type=int, default=8080, help="with --airflow: port of Airflow's web UI")
    options = parser.parse_args(arguments)
    # SIGINT is set explicitly, because a shell starts a background job with SIGINT ignored.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        if options.airflow:
            return local_airflow.serve(options.home, options.port)
        return campaign_run.run(options.home, deferred=options.deferred)
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
