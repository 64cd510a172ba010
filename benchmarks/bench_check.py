"""What do the check and the batching of a CSV cost, in time and memory?

Peer, in the same run and in interleaved rounds: a plain loop of the csv module that collects lists of 500 rows. Every
round is a process of its own with Airflow imported, as a task's is.

    python benchmarks/bench_check.py [--rows 1000000] [--rounds 3]
"""

from __future__ import annotations

import argparse
import csv
import sys
import tempfile
from itertools import islice
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from measuring import in_a_process, machine, median, read_options, tell, verdict

BATCH = 500


def write_people(path: Path, rows: int) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["number", "name", "amount", "ward", "due"])
        for index in range(rows):
            writer.writerow([f"984{index:07}", f"सीता {index}", f"{index % 5000}.50", index % 32, "2082-01-15"])


def by_us(path: str) -> int:
    from airflow_provider_tingting.contacts.audience import AudienceOptions, check_audience
    from airflow_provider_tingting.contacts.send import batches
    from airflow_provider_tingting.contacts.sources import read_rows

    with check_audience(read_rows(path), AudienceOptions(required_tags=("name", "due"))) as audience:
        audience.raise_if_refused()
        return sum(len([contact.as_api() for contact in batch]) for batch in batches(audience.contacts(), BATCH))


def by_csv(path: str) -> int:
    count = 0
    with Path(path).open(newline="", encoding="utf-8") as file:
        reader = csv.reader(file)
        next(reader)
        while batch := list(islice(reader, BATCH)):
            count += len(batch)
    return count


def measure(way: str, path: str) -> None:
    import airflow.sdk  # noqa: F401 - part of what every task pays

    import airflow_provider_tingting.operators.contacts  # noqa: F401

    tell(lambda: {"us": by_us, "csv": by_csv}[way](path))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    options = read_options(parser, rows=100_000, rounds=1)
    if options.measure:
        measure(*options.measure)
        return

    print(machine("apache-airflow", "phonenumbers", "msgspec"))
    rounds: dict[str, list[dict[str, Any]]] = {"us": [], "csv": []}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "people.csv"
        write_people(path, options.rows)
        for _ in range(options.rounds):
            for way, measured in rounds.items():
                measured.append(in_a_process(__file__, "--measure", way, str(path)))
    assert all(one["result"] == options.rows for measured in rounds.values() for one in measured)

    cpu = {way: median([one["cpu"] for one in measured]) for way, measured in rounds.items()}
    memory = max(one["peak"] - one["before"] for one in rounds["us"])
    rate = options.rows / cpu["us"]
    print(f"{options.rows:,} rows from csv to batches of {BATCH}, medians of {options.rounds} interleaved rounds")
    print(f"  ours {cpu['us']:.2f} CPU seconds, a plain csv loop {cpu['csv']:.2f}; ratio {cpu['us'] / cpu['csv']:.1f}")
    verdict("rows a second of one core", rate, "at least 100,000", rate >= 100_000)
    verdict("MiB above the interpreter with Airflow imported", memory, "below 120", memory < 120)


if __name__ == "__main__":
    main()
