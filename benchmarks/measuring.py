"""What the benchmarks share: processes of their own, with CPU seconds and peak memory, and how results are shown."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).parents[1]
MIB = 1024**2


def read_options(parser: argparse.ArgumentParser, **quick: int) -> argparse.Namespace:
    """Return the command line's options. `--quick` replaces the defaults by those given here."""
    parser.add_argument("--quick", action="store_true", help="a small run that shows only that the benchmark works")
    if "--quick" in sys.argv:
        parser.set_defaults(**quick)
    return parser.parse_args()


def machine(*distributions: str) -> str:
    """Where this run was made and with what, in one line; the load shows how much else ran."""
    versions = []
    for name in distributions:
        try:
            versions.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            versions.append(f"no {name}")
    load = os.getloadavg()[0]
    return (
        f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, {os.cpu_count()} cores, "
        f"load {load:.1f} at the start; {', '.join(versions)}"
    )


def compare(job: str, peer: str, product: str, ratio: float, most: float, *, gate: float | None = None) -> None:
    """Print one row of the table that `make bench` ends with, and keep it for that table.

    :param job: what is measured.
    :param peer: what the product is measured against, with its figure.
    :param product: the product's figure.
    :param ratio: the product's figure in those of its peer, or in the limit's unit; the less, the better.
    :param most: the target: the largest ratio.
    :param gate: the ratio above which a quick run fails; None for ratios that differ between machines.
    """
    row = {"job": job, "peer": peer, "product": product, "ratio": ratio, "target": most, "gate": gate}
    if "BENCH_ROWS" in os.environ:
        with Path(os.environ["BENCH_ROWS"]).open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
    met = "met" if ratio <= most else "MISSED"
    print(f"  {job}: {product}; {peer}; ratio {ratio:.3g} (target at most {most:.3g}: {met})")


def peak_memory() -> int:
    """The most bytes of memory that this process has had, without that of the one which started it."""
    return _memory("VmHWM")


def memory_now() -> int:
    return _memory("VmRSS")


def _memory(line: str) -> int:
    for entry in Path("/proc/self/status").read_text().splitlines():
        if entry.startswith(f"{line}:"):
            return int(entry.split()[1]) * 1024
    raise RuntimeError(f"this system does not report {line}")


def in_a_process(script: str, *arguments: str) -> dict[str, Any]:
    """Run a script with arguments in a Python of its own and return what `print_costs` printed there."""
    path = os.pathsep.join([str(CHECKOUT), os.environ.get("PYTHONPATH", "")])
    # With compiled modules, as an installed package has them.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        [sys.executable, script, *arguments],
        env={**environment, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    return dict(json.loads(done.stdout.splitlines()[-1]))


def print_costs(work: Callable[[], Any]) -> None:
    """Do the work and print, for `in_a_process`, what it took: seconds, CPU seconds, MiB at its peak and before it."""
    before = memory_now()
    began, cpu = time.perf_counter(), time.process_time()
    result = work()
    print(
        json.dumps(
            {
                "seconds": time.perf_counter() - began,
                "cpu": time.process_time() - cpu,
                "peak": peak_memory() / MIB,
                "before": before / MIB,
                "result": result,
            }
        )
    )


def median(values: Sequence[float]) -> float:
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
