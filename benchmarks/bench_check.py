"""What do the check and the batching of a CSV cost, in time and memory?

Peers, in the same run and in interleaved rounds: a careful loop of the csv module that checks each number with a
regular expression, looks for repeated numbers and blank tags, and collects lists of 500 contacts; and polars, which
does the same with columns. Every round is a process of its own with Airflow imported, as a task's is.

    python benchmarks/bench_check.py [--rows 1000000] [--rounds 3]
"""

from __future__ import annotations

import argparse
import csv
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from measuring import compare, in_a_process, machine, median, print_costs, read_options

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
        return sum(len([one.as_api() for one in batch]) for batch in batches(audience.encoded_contacts(), BATCH))


def by_loop(path: str) -> int:
    mobile = re.compile(r"9[78]\d{8}").fullmatch
    seen: set[str] = set()
    batch: list[dict[str, Any]] = []
    count = 0
    with Path(path).open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            number = row.pop("number").strip()
            if not mobile(number) or number in seen or not row["name"].strip() or not row["due"].strip():
                continue
            seen.add(number)
            batch.append({"number": number, "other_variables": row})
            if len(batch) == BATCH:
                count += len(batch)
                batch = []
    return count + len(batch)


def by_polars(path: str) -> int:
    import polars

    frame = polars.read_csv(path, infer_schema=False)
    good = frame.filter(
        polars.col("number").str.contains(r"^9[78]\d{8}$")
        & (polars.col("name").str.strip_chars() != "")
        & (polars.col("due").str.strip_chars() != "")
    ).unique("number", keep="first", maintain_order=True)
    return sum(len(part.to_dicts()) for part in good.iter_slices(BATCH))


def measure(way: str, path: str) -> None:
    import airflow.sdk  # noqa: F401 - part of what every task pays

    import airflow_provider_tingting.operators.contacts  # noqa: F401

    print_costs(lambda: {"us": by_us, "loop": by_loop, "polars": by_polars}[way](path))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    options = read_options(parser, rows=100_000, rounds=1)
    if options.measure:
        measure(*options.measure)
        return

    print(machine("apache-airflow", "phonenumbers", "msgspec", "polars"))
    rounds: dict[str, list[dict[str, Any]]] = {"us": [], "loop": [], "polars": []}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "people.csv"
        write_people(path, options.rows)
        for _ in range(options.rounds):
            for way, measured in rounds.items():
                measured.append(in_a_process(__file__, "--measure", way, str(path)))
    assert all(one["result"] == options.rows for measured in rounds.values() for one in measured)

    cpu = {way: median([one["cpu"] for one in measured]) for way, measured in rounds.items()}
    memory = {way: max(one["peak"] - one["before"] for one in measured) for way, measured in rounds.items()}
    print(f"{options.rows:,} rows from csv to batches of {BATCH}, medians of {options.rounds} interleaved rounds")
    ours = f"{cpu['us']:.2f} CPU s"
    job = f"check of {options.rows:,} rows"
    compare(job, f"csv + regex loop: {cpu['loop']:.2f} CPU s", ours, cpu["us"] / cpu["loop"], 1.3)
    peers = f"loop: {memory['loop']:.0f} MiB, polars: {memory['polars']:.0f} MiB and {cpu['polars']:.2f} CPU s"
    compare(f"{job}: MiB", peers, f"{memory['us']:.0f} MiB", memory["us"], 40, gate=40)


if __name__ == "__main__":
    main()
