"""Does a contact cost the same among 10,000 and among 1,000,000, from the csv to the answered batch?

The peer is the run itself: its smallest size. Reading, checking, keeping on disk, batching and sending are measured;
the server is a function that answers at once. Every size is a process of its own.

    python benchmarks/bench_flat.py [--rows 1000000] [--rounds 3]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench_check import write_people
from measuring import compare, in_a_process, machine, median, print_costs, read_options


def send_all(path: str) -> int:
    from airflow_provider_tingting.api.models import AddContactsResult
    from airflow_provider_tingting.contacts.audience import check_audience
    from airflow_provider_tingting.contacts.send import send_batches
    from airflow_provider_tingting.contacts.sources import read_rows

    with check_audience(read_rows(path)) as audience:
        sent = send_batches(audience.contacts(), lambda batch: AddContactsResult(created=len(batch), skipped=0))
    return sent.created


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000, help="the largest size; the smallest is a hundredth")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = read_options(parser, rows=100_000, rounds=1)
    if options.measure:
        send_all(options.measure.replace("people-", "warm-"))
        print_costs(lambda: send_all(options.measure))
        return

    print(machine("msgspec"))
    sizes = (options.rows // 100, options.rows // 10, options.rows)
    rounds: dict[int, list[dict[str, Any]]] = {size: [] for size in sizes}
    with tempfile.TemporaryDirectory() as folder:
        for size in sizes:
            write_people(Path(folder) / f"people-{size}.csv", size)
            # Read before the clock runs, so that imports and caches are paid for.
            write_people(Path(folder) / f"warm-{size}.csv", 1000)
        for _ in range(options.rounds):
            for size, measured in rounds.items():
                # The small ones are too short for one read of the clock.
                for _ in range(1 if size == options.rows else 3):
                    measured.append(in_a_process(__file__, "--measure", str(Path(folder) / f"people-{size}.csv")))

    cost = {size: median([one["cpu"] for one in measured]) / size * 1e6 for size, measured in rounds.items()}
    for size, measured in rounds.items():
        memory = max(one["peak"] - one["before"] for one in measured)
        print(f"  {size:,} contacts: {cost[size]:.2f} CPU microseconds a contact, {memory:.1f} MiB more at the peak")
    ratio = cost[sizes[-1]] / cost[sizes[0]]
    job = f"CPU of a contact, check and sending, among {sizes[-1]:,}"
    compare(job, f"among {sizes[0]:,}: {cost[sizes[0]]:.2f} µs", f"{cost[sizes[-1]]:.2f} µs", ratio, 1.15)


if __name__ == "__main__":
    main()
