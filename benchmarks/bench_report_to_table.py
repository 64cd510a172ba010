"""How fast is a report loaded into SQLite and PostgreSQL, beside the fastest way that each database has?

Run it from the checkout: `python benchmarks/bench_report_to_table.py [--rows 1000000]`. The peer of SQLite reads the
same file with the csv module and inserts it by `executemany` of Python's sqlite3; the peer of PostgreSQL (a private
server, where its programs are installed) reads it with the csv module and writes it by COPY. Neither reads types or
variables, checks, or counts. Runs alternate, and the best of each counts. Prints seconds, the ratios of this run, and
the memory that the product took at most above the interpreter with Airflow imported; exits with 1 above 150 MiB.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import io
import os
import resource
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[1] / "tests")]

from measuring import compare, read_options  # noqa: E402
from support.postgres_server import folder_for_server, programs, running_server  # noqa: E402

os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="tingting-bench-")

HEADER = "Number,Status,Duration (Seconds),Playback (%),Credit Consumed,Other Info,Action Date,Carrier"
STATUSES = ("completed", "completed", "hungup", "unanswered", "failed")
NAMES = ("number", "status", "duration", "playback", "credit", "info", "date", "carrier")
MAX_MIB = 150


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


def by_the_product(path: Path, uri: str) -> int:
    from sqlalchemy import create_engine

    from airflow_provider_tingting.reports.read_report import read_report
    from airflow_provider_tingting.reports.table import TableName, load_table, table_columns
    from airflow_provider_tingting.reports.tidy import TidyTable

    with path.open("rb") as file:
        read = read_report(file)
        engine = create_engine(uri, hide_parameters=True)
        # As the operator does by default: the variables are JSON in one column.
        columns = table_columns(79, TidyTable())
        return load_table(engine, TableName("tingting_bench"), columns, read.report.rows, campaign_id=79)[1]


def by_executemany(path: Path, uri: str) -> int:
    """Load into SQLite as one would by hand."""
    with contextlib.closing(sqlite3.connect(uri.removeprefix("sqlite:///"))) as connection, connection:
        connection.execute("DROP TABLE IF EXISTS by_hand")
        connection.execute(f"CREATE TABLE by_hand (campaign_id INTEGER, {', '.join(NAMES)})")
        marks = ", ".join("?" * (len(NAMES) + 1))
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.reader(file)
            next(reader)
            connection.executemany(f"INSERT INTO by_hand VALUES ({marks})", ([79, *row] for row in reader))
        return int(connection.execute("SELECT count(*) FROM by_hand").fetchone()[0])


def by_copy(path: Path, uri: str) -> int:
    """Load into PostgreSQL as one would by hand."""
    import psycopg2

    body = io.StringIO()
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file)
        next(reader)
        csv.writer(body).writerows([79, *row] for row in reader)
    body.seek(0)
    with contextlib.closing(psycopg2.connect(uri)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS by_hand")
        columns = ", ".join(f"{name} text" for name in NAMES)
        cursor.execute(f"CREATE TABLE by_hand (campaign_id bigint, {columns})")
        cursor.copy_expert("COPY by_hand FROM STDIN WITH (FORMAT csv)", body)
        cursor.execute("SELECT count(*) FROM by_hand")
        return int(cursor.fetchone()[0])


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def alternate(name: str, report: Path, uri: str, peer: Callable[[Path, str], int], rows: int, runs: int) -> None:
    """Print how long the product and its peer take; the best of several runs that alternate."""
    best: dict[Callable[[Path, str], int], float] = {}
    for _ in range(runs):
        for load in (by_the_product, peer):
            began = time.perf_counter()
            assert load(report, uri) == rows
            best[load] = min(best.get(load, float("inf")), time.perf_counter() - began)
    ours, theirs = best[by_the_product], best[peer]
    what, most = ("executemany", 1.5) if peer is by_executemany else ("COPY", 2.0)
    compare(f"report of {rows:,} rows to {name}", f"{what}: {theirs:.2f} s", f"{ours:.2f} s", ours / theirs, most)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=3)
    options = read_options(parser, rows=10_000, runs=1)
    import logging

    import airflow.providers.common.sql.hooks.sql  # noqa: F401

    logging.disable(logging.INFO)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tingting-bench-")))
        report = folder / "report.csv"
        write_report(report, options.rows)
        print(f"{options.rows:,} rows, {report.stat().st_size / 1e6:.0f} MB")
        before = peak_mib()
        lite = f"sqlite:///{folder / 'bench.db'}"
        by_the_product(report, lite)
        taken = peak_mib() - before
        alternate("SQLite", report, lite, by_executemany, options.rows, options.runs)
        if programs() is None:
            print("PostgreSQL   no server is installed")
        else:
            uri = stack.enter_context(running_server(stack.enter_context(folder_for_server())))
            alternate("PostgreSQL", report, uri, by_copy, options.rows, options.runs)
    compare(f"report of {options.rows:,} rows to SQLite: MiB", "none", f"{taken:.0f}", taken, MAX_MIB, gate=MAX_MIB)
    return 1 if taken > MAX_MIB else 0


if __name__ == "__main__":
    sys.exit(main())
