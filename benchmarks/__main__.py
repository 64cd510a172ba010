"""Run the benchmarks and end with one table: `python benchmarks [--quick] [names]`.

`--quick` runs small versions of the quick ones in less than three minutes. It then fails when requests or memory, which
are the same on every machine, have grown.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
#: Not in a quick run: minutes long whatever their size.
SLOW = ("bench_waiting", "bench_report_download", "bench_report_memory", "bench_numbers", "bench_flat")
COLUMNS = ("job", "peer", "product", "ratio", "target", "met")


def main() -> int:
    """Run the benchmarks one after another and print the table."""
    every = sorted(path.stem for path in HERE.glob("bench_*.py"))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small runs, and an exit status for counted ratios")
    parser.add_argument("names", nargs="*", choices=[[], *every], help="the benchmarks to run; by default all")
    options = parser.parse_args()
    names = options.names or [name for name in every if not (options.quick and name in SLOW)]
    broken = []
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder) / "rows.jsonl"
        for name in names:
            print(f"== {name}", flush=True)
            command = [sys.executable, str(HERE / f"{name}.py"), *(["--quick"] if options.quick else [])]
            done = subprocess.run(command, check=False, env={**os.environ, "BENCH_ROWS": str(kept)})
            if done.returncode:
                broken.append(name)
        rows = [json.loads(line) for line in kept.read_text("utf-8").splitlines()] if kept.exists() else []
    print()
    print(table(rows))
    missed = [row["job"] for row in rows if row["gate"] is not None and row["ratio"] > row["gate"]]
    for name in broken:
        print(f"{name} has failed")
    for job in missed:
        print(f"more than is allowed: {job}")
    return 1 if broken or (options.quick and missed) else 0


def table(rows: list[dict[str, Any]]) -> str:
    """Return the rows as a Markdown table."""
    lines = [f"| {' | '.join(COLUMNS)} |", f"|{'---|' * len(COLUMNS)}"]
    for row in rows:
        met = "yes" if row["ratio"] <= row["target"] else "no"
        cells = (row["job"], row["peer"], row["product"], f"{row['ratio']:.2f}", f"≤ {row['target']:.3g}", met)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
