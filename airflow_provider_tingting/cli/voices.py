"""`voices`: list the account's voices with the ids and names that the argument `voice` takes."""

from __future__ import annotations

import argparse

from rich.console import Console

from airflow_provider_tingting.api import calls
from airflow_provider_tingting.cli.connections import connect
from airflow_provider_tingting.cli.exit_codes import ExitCode
from airflow_provider_tingting.cli.options import add_connection, add_json
from airflow_provider_tingting.cli.tables import print_json, print_text, table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments.

    :param parser: the parser of the command.
    """
    add_connection(parser)
    add_json(parser)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Print the voices.

    :param arguments: the parsed command line.
    :param console: where the command prints.
    """
    with connect(arguments.conn_id) as client:
        voices = client.send(calls.list_voice_models())
    if arguments.json:
        names = ("id", "voice_display_name", "voice_internal_name", "is_premium")
        print_json(console, [{name: getattr(voice, name) for name in names} for voice in voices])
    elif not voices:
        print_text(console, "The account has no voices.")
    else:
        rows = (
            (one.id, one.voice_display_name, one.voice_internal_name, "premium" if one.is_premium else "")
            for one in voices
        )
        console.print(table(("id", "name", "internal name", ""), rows, right=("id",)))
    return ExitCode.SUCCESS
