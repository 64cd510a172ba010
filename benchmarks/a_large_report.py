"""A report as large as a benchmark wants it, written in a stream: TingTing's layout with a preamble and variables."""

from __future__ import annotations

import csv
import random
from pathlib import Path

COLUMNS = ("Number", "Status", "Duration (Seconds)", "Playback (%)", "Credit Consumed", "Other Info", "Action Date",
           "Carrier")  # fmt: skip
STATUSES = ("Completed", "Completed", "Completed", "Hungup", "Unanswered", "Failed")


def write_large_report(path: Path, *, rows: int = 1 << 40, size: int = 1 << 60, seed: int = 7) -> int:
    """Write a report of so many rows, or until it is so many bytes long; return its rows.

    No number comes twice.
    """
    chance = random.Random(seed)
    with path.open("w", encoding="utf-8", newline="") as file:
        write = csv.writer(file).writerow
        write(("Campaign Name", "Water notice"))
        write(("Services", "PHONE"))
        write(("",))
        write(COLUMNS)
        done = 0
        while done < rows and (done % 1000 or file.tell() < size):
            status = chance.choice(STATUSES)
            reached = status in ("Completed", "Hungup")
            # 7919 has no factor in common with the number of numbers, so it takes each of them once.
            write((
                f"98{done * 7919 % 10**8:08}",
                status,
                chance.randrange(1, 90) if reached else 0,
                chance.randrange(101) if reached else "",
                chance.choice((1, 1, 2)) if reached else 0,
                repr({"name": "सीता", "ward": done % 32, "due": "2026-12-01"}),
                f"2026-11-23 {done % 9 + 9:02}:{done % 60:02}:{done % 59:02}",
                chance.choice(("NTC", "Ncell")),
            ))  # fmt: skip
            done += 1
    return done
