"""`campaigns list`: the account's campaigns, the newest first."""

from __future__ import annotations

import argparse
from itertools import islice
from typing import TYPE_CHECKING

from airflow_provider_tingting.api.statuses import CampaignStatus
from airflow_provider_tingting.cli import exits
from airflow_provider_tingting.cli.options import add_connection, add_json, whole_number

if TYPE_CHECKING:
    from rich.console import Console


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.add_argument(
        "--status", type=_status, help=f"only those in this status: {', '.join(map(str, CampaignStatus))}"
    )
    parser.add_argument("--search", metavar="TEXT", help="only those with this text in their name")
    parser.add_argument(
        "--limit", type=whole_number, default=20, help="at most so many; 0 for all (default: %(default)s)"
    )
    add_connection(parser)
    add_json(parser)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Print the campaigns."""
    from airflow_provider_tingting import api
    from airflow_provider_tingting.cli.connecting import connect
    from airflow_provider_tingting.cli.tables import campaign_json, percent, print_json, table, tell

    status = arguments.status.value if arguments.status else None
    with connect(arguments.conn_id) as client:
        every = client.iterate(api.calls.list_campaigns(status=status, search=arguments.search))
        campaigns = list(islice(every, arguments.limit or None))
        more = bool(arguments.limit) and len(campaigns) == arguments.limit and next(every, None) is not None
    if arguments.json:
        print_json(console, [campaign_json(campaign) for campaign in campaigns])
        return exits.DONE
    if not campaigns:
        tell(console, "There are no such campaigns." if status or arguments.search else "There are no campaigns.")
        return exits.DONE
    rows = (
        (one.id, one.name, one.services, one.status, percent(one.progress_percent), one.campaign_action_count)
        for one in campaigns
    )
    columns = ("id", "name", "services", "status", "done", "contacts")
    console.print(table(columns, rows, right=("id", "done", "contacts")))
    if more:
        tell(console, f"There are more than these {len(campaigns)}: --limit 0 shows all.")
    return exits.DONE


def _status(text: str) -> CampaignStatus:
    try:
        return CampaignStatus.from_text(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
