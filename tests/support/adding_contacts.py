"""Adding contacts to a campaign of the sandbox: who they are, and the files that they come from."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import openpyxl
from support.campaigns import NUMBERS

from airflow_provider_tingting.operators.contacts import TingTingAddContactsOperator
from airflow_provider_tingting.sandbox import Sandbox

PEOPLE_OF_ALL = [{"number": number, "name": "Sita"} for number in NUMBERS]
MANY = [{"number": f"9841{index:06}", "name": "Sita"} for index in range(600)]


def adding(campaign_id: int | str, contacts: Any, **changes: Any) -> TingTingAddContactsOperator:
    """The task that adds contacts to a campaign."""
    return TingTingAddContactsOperator(task_id="add", campaign_id=campaign_id, contacts=contacts, **changes)


def numbers_in(sandbox: Sandbox, campaign_id: int) -> set[str]:
    """Who is in the campaign at TingTing."""
    return set(sandbox.world.campaigns[campaign_id].numbers)


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows below a header of their columns."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def write_workbook(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows to the first sheet of a workbook, below a header of their columns."""
    book = openpyxl.Workbook()
    book.active.append(list(rows[0]))
    for row in rows:
        book.active.append(list(row.values()))
    book.save(path)
