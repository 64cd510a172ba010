"""`campaigns stop`: stop a campaign for good. Who was not called stays uncalled."""

from __future__ import annotations

import argparse
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from airflow_provider_tingting.api.driver import run_flow
from airflow_provider_tingting.cli import exits
from airflow_provider_tingting.cli.options import add_campaign, add_connection, add_json

if TYPE_CHECKING:
    from rich.console import Console


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    add_campaign(parser)
    parser.add_argument("--yes", action="store_true", help="do not ask; needed where nobody can answer")
    add_connection(parser)
    add_json(parser)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Ask, stop, look whether it has stopped."""
    from airflow_provider_tingting import api
    from airflow_provider_tingting.campaigns import reconcile
    from airflow_provider_tingting.cli.connecting import connect
    from airflow_provider_tingting.cli.running import complain
    from airflow_provider_tingting.cli.tables import campaign_json, print_json, tell
    from airflow_provider_tingting.errors import TingTingError
    from airflow_provider_tingting.masking import mask_text

    with connect(arguments.conn_id) as client:
        campaign = client.send(api.calls.get_campaign(arguments.campaign_id))
        if campaign.status.is_final:
            said = f"Campaign {campaign.id} is {campaign.status} already: nothing was sent."
        else:
            if not arguments.yes and not sys.stdin.isatty():
                complain("Stopping cannot be undone, and nobody is here to be asked: add --yes. Nothing was sent.")
                return exits.WRONG_USE
            asked = f"Stop campaign {campaign.id}, {mask_text(campaign.name)!r}, for good? It is {campaign.status}."
            if not arguments.yes and not _agreed(asked):
                complain("Nothing was sent.")
                return exits.INTERRUPTED
            try:
                said = run_flow(client, reconcile.stop(campaign.id))
                with suppress(TingTingError):
                    # Otherwise it is shown as it was before, and the sentence says what is known.
                    campaign = client.send(api.calls.get_campaign(campaign.id))
            except KeyboardInterrupt:
                complain(f"Whether campaign {campaign.id} was stopped is not known. Look at it.")
                raise
    if arguments.json:
        print_json(console, {**campaign_json(campaign), "said": said})
    else:
        tell(console, said)
    return exits.DONE if campaign.status.is_final else exits.BAD


def _agreed(question: str) -> bool:
    try:
        return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        return False
