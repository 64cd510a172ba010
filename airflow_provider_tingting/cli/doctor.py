"""`doctor`: check everything that a campaign needs, and say what is wrong and what to do. It changes nothing."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import chain

from rich.console import Console

from airflow_provider_tingting.api import TingTingClient
from airflow_provider_tingting.cli.checks import Check, Verdict, check_installation
from airflow_provider_tingting.cli.connection_checks import check_connection
from airflow_provider_tingting.cli.connections import save_dialect, settings_of
from airflow_provider_tingting.cli.exit_codes import ExitCode
from airflow_provider_tingting.cli.options import add_connection, add_json
from airflow_provider_tingting.cli.probe import Finding, probe
from airflow_provider_tingting.cli.probe import Verdict as Suitability
from airflow_provider_tingting.cli.probe.findings import dialect_of
from airflow_provider_tingting.cli.tables import print_json, print_text
from airflow_provider_tingting.contacts.numbers import InvalidNumberError, normalise
from airflow_provider_tingting.errors import TingTingConfigError, TingTingError
from airflow_provider_tingting.formatting import counted

_STYLES = {Verdict.OK: "", Verdict.WARNING: "yellow", Verdict.PROBLEM: "bold red"}
_FINDING_STYLES = {
    Suitability.WORKS: "",
    Suitability.WORKS_WITH_CARE: "yellow",
    Suitability.DOES_NOT_WORK: "bold red",
}
# The column of the message, behind the verdict and the name of the check.
_INDENT = 24
_FINDING_INDENT = 17
# Without these a probe cannot begin.
_NEEDED = ("connection", "reachable", "token", "caller numbers")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments.

    :param parser: the parser of the command.
    """
    parser.add_argument(
        "--probe", action="store_true", help="also measure the account with a draft campaign, which is deleted"
    )
    parser.add_argument(
        "--number",
        action="append",
        type=_number,
        default=[],
        help="with --probe: one of your own numbers for the draft's contacts; can be repeated",
    )
    parser.add_argument(
        "--save",
        action="store_true",
        help="with --probe: write what was found into the connection's extra, which the provider then uses",
    )
    add_connection(parser)
    add_json(parser)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Run the checks, print each one as soon as it is done, and return 1 if there is a problem.

    :param arguments: the parsed command line.
    :param console: where the command prints.
    """
    if (arguments.save or arguments.number) and not arguments.probe:
        raise TingTingConfigError("--save and --number belong to --probe. Add --probe.")
    checks: list[Check] = []
    for check in chain(check_installation(), check_connection(arguments.conn_id)):
        checks.append(check)
        if not arguments.json:
            _print(check, console)
    findings: list[Finding] = []
    if arguments.probe and not any(check.verdict is Verdict.PROBLEM for check in checks if check.name in _NEEDED):
        for finding in _probe(arguments.conn_id, arguments.number):
            findings.append(finding)
            if not arguments.json:
                _print_finding(finding, console)
    dialect = str(dialect_of(findings))
    if arguments.save and dialect:
        save_dialect(arguments.conn_id, dialect_of(findings))
    problems, warnings = (
        sum(check.verdict is verdict for check in checks) for verdict in (Verdict.PROBLEM, Verdict.WARNING)
    )
    problems += sum(finding.verdict is Suitability.DOES_NOT_WORK for finding in findings)
    warnings += sum(finding.verdict is Suitability.WORKS_WITH_CARE for finding in findings)
    if arguments.json:
        content = {"checks": [check.to_json() for check in checks], "problems": problems, "warnings": warnings}
        if arguments.probe:
            content["probe"] = [finding.to_json() for finding in findings]
            content["dialect"] = dialect
            content["saved"] = arguments.save and bool(dialect)
        print_json(console, content)
    else:
        if dialect:
            saved = "Saved in the connection" if arguments.save else "Not saved (--save)"
            print_text(console, f"{saved}: {dialect}", indent=_FINDING_INDENT)
        console.print()
        print_text(console, _conclusion(problems, warnings))
    return ExitCode.PROBLEM if problems else ExitCode.SUCCESS


def _number(text: str) -> str:
    try:
        return normalise(text)
    except InvalidNumberError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _print(check: Check, console: Console) -> None:
    text = f"{check.verdict.value:<8} {check.name:<14} {check.message}"
    print_text(console, text, style=_STYLES[check.verdict], indent=_INDENT)
    if check.remedy:
        print_text(console, f"{'':{_INDENT - 2}}→ {check.remedy}", indent=_INDENT)


def _probe(conn_id: str, numbers: Sequence[str]) -> Iterator[Finding]:
    # What an earlier probe has saved must not decide what this one finds.
    settings = {**settings_of(conn_id).client_arguments(), "dialect": None}
    with TingTingClient(**settings) as client, closing(probe(client, numbers)) as measurements:
        try:
            yield from measurements
        except TingTingError as error:
            handling = "Campaigns cannot be created with this token. Ask TingTing for the permission."
            yield Finding("A draft can be created", str(error), handling, Suitability.DOES_NOT_WORK)


def _print_finding(finding: Finding, console: Console) -> None:
    text = f"{finding.verdict.value:<16} {finding.assumption}: {finding.found}"
    print_text(console, text, style=_FINDING_STYLES[finding.verdict], indent=_FINDING_INDENT)
    print_text(console, f"{'':{_FINDING_INDENT - 2}}→ {finding.handling}", indent=_FINDING_INDENT)


def _conclusion(problems: int, warnings: int) -> str:
    if problems:
        found = [counted(problems, "problem"), *([counted(warnings, "warning")] if warnings else [])]
        return f"{' and '.join(found)}."
    return f"{counted(warnings, 'warning')}. Campaigns can run." if warnings else "No problems found."
