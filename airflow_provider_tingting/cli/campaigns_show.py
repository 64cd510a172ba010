"""`campaigns show`: one campaign and what became of its contacts, whose numbers are masked."""

from __future__ import annotations

import argparse
from itertools import islice
from typing import TYPE_CHECKING

from airflow_provider_tingting.cli import exits
from airflow_provider_tingting.cli.options import add_campaign, add_connection, add_json, whole_number

if TYPE_CHECKING:
    from rich.console import Console


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    add_campaign(parser)
    parser.add_argument(
        "--contacts", type=whole_number, default=0, metavar="N", help="list the first N contacts too, numbers masked"
    )
    add_connection(parser)
    add_json(parser)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Print the campaign."""
    from airflow_provider_tingting import api
    from airflow_provider_tingting.campaigns.outcome import summarise
    from airflow_provider_tingting.cli.connecting import connect, settings_of
    from airflow_provider_tingting.cli.tables import (
        campaign_json,
        facts,
        percent,
        print_json,
        summary_table,
        table,
    )
    from airflow_provider_tingting.masking import mask_number, mask_text
    from airflow_provider_tingting.reports.summary import CampaignSummary

    link = settings_of(arguments.conn_id).campaign_link(arguments.campaign_id)
    with connect(arguments.conn_id) as client:
        campaign = client.send(api.calls.get_campaign(arguments.campaign_id))
        # The report of a campaign without contacts may be an error of the server's.
        summary = summarise(client, campaign) if campaign.campaign_action_count != 0 else CampaignSummary()
        first = client.iterate(api.calls.list_contacts(campaign.id))
        contacts = list(islice(first, arguments.contacts))
    rows = [
        (one.id, mask_number(one.number), one.status.value, one.call_duration, one.playback, one.carrier)
        for one in contacts
    ]
    columns = ("id", "number", "status", "seconds", "heard %", "carrier")
    if arguments.json:
        shown = {
            **campaign_json(campaign),
            "voice": campaign.voice_id,
            "message": mask_text(campaign.message),
            "sms_message": mask_text(campaign.sms_message),
            "description": mask_text(campaign.description),
            "summary": summary.to_json(),
        }
        if arguments.contacts > 0:
            shown["listed_contacts"] = [dict(zip(columns, row, strict=True)) for row in rows]
        print_json(console, shown)
        return exits.DONE
    console.print(
        facts(
            [
                ("campaign", campaign.id),
                ("name", campaign.name),
                ("status", campaign.status),
                ("done", percent(campaign.progress_percent)),
                ("services", campaign.services),
                ("voice", campaign.voice_id),
                ("schedule", campaign.schedule),
                ("message", campaign.message),
                ("SMS", campaign.sms_message),
                ("description", campaign.description),
                ("updated", campaign.updated_at),
                ("page", link),
            ]
        )
    )
    console.print()
    console.print(summary_table(summary))
    if rows:
        console.print(table(columns, rows, right=("id", "seconds", "heard %")))
    return exits.DONE
