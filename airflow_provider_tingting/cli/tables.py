"""Output of the commands: tables without truncated cells, masked numbers and texts, JSON."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from airflow_provider_tingting import formatting
from airflow_provider_tingting.api.models import Campaign
from airflow_provider_tingting.formatting import amount, share
from airflow_provider_tingting.masking import mask_text, printable
from airflow_provider_tingting.reports.summary import CampaignSummary


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, right: Sequence[str] = ()) -> Table:
    """Return a table; a long cell is folded, never truncated.

    :param columns: the column titles.
    :param rows: the cells of each row.
    :param right: the titles of right-aligned columns.
    """
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        made.add_column(column, overflow="fold", justify="right" if column in right else "left")
    for row in rows:
        made.add_row(*(masked_text(cell) for cell in row))
    return made


def facts(pairs: Iterable[tuple[str, Any]]) -> Table:
    """Return a table of names and values, without the empty values.

    :param pairs: the names and values.
    """
    made = Table(box=None, show_header=False, pad_edge=False)
    made.add_column(style="bold", no_wrap=True)
    made.add_column(overflow="fold")
    for name, value in pairs:
        if value not in (None, "", ()):
            made.add_row(name, masked_text(value))
    return made


def masked_text(value: object) -> Any:
    """Return a value as masked text, in which rich reads no markup.

    :param value: the value.
    """
    if value is None:
        return Text("")
    if isinstance(value, float):
        value = amount(value)
    # rich passes an escape character on to the terminal.
    return Text("\n".join(map(printable, mask_text(str(value)).split("\n"))))


def campaign_json(campaign: Campaign) -> dict[str, Any]:
    """Return a campaign as JSON: its identity and progress, no contacts, masked texts.

    :param campaign: the campaign.
    """
    return {
        "id": campaign.id,
        "name": mask_text(campaign.name),
        "services": campaign.services,
        "status": campaign.status.value,
        "progress_percent": campaign.progress_percent,
        "contacts": campaign.campaign_action_count,
        "schedule": campaign.schedule,
        "updated_at": campaign.updated_at,
    }


def percent(value: float | None) -> str:
    """Return a percentage as text; empty when it is unknown.

    :param value: the value.
    """
    return "" if value is None else formatting.percent(value)


def summary_table(summary: CampaignSummary) -> Table:
    """Return the table of a campaign's outcomes.

    :param summary: the summary of the report.
    """
    calls, sms = amount(summary.credits_calls), amount(summary.credits_sms)
    rate = "" if summary.reach_rate is None else f" ({share(summary.reached, summary.contacts)})"
    return facts(
        [
            ("contacts", summary.contacts),
            ("reached", f"{summary.reached}{rate}"),
            ("not reached", summary.not_reached),
            ("pending", summary.pending),
            ("unknown status", summary.unknown or None),
            ("by status", _counts(summary.by_status)),
            ("by carrier", _counts(summary.by_carrier)),
            ("credits", f"{amount(summary.credits)} (calls {calls}, SMS {sms})"),
            ("talk time", f"{amount(summary.seconds_talked)} s"),
            ("playback, median", percent(summary.median_playback)),
        ]
    )


def _counts(counts: Any) -> str:
    return ", ".join(f"{name} {number}" for name, number in counts.items())


def print_json(console: Console, value: object) -> None:
    """Print a value as JSON, without colours or folding.

    :param console: where the command prints.
    :param value: the value.
    """
    text = json.dumps(value, ensure_ascii=False, indent=2)
    # Characters that control a terminal occur inside texts only; there they are escaped, while other scripts stay.
    escaped = (char if char == "\n" or printable(char) == char else json.dumps(char)[1:-1] for char in text)
    print("".join(escaped), file=console.file)


def print_text(console: Console, text: str, *, style: str = "", indent: int = 0) -> None:
    """Print a masked text, folded between words only, so that a path or an address stays in one piece.

    :param console: where the command prints.
    :param text: the text.
    :param style: a rich style, such as `yellow`.
    :param indent: the indent of the lines after the first.
    """
    lines = textwrap.wrap(
        mask_text(printable(text)),
        max(console.width, indent + 20),
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
        drop_whitespace=True,
    )
    for line in lines:
        console.print(Text(line, style=style), soft_wrap=True)
