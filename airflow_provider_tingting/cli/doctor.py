"""`doctor`: look at everything a campaign needs, and say what is wrong and what to do. Changes nothing."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from airflow_provider_tingting.cli import exits
from airflow_provider_tingting.cli.check import Check, Verdict
from airflow_provider_tingting.cli.options import add_connection, add_json
from airflow_provider_tingting.masking import mask_text

if TYPE_CHECKING:
    from rich.console import Console

_COLOURS = {Verdict.OK: "green", Verdict.WARNING: "yellow", Verdict.PROBLEM: "red"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    add_connection(parser)
    add_json(parser)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Look, tell, and return 1 if there is a problem."""
    from airflow_provider_tingting.cli.line import look_at_line
    from airflow_provider_tingting.cli.machine import look_at_machine
    from airflow_provider_tingting.cli.tables import print_json

    checks: list[Check] = []
    for check in (one for look in (look_at_machine(), look_at_line(arguments.conn_id)) for one in look):
        checks.append(check)
        # Told at once: the next look may take a while.
        if not arguments.json:
            _tell(check, console)
    count = {verdict: sum(check.verdict is verdict for check in checks) for verdict in Verdict}
    if arguments.json:
        found = {
            "checks": [check.to_json() for check in checks],
            "problems": count[Verdict.PROBLEM],
            "warnings": count[Verdict.WARNING],
        }
        print_json(console, found)
    else:
        console.print()
        console.print(_result(count[Verdict.PROBLEM], count[Verdict.WARNING]), soft_wrap=True)
    return exits.BAD if count[Verdict.PROBLEM] else exits.DONE


def _tell(check: Check, console: Console) -> None:
    from rich.text import Text

    line = Text(f"{check.verdict.value:<8}", style=_COLOURS[check.verdict])
    line.append(f" {check.about:<14} ", style="bold")
    line.append(mask_text(check.said), style="not bold default")
    # Not folded by rich: a path or a command must stay in one piece to be copied.
    console.print(line, soft_wrap=True)
    if check.remedy:
        console.print(Text(f"{'':9}→ {mask_text(check.remedy)}"), soft_wrap=True)


def _result(problems: int, warnings: int) -> str:
    if not problems and not warnings:
        return "All is well."
    parts = [
        f"{number} {word}{'' if number == 1 else 's'}"
        for number, word in ((problems, "problem"), (warnings, "warning"))
        if number
    ]
    return f"{' and '.join(parts)}." + ("" if problems else " Campaigns can run.")
