"""What does it cost to check a report on its way to the disk, against a bare download of the same bytes?

Run it from the checkout: `python benchmarks/bench_report_download.py [--megabytes 200]`. One server process sends
the same file to a bare streaming `requests` loop and to the provider, which brings, checks, counts and writes it. It
prints the ratio of this run and what each part of the way costs; the CSV parser alone is the bound of any checking.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import requests
from a_large_report import write_large_report
from measuring import read_options

from airflow_provider_tingting.api import TingTingClient, calls
from airflow_provider_tingting.files.atomic import whole_file
from airflow_provider_tingting.reports.parser import open_report
from airflow_provider_tingting.reports.read_report import read_report
from airflow_provider_tingting.reports.writers import write_report

SERVER = """
import shutil, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

path = Path(sys.argv[1])

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/csv")
        self.send_header("Content-Length", str(path.stat().st_size))
        self.end_headers()
        with path.open("rb") as file:
            self.connection.sendfile(file)

    def log_message(self, *_):
        pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
"""


def timed(work: Callable[[], object]) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    options = read_options(parser, megabytes=20, rounds=1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = folder / "source.csv"
        rows = write_large_report(source, size=options.megabytes * 10**6)
        server = subprocess.Popen([sys.executable, "-c", SERVER, str(source)], stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout is not None
            base_url = f"http://127.0.0.1:{server.stdout.readline().strip()}/api/v1/"
            run(folder, source, rows, base_url, options.rounds)
        finally:
            server.terminate()
            server.wait()
    return 0


def run(folder: Path, source: Path, rows: int, base_url: str, rounds: int) -> None:
    client = TingTingClient("token-of-a-benchmark", base_url=base_url)

    def bare() -> None:
        url = f"{base_url}download/79/report/"
        with requests.get(url, stream=True, timeout=60) as answer, (folder / "bare.csv").open("wb") as file:
            for chunk in answer.iter_content(1 << 16):
                file.write(chunk)

    def fetch() -> None:
        with (folder / "spool.csv").open("wb") as file:
            client.download(calls.download_campaign_report(79), file)

    def whole_way(format: str) -> None:
        fetch()
        with (folder / "spool.csv").open("rb") as file:
            written = write_report(file, folder / f"report.{format}", format=format, expected=rows)
        assert written.rows == rows and written.summary.duplicates == 0

    def parse() -> None:
        with source.open(encoding="utf-8", newline="") as file:
            for _ in csv.reader(file):
                pass

    def check_rows() -> None:
        with source.open("rb") as file:
            for _ in open_report(file).batches():
                pass

    def count() -> None:
        with source.open("rb") as file:
            read_report(file)

    def count_and_columns() -> None:
        with source.open("rb") as file:
            read_report(file)

    def build() -> None:
        with source.open("rb") as file:
            for _ in open_report(file).rows():
                pass

    def copy() -> None:
        with source.open("rb") as file, whole_file(folder / "copy.csv") as target:
            while block := file.read(1 << 20):
                target.write(block)

    works: dict[str, Callable[[], None]] = {
        "bare requests download": bare,
        "provider, raw: bring, check, count, write": lambda: whole_way("raw"),
        "provider, csv: the same, tidy": lambda: whole_way("csv"),
        "part: the client's download": fetch,
        "part: the csv module alone": parse,
        "part: rows found and checked": check_rows,
        "part: the same, and summary": count,
        "part: the same, and columns": count_and_columns,
        "part: typed rows": build,
        "part: atomic copy to disk": copy,
    }
    best: dict[str, tuple[float, float]] = {}
    for _ in range(rounds):
        for name, work in works.items():
            best[name] = min(best.get(name, (1e9, 1e9)), timed(work))
    size = source.stat().st_size / 1e6
    bound = best["bare requests download"][1] + best["part: the csv module alone"][1]
    print(f"{size:.0f} MB, {rows:,} rows; best of {rounds} rounds")
    reference = best["bare requests download"][0]
    for name, (wall, cpu) in best.items():
        share = reference / wall
        print(f"{name:42} {wall:6.2f} s  {cpu:6.2f} s of CPU  {size / wall:7.0f} MB/s  {share:6.1%} of bare")
    raw = best["provider, raw: bring, check, count, write"][1]
    print(f"raw takes {raw / bound:.1f} times the CPU of a bare download and the csv module alone")


if __name__ == "__main__":
    sys.exit(main())
