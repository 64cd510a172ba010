"""How fast is .xlsx written and read with the libraries that come with the provider, and with how much memory?

Peers, in the same run: openpyxl's write-only and read-only modes, bare, without any check. Two workbooks are read: one
with the texts in its cells, as most libraries write it, and one with a list of all texts, as spreadsheet programs save
it. Every measurement is a process of its own.

    python benchmarks/bench_workbooks.py [--rows 1000000] [--rounds 1]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from measuring import compare, in_a_process, machine, median, print_costs, read_options

#: What is written is made once and written again and again: to make it would take as long as to write it.
SOME = 1000
HEADER = ("number", "name", "amount", "ward", "due")


def rows(count: int) -> Iterator[tuple[str, ...]]:
    for index in range(count):
        yield f"984{index:07}", f"सीता & राम {index}", f"{index % 5000}.50", f"ward {index % 32}", "2082-01-15"


def write_with_us(path: str, count: int) -> int:
    from airflow_provider_tingting.contacts.contact import Contact
    from airflow_provider_tingting.contacts.workbook import write_workbook

    some = [Contact(number, dict(zip(HEADER[1:], others, strict=True))) for number, *others in rows(SOME)]
    return sum(part.contacts for part in write_workbook(islice(cycle(some), count), path))


def write_with_openpyxl(path: str, count: int) -> int:
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    sheet = book.create_sheet("Contacts")
    sheet.append(HEADER)
    some = list(rows(SOME))
    for row in islice(cycle(some), count):
        sheet.append(row)
    book.save(path)
    return count


def read_with_us(path: str, count: int) -> int:
    from airflow_provider_tingting.contacts.sources import read_rows

    return sum(1 for row in read_rows(path) if row.values["number"])


def read_with_openpyxl(path: str, count: int) -> int:
    from openpyxl import load_workbook

    sheet = load_workbook(path, read_only=True).worksheets[0]
    return sum(1 for row in sheet.iter_rows(min_row=2, values_only=True) if row[0])


def save_as_a_spreadsheet_program(path: str, count: int) -> int:
    from rustpy_xlsxwriter import write_worksheet

    write_worksheet((dict(zip(HEADER, row, strict=True)) for row in rows(count)), path, "Sheet1", dedupe_strings=True)
    return count


WAYS = {
    one.__name__: one
    for one in (
        write_with_us,
        write_with_openpyxl,
        read_with_us,
        read_with_openpyxl,
    )
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--measure", nargs=3, help=argparse.SUPPRESS)
    options = read_options(parser, rows=50_000)
    if options.measure:
        way, path, count = options.measure
        print_costs(lambda: WAYS[way](path, int(count)))
        return

    print(machine("openpyxl", "rustpy-xlsxwriter", "python-calamine", "lxml"))
    measured: dict[str, list[dict[str, Any]]] = {}
    with tempfile.TemporaryDirectory() as folder:

        def measure(what: str, way: str, name: str) -> None:
            one = in_a_process(__file__, "--measure", way, str(Path(folder) / name), str(options.rows))
            assert one["result"] == options.rows, one
            measured.setdefault(what, []).append(one)

        save_as_a_spreadsheet_program(str(Path(folder) / "saved.xlsx"), options.rows)
        for _ in range(options.rounds):
            for way in ("write_with_us", "write_with_openpyxl"):
                measure(way, way, f"{way}.xlsx")
            for kind, name in (("texts in cells", "write_with_openpyxl.xlsx"), ("a list of texts", "saved.xlsx")):
                for way in ("read_with_us", "read_with_openpyxl"):
                    measure(f"{way}, {kind}", way, name)

    cpu = {what: median([one["cpu"] for one in each]) for what, each in measured.items()}
    peak = {what: max(one["peak"] for one in each) for what, each in measured.items()}
    print(f"{options.rows:,} rows of {len(HEADER)} texts, {options.rounds} interleaved rounds")
    for what in measured:
        print(f"  {what.replace('_', ' ')}: {cpu[what]:.2f} CPU seconds, {peak[what]:.0f} MiB in all at the peak")
    job = f"workbook of {options.rows:,} rows"
    compare(
        f"{job}: writing",
        f"openpyxl: {cpu['write_with_openpyxl']:.2f} CPU s",
        f"{cpu['write_with_us']:.2f} CPU s",
        cpu["write_with_us"] / cpu["write_with_openpyxl"],
        1 / 6,
    )
    peers = f"openpyxl: {peak['write_with_openpyxl']:.0f} MiB"
    compare(f"{job}: writing, MiB in all", peers, f"{peak['write_with_us']:.0f}", peak["write_with_us"], 40, gate=40)
    for kind in ("texts in cells", "a list of texts"):
        ours, theirs = cpu[f"read_with_us, {kind}"], cpu[f"read_with_openpyxl, {kind}"]
        compare(f"{job}: reading, {kind}", f"openpyxl: {theirs:.2f} CPU s", f"{ours:.2f} CPU s", ours / theirs, 1 / 8)


if __name__ == "__main__":
    main()
