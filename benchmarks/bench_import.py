"""What does a DAG file pay for importing the provider's operators, and a task for its start?

Peer, in interleaved rounds: the same for Airflow's own PythonOperator. Each round is a process of its own in which
Airflow's SDK is imported already. CPU seconds, so that other programs disturb little.

    python benchmarks/bench_import.py [--rounds 15]
"""

from __future__ import annotations

import argparse

from measuring import compare, in_a_process, machine, median, read_options

OURS = "operators.campaign operators.contacts operators.preview operators.report sensors.campaign"
# What a task that runs a campaign loads when it starts.
STARTED = "hooks.tingting api.client campaigns.run operators.campaign.start operators.campaign.ending campaigns.outcome"
#: Most milliseconds of it, without `requests` and what the DAG file has loaded.
MAX_AT_START = 60.0
# What any DAG file with an operator has imported: not the provider's cost.
EVERY_DAG_FILE_HAS = [
    *(f"airflow.sdk.bases.{name}" for name in ("decorator", "notifier", "operator", "operatorlink", "sensor")),
    "airflow.triggers.base",
    "airflow.providers.common.compat.sdk",
]
WAYS = {
    "one operator": ["airflow_provider_tingting.operators.campaign"],
    "all operators": [f"airflow_provider_tingting.{name}" for name in OURS.split()],
    "PythonOperator": ["airflow.providers.standard.operators.python"],
    "a run task's start": [f"airflow_provider_tingting.{name}" for name in STARTED.split()],
}


def measure(way: str) -> None:
    from importlib import import_module

    from measuring import print_costs

    for name in EVERY_DAG_FILE_HAS:
        import_module(name)
    if way == "a run task's start":
        for name in ("airflow.sdk.execution_time.task_runner", "requests", *WAYS["one operator"]):
            import_module(name)
    print_costs(lambda: [import_module(name).__name__ for name in WAYS[way]])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = read_options(parser, rounds=3)
    if options.measure:
        measure(options.measure)
        return

    print(machine("apache-airflow", "pydantic", "msgspec"))
    rounds: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in range(options.rounds):
        for way, measured in rounds.items():
            measured.append(in_a_process(__file__, "--measure", way)["cpu"])
    cpu = {way: median(measured) * 1000 for way, measured in rounds.items()}
    print(f"milliseconds of CPU, medians of {options.rounds} interleaved rounds")
    for way, spent in cpu.items():
        print(f"  {way}: {spent:.0f}")
    compare(
        "import of all operators",
        f"PythonOperator: {cpu['PythonOperator']:.0f} ms",
        f"{cpu['all operators']:.0f} ms",
        cpu["all operators"] / cpu["PythonOperator"],
        1.0,
    )
    start = cpu["a run task's start"]
    compare("start of a run task beyond requests: ms", "none", f"{start:.0f} ms", start, MAX_AT_START)


if __name__ == "__main__":
    main()
