"""The command line of `python -m airflow_provider_tingting`: the same commands as `airflow tingting`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from airflow_provider_tingting import __version__
from airflow_provider_tingting.cli.commands import COMMANDS, GROUPS
from airflow_provider_tingting.cli.exits import EPILOG

PROGRAM = "python -m airflow_provider_tingting"


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out a command line and return the exit code."""
    chosen = parser().parse_args(arguments)
    return int(chosen.func(chosen))


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    top = argparse.ArgumentParser(
        prog=PROGRAM,
        description="TingTing from a shell. On Airflow versions that take commands from providers, "
        "`airflow tingting` is the same.",
        epilog=EPILOG,
    )
    top.add_argument("--version", action="version", version=f"airflow-provider-tingting {__version__}")
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    groups: dict[str, Any] = {}
    for command in COMMANDS:
        group, _, name = command.path.rpartition(" ")
        if group and group not in groups:
            of_group = commands.add_parser(group, help=GROUPS[group], description=f"{GROUPS[group]}.")
            groups[group] = of_group.add_subparsers(required=True, metavar="COMMAND")
        own = (groups[group] if group else commands).add_parser(
            name, help=command.help, description=f"{command.help}.", epilog=EPILOG
        )
        command.prepare(own)
        own.set_defaults(func=command.runner())
    return top
