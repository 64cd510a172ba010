"""A report as JSON lines: one object a contact, its variables as they are.

May import the standard library and this room only.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, BinaryIO

from airflow_provider_tingting.reports.parser import ReportRow
from airflow_provider_tingting.reports.writers.tidy import TidyTable


def write_jsonl(file: BinaryIO, table: TidyTable, rows: Iterable[ReportRow]) -> None:
    """Write one object a line, in UTF-8.

    The report's own columns are keys; the variables are an object `variables` (text that could not be taken apart is
    `other_info`), unknown columns an object `extra`. Numbers are text, moments ISO 8601 with their offset.

    :param file: where to write; not closed.
    :param table: not needed: every line says what it has.
    :param rows: the rows.
    """
    encode = json.JSONEncoder(ensure_ascii=False, default=str, separators=(",", ":")).encode
    for row in rows:
        file.write(encode(_as_object(row)).encode("utf-8") + b"\n")


def _as_object(row: ReportRow) -> dict[str, Any]:
    info = row.other_info
    plain: dict[str, Any] = {
        "number": row.number,
        "status": row.status,
        "duration_seconds": row.duration_seconds,
        "playback_percent": row.playback_percent,
        "credit_consumed": row.credit_consumed,
        "credit_consumed_sms": row.credit_consumed_sms,
        "action_date": row.action_date.isoformat() if row.action_date else None,
        "carrier": row.carrier,
        "variables": {} if info is None or isinstance(info, str) else info,
    }
    if isinstance(info, str):
        plain["other_info"] = info
    if row.extra:
        plain["extra"] = row.extra
    return plain
