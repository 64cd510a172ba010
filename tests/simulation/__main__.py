"""Walks through simulated lives and prints, as short as it can be, each schedule that breaks a promise.

make simulate                                   two faults at once, then 100,000 lives at random
make simulate ARGS="--lives 5000000 --seed 7"   as long as one likes
make simulate ARGS="--life 'run deferred' --two-faults"
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import tempfile
import time
from collections.abc import Iterable

from support.airflow_home import prepare

prepare()

from simulation.adversary import Schedule  # noqa: E402
from simulation.known import Kind, is_known  # noqa: E402
from simulation.lives import IN_TWO_FAULTS, LIVES  # noqa: E402
from simulation.walk import Findings, Job, begin_process, warm_up, work  # noqa: E402
from simulation.world import IN_MEMORY  # noqa: E402

#: What is walked, by the kind of job.
KINDS = {"one": "every fault", "two": "every two faults", "random": "at random"}


def jobs(options: argparse.Namespace) -> Iterable[Job]:
    """Return what is to be done, in this order: if there is not time for all, fewer lives are walked at random."""
    lives = [options.life] if options.life else list(LIVES)
    if options.one_fault:
        yield from (Job("one", life) for life in lives)
    if options.two_faults:
        chosen = [options.life] if options.life else list(IN_TWO_FAULTS)
        yield from (Job("two", life, part, 16) for life in chosen for part in range(16))
    step = 200
    for first in range(options.seed, options.seed + options.lives, step):
        last = min(first + step, options.seed + options.lives)
        yield Job("random", options.life or "", seeds=(first, last))


def main() -> int:
    """Walk, and return 1 when a promise is broken that is not known to be."""
    parser = argparse.ArgumentParser(prog="make simulate", description=__doc__.partition("\n")[0])
    parser.add_argument("--life", choices=sorted(LIVES), help="this kind of life only")
    parser.add_argument("--one-fault", action="store_true", help="each schedule of one fault")
    parser.add_argument("--two-faults", action="store_true", help="each schedule of two faults")
    parser.add_argument("--lives", type=int, help="how many lives at random (100000 unless another walk is asked for)")
    parser.add_argument("--seed", type=int, default=0, help="of the first life at random; each has the next one")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after so many seconds")
    parser.add_argument("--processes", type=int, default=multiprocessing.cpu_count())
    options = parser.parse_args()
    if options.lives is None:
        if not (options.one_fault or options.two_faults):
            options.one_fault = options.two_faults = True
            options.lives = 100_000
        else:
            options.lives = 0
    began = time.monotonic()
    total = Findings()
    shown = began
    work_list = [(job, began + options.seconds) for job in jobs(options)]
    parts: dict[str, Findings] = {kind: Findings() for kind in KINDS}
    warm_up()
    with (
        tempfile.TemporaryDirectory(prefix="simulation-", dir=IN_MEMORY) as folder,
        multiprocessing.get_context("fork").Pool(options.processes, begin_process, (folder,)) as pool,
    ):
        for job, found in pool.imap_unordered(work, work_list):
            for key in found.faults.keys() - total.faults.keys():
                _print(key, *found.faults[key])
            total += found
            parts[job.kind] += found
            if time.monotonic() - shown > 10:
                shown = time.monotonic()
                print(f"{total.lives:,} lives in {shown - began:.0f} s", flush=True)
    took = time.monotonic() - began
    print(f"{total.lives:,} lives in {took:.0f} s ({total.lives / max(took, 1e-9):.0f} a second)")
    for kind, part in parts.items():
        if any(job.kind == kind for job, _ in work_list):
            how = "all" if part.is_complete else f"NOT ALL: stopped after {options.seconds:.0f} s"
            print(f"  {KINDS[kind]}: {part.lives:,} lives ({part.quiet:,} without a fault), {how}")
    for unpromised, times in total.unpromised.most_common():
        print(f"  cannot be promised: {unpromised}: {times:,} times")
    new = [kind for kind, (life, _, _) in total.faults.items() if not is_known(life, kind)]
    print(f"  broken: {len(total.faults)} kinds, {len(new)} of them not known")
    return 1 if new else 0


def _print(kind: Kind, life: str, schedule: Schedule, how: str) -> None:
    print(f"BROKEN {kind[0]!r} in {life!r}: {how[:600]}")
    print(f"    schedule: {json.dumps([str(decision) for decision in schedule])}", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
