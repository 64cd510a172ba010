"""The commands as Airflow takes them from a provider: `airflow tingting …`.

Airflow imports this at every start of its command line, so it imports next to nothing, and the arguments of a command
are added only when that command is parsed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from airflow_provider_tingting.cli.commands import COMMANDS, GROUPS, Command
from airflow_provider_tingting.cli.exits import EPILOG

if TYPE_CHECKING:
    from airflow.cli.cli_config import CLICommand


class _Arguments:
    """All arguments of a command, in the place of one of Airflow's `Arg`.

    :param command: the command.
    """

    # Airflow sorts by it.
    flags = ("--arguments",)

    def __init__(self, command: Command) -> None:
        self._command = command

    def add_to_parser(self, parser: argparse.ArgumentParser) -> None:
        """Do what Airflow asks an `Arg` to do."""
        self._command.prepare(parser)


def get_tingting_commands() -> list[CLICommand]:
    """Return the group `tingting`; Airflow finds this function by the provider info."""
    from airflow.cli.cli_config import ActionCommand, GroupCommand

    def action(command: Command) -> Any:
        return ActionCommand(
            name=command.path.rpartition(" ")[2],
            help=command.help,
            func=_leaving(command.runner()),
            args=(_Arguments(command),),  # type: ignore[arg-type]
            epilog=EPILOG,
        )

    alone = [action(command) for command in COMMANDS if " " not in command.path]
    grouped = [
        GroupCommand(
            name=group,
            help=help,
            subcommands=[action(command) for command in COMMANDS if command.path.startswith(f"{group} ")],
        )
        for group, help in GROUPS.items()
    ]
    there = [group for group in grouped if group.subcommands]
    return [GroupCommand(name="tingting", help="Look after TingTing campaigns", subcommands=[*alone, *there])]


def _leaving(run: Callable[[argparse.Namespace], int]) -> Callable[[argparse.Namespace], None]:
    """Leave with the exit code, which Airflow would drop."""

    def command(arguments: argparse.Namespace) -> None:
        if code := run(arguments):
            sys.exit(code)

    return command
