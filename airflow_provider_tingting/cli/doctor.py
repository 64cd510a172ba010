"""`doctor`: check everything that a campaign needs, and say what is wrong and what to do. It changes nothing."""

from __future__ import annotations

import argparse
from itertools import chain

from rich.console import Console

from airflow_provider_tingting.cli.checks import Check, Verdict, check_installation
from airflow_provider_tingting.cli.connection_checks import check_connection
from airflow_provider_tingting.cli.exit_codes import ExitCode
from airflow_provider_tingting.cli.options import add_connection, add_json
from airflow_provider_tingting.cli.tables import print_json, print_text
from airflow_provider_tingting.formatting import counted

_STYLES = {Verdict.OK: "", Verdict.WARNING: "yellow", Verdict.PROBLEM: "bold red"}
# The column of the message, behind the verdict and the name of the check.
_INDENT = 24


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_connection(parser)
    add_json(parser)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Run the checks, print each one as soon as it is done, and return 1 if there is a problem."""
    checks: list[Check] = []
    for check in chain(check_installation(), check_connection(arguments.conn_id)):
        checks.append(check)
        if not arguments.json:
            _print(check, console)
    problems, warnings = (
        sum(check.verdict is verdict for check in checks) for verdict in (Verdict.PROBLEM, Verdict.WARNING)
    )
    if arguments.json:
        content = {"checks": [check.to_json() for check in checks], "problems": problems, "warnings": warnings}
        print_json(console, content)
    else:
        console.print()
        print_text(console, _conclusion(problems, warnings))
    return ExitCode.PROBLEM if problems else ExitCode.SUCCESS


def _print(check: Check, console: Console) -> None:
    text = f"{check.verdict.value:<8} {check.name:<14} {check.message}"
    print_text(console, text, style=_STYLES[check.verdict], indent=_INDENT)
    if check.remedy:
        print_text(console, f"{'':{_INDENT - 2}}→ {check.remedy}", indent=_INDENT)


def _conclusion(problems: int, warnings: int) -> str:
    if problems:
        found = [counted(problems, "problem"), *([counted(warnings, "warning")] if warnings else [])]
        return f"{' and '.join(found)}."
    return f"{counted(warnings, 'warning')}. Campaigns can run." if warnings else "No problems found."
