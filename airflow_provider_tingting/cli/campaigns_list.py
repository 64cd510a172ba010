"""`campaigns list`: list the account's campaigns, newest first."""

from __future__ import annotations

import argparse
from itertools import islice

from rich.console import Console

from airflow_provider_tingting.api import calls
from airflow_provider_tingting.api.statuses import CampaignStatus
from airflow_provider_tingting.cli.connections import connect
from airflow_provider_tingting.cli.exit_codes import ExitCode
from airflow_provider_tingting.cli.options import add_connection, add_json, whole_number
from airflow_provider_tingting.cli.tables import campaign_json, percent, print_json, print_text, table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments.

    :param parser: the parser of the command.
    """
    parser.add_argument(
        "--status", type=_status, help=f"only campaigns with this status: {', '.join(map(str, CampaignStatus))}"
    )
    parser.add_argument("--search", metavar="TEXT", help="only campaigns with this text in their name")
    parser.add_argument(
        "--limit", type=whole_number, default=20, help="maximum number of campaigns; 0 for all (default: %(default)s)"
    )
    add_connection(parser)
    add_json(parser)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Print the campaigns.

    :param arguments: the parsed command line.
    :param console: where the command prints.
    """
    status = arguments.status.value if arguments.status else None
    with connect(arguments.conn_id) as client:
        listing = client.iterate(calls.list_campaigns(status=status, search=arguments.search))
        campaigns = list(islice(listing, arguments.limit or None))
        more = bool(arguments.limit) and len(campaigns) == arguments.limit and next(listing, None) is not None
    if arguments.json:
        print_json(console, [campaign_json(campaign) for campaign in campaigns])
        return ExitCode.SUCCESS
    if not campaigns:
        filtered = status or arguments.search
        print_text(console, "No campaign matches." if filtered else "The account has no campaigns.")
        return ExitCode.SUCCESS
    rows = (
        (one.id, one.name, one.services, one.status, percent(one.progress_percent), one.campaign_action_count)
        for one in campaigns
    )
    columns = ("id", "name", "services", "status", "progress", "contacts")
    console.print(table(columns, rows, right=("id", "progress", "contacts")))
    if more:
        print_text(console, f"The account has more than these {len(campaigns)} campaigns: --limit 0 shows all.")
    return ExitCode.SUCCESS


def _status(text: str) -> CampaignStatus:
    try:
        return CampaignStatus.from_text(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
