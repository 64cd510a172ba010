"""`voices`: the voices that can speak a message, with the ids and names that `voice=` takes."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from airflow_provider_tingting.cli import exits
from airflow_provider_tingting.cli.options import add_connection, add_json

if TYPE_CHECKING:
    from rich.console import Console


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    add_connection(parser)
    add_json(parser)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Print the voices."""
    from airflow_provider_tingting import api
    from airflow_provider_tingting.cli.connecting import connect
    from airflow_provider_tingting.cli.tables import print_json, table, tell

    with connect(arguments.conn_id) as client:
        voices = client.send(api.calls.list_voice_models())
    if arguments.json:
        names = ("id", "voice_display_name", "voice_internal_name", "is_premium")
        print_json(console, [{name: getattr(voice, name) for name in names} for voice in voices])
        return exits.DONE
    if not voices:
        tell(console, "The account has no voices.")
        return exits.DONE
    rows = (
        (one.id, one.voice_display_name, one.voice_internal_name, "premium" if one.is_premium else "") for one in voices
    )
    console.print(table(("id", "name", "internal name", ""), rows, right=("id",)))
    return exits.DONE
