"""What do thousands of deferred waits cost, against one GET a wait?

Run it from the checkout: `python benchmarks/bench_waiting.py [--quick]`. It needs Airflow 3.3 and takes about
fifteen minutes, with `--quick` (1,000 waits only) about five.

Each measurement is a process of its own with the installed Airflow's `TriggerRunner` in it, whose supervisor is a stub:
triggers are made, run and cleaned up as in a triggerer. The TingTing that they ask is a process, too, which does next
to nothing; its newest campaigns are those that are waited for. A campaign runs for two hours, and when the waits begin
each is at another point of that; so some end while it is measured. 10,000 waits read every 30 s. With 1,000 waits
everything goes three times as fast: 10 s stand for 30, and 40 minutes for the two hours.

Waits that arrive one after another, 0.65 s apart, are compared with as many that begin together, in one triggerer and
in two (`arrivals` measures that alone, in six minutes): from one interval after the last arrival on they should cost
the same.

The peer asks for each campaign by itself, one GET each interval, with one client for all: the best of its kind. Both
are measured in this run. It exits with 1 when a target is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.request import urlopen

sys.path.insert(0, str(Path(__file__).parents[1]))

from listing_server import OTHERS, ends_at, serve

HERE = Path(__file__)
INTERVAL = 30.0
TWO_HOURS = 7200.0
A_PASS = 500  # triggers that are handed to the runner at once
PASSES_APART = 1.0

ARRIVE_APART = 0.65
ARRIVALS = 200
MAX_FOR_ARRIVALS = 1.2  # times the requests of waits that began together

# Fewest times fewer requests, by the server's page; longest lag of the loop and most memory a wait.
TARGETS = {10: 10.0, 100: 100.0}
MAX_LAG_MS = 10.0
MAX_KIB = 20.0


# -- what is measured --------------------------------------------------------------------------------------------------


def peer() -> type:
    """Make the peer; Airflow is imported in the measuring process only."""
    from airflow.triggers.base import BaseTrigger, TriggerEvent

    from airflow_provider_tingting.api import AsyncTingTingClient, calls

    clients: list[AsyncTingTingClient] = []
    # More at once make httpx slower.
    few = asyncio.Semaphore(10)

    class OneGetAWait(BaseTrigger):
        def __init__(self, campaign_id: int, poll_interval: float) -> None:
            super().__init__()
            self.campaign_id, self.poll_interval = campaign_id, poll_interval

        def serialize(self) -> tuple[str, dict[str, Any]]:
            return "bench_waiting.OneGetAWait", {
                "campaign_id": self.campaign_id,
                "poll_interval": self.poll_interval,
            }

        async def run(self) -> AsyncIterator[TriggerEvent]:
            if not clients:
                clients.append(AsyncTingTingClient("token", base_url=os.environ["BENCH_URL"]))
            while True:
                async with few:
                    campaign = await clients[0].send(calls.get_campaign(self.campaign_id))
                if campaign.status.is_final:
                    yield TriggerEvent({"campaign_id": campaign.id, "status": campaign.status.value})
                    return
                await asyncio.sleep(self.poll_interval)

    return OneGetAWait


def __getattr__(name: str) -> Any:
    if name != "OneGetAWait":
        raise AttributeError(name)
    found = globals()[name] = peer()
    return found


class TimedEvents(deque[Any]):
    """The runner's queue of events, which saves when each arrived."""

    def __init__(self) -> None:
        super().__init__()
        self.at: dict[int, float] = {}

    def append(self, entry: Any) -> None:
        self.at[entry.event.payload["campaign_id"]] = time.time()


def rss_kib() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1])
    raise AssertionError("no VmRSS")


def rate(before: dict[str, Any], after: dict[str, Any], began: float, seconds: float) -> float:
    """Return the requests a second; of one who walks through a list from walk to walk, since a part of one is none."""
    walks = [(at, total) for at, total in after["walks"] if at >= began]
    if len(walks) < 3:
        return float((after["total"] - before["total"]) / seconds)
    (first, had), (last, has) = walks[0], walks[-1]
    return float((has - had) / (last - first))


def measure(options: argparse.Namespace) -> None:
    """Run the triggers in Airflow's own runner and print what they cost as JSON."""
    import logging

    from airflow.executors import workloads
    from airflow.jobs.triggerer_job_runner import TriggerRunner
    from airflow.models.trigger import Trigger
    from airflow.sdk.execution_time import task_runner

    logging.disable(logging.INFO)
    interval = options.interval
    if options.way == "poller":
        classpath = "airflow_provider_tingting.triggers.campaign.TingTingCampaignTrigger"
    else:
        classpath = "bench_waiting.OneGetAWait"

    def workload(campaign: int) -> Any:
        arguments = {"campaign_id": campaign, "poll_interval": interval}
        return workloads.RunTrigger(
            id=campaign, classpath=classpath, encrypted_kwargs=Trigger.encrypt_kwargs(arguments)
        )

    class Comms:
        def __init__(self) -> None:
            self._reader_task = asyncio.get_running_loop().create_future()

        async def asend(self, message: Any) -> None:
            return None

        def send(self, message: Any) -> None:
            return None

    class Runner(TriggerRunner):
        async def init_comms(self) -> None:
            self.comms_decoder = task_runner.SUPERVISOR_COMMS = Comms()
            self.events = TimedEvents()
            mine = range(OTHERS + 1 + options.triggerer, OTHERS + 1 + options.waits, options.triggerers)
            self.waiting = deque(workload(one) for one in mine)
            self.began = time.time()
            self.base = 0
            self.measuring = asyncio.ensure_future(observe(self))

        async def sync_state_to_supervisor(self, finished_ids: list[int]) -> None:
            if self.measuring.done():
                self.measuring.result()
            # The first alone: its own costs, such as imports, belong to no wait.
            at_once = A_PASS if self.triggers else 1
            if self.triggers and options.apart:
                arrived = int((time.time() - self.began) / options.apart) // options.triggerers
                at_once = arrived - len(self.triggers) - len(self.events.at)
            for _ in range(min(at_once, len(self.waiting))):
                if not self.triggers or self.base:
                    self.to_create.append(self.waiting.popleft())

    async def observe(runner: Any) -> None:
        late: list[float] = []

        async def beat() -> None:
            while True:
                due = time.perf_counter() + 0.005
                await asyncio.sleep(0.005)
                late.append(time.perf_counter() - due)

        heart = asyncio.ensure_future(beat())
        await asyncio.sleep(5)
        gc.collect()
        runner.base = rss_kib()
        while options.waits and (runner.waiting or runner.to_create):
            await asyncio.sleep(0.1)
        # Every wait has read the status, and the first ones again.
        await asyncio.sleep(options.settle)
        late.clear()
        asked, cpu, began = ask(), time.process_time(), time.time()
        await asyncio.sleep(options.seconds)
        seconds = time.time() - began
        cpu, now = time.process_time() - cpu, await asyncio.to_thread(ask)
        heart.cancel()
        delays = [
            at - ends_at(campaign, asked["began"], options.lasts)
            for campaign, at in runner.events.at.items()
            if at >= began and ends_at(campaign, asked["began"], options.lasts) >= began
        ]
        gc.collect()
        waits = len(runner.triggers)
        late.sort()
        delays.sort()
        result = {
            "began": began,
            "waits": waits,
            "rate": rate(asked, now, began, seconds),
            "cpu": cpu / seconds,
            "kib": (rss_kib() - runner.base) / max(1, waits),
            "lag_p99_ms": late[int(len(late) * 0.99)] * 1000,
            "lag_max_ms": late[-1] * 1000,
            "ends": len(delays),
            "delay_median": delays[len(delays) // 2] / interval if delays else None,
            "delay_max": delays[-1] / interval if delays else None,
        }
        print("RESULT " + json.dumps(result), flush=True)
        os._exit(0)

    def ask() -> dict[str, Any]:
        address = os.environ["BENCH_URL"].partition("/api/")[0]
        with urlopen(f"{address}/asked") as answer:
            return dict(json.load(answer))

    Runner().run()


# -- all of it ---------------------------------------------------------------------------------------------------------


def run(
    way: str, waits: int, cap: int, speed: float, intervals: float, *, apart: float = 0.0, triggerers: int = 1
) -> dict[str, Any]:
    """Measure one way with a server of its own.

    :param apart: the seconds between two arrivals; 0: all begin together.
    :param triggerers: how many share the waits; the figures are those of the one that began to measure last.
    """
    interval, lasts = INTERVAL / speed, TWO_HOURS / speed
    same = ["--waits", str(waits), "--cap", str(cap), "--lasts", str(lasts), "--interval", str(interval)]
    server = subprocess.Popen([sys.executable, HERE, "serve", *same], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        address = f"http://127.0.0.1:{server.stdout.readline().strip()}/api/v1/"
        with tempfile.TemporaryDirectory() as home:
            environment = {
                **os.environ,
                "AIRFLOW_HOME": home,
                "AIRFLOW__CORE__FERNET_KEY": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
                "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
                "AIRFLOW_CONN_TINGTING_DEFAULT": json.dumps(
                    {"conn_type": "tingting", "host": address, "password": "token-of-the-benchmark"}
                ),
                "BENCH_URL": address,
                "NO_PROXY": "127.0.0.1",
                "no_proxy": "127.0.0.1",
            }
            timing = ["--settle", str((1.0 if apart else 1.2) * interval), "--seconds", str(intervals * interval)]
            timing += ["--apart", str(apart / speed), "--triggerers", str(triggerers)]
            running = [
                subprocess.Popen(
                    [sys.executable, HERE, "measure", "--way", way, *same, *timing, "--triggerer", str(number)],
                    env=environment,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                )
                for number in range(triggerers)
            ]
            said = [process.communicate(timeout=600) for process in running]
        results = [
            dict(json.loads(line.removeprefix("RESULT ")))
            for output, _ in said
            for line in output.splitlines()
            if line.startswith("RESULT ")
        ]
        if len(results) < triggerers:
            raise SystemExit(f"no result:\n{said}")
        return max(results, key=lambda result: float(result["began"]))
    finally:
        server.kill()
        server.wait()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("role", nargs="?", default="all", choices=["all", "arrivals", "serve", "measure"])
    parser.add_argument("--quick", action="store_true", help="1,000 waits only")
    parser.add_argument("--way", default="poller")
    for number in ("--interval", "--lasts", "--settle", "--seconds"):
        parser.add_argument(number, type=float)
    parser.add_argument("--apart", type=float, default=0.0)
    for number in ("--waits", "--cap"):
        parser.add_argument(number, type=int)
    parser.add_argument("--triggerers", type=int, default=1)
    parser.add_argument("--triggerer", type=int, default=0)
    options = parser.parse_args()
    if options.role == "serve":
        asyncio.run(serve(options.waits, options.cap, options.lasts))
    elif options.role == "measure":
        measure(options)
    elif options.role == "arrivals":
        return report(arrivals())
    else:
        return report(
            arrivals() + compare([(1_000, 3.0, 6.0)] if options.quick else [(1_000, 3.0, 6.0), (10_000, 1.0, 4.0)])
        )
    return 0


def report(missed: list[str]) -> int:
    print("\n" + ("\n".join(f"MISSED: {one}" for one in missed) or "Every target is met."))
    return 1 if missed else 0


def arrivals() -> list[str]:
    """Compare waits that arrive one after another with those that begin together; return what misses its target."""
    missed = []
    # Not faster than real: a wait reads sooner in its first 16 seconds, which are to lie within one interval.
    print(f"{ARRIVALS} waits, one read each {INTERVAL:.0f} s, from an interval after the last came")
    print(("{:<14}" + "{:>18}" * 3).format("triggerers", "together, req/s", "0.65 s apart", "ratio"))
    numbers, pauses = (1, 2), (0.0, ARRIVE_APART)
    with ThreadPoolExecutor() as side_by_side:
        rates = {
            (triggerers, apart): side_by_side.submit(
                run, "poller", ARRIVALS, 100, 1.0, 4.0, apart=apart, triggerers=triggerers
            )
            for triggerers in numbers
            for apart in pauses
        }
    for triggerers in numbers:
        together, arrived = (float(rates[triggerers, apart].result()["rate"]) for apart in pauses)
        ratio = arrived / together
        print(f"{triggerers:<14}{together:>18.3f}{arrived:>18.3f}{ratio:>18.2f}", flush=True)
        if ratio > MAX_FOR_ARRIVALS:
            missed.append(f"arrivals in {triggerers} triggerers cost {ratio:.2f} times as much")
    return missed


def compare(sizes: list[tuple[int, float, float]]) -> list[str]:
    """Compare shared waits with one GET a wait; return the targets that are missed."""
    missed = []
    heads = ("way", "page", "req/s", "fewer", "CPU %", "KiB/wait", "lag p99 ms", "max", "ends", "event s", "at most")
    idle = run("poller", 0, 10, 10.0, 5.0)
    print(f"nothing waits: loop lag p99 {idle['lag_p99_ms']:.1f} ms, at most {idle['lag_max_ms']:.0f}")
    for waits, speed, intervals in sizes:
        print(
            f"\n{waits:,} waits, one read each {INTERVAL:.0f} s, {speed:.0f} times as fast, {intervals:.0f} intervals"
        )
        print(("{:<14}" + "{:>11}" * 10).format(*heads))
        alone = run("one GET a wait", waits, 10, speed, intervals)
        show("one GET a wait", "", alone, None)
        asked, due = alone["rate"], alone["waits"] * speed / INTERVAL
        if asked < 0.9 * due:
            print(f"  which does not keep up: {due:.1f} requests a second were due, compared with the poller")
        for cap, target in TARGETS.items():
            poller = run("poller", waits, cap, speed, intervals)
            fewer = max(asked, due if asked < 0.9 * due else 0.0) / poller["rate"]
            show("poller", str(cap), poller, fewer)
            if fewer < target:
                missed.append(f"{waits:,} waits, pages of {cap}: {fewer:.1f} times fewer requests instead of {target}")
            # Where the machine is busy with other things, the loop is late with nothing in it.
            if poller["lag_p99_ms"] >= max(MAX_LAG_MS, 2 * idle["lag_p99_ms"]):
                missed.append(f"{waits:,} waits, pages of {cap}: lag p99 {poller['lag_p99_ms']:.1f} ms")
            if poller["kib"] >= MAX_KIB:
                missed.append(f"{waits:,} waits, pages of {cap}: {poller['kib']:.1f} KiB a wait")
    return missed


def show(way: str, page: str, one: dict[str, Any], fewer: float | None) -> None:
    cells = [
        page,
        f"{one['rate']:.2f}",
        "" if fewer is None else f"{fewer:.1f}x",
        f"{100 * one['cpu']:.1f}",
        f"{one['kib']:.1f}",
        f"{one['lag_p99_ms']:.1f}",
        f"{one['lag_max_ms']:.0f}",
        str(one["ends"]),
        *("" if one[name] is None else f"{one[name]:.2f} int." for name in ("delay_median", "delay_max")),
    ]
    print(f"{way:<14}" + "".join(f"{cell:>11}" for cell in cells), flush=True)


if __name__ == "__main__":
    sys.exit(main())
