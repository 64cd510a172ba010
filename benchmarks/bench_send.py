"""How fast do contacts go from a file to a server that takes 50 ms a request and 0.1 ms a contact?

Peers, in interleaved rounds of the same run and against the same server: what a good programmer writes in sixty lines
of requests and threads, which checks nothing; what the server can take by its own arithmetic; and the vendor's own
Python client (`tingting`, one contact a request; a part of the contacts is sent and the rest extrapolated).

    python benchmarks/bench_send.py [--contacts 100000] [--rounds 3]
"""

from __future__ import annotations

import argparse
import csv
import json
import queue
import sys
import tempfile
import threading
import time
from itertools import islice
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import requests
from bench_check import write_people
from measuring import compare, machine, median, read_options
from slow_server import best_rate, slow_server

from airflow_provider_tingting.api import TingTingClient, calls
from airflow_provider_tingting.contacts.add import add_audience
from airflow_provider_tingting.contacts.audience import ValidatedAudience, check_audience
from airflow_provider_tingting.contacts.sources import read_rows

BATCH = 500


def by_us(root: str, path: Path, connections: int) -> tuple[float, float]:
    """Seconds and CPU seconds of all that a task does: check, spool, batches, requests, the count at the end."""
    with TingTingClient("a-token", base_url=f"{root}/api/v1/") as client:
        campaign = client.send(calls.get_campaign(79))
        began, cpu = time.perf_counter(), time.process_time()
        with check_audience(read_rows(path)) as audience:
            loaded = add_audience(client, campaign, audience, batch_size=BATCH, concurrency=connections)
            assert loaded.created == audience.valid, loaded
        return time.perf_counter() - began, time.process_time() - cpu


def by_an_expert(root: str, path: Path, connections: int) -> tuple[float, float]:
    """The same of requests and threads: the file is read while batches are sent, and nothing is checked."""
    url = f"{root}/api/v1/campaign/79/add-contact/"
    waiting: queue.Queue[bytes | None] = queue.Queue(2 * connections)
    created: list[int] = []

    def work() -> None:
        with requests.Session() as session:
            session.headers.update({"Authorization": "Bearer a-token", "Content-Type": "application/json"})
            while (body := waiting.get()) is not None:
                answer = session.post(url, data=body, timeout=60)
                answer.raise_for_status()
                created.append(answer.json()["created"])

    began, cpu = time.perf_counter(), time.process_time()
    threads = [threading.Thread(target=work) for _ in range(connections)]
    for thread in threads:
        thread.start()
    sent = 0
    with path.open(newline="", encoding="utf-8") as file:
        rows = csv.DictReader(file)
        while batch := list(islice(rows, BATCH)):
            contacts = [{"number": row.pop("number"), "other_variables": row} for row in batch]
            waiting.put(json.dumps({"contacts": contacts}, ensure_ascii=False).encode())
            sent += len(batch)
    for _ in threads:
        waiting.put(None)
    for thread in threads:
        thread.join()
    assert sum(created) == sent
    return time.perf_counter() - began, time.process_time() - cpu


def by_the_vendor(root: str, audience: ValidatedAudience, part: int) -> tuple[str, float]:
    """Contacts a second of the vendor's client, from the first few of them."""
    try:
        from tingting.client import TingTingClient as Vendor
        from tingting.contact import Contact as VendorContact
    except ImportError:
        return "requests.post, as the vendor's client does it", _one_by_one(root, audience, part)
    vendor = Vendor(root, "a-token")
    people = [contact for contact, _ in zip(audience.contacts(), range(part), strict=False)]
    began = time.perf_counter()
    for one in people:
        VendorContact(vendor, phoneNumber=one.number, campaignId=79, attributes=dict(one.variables)).create()
    return "tingting", part / (time.perf_counter() - began)


def _one_by_one(root: str, audience: ValidatedAudience, part: int) -> float:
    headers = {"Authorization": "Bearer a-token"}
    people = [contact.as_api() for contact, _ in zip(audience.contacts(), range(part), strict=False)]
    began = time.perf_counter()
    for one in people:
        answer = requests.post(f"{root}/api/v1/campaign/79/add-contact/", headers=headers, json=one)
        answer.raise_for_status()
        answer.json()
    return part / (time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--contacts", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--part", type=int, default=200, help="contacts that the vendor's client sends")
    options = read_options(parser, contacts=20_000, rounds=1)

    print(machine("requests", "tingting"))
    ways = {"product": by_us, "expert": by_an_expert}
    taken: dict[tuple[str, int], list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "people.csv"
        write_people(path, options.contacts)
        for _ in range(options.rounds):
            for connections in (4, 8):
                for way, send in ways.items():
                    with slow_server() as root:
                        taken.setdefault((way, connections), []).append(send(root, path, connections))
        with slow_server() as root, check_audience(read_rows(path)) as audience:
            name, rate = by_the_vendor(root, audience, options.part)

    print(f"{options.contacts:,} contacts, {BATCH} a request, medians of {options.rounds} interleaved rounds")
    hours = options.contacts / rate / 3600
    print(f"  {name}, one contact a request: {rate:.1f}/s, from {options.part}; all would take {hours:.1f} hours")
    for connections in (4, 8):
        seconds = {way: median([one[0] for one in taken[way, connections]]) for way in ways}
        cpu = {way: median([one[1] for one in taken[way, connections]]) for way in ways}
        best = options.contacts / best_rate(connections, BATCH)
        job = f"{options.contacts:,} contacts, file to all sent, {connections} connections"
        product = f"{seconds['product']:.2f} s, {cpu['product']:.2f} CPU s"
        expert = f"requests + threads: {seconds['expert']:.2f} s, {cpu['expert']:.2f} CPU s"
        compare(job, expert, product, seconds["product"] / seconds["expert"], 1.05)
        compare(f"{job}", f"the server's own limit: {best:.2f} s", product, seconds["product"] / best, 1 / 0.93)


if __name__ == "__main__":
    main()
