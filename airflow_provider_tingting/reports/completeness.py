"""Checks that a report has all contacts, and that it is the report of the campaign that was requested.

A body that is cut between two rows looks like a whole report, and so does one that has a row twice and lacks another;
only counting numbers shows it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

from airflow_provider_tingting.errors import TingTingReportError


def check_complete(
    rows: int,
    expected: int | None,
    *,
    announced: int | None = None,
    duplicates: int = 0,
    campaign_id: int | None = None,
) -> None:
    """Compare a report's numbers with the contacts that there should be.

    More numbers than expected are not a fault: contacts may have been added since the campaign was read.

    :param rows: rows of the report.
    :param expected: contacts of the campaign as TingTing counts them (`campaign_action_count`); None when not known.
    :param announced: contacts that the report announces itself (`Total Numbers` in its preamble), if it does.
    :param duplicates: rows whose number is in an earlier row; they are not counted.
    :param campaign_id: the campaign, for the message.
    :raises TingTingReportError: contacts are missing; the text says how many, and how many rows are duplicates.
    """
    wanted = max((count for count in (expected, announced) if count is not None), default=None)
    came = rows - duplicates
    if wanted is None or came >= wanted:
        return
    by = "the report itself announces" if wanted != expected else "the campaign has"
    whose = f" of campaign {campaign_id}" if campaign_id is not None else ""
    missing = wanted - came
    double = (
        f", and {duplicates:,} {'row repeats' if duplicates == 1 else 'rows repeat'} a number that came before"
        if duplicates
        else ""
    )
    remedy = (
        "Download it again; if the number stays, the contacts that TingTing lists for the campaign are the other "
        "source."
    )
    if rows >= wanted:
        remedy += " If the campaign itself holds a number more than once, set require_complete=False."
    raise TingTingReportError(
        f"The report{whose} is incomplete: {by} {wanted:,} {_contacts(wanted)}, {came:,} came, {missing:,} "
        f"{'is' if missing == 1 else 'are'} missing{double}. {remedy}"
    )


def announced_contacts(fields: Mapping[str, object]) -> int | None:
    """Return the number of contacts that a report's preamble announces, if it does.

    :param fields: `Report.fields`.
    """
    announced = fields.get("total_numbers")
    return announced if isinstance(announced, int) else None


def check_campaign(fields: Mapping[str, object], *, campaign_id: int | None, name: str | None) -> None:
    """Compare the campaign in a report's preamble with the campaign that was requested.

    Case, blanks and line breaks of a name do not matter. A report without a preamble passes.

    :param fields: `Report.fields`.
    :param campaign_id: the campaign that was requested, if known.
    :param name: its name, if known.
    :raises TingTingReportError: it is the report of another campaign.
    """
    requested = f"campaign {campaign_id}" if campaign_id is not None else "the campaign"
    report_id = fields.get("campaign_id", fields.get("id"))
    if campaign_id is not None and isinstance(report_id, int) and report_id != campaign_id:
        raise TingTingReportError(
            f"The report is of another campaign: it says that it is of campaign {report_id}, and {requested} was asked "
            "for. Download it again; if the error persists, report it to TingTing."
        )
    report_name = fields.get("name")
    if name and isinstance(report_name, str) and report_name.strip() and _plain(report_name) != _plain(name):
        raise TingTingReportError(
            f"The report is of another campaign: it says that it is of {report_name[:80]!r}, and {requested} is called "
            f"{name[:80]!r}. Download it again; if the error persists, report it to TingTing."
        )


def _plain(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def _contacts(count: int) -> str:
    return "contact" if count == 1 else "contacts"
