"""How much memory does a report take on its way into a file, above the interpreter with Airflow imported?

Run it from the checkout: `python benchmarks/bench_report_memory.py [--rows 1000000]`. Each format is written in
a process of its own. It prints the peak above what the process had after Airflow and the operators were imported, and
exits with 1 when one is above the limit.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from a_large_report import write_large_report
from measuring import read_options

ROOT = Path(__file__).parents[1]
LIMIT = 150
PROGRAM = """
import resource, sys, time

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

try:
    import airflow.sdk
except ImportError:
    import airflow.models.baseoperator
import airflow_provider_tingting.operators.report
from airflow_provider_tingting.reports.parser import open_report
from airflow_provider_tingting.reports.read_report import read_report
from airflow_provider_tingting.reports.writers import write_report

source, target, what = sys.argv[1:]
before, began = peak(), time.process_time()
with open(source, "rb") as file:
    if what == "summary":
        read_report(file)
    elif what == "chart":
        from airflow_provider_tingting.reports.chart import write_chart
        write_chart(open_report(file), target, title="Water notice")
    else:
        write_report(file, target, format=what)
print(before, peak() - before, time.process_time() - began)
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--what", default="summary,raw,csv,jsonl,parquet,chart")
    options = read_options(parser, rows=100_000)
    worst = 0.0
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "report.csv"
        write_large_report(source, rows=options.rows)
        print(f"{options.rows:,} rows, {source.stat().st_size / 1e6:.0f} MB")
        for what in options.what.split(","):
            done = subprocess.run(
                [sys.executable, "-c", PROGRAM, str(source), str(Path(folder) / "target"), what],
                capture_output=True, text=True, check=True, cwd=ROOT,
            )  # fmt: skip
            before, above, seconds = map(float, done.stdout.splitlines()[-1].split())
            worst = max(worst, above)
            print(f"{what:8} {above:6.1f} MiB above the {before:.0f} MiB of Airflow   {seconds:6.1f} s of CPU")
    print(f"the most is {worst:.0f} MiB; the limit is {LIMIT} MiB")
    return 0 if worst < LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
