"""The table of commands. Imports the standard library only."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any


@dataclass(frozen=True)
class Command:
    """One command.

    :param path: what people type, such as `campaigns list`; its module has the same name, with an underscore.
    :param help: one line for the lists of commands.
    """

    path: str
    help: str

    @property
    def module(self) -> Any:
        """The module of the command, imported now."""
        return import_module(f"airflow_provider_tingting.cli.{self.path.replace(' ', '_')}")

    def prepare(self, parser: argparse.ArgumentParser) -> None:
        """Give a parser the command's arguments, as soon as something is parsed with it."""
        parse = parser.parse_known_args
        added = False

        def parse_known_args(*arguments: Any, **options: Any) -> Any:
            nonlocal added
            if not added:
                added = True
                self.module.add_arguments(parser)
            return parse(*arguments, **options)

        parser.parse_known_args = parse_known_args  # type: ignore[method-assign]

    def runner(self) -> Callable[[argparse.Namespace], int]:
        """Return the function that carries out the command and returns the exit code."""

        def run(arguments: argparse.Namespace) -> int:
            from airflow_provider_tingting.cli.running import carry_out

            return carry_out(self, arguments)

        return run


COMMANDS = (
    Command("contacts check", "Check who can be called, before anybody is"),
    Command("doctor", "Look what is wrong: connection, token, clock, triggerer, versions"),
    Command("campaigns list", "List campaigns, the newest first"),
    Command("campaigns show", "Show a campaign and what became of its contacts"),
    Command("campaigns watch", "Wait until a campaign has ended, and say how"),
    Command("campaigns stop", "Stop a campaign for good"),
    Command("report", "Bring a campaign's report home, with a summary"),
    Command("voices", "List the voices that can speak a message"),
    Command("sandbox", "Start a TingTing on this machine, which calls nobody"),
)

GROUPS = {
    "campaigns": "Look at campaigns and stop them",
    "contacts": "Check lists of contacts",
}
