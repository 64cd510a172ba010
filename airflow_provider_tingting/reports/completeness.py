"""Whether all of a report came home.

A body that is cut between two rows looks like a whole report; only counting shows it. May import the standard library
and the error tree only.
"""

from __future__ import annotations

from collections.abc import Mapping

from airflow_provider_tingting.errors import TingTingReportError


def check_complete(
    rows: int, expected: int | None, *, announced: int | None = None, campaign_id: int | None = None
) -> None:
    """Compare a report's rows with the number of contacts there should be.

    More rows than expected are no fault: contacts may have been added since the campaign was read.

    :param rows: rows of the report.
    :param expected: contacts of the campaign as TingTing counts them (`campaign_action_count`); None when not known.
    :param announced: contacts that the report announces itself (`Total Numbers` in its preamble), if it does.
    :param campaign_id: the campaign, for the message.
    :raises TingTingReportError: when contacts are missing; it says how many.
    """
    wanted = max((count for count in (expected, announced) if count is not None), default=None)
    if wanted is None or rows >= wanted:
        return
    by = "the report itself announces" if wanted != expected else "the campaign has"
    whose = f" of campaign {campaign_id}" if campaign_id is not None else ""
    missing = wanted - rows
    raise TingTingReportError(
        f"The report{whose} is incomplete: {by} {wanted:,} {_contacts(wanted)}, {rows:,} came, {missing:,} "
        f"{'is' if missing == 1 else 'are'} missing. Download it again; if the number stays, the contacts that "
        "TingTing lists for the campaign are the other source."
    )


def announced_contacts(fields: Mapping[str, object]) -> int | None:
    """Give the number of contacts that a report's preamble announces, if it does.

    :param fields: `Report.fields`.
    """
    announced = fields.get("total_numbers")
    return announced if isinstance(announced, int) else None


def _contacts(count: int) -> str:
    return "contact" if count == 1 else "contacts"
