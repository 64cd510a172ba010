"""A TingTing whose report is what a test makes it, and the task that downloads it."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
from support.recording_server import Received, RecordingServer, Reply
from support.task_context import execute

from airflow_provider_tingting.errors import TingTingReportError
from airflow_provider_tingting.operators.report import TingTingDownloadReportOperator

HEADER = "Number,Status,Duration (Seconds),Playback (%),Credit Consumed,Other Info,Action Date,Carrier\n"
ROWS = [
    f"{number},Completed,10,100,1,{{'name': 'Sita'}},2026-11-23 10:00:00,NTC\n"
    for number in ("9841234501", "9841234502", "9801234503")
]
BODY = HEADER + "".join(ROWS)
PREAMBLE = 'Campaign Name,"Water, notice"\nServices,PHONE\n""\nTotal Numbers,3\n""\n'


def rows_of(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def downloading(campaign_id: int | str, path: Path | str | None, **changes: Any) -> TingTingDownloadReportOperator:
    """The task that brings a campaign's report to a path."""
    return TingTingDownloadReportOperator(
        task_id="report", campaign_id=campaign_id, path=path if path is None else str(path), **changes
    )


class Server(RecordingServer):
    """TingTing with one campaign whose report is what a test makes it."""

    def __init__(self) -> None:
        super().__init__()
        self.campaign: dict[str, Any] = {
            "id": 79,
            "name": "Water, notice",
            "status": "Completed",
            "campaign_action_count": 3,
        }
        self.report: Any = BODY.encode()
        self.headers: dict[str, str] = {}
        self.listed: list[dict[str, object]] = []
        self.reply = self.answer

    def answer(self, request: Received) -> Reply:
        """Answer as TingTing does; a list of reports is handed out one by one."""
        if request.path.endswith("/campaign/79/"):
            return Reply(self.campaign)
        if "/download/" in request.path:
            body = self.report.pop(0) if isinstance(self.report, list) else self.report
            if isinstance(body, Reply):
                return body
            return Reply(body, headers={"Content-Type": "text/csv", **self.headers})
        if request.path.endswith("/campaign-detail/79/"):
            return Reply({"count": len(self.listed), "next": None, "results": self.listed})
        return Reply({"detail": "Not found."}, 404)

    def list(self, *rows: str) -> None:
        """List the contacts of rows of a report."""
        cells = [row.strip().split(",") for row in rows]
        self.listed = [
            {"id": index, "number": one[0], "status": one[1].lower(), "call_duration": "10s", "playback": "100",
             "credit_consumed": 1, "credit_consumed_SMS": 0, "carrier": "NTC"}
            for index, one in enumerate(cells, 1)
        ]  # fmt: skip


def refused(target: Path, **changes: Any) -> str:
    """What the task says; the file must be as it was, and alone."""
    with pytest.raises(TingTingReportError) as raised:
        execute(downloading(79, target, **changes))
    assert target.read_text(encoding="utf-8") == "of yesterday"
    assert [path.name for path in target.parent.iterdir()] == [target.name]
    return str(raised.value)
