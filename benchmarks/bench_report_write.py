"""What does a report cost on its way to tidy csv and parquet, beside duckdb and polars?

Each way is a process of its own, in interleaved rounds: CPU seconds of all its threads, and memory above the
interpreter. The product checks each row, counts the summary, and makes a column of each variable; the peers read the
table below the preamble, convert the amounts, and take the variables apart with string functions.

    python benchmarks/bench_report_write.py [--rows 1700000] [--rounds 1]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from a_large_report import write_large_report
from measuring import compare, in_a_process, median, print_costs, read_options

#: Rows above the table.
ABOVE = 3
VARIABLES = ("name", "ward", "due")
MAX_MIB = 250
#: Targets, in CPU seconds of duckdb.
MOST = {"csv": 3.0, "parquet": 2.0}


def by_product(source: str, target: str, format: str) -> int:
    from airflow_provider_tingting.reports.writers import write_report

    with Path(source).open("rb") as file:
        return write_report(file, target, format=format).rows


def by_duckdb(source: str, target: str, format: str) -> int:
    import duckdb

    info = "replace(\"Other Info\", '''', '\"')"
    columns = ", ".join(f"json_extract_string({info}, '$.{name}') AS {name}" for name in VARIABLES)
    table = f"read_csv('{source}', skip={ABOVE}, header=true, all_varchar=true)"
    options = "FORMAT parquet" if format == "parquet" else "FORMAT csv, HEADER"
    duckdb.sql(
        f"""COPY (SELECT "Number", lower("Status") AS status, TRY_CAST("Duration (Seconds)" AS DOUBLE) AS duration,
        TRY_CAST("Playback (%)" AS DOUBLE) AS playback, TRY_CAST("Credit Consumed" AS DOUBLE) AS credit,
        TRY_CAST("Action Date" AS TIMESTAMP) AS moment, "Carrier", {columns} FROM {table}) TO '{target}' ({options})"""
    )
    found = duckdb.sql(f"SELECT count(*) FROM '{target}'").fetchone()
    return int(found[0]) if found else 0


def by_polars(source: str, target: str, format: str) -> int:
    import polars as pl

    names = [
        pl.col("Other Info").str.replace_all("'", '"').str.json_path_match(f"$.{name}").alias(name)
        for name in VARIABLES
    ]
    amounts = [
        pl.col(name).cast(pl.Float64, strict=False)
        for name in ("Duration (Seconds)", "Playback (%)", "Credit Consumed")
    ]
    frame = pl.read_csv(source, skip_rows=ABOVE, infer_schema=False).with_columns(
        pl.col("Status").str.to_lowercase(), pl.col("Action Date").str.to_datetime(strict=False), *amounts, *names
    )
    frame = frame.drop("Other Info")
    (frame.write_parquet if format == "parquet" else frame.write_csv)(target)
    return frame.height


WAYS = {"product": by_product, "duckdb": by_duckdb, "polars": by_polars}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_700_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--measure", nargs=4, help=argparse.SUPPRESS)
    options = read_options(parser, rows=50_000)
    if options.measure:
        way, *arguments = options.measure
        print_costs(lambda: WAYS[way](*arguments))
        return
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "report.csv"
        write_large_report(source, rows=options.rows)
        size = source.stat().st_size / 1e6
        print(f"{options.rows:,} rows, {size:.0f} MB")
        for format, most in MOST.items():
            taken: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
            for _ in range(options.rounds):
                for way, measured in taken.items():
                    target = str(Path(folder) / f"{way}.{format}")
                    measured.append(in_a_process(__file__, "--measure", way, str(source), target, format))
            assert all(one["result"] == options.rows for measured in taken.values() for one in measured)
            cpu = {way: median([one["cpu"] for one in measured]) for way, measured in taken.items()}
            memory = {way: max(one["peak"] - one["before"] for one in measured) for way, measured in taken.items()}
            job = f"report of {size:.0f} MB to {format}"
            peers = f"duckdb: {cpu['duckdb']:.2f} CPU s (polars: {cpu['polars']:.2f})"
            compare(job, peers, f"{cpu['product']:.2f} CPU s", cpu["product"] / cpu["duckdb"], most)
            peers = f"duckdb: {memory['duckdb']:.0f} MiB, polars: {memory['polars']:.0f} MiB"
            compare(f"{job}: MiB", peers, f"{memory['product']:.0f}", memory["product"], MAX_MIB, gate=MAX_MIB)


if __name__ == "__main__":
    main()
