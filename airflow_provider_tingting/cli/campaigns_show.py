"""`campaigns show`: show one campaign and the outcomes of its contacts, with masked numbers."""

from __future__ import annotations

import argparse
from itertools import islice

from rich.console import Console

from airflow_provider_tingting.api import TingTingClient, calls
from airflow_provider_tingting.campaigns.outcome import summarise
from airflow_provider_tingting.cli.connections import settings_of
from airflow_provider_tingting.cli.exit_codes import ExitCode
from airflow_provider_tingting.cli.options import add_campaign, add_connection, add_json, whole_number
from airflow_provider_tingting.cli.tables import campaign_json, facts, percent, print_json, summary_table, table
from airflow_provider_tingting.masking import mask_number, mask_text
from airflow_provider_tingting.reports.summary import CampaignSummary


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments.

    :param parser: the parser of the command.
    """
    add_campaign(parser)
    parser.add_argument(
        "--contacts", type=whole_number, default=0, metavar="N", help="also list the first N contacts, masked"
    )
    add_connection(parser)
    add_json(parser)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Print the campaign.

    :param arguments: the parsed command line.
    :param console: where the command prints.
    """
    settings = settings_of(arguments.conn_id)
    with TingTingClient(**settings.client_arguments()) as client:
        campaign = client.send(calls.get_campaign(arguments.campaign_id))
        # TingTing may respond with an error to the report of a campaign without contacts.
        summary = summarise(client, campaign) if campaign.campaign_action_count != 0 else CampaignSummary()
        contacts = list(islice(client.iterate(calls.list_contacts(campaign.id)), arguments.contacts))
    rows = [
        (one.id, mask_number(one.number), one.status.value, one.call_duration, one.playback, one.carrier)
        for one in contacts
    ]
    columns = ("id", "number", "status", "seconds", "playback %", "carrier")
    if arguments.json:
        content = {
            **campaign_json(campaign),
            "voice": campaign.voice_id,
            "message": mask_text(campaign.message),
            "sms_message": mask_text(campaign.sms_message),
            "description": mask_text(campaign.description),
            "summary": summary.to_json(),
        }
        if arguments.contacts > 0:
            content["listed_contacts"] = [dict(zip(columns, row, strict=True)) for row in rows]
        print_json(console, content)
        return ExitCode.SUCCESS
    console.print(
        facts(
            [
                ("campaign", campaign.id),
                ("name", campaign.name),
                ("status", campaign.status),
                ("progress", percent(campaign.progress_percent)),
                ("services", campaign.services),
                ("voice", campaign.voice_id),
                ("schedule", campaign.schedule),
                ("message", campaign.message),
                ("SMS", campaign.sms_message),
                ("description", campaign.description),
                ("updated", campaign.updated_at),
                ("page", settings.campaign_link(arguments.campaign_id)),
            ]
        )
    )
    console.print()
    console.print(summary_table(summary))
    if rows:
        console.print(table(columns, rows, right=("id", "seconds", "playback %")))
    return ExitCode.SUCCESS
