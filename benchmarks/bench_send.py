"""How fast are contacts sent to a server that takes 50 ms a request and 0.1 ms a contact?

Peers, in the same run and against the same server: the vendor's own Python client (`tingting`, one contact a request;
a part of the contacts is sent and the rest extrapolated); what the server can take by its own arithmetic; and, because
a busy machine reaches that with no client, a bare loop of sockets that sends bodies made beforehand.

    python benchmarks/bench_send.py [--contacts 100000] [--rounds 3]
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import tempfile
import threading
import time
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from measuring import machine, median, read_options, verdict
from slow_server import best_rate, slow_server

from airflow_provider_tingting.api import TingTingClient, calls
from airflow_provider_tingting.contacts.add import add_audience
from airflow_provider_tingting.contacts.audience import ValidatedAudience, check_audience
from airflow_provider_tingting.contacts.send import batches
from airflow_provider_tingting.contacts.sources import read_rows

BATCH = 500


def by_us(root: str, audience: ValidatedAudience, connections: int) -> tuple[float, float]:
    """Contacts a second and CPU seconds of the task's own loading: spool, batches, requests, the count at the end."""
    with TingTingClient("a-token", base_url=f"{root}/api/v1/") as client:
        campaign = client.send(calls.get_campaign(79))
        began, cpu = time.perf_counter(), time.process_time()
        loaded = add_audience(client, campaign, audience, batch_size=BATCH, concurrency=connections)
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    assert loaded.created == audience.valid, loaded
    return audience.valid / seconds, cpu


def by_sockets(root: str, bodies: list[bytes], contacts: int, connections: int) -> float:
    """Contacts a second of nothing but sending and reading: no audience, no JSON, no retry."""
    host, port = root.removeprefix("http://").split(":")
    waiting = iter(bodies)
    lock = threading.Lock()

    def work() -> None:
        with closing(HTTPConnection(host, int(port))) as connection:
            while True:
                with lock:
                    body = next(waiting, None)
                if body is None:
                    return
                connection.request("POST", "/api/v1/campaign/79/add-contact/", body)
                assert b'"created"' in connection.getresponse().read()

    began = time.perf_counter()
    threads = [threading.Thread(target=work) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return contacts / (time.perf_counter() - began)


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
    import requests

    headers = {"Authorization": "Bearer a-token"}
    people = [contact.as_api() for contact, _ in zip(audience.contacts(), range(part), strict=False)]
    began = time.perf_counter()
    for one in people:
        answer = requests.post(f"{root}/api/v1/campaign/79/add-contact/", headers=headers, json=one)
        answer.raise_for_status()
        answer.json()
    return part / (time.perf_counter() - began)


def audience_of(count: int, folder: str) -> ValidatedAudience:
    path = Path(folder) / "people.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["number", "name", "amount", "ward", "due"])
        for index in range(count):
            writer.writerow([f"984{index:07}", f"सीता {index}", f"{index % 5000}.50", index % 32, "2082-01-15"])
    return check_audience(read_rows(path))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--contacts", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--part", type=int, default=200, help="contacts that the vendor's client sends")
    options = read_options(parser, contacts=10_000, rounds=1)

    print(machine("requests", "tingting"))
    ours: dict[int, list[tuple[float, float]]] = {4: [], 8: []}
    bare: dict[int, list[float]] = {4: [], 8: []}
    vendors: list[float] = []
    with tempfile.TemporaryDirectory() as folder, audience_of(options.contacts, folder) as audience:
        bodies = [
            json.dumps({"contacts": [contact.as_api() for contact in batch]}, ensure_ascii=False).encode()
            for batch in batches(audience.contacts(), BATCH)
        ]
        for _ in range(options.rounds):
            for connections in ours:
                with slow_server() as root:
                    ours[connections].append(by_us(root, audience, connections))
                with slow_server() as root:
                    bare[connections].append(by_sockets(root, bodies, options.contacts, connections))
            with slow_server() as root:
                name, rate = by_the_vendor(root, audience, options.part)
                vendors.append(rate)

    print(f"{options.contacts:,} contacts, {BATCH} a request, medians of {options.rounds} interleaved rounds")
    vendor = median(vendors)
    hours = options.contacts / vendor / 3600
    print(f"  {name}, one contact a request: {vendor:.1f}/s, from {options.part}; all would take {hours:.1f} hours")
    for connections, share in ((4, 0.9), (8, 0.8)):
        rate = median([rate for rate, _ in ours[connections]])
        cpu = median([cpu for _, cpu in ours[connections]])
        best = best_rate(connections, BATCH)
        sockets = median(bare[connections])
        print(f"  {connections} connections: {rate:,.0f}/s of {best:,.0f}/s possible; {cpu:.2f} CPU seconds")
        print(f"  bare sockets reach {sockets / best:.0%} here, ours {rate / sockets:.0%} of that")
        verdict(f"share of the possible at {connections}", rate / best, f"at least {share}", rate / best >= share)
        if connections == 4:
            verdict("times the vendor's client", rate / vendor, "at least 200", rate / vendor >= 200)


if __name__ == "__main__":
    main()
