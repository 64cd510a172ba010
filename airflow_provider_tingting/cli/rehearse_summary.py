"""The report of a rehearsal in a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from airflow_provider_tingting.cli.tables import facts, print_text, table
from airflow_provider_tingting.formatting import amount, counted
from airflow_provider_tingting.rehearsal.digest import campaign_span, left_out_counts, period, short, task_remark

_MAX_TEXTS = 3
_MAX_ROWS = 8


def print_summary(console: Console, report: Mapping[str, Any], *, page: Path | None) -> None:
    """Print the report, the longest lists cut.

    :param console: the terminal.
    :param report: the report's JSON.
    :param page: the page that has all of it, if one was written.
    """
    succeeded = report["state"] == "success"
    style = "bold green" if succeeded else "bold red"
    print_text(console, f"Rehearsal of {report['dag_id']}: {report['state']}. No real contact was called.", style=style)
    print_text(console, period(report))
    for campaign in report["campaigns"]:
        _print_campaign(console, campaign)
    if not report["campaigns"]:
        print_text(console, "\nThe DAG would leave no campaign at TingTing.")
    _print_left_out(console, report)
    console.print()
    rows = [
        (_task_name(task), task["state"], short(task["began"]), short(task["ended"]), task_remark(task))
        for task in report["tasks"]
    ]
    console.print(table(("task", "state", "begins", "ends", ""), rows))
    if report["written"]:
        print_text(console, "It would write:")
        for one in report["written"][:_MAX_ROWS]:
            print_text(console, f"  {one['kind']} {one['name']}", indent=4)
        if len(report["written"]) > _MAX_ROWS:
            print_text(console, f"  and {len(report['written']) - _MAX_ROWS} more")
    console.print(facts(_figures(report)))
    for note in report["notes"]:
        print_text(console, f"Note: {note}", indent=2, style="yellow")
    if page:
        print_text(console, f"Page: {page}")


def _print_campaign(console: Console, campaign: Mapping[str, Any]) -> None:
    console.print()
    print_text(console, f"Campaign {campaign['id']}, {campaign['name']} ({campaign['services']})", style="bold")
    statuses = ", ".join(f"{status} {count}" for status, count in campaign["statuses"].items())
    console.print(
        facts(
            [
                ("  contacts", campaign["contacts"]),
                ("  called", campaign_span(campaign)),
                ("  schedule", short(campaign["schedule"])),
                ("  ends as", f"{campaign['status']}: {statuses}" if statuses else campaign["status"]),
                ("  credits", amount(campaign["credits"])),
                ("  texts", campaign["distinct_texts"]),
            ]
        )
    )
    for text in campaign["texts"][:_MAX_TEXTS]:
        parts = f", {counted(text['sms_parts'], 'part')}" if text["sms_parts"] else ""
        print_text(
            console, f"  {text['channel']}, {counted(text['contacts'], 'contact')}{parts}: {text['text']}", indent=4
        )
    if campaign["calls"]:
        shown = campaign["calls"][:_MAX_ROWS]
        listed = ", ".join(f"{call['number']} at {short(call['at'])}" for call in shown)
        more = len(campaign["calls"]) - len(shown)
        print_text(console, f"  {listed}{f' and {more:,} more' if more else ''}", indent=4)


def _print_left_out(console: Console, report: Mapping[str, Any]) -> None:
    rows = left_out_counts(report)
    if rows:
        console.print()
        print_text(console, "Left out", style="bold")
        console.print(table(("task", "reason", "rows", "the first"), rows, right=("rows",)))


def _figures(report: Mapping[str, Any]) -> list[tuple[str, Any]]:
    credits = report["credits"]
    balance = "(balance unknown; set it with --balance)"
    if credits["balance"] is not None:
        balance = f"of {amount(credits['balance'])}" + ("" if credits["enough"] else ", which is too little")
    outcomes = report["outcomes"]
    replayed = "invented; replay a report with --outcomes"
    if outcomes:
        replayed = f"{outcomes['replayed']} of {outcomes['called']} called numbers end as in the report"
    faults = ", ".join(f"{one['fault']} ({one['applied']} times)" for one in report["faults"])
    return [("credits", f"{amount(credits['used'])} {balance}"), ("outcomes", replayed), ("faults", faults)]


def _task_name(task: Mapping[str, Any]) -> str:
    index = "" if task["map_index"] is None else f"[{task['map_index']}]"
    return f"{task['task_id']}{index}"
