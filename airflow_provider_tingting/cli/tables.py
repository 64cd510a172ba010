"""How the commands show things: tables that cut nothing, numbers and texts masked."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_tingting.formatting import amount, share
from airflow_provider_tingting.masking import mask_text

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from airflow_provider_tingting.api.models import Campaign
    from airflow_provider_tingting.reports.summary import CampaignSummary


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, right: Sequence[str] = ()) -> Table:
    """Make a table; what does not fit is folded, never cut.

    :param right: the columns of figures.
    """
    from rich import box
    from rich.table import Table

    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        made.add_column(column, overflow="fold", justify="right" if column in right else "left")
    for row in rows:
        made.add_row(*(shown(cell) for cell in row))
    return made


def facts(pairs: Iterable[tuple[str, Any]]) -> Table:
    """Make a table of names and values, without what is not known."""
    from rich.table import Table

    made = Table(box=None, show_header=False, pad_edge=False)
    made.add_column(style="bold", no_wrap=True)
    made.add_column(overflow="fold")
    for name, value in pairs:
        if value not in (None, "", ()):
            made.add_row(name, shown(value))
    return made


def shown(value: Any) -> Any:
    """Write a value for people, masked; as rich's own text, in which nothing is markup."""
    from rich.text import Text

    if value is None:
        return Text("")
    if isinstance(value, float):
        value = amount(value)
    return Text(mask_text(str(value)))


def campaign_json(campaign: Campaign) -> dict[str, Any]:
    """Write a campaign for programs: what identifies it and how far it is; no contact, and its texts masked."""
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
    """Write a share of a hundred."""
    return "" if value is None else f"{value:.0f} %"


def summary_table(summary: CampaignSummary) -> Table:
    """Show what a campaign came to."""
    calls, sms = amount(summary.credits_calls), amount(summary.credits_sms)
    rate = "" if summary.reach_rate is None else f" ({share(summary.reached, summary.contacts)})"
    return facts(
        [
            ("contacts", summary.contacts),
            ("reached", f"{summary.reached}{rate}"),
            ("not reached", summary.not_reached),
            ("open", summary.pending),
            ("unknown status", summary.unknown or None),
            ("by status", _counts(summary.by_status)),
            ("by carrier", _counts(summary.by_carrier)),
            ("credits", f"{amount(summary.credits)} (calls {calls}, SMS {sms})"),
            ("talked", f"{amount(summary.seconds_talked)} s"),
            ("heard, median", percent(summary.median_playback)),
        ]
    )


def _counts(counts: Any) -> str:
    return ", ".join(f"{name} {number}" for name, number in counts.items())


def print_json(console: Console, value: Any) -> None:
    """Print JSON for programs, without colours or folding."""
    print(json.dumps(value, ensure_ascii=False, indent=2), file=console.file)


def tell(console: Console, text: str, *, style: str = "", indent: int = 0) -> None:
    """Print a sentence, folded between words only: a path or an address in it stays in one piece.

    :param indent: by how much the lines after the first are moved in.
    """
    lines = textwrap.wrap(
        mask_text(text),
        max(console.width, indent + 20),
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
        drop_whitespace=True,
    )
    from rich.text import Text

    for line in lines:
        console.print(Text(line, style=style), soft_wrap=True)
