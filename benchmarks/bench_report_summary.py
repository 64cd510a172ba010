"""Is a report summarised as fast as by a plain loop over the `csv` module that adds up the same figures?

Run it from the checkout: `python benchmarks/bench_report_summary.py [--rows 1700000]`. Both count statuses,
carriers and numbers that come twice, add credits and seconds as numbers, and find the median of the playback; the
figures must agree. The second peer only reads the file with the csv module. The rounds alternate.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from a_large_report import write_large_report
from measuring import compare, read_options

from airflow_provider_tingting.reports.read_report import read_report
from airflow_provider_tingting.reports.summary import CampaignSummary

REACHED = {"completed", "hungup"}


def by_plain_loop(path: Path) -> dict[str, object]:
    statuses: Counter[str] = Counter()
    carriers: Counter[str] = Counter()
    numbers: set[str] = set()
    rows = doubles = 0
    credits = seconds = 0.0
    playback: list[float] = []
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file)
        while next(reader)[:1] != ["Number"]:
            pass
        for number, status, duration, percent, credit, _, _, carrier in reader:
            rows += 1
            if number in numbers:
                doubles += 1
            numbers.add(number)
            status = status.strip().lower()
            statuses[status] += 1
            carriers[carrier.strip()] += 1
            credits += float(credit or 0)
            if status in REACHED:
                seconds += float(duration or 0)
                if percent:
                    playback.append(float(percent))
    return {
        "contacts": rows, "by_status": dict(statuses), "by_carrier": dict(carriers), "credits": credits,
        "seconds_talked": seconds, "median_playback": statistics.median(playback), "duplicates": doubles,
    }  # fmt: skip


def by_bare_csv(path: Path) -> int:
    with path.open(encoding="utf-8", newline="") as file:
        return sum(1 for _ in csv.reader(file))


def by_us(path: Path) -> CampaignSummary:
    with path.open("rb") as file:
        return read_report(file).summary


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_700_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = read_options(parser, rows=100_000, rounds=1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "report.csv"
        write_large_report(path, rows=options.rows)
        path.read_bytes()
        theirs, ours, bare = [], [], []
        for _ in range(options.rounds):
            for times, summarise in ((bare, by_bare_csv), (theirs, by_plain_loop), (ours, by_us)):
                before = time.process_time()
                figures = summarise(path)
                times.append(time.process_time() - before)
                if summarise is by_plain_loop:
                    expected = figures
        agree = all(getattr(figures, name) == value for name, value in expected.items())
    print(f"{options.rows:,} rows; best of {options.rounds} rounds, seconds of CPU")
    job, product = f"summary of {options.rows:,} rows", f"{min(ours):.2f} CPU s"
    compare(job, f"csv loop with the same figures: {min(theirs):.2f} CPU s", product, min(ours) / min(theirs), 1.2)
    compare(job, f"bare csv: {min(bare):.2f} CPU s", product, min(ours) / min(bare), 1.2)
    print("the figures agree" if agree else "THE FIGURES DISAGREE")
    return 0 if agree else 1


if __name__ == "__main__":
    sys.exit(main())
