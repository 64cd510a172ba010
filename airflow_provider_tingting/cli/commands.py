"""The table of commands, and both ways to reach them: `airflow tingting …` and `python -m airflow_provider_tingting …`.

Airflow imports this module at every start of its command line. The module of a command is imported when the command is
parsed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from airflow_provider_tingting import __version__
from airflow_provider_tingting.cli.exit_codes import EPILOG

if TYPE_CHECKING:
    from airflow.cli.cli_config import CLICommand


@dataclass(frozen=True)
class Command:
    """One command. Its module has `add_arguments(parser)` and `run(arguments, console)`, which returns the exit code.

    :param path: what a user types, such as `campaigns list`.
    :param help: one line for the lists of commands.
    :param module_name: the module; by default the one in this folder that is named like the path.
    """

    path: str
    help: str
    module_name: str = ""

    @property
    def module(self) -> Any:
        """The command's module, imported now."""
        return import_module(self.module_name or f"{__package__}.{self.path.replace(' ', '_')}")

    def add_arguments_when_parsed(self, parser: argparse.ArgumentParser) -> None:
        """Make a parser add the command's arguments when it parses for the first time.

        :param parser: the parser of the command.
        """
        parse = parser.parse_known_args
        added = False

        def parse_known_args(words: Sequence[str] | None = None, namespace: Any = None) -> Any:
            nonlocal added
            if not added:
                added = True
                self.module.add_arguments(parser)
            words = sys.argv[1:] if words is None else words
            for word in words:
                # Before Python 3.13 argparse drops the value of `--option=--` and passes an empty list to the command.
                if word.startswith("--") and word.endswith("=--"):
                    parser.error(f"argument {word[:-3]}: the value '--' is not allowed")
            return parse(words, namespace)

        parser.parse_known_args = parse_known_args  # type: ignore[method-assign, assignment]

    def execute(self, arguments: argparse.Namespace) -> int:
        """Execute the command and return the exit code.

        :param arguments: the parsed arguments.
        """
        from airflow_provider_tingting.cli.execution import execute

        return execute(self.module.run, arguments)


COMMANDS = (
    Command("contacts check", "Check a contact list without contacting anyone"),
    Command("rehearse", "Run a DAG against a sandbox and show what it would do"),
    Command("doctor", "Check connection, token, clock, triggerer and versions"),
    Command("campaigns list", "List campaigns, newest first"),
    Command("campaigns show", "Show a campaign and the outcomes of its contacts"),
    Command("campaigns watch", "Wait until a campaign has ended, and show its outcome"),
    Command("campaigns stop", "Stop a campaign permanently"),
    Command("report", "Download a campaign's report and show its summary"),
    Command("voices", "List the voices of the account"),
    Command("sandbox", "Start a local TingTing sandbox", "airflow_provider_tingting.sandbox.__main__"),
)

GROUPS = {
    "campaigns": "List, show, watch and stop campaigns",
    "contacts": "Check contact lists",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Execute a command line of `python -m airflow_provider_tingting` and return the exit code.

    :param arguments: the words of the command line; None means those of this process.
    """
    chosen = parser().parse_args(arguments)
    return int(chosen.func(chosen))


def parser() -> argparse.ArgumentParser:
    """Return the parser of `python -m airflow_provider_tingting`."""
    top = argparse.ArgumentParser(
        prog="python -m airflow_provider_tingting",
        description="TingTing commands. Airflow 3.2 and later have the same commands as `airflow tingting`.",
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
        command.add_arguments_when_parsed(own)
        own.set_defaults(func=command.execute)
    return top


def get_tingting_commands() -> list[CLICommand]:
    """Return the command group `tingting` for Airflow, which finds this function in the provider info."""
    from airflow.cli.cli_config import ActionCommand, GroupCommand

    def action(command: Command) -> Any:
        return ActionCommand(
            name=command.path.rpartition(" ")[2],
            help=command.help,
            func=_exiting(command.execute),
            args=(_LazyArguments(command),),  # type: ignore[arg-type]
            epilog=EPILOG,
        )

    single = [action(command) for command in COMMANDS if " " not in command.path]
    grouped = [
        GroupCommand(
            name=group,
            help=help,
            subcommands=[action(command) for command in COMMANDS if command.path.startswith(f"{group} ")],
        )
        for group, help in GROUPS.items()
    ]
    return [GroupCommand(name="tingting", help="TingTing campaigns", subcommands=[*single, *grouped])]


class _LazyArguments:
    """All arguments of a command, in place of one of Airflow's `Arg` objects."""

    # Airflow sorts arguments by it.
    flags = ("--arguments",)

    def __init__(self, command: Command) -> None:
        self._command = command

    def add_to_parser(self, parser: argparse.ArgumentParser) -> None:
        """Implement `Arg.add_to_parser`."""
        self._command.add_arguments_when_parsed(parser)


def _exiting(execute: Callable[[argparse.Namespace], int]) -> Callable[[argparse.Namespace], None]:
    """Return a function that exits with the exit code, because Airflow ignores a returned one."""

    def command(arguments: argparse.Namespace) -> None:
        if code := execute(arguments):
            sys.exit(code)

    return command
