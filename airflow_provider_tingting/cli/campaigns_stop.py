"""`campaigns stop`: stop a campaign permanently. Contacts that were not called yet are not called."""

from __future__ import annotations

import argparse
import sys
from contextlib import suppress

from rich.console import Console

from airflow_provider_tingting.api import calls
from airflow_provider_tingting.api.driver import run_flow
from airflow_provider_tingting.campaigns import reconcile
from airflow_provider_tingting.cli.connections import connect
from airflow_provider_tingting.cli.execution import print_error
from airflow_provider_tingting.cli.exit_codes import ExitCode
from airflow_provider_tingting.cli.options import add_campaign, add_connection, add_json
from airflow_provider_tingting.cli.tables import campaign_json, print_json, print_text
from airflow_provider_tingting.errors import TingTingError
from airflow_provider_tingting.masking import mask_text


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments.

    :param parser: the parser of the command.
    """
    add_campaign(parser)
    parser.add_argument("--yes", action="store_true", help="do not ask for confirmation; required without a terminal")
    add_connection(parser)
    add_json(parser)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Ask for confirmation, stop the campaign, and check that it has stopped.

    :param arguments: the parsed command line.
    :param console: where the command prints.
    """
    with connect(arguments.conn_id) as client:
        campaign = client.send(calls.get_campaign(arguments.campaign_id))
        if campaign.status.is_final:
            message = f"Campaign {campaign.id} is already {campaign.status}: no request was sent."
        else:
            if not arguments.yes and not sys.stdin.isatty():
                print_error("Stopping cannot be undone. Without a terminal to confirm it, add --yes. Nothing was sent.")
                return ExitCode.USAGE_ERROR
            name = mask_text(campaign.name)
            question = f"Stop campaign {campaign.id}, {name!r}, permanently? Its status is {campaign.status}."
            if not arguments.yes and not _confirmed(question):
                print_error("Nothing was sent.")
                return ExitCode.INTERRUPTED
            try:
                message = run_flow(client, reconcile.stop(campaign.id))
                # Without a response the campaign is shown as read before, and the message says what is known.
                with suppress(TingTingError):
                    campaign = client.send(calls.get_campaign(campaign.id))
            except KeyboardInterrupt:
                print_error(f"It is unknown whether campaign {campaign.id} was stopped. Check its status.")
                raise
    if arguments.json:
        print_json(console, {**campaign_json(campaign), "message": message})
    else:
        print_text(console, message)
    return ExitCode.SUCCESS if campaign.status.is_final else ExitCode.PROBLEM


def _confirmed(question: str) -> bool:
    try:
        return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        return False
