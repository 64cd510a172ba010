"""Carries out one command: the console it writes to, and what each error means to the shell."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING, TextIO

from airflow_provider_tingting.cli import exits
from airflow_provider_tingting.cli.output import answer_only
from airflow_provider_tingting.cli.wording import for_a_shell
from airflow_provider_tingting.errors import (
    TingTingAPIError,
    TingTingCampaignError,
    TingTingError,
    TingTingReportError,
    TingTingStorageError,
    TingTingStorageRefusedError,
)

if TYPE_CHECKING:
    from rich.console import Console

    from airflow_provider_tingting.cli.commands import Command

# Of a table that goes into a pipe or a file no cell is folded.
_UNFOLDED = 400


def carry_out(command: Command, arguments: argparse.Namespace) -> int:
    """Run a command and return its exit code; what goes wrong is told in a sentence on standard error."""
    try:
        if not hasattr(arguments, "json"):
            return int(command.module.run(arguments, make_console()))
        with answer_only() as answer:
            return int(command.module.run(arguments, make_console(file=answer)))
    except TingTingError as error:
        complain(for_a_shell(str(error)))
        return exit_code_of(error)
    except KeyboardInterrupt:
        complain("Interrupted.")
        return exits.INTERRUPTED
    except BrokenPipeError:
        # The reader, such as `head`, has seen enough.
        return exits.DONE


def make_console(*, file: TextIO | None = None, stderr: bool = False) -> Console:
    """Return a console that folds nothing unless a terminal is too narrow; rich obeys `NO_COLOR`."""
    from rich.console import Console

    class Quiet(Console):
        def on_broken_pipe(self) -> None:
            # rich would end the process as if something were wrong.
            raise BrokenPipeError

    console = Quiet(file=file, stderr=stderr, highlight=False, emoji=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _UNFOLDED
    return console


def complain(text: str) -> None:
    """Write a sentence to standard error."""
    print(f"tingting: {text}", file=sys.stderr)


def exit_code_of(error: TingTingError) -> int:
    """Return what an error means to the shell."""
    if isinstance(error, TingTingAPIError):
        return exits.NO_ANSWER
    if isinstance(error, TingTingStorageRefusedError):
        return exits.WRONG_USE
    if isinstance(error, TingTingCampaignError | TingTingReportError | TingTingStorageError):
        return exits.BAD
    return exits.WRONG_USE
