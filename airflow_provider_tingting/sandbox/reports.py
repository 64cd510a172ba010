"""The report files: campaign reports in both known layouts (with and without a summary), survey reports.

Lines end with CRLF, as TingTing's do.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from airflow_provider_tingting.sandbox.outcomes import carrier_of
from airflow_provider_tingting.sandbox.records import Campaign
from airflow_provider_tingting.timezones import NEPAL

COLUMNS = (
    "Number",
    "Status",
    "Duration (Seconds)",
    "Playback (%)",
    "Credit Consumed",
    "Other Info",
    "Action Date",
    "Carrier",
)
REACHED = ("completed", "hungup")
NOT_REACHED = ("unanswered", "failed", "terminated")


def campaign_report(campaign: Campaign, now: float, *, layout: str) -> bytes:
    """Return a campaign's report (API page: Campaign report).

    :param campaign: the campaign.
    :param now: the world's time, seconds since 1970.
    :param layout: `preamble` or `plain`.
    """
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    if layout == "preamble":
        writer.writerows(_preamble(campaign, now))
    fails_over = bool(campaign.failover_target)
    writer.writerow((*COLUMNS, *(("Failover SMS Sent",) if fails_over else ())))
    for contact in campaign.contacts.values():
        call = contact.call
        over = call is not None and call.ended_at <= now
        changed = contact.changed_at(now) if call or contact.terminated_at else None
        writer.writerow(
            (
                contact.number,
                contact.status_at(now),
                call.duration if call and over else 0,
                call.playback if call and over and call.playback is not None else "",
                call.credits + call.sms_credits if call and over else 0,
                repr(contact.variables),
                "" if changed is None else f"{datetime.fromtimestamp(changed, NEPAL):%Y-%m-%d %H:%M:%S}",
                carrier_of(contact.number),
                *((contact.failover_sms_sent or False,) if fails_over else ()),
            )
        )
    return file.getvalue().encode()


def survey_csv(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Return a survey's answers as CSV (API page: Survey report).

    :param rows: the rows.
    """
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, list(rows[0]) if rows else [])
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue().encode()


def survey_json(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Return a survey's answers as JSON (API page: Survey report).

    :param rows: the rows.
    """
    return json.dumps(list(rows), ensure_ascii=False).encode()


def attachment(name: str, suffix: str) -> bytes:
    """Return the `Content-Disposition` of a download: TingTing sends the campaign's name as it is.

    Only quotes, and characters that an HTTP header cannot hold, are replaced.

    :param name: the name of the file.
    :param suffix: the suffix of the file name, such as `.csv`.
    """
    clean = "".join(char if char.isprintable() and char != '"' else " " for char in name).strip()
    return f'attachment; filename="{clean or "report"}{suffix}"'.encode("utf-8", "replace")


def _preamble(campaign: Campaign, now: float) -> list[list[object]]:
    statuses = campaign.statuses_at(now)
    total = sum(statuses.values())
    reached = sum(statuses[status] for status in REACHED)
    missed = sum(statuses[status] for status in NOT_REACHED)

    def share(name: str, count: int) -> list[object]:
        return [name, f"{100 * count / total if total else 0:.2f}%", count]

    # A blank row is a quoted empty cell, as in the vendor's reports.
    return [
        ["Campaign Name", campaign.name],
        ["Services", campaign.services],
        ["Message", campaign.message or campaign.sms_message],
        ["Description", campaign.description],
        ["Status", campaign.status],
        [""],
        ["Total Numbers", total],
        share("Not Started", statuses["not started"]),
        share("Completed", reached + missed),
        [""],
        share("Success Rate", reached),
        share("Failure Rate", missed),
        ["Total Credit Consumed", campaign.spent],
        [""],
    ]
