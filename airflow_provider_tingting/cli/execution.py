"""Executes a command: its console, its error messages, and its exit code."""

from __future__ import annotations

import argparse
import os
import re
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from typing import TextIO

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from airflow_provider_tingting.cli.exit_codes import ExitCode
from airflow_provider_tingting.errors import (
    TingTingAPIError,
    TingTingCampaignError,
    TingTingError,
    TingTingReportError,
    TingTingStorageError,
    TingTingStorageRefusedError,
)
from airflow_provider_tingting.masking import printable

# Wide enough that no table cell is folded in a pipe or a file.
_WIDTH_WITHOUT_TERMINAL = 400

_OPTION_WITH_VALUE = re.compile(r"\b(sheet|number_column|number_policy|encoding|delimiter)='([^']*)'")
_ONE_VARIABLE = re.compile(r"\bvariables=\{'([^']*)': '([^']*)'\}")
_OPTION_WITHOUT_VALUE = re.compile(r"(?<!-)\b(encoding|variables|where)=(?=[\s.]|$)")
_OVERWRITE = (
    " (a template such as {{ run_id }} makes it unique), remove the file, or allow overwriting",
    ", remove the file, or add --overwrite",
)


def execute(run: Callable[[argparse.Namespace, Console], int], arguments: argparse.Namespace) -> int:
    """Run a command and return its exit code; an error of this package is one sentence on standard error.

    :param run: the function of the command's module.
    :param arguments: the parsed arguments.
    """
    try:
        if not hasattr(arguments, "json"):
            return int(run(arguments, make_console()))
        with reserved_stdout() as output:
            return int(run(arguments, make_console(file=output)))
    except TingTingError as error:
        print_error(with_options(str(error)))
        return exit_code_of(error)
    except KeyboardInterrupt:
        print_error("Interrupted.")
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        # The reader of a pipe, such as `head`, has closed it.
        return ExitCode.SUCCESS


class _SafeConsole(Console):
    """A console that passes no control character on, and raises on a closed pipe, where rich exits with code 1."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            text = segment.text
            # rich adds its own escape sequences later.
            if segment.control or text.isprintable() or text == "\n":
                yield segment
            else:
                yield segment._replace(text="\n".join(map(printable, text.split("\n"))))

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def make_console(*, file: TextIO | None = None, stderr: bool = False) -> Console:
    """Return a console that folds cells only on a narrow terminal; rich reads `NO_COLOR`.

    :param file: where it writes; None means standard output.
    :param stderr: write to standard error instead.
    """
    console = _SafeConsole(file=file, stderr=stderr, highlight=False, emoji=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _WIDTH_WITHOUT_TERMINAL
    return console


def print_error(text: str) -> None:
    """Print a sentence to standard error.

    :param text: the text of the error.
    """
    print(f"tingting: {text}", file=sys.stderr)


def exit_code_of(error: TingTingError) -> ExitCode:
    """Return the exit code of an error.

    :param error: the error.
    """
    if isinstance(error, TingTingAPIError):
        return ExitCode.API_ERROR
    if isinstance(error, TingTingStorageRefusedError):
        return ExitCode.USAGE_ERROR
    if isinstance(error, TingTingCampaignError | TingTingReportError | TingTingStorageError):
        return ExitCode.PROBLEM
    return ExitCode.USAGE_ERROR


@contextmanager
def reserved_stdout() -> Iterator[TextIO]:
    """Yield the standard output, and send everything else that writes to it to standard error.

    Airflow's log handlers write to standard output, some through a stream that they opened earlier. Therefore the file
    descriptor is redirected, not only `sys.stdout`.
    """
    stdout = sys.stdout
    if sys.stdout is not sys.__stdout__:
        # Another stream is in place, which has no file descriptor of its own.
        with redirect_stdout(sys.stderr):
            yield stdout
        return
    stdout.flush()
    descriptor = stdout.fileno()
    original = os.dup(descriptor)
    try:
        with open(os.dup(original), "w", encoding=stdout.encoding, errors="replace", buffering=1) as output:  # noqa: PTH123
            os.dup2(sys.stderr.fileno(), descriptor)
            yield output
    finally:
        stdout.flush()
        os.dup2(original, descriptor)
        os.close(original)


def with_options(text: str) -> str:
    """Return an error message with operator arguments replaced by the options of the commands.

    :param text: a text that names arguments, such as `number_column`.
    """
    text = _ONE_VARIABLE.sub(lambda found: f"--variable {shlex.quote(f'{found[1]}={found[2]}')}", text)
    text = _OPTION_WITH_VALUE.sub(lambda found: f"--{found[1].replace('_', '-')} {shlex.quote(found[2])}", text)
    text = _OPTION_WITHOUT_VALUE.sub(lambda found: f"--{found[1].removesuffix('s')}", text)
    return text.replace(*_OVERWRITE)
