"""What the terminal and the page both say about a report."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from itertools import pairwise
from typing import Any

from airflow_provider_tingting.formatting import counted

#: After so many seconds without a line, the line before them says why the task waits.
_LONG_WAIT = 600.0


def period(report: Mapping[str, Any]) -> str:
    """Return the time that was rehearsed, in one line.

    :param report: what the rehearsal has recorded.
    """
    if report["began"] == report["ended"]:
        return f"{_start(report['began'])}, Nepal time."
    return f"{_span(report['began'], report['ended'])}, Nepal time. The rehearsal pushed its clock through these hours."


def campaign_span(campaign: Mapping[str, Any]) -> str:
    """Return when a campaign calls: its contacts and the times of the first and the last call.

    :param campaign: the campaign.
    """
    if not campaign["first_at"]:
        return "no contact"
    return f"{counted(campaign['contacts'], 'contact')}, {_span(campaign['first_at'], campaign['last_at'])}"


def task_remark(task: Mapping[str, Any]) -> str:
    """Return one remark about a task: why it did not run, why it failed, how it was answered, or its last log line.

    :param task: what the rehearsal has recorded of the task.
    """
    if task["why_not_run"]:
        return str(task["why_not_run"])
    if task["state"] not in ("success", "skipped") and task["errors"]:
        return str(task["errors"][-1])
    if task["answer"]:
        answer = task["answer"]
        return f"a person is asked: {answer['subject']} The rehearsal answers {', '.join(answer['chosen'])}."
    retried = (
        f"{counted(len(task['errors']), 'failed try').replace('trys', 'tries')}: {task['errors'][0]} "
        if task["errors"]
        else ""
    )
    return f"{retried}{' '.join(map(_sentence, _decisive(task)))}"


def left_out_counts(report: Mapping[str, Any]) -> list[tuple[str, str, int, str]]:
    """Return for each task and reason how many rows are left out, and the first of them.

    :param report: what the rehearsal has recorded.
    """
    counts: dict[tuple[str, str], list[str]] = {}
    for task in report["tasks"]:
        for row in task["left_out"]:
            shown = f"{row['row']}: {row['number']}" if row["number"] else row["row"]
            counts.setdefault((task["task_id"], row["reason"].replace("_", " ")), []).append(shown)
    return [(task_id, reason, len(rows), rows[0]) for (task_id, reason), rows in counts.items()]


def _decisive(task: Mapping[str, Any]) -> list[str]:
    """Return the log lines that decide: warnings, those before a long wait, and the last one."""
    lines = task["log"]
    moments = [line["at"] for line in lines] + [task["ended"]]
    # The moments after which nothing happens for long.
    waits = {one for one, after in pairwise(moments) if after and _seconds(one, after) >= _LONG_WAIT}
    chosen = [line["text"] for line in lines if line["level"] != "INFO" or line["at"] in waits]
    return list(dict.fromkeys([*chosen, *(line["text"] for line in lines[-1:])]))


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _seconds(first: str, last: str) -> float:
    return (datetime.fromisoformat(last) - datetime.fromisoformat(first)).total_seconds()


def short(moment: str | None) -> str:
    """Return a moment as a day and a time, such as `5 Dec 08:00:01`; empty for none.

    :param moment: the moment.
    """
    return f"{datetime.fromisoformat(moment):%-d %b %H:%M:%S}" if moment else ""


def _start(moment: str) -> str:
    began = datetime.fromisoformat(moment)
    return f"{began.day} {began:%B %Y}, {began:%H:%M:%S}"


def _span(first: str, last: str) -> str:
    began, ended = datetime.fromisoformat(first), datetime.fromisoformat(last)
    start = _start(first)
    if began.date() == ended.date():
        return f"{start} to {ended:%H:%M:%S}"
    return f"{start} to {ended.day} {ended:%B %Y}, {ended:%H:%M:%S}"
