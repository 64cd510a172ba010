"""`doctor`: look at everything a campaign needs, and say what is wrong and what to do. Changes nothing."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from airflow_provider_tingting.cli import exits
from airflow_provider_tingting.cli.check import Check, Verdict
from airflow_provider_tingting.cli.options import add_connection, add_json

if TYPE_CHECKING:
    from rich.console import Console

_STYLES = {Verdict.OK: "", Verdict.WARNING: "yellow", Verdict.PROBLEM: "bold red"}
# Where what is said begins: behind the verdict and what it is about.
_INDENT = 24


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    add_connection(parser)
    add_json(parser)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Look, tell, and return 1 if there is a problem."""
    from airflow_provider_tingting.cli.line import look_at_line
    from airflow_provider_tingting.cli.machine import look_at_machine
    from airflow_provider_tingting.cli.tables import print_json, tell

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
        tell(console, _result(count[Verdict.PROBLEM], count[Verdict.WARNING]))
    return exits.BAD if count[Verdict.PROBLEM] else exits.DONE


def _tell(check: Check, console: Console) -> None:
    from airflow_provider_tingting.cli.tables import tell

    style = _STYLES[check.verdict]
    tell(console, f"{check.verdict.value:<8} {check.about:<14} {check.said}", style=style, indent=_INDENT)
    if check.remedy:
        tell(console, f"{'':{_INDENT - 2}}→ {check.remedy}", indent=_INDENT)


def _result(problems: int, warnings: int) -> str:
    if not problems and not warnings:
        return "All is well."
    parts = [
        f"{number} {word}{'' if number == 1 else 's'}"
        for number, word in ((problems, "problem"), (warnings, "warning"))
        if number
    ]
    return f"{' and '.join(parts)}." + ("" if problems else " Campaigns can run.")
