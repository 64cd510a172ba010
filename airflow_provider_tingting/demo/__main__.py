"""The command line of the demo."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def main(arguments: list[str] | None = None) -> int:
    """Run the demo and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m airflow_provider_tingting.demo",
        description="Run an example campaign as a real Airflow DAG against a TingTing on this machine. "
        "No account, no credits, nobody is called.",
    )
    parser.add_argument("--deferred", action="store_true", help="wait in the triggerer instead of in a worker")
    parser.add_argument("--airflow", action="store_true", help="open the examples in a local Airflow instead")
    parser.add_argument("--home", type=Path, default=Path(".airflow/demo"), help="folder for all that the demo writes")
    parser.add_argument("--port", type=int, default=8080, help="with --airflow: port of Airflow's web page")
    chosen = parser.parse_args(arguments)
    if chosen.airflow:
        from airflow_provider_tingting.demo.local_airflow import serve

        return serve(chosen.home, chosen.port)
    from airflow_provider_tingting.demo.campaign_run import run

    return run(chosen.home, deferred=chosen.deferred)


if __name__ == "__main__":
    sys.exit(main())
