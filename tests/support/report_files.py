"""A small report, and what there is where it was written to."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fsspec.implementations.memory import MemoryFileSystem

from airflow_provider_tingting.reports.read_report import read_report
from airflow_provider_tingting.reports.summary import CampaignSummary

BODY = b"Number,Status\n9841234567,Completed\n"


def names(directory: Path) -> list[str]:
    """What a folder holds."""
    return sorted(path.name for path in directory.iterdir())


def left_over(target: Any, tmp_path: Path) -> list[str]:
    """The names of all files that there are, on the disk and in the store in memory."""
    found = [path.name for path in tmp_path.rglob("*") if path.is_file()]
    return [*found, *(Path(name).name for name in MemoryFileSystem.store)]


def report_body(rows: Iterable[dict[str, Any]]) -> bytes:
    """A report as TingTing sends it, with a column for each key of the rows."""
    rows = list(rows)
    columns = dict.fromkeys(["Number", "Status", *(name for row in rows for name in row)])
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def summary_of(body: bytes) -> CampaignSummary:
    """The summary of a report."""
    return read_report(io.BytesIO(body)).summary
