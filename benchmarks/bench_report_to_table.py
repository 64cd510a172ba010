"""How fast does a report come into a table, beside what one would write by hand, and how much memory does it take?

Run it from the checkout: `python benchmarks/bench_report_to_table.py [--rows 1000000] [--uri postgresql://…]`.
The peer reads the same file with the csv module and hands it to `DbApiHook.insert_rows` of Airflow's SQLite hook:
without types, checks, summary or one transaction. Prints rows a second, the ratio in this run, and the memory that ours
took at most above the interpreter with Airflow imported; exits with 1 above 150 MiB. With `--uri` ours alone writes to
that database, without it both write to SQLite.
"""

from __future__ import annotations

import argparse
import csv
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from measuring import read_options

os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="tingting-bench-")

HEADER = "Number,Status,Duration (Seconds),Playback (%),Credit Consumed,Other Info,Action Date,Carrier"
STATUSES = ("completed", "completed", "hungup", "unanswered", "failed")
MOST_MIB = 150


def write_report(path: Path, rows: int) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write(f"{HEADER}\n")
        for index in range(rows):
            info = f"\"{{'name': 'Sita {index}', 'ward': {index % 32}}}\""
            status = STATUSES[index % 5]
            file.write(
                f"98{index:08},{status},{index % 60},{index % 101},{index % 3},{info},"
                f"2026-11-22 {index % 24:02}:{index % 60:02}:00,NTC\n"
            )


def by_us(path: Path, uri: str) -> int:
    from sqlalchemy import create_engine

    from airflow_provider_tingting.reports.reading import read_report
    from airflow_provider_tingting.reports.table import TableName, load_table, table_columns

    with path.open("rb") as file:
        read = read_report(file, columns=False)
        engine = create_engine(uri, hide_parameters=True)
        columns = table_columns(79, read.table)
        return load_table(engine, TableName("tingting_bench"), columns, read.report.rows, campaign_id=79)[1]


def by_hand(path: Path, uri: str) -> int:
    from airflow.providers.sqlite.hooks.sqlite import SqliteHook

    # Airflow writes the same with one slash less.
    os.environ["AIRFLOW_CONN_BENCH"] = uri.replace("sqlite:///", "sqlite://")
    hook = SqliteHook("bench")
    names = ("number", "status", "duration", "playback", "credit", "info", "date", "carrier")
    hook.run(f"CREATE TABLE by_hand (campaign_id INTEGER, {', '.join(names)})")
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file)
        next(reader)
        hook.insert_rows(
            "by_hand", ([79, *row] for row in reader), ["campaign_id", *names], commit_every=1000, executemany=True
        )
    ((count,),) = hook.get_records("SELECT count(*) FROM by_hand")
    return int(count)


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=300_000)
    parser.add_argument("--uri", default="")
    options = read_options(parser, rows=30_000)
    import logging

    import airflow.providers.common.sql.hooks.sql  # noqa: F401

    logging.disable(logging.INFO)
    with tempfile.TemporaryDirectory(prefix="tingting-bench-") as folder:
        report = Path(folder) / "report.csv"
        write_report(report, options.rows)
        lite = f"sqlite:///{Path(folder) / 'bench.db'}"
        before = peak_mib()
        peers: list[tuple[Callable[[Path, str], int], str]] = [(by_us, options.uri or lite)]
        if not options.uri:
            peers.append((by_hand, lite))
        rates, taken = {}, 0.0
        for load, uri in peers:
            began = time.perf_counter()
            rows = load(report, uri)
            assert rows == options.rows, rows
            rates[load.__name__] = rows / (time.perf_counter() - began)
            taken = taken or peak_mib() - before
        print(f"{options.rows:,} rows, {report.stat().st_size / 1e6:.0f} MB")
    print(", ".join(f"{name} {rate:,.0f} rows a second" for name, rate in rates.items()))
    if "by_hand" in rates:
        print(f"ratio {rates['by_us'] / rates['by_hand']:.2f}")
    print(f"memory: {taken:.0f} MiB at most above the interpreter with Airflow imported")
    return 1 if taken > MOST_MIB else 0


if __name__ == "__main__":
    sys.exit(main())
