"""Judges a campaign that has ended: the figures of its contacts, and whether they are a success. No Airflow.

TingTing calls a campaign `Completed` when it has tried all contacts, even if no contact answered. So success is judged
from the contacts' statuses, by one function for the synchronous and the deferred path.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO

from airflow_provider_tingting.api.statuses import CampaignStatus
from airflow_provider_tingting.campaigns.fetch_report import (
    FetchedReport,
    check_fetched,
    fetch_listing,
    fetch_report,
    settled,
    spooled,
)
from airflow_provider_tingting.errors import TingTingCampaignFailedError, TingTingReportError
from airflow_provider_tingting.formatting import amount, counted, share
from airflow_provider_tingting.reports.summary import CampaignSummary

if TYPE_CHECKING:
    from airflow_provider_tingting.api.client import TingTingClient
    from airflow_provider_tingting.api.models import Campaign

log = logging.getLogger(__name__)

# A share times a count of contacts may be off by this much in floating point.
_ROUNDING = 1e-6

#: The least share of contacts to reach, from 0 to 1; or a function from the summary to whether it is a success.
SuccessWhen = float | Callable[[CampaignSummary], bool] | None


def summarise(client: TingTingClient, campaign: Campaign) -> CampaignSummary:
    """Return the figures of a campaign's contacts.

    :param client: sends the calls.
    :param campaign: the campaign; its number of contacts checks the report.
    :raises TingTingError: see `fetch_complete`.
    """
    with spooled() as spool:
        return fetch_complete(client, campaign, spool).read.summary


def fetch_complete(client: TingTingClient, campaign: Campaign, spool: BinaryIO) -> FetchedReport:
    """Return the outcomes of all contacts: the report, or the contact list when the report fails or lacks contacts.

    :param client: sends the calls.
    :param campaign: the campaign; its number of contacts checks the report.
    :param spool: an empty, seekable binary file; it must stay open while the report is used.
    :raises TingTingAPIError: neither can be read.
    :raises TingTingReportError: contacts are missing in both.
    """
    return settled(campaign, partial(_fetch, client, campaign, spool))


def _fetch(client: TingTingClient, campaign: Campaign, spool: BinaryIO) -> FetchedReport:
    fetched = fetch_report(client, campaign, spool)
    try:
        check_fetched(fetched, campaign)
    except TingTingReportError as error:
        if fetched.source == "listing":
            raise
        log.warning("The report of campaign %s fails, so its contact list is counted: %s", campaign.id, error)
        fetched = FetchedReport(fetch_listing(client, campaign, spool), "listing")
        check_fetched(fetched, campaign)
    return fetched


def judge(campaign: Campaign, summary: CampaignSummary, success_when: SuccessWhen = None) -> None:
    """Raise unless the campaign is a success.

    :param campaign: the campaign.
    :param summary: the figures of its contacts.
    :param success_when: see `SuccessWhen`. By default at least one contact must have been reached.
    :raises TingTingCampaignFailedError: it is not `Completed`, or not a success; the text holds the figures.
    :raises TingTingReportError: it is not a success, and would be one if the pending contacts were reached.
    """
    figures = describe(summary)
    if campaign.status is not CampaignStatus.COMPLETED:
        verb = "ended as" if campaign.status.is_final else "is not over but"
        raise TingTingCampaignFailedError(
            f"{verb} {campaign.status} at {campaign.progress_percent or 0:.0f} %. {figures} A retry calls no contact "
            "again: for another round create a new campaign.",
            campaign_id=campaign.id,
            status=campaign.status.value,
        )
    if summary.pending + summary.unknown:
        log.warning("Campaign %s is %s, but some contacts have no outcome. %s", campaign.id, campaign.status, figures)
    judge_summary(summary, success_when, campaign_id=campaign.id, status=campaign.status.value)


def judge_summary(
    summary: CampaignSummary, success_when: SuccessWhen, *, campaign_id: int, status: str | None = None
) -> None:
    """Raise unless the figures of contacts are a success.

    :param summary: the figures.
    :param success_when: see `SuccessWhen`. By default at least one contact must have been reached.
    :param campaign_id: the campaign, or the last of several.
    :param status: its status.
    :raises TingTingCampaignFailedError: they are not.
    :raises TingTingReportError: they are not, and would be if the pending contacts were reached.
    """
    figures = describe(summary)
    if callable(success_when):
        good, wanted = bool(success_when(summary)), "success_when returned False"
        open_yet = False
    elif success_when is not None:
        # The summary's rate is rounded: it would take 99,996 of 100,000 for all.
        least = success_when * max(summary.contacts, 1) - _ROUNDING
        good, wanted = summary.reached >= least, f"success_when asks for {share(success_when, 1)}"
        open_yet = summary.reached + summary.pending >= least
    else:
        good, wanted = summary.reached > 0, "no contact was reached"
        open_yet = summary.pending > 0
    if not good and open_yet:
        raise TingTingReportError(
            f"Campaign {campaign_id} is Completed, and the figures of its contacts are not final: {figures} A retry "
            "reads them again and calls no contact."
        )
    if not good:
        raise TingTingCampaignFailedError(
            f"{wanted}. {figures} A retry calls no contact again.", campaign_id=campaign_id, status=status
        )


def summary_figures(summary: CampaignSummary) -> dict[str, Any]:
    """Return the figures that XCom and events carry: counts, a rate and credits.

    :param summary: the figures of a campaign's contacts.
    """
    return {
        "reached": summary.reached,
        "not_reached": summary.not_reached,
        "pending": summary.pending + summary.unknown,
        "reach_rate": summary.reach_rate,
        "credits": summary.credits,
    }


def describe(summary: CampaignSummary) -> str:
    """Return the figures as a sentence.

    :param summary: the figures of a campaign's contacts.
    """
    rate = f" ({share(summary.reached, summary.contacts)})" if summary.contacts else ""
    return (
        f"Of {counted(summary.contacts, 'contact')}: {summary.reached} reached{rate}, "
        f"{summary.not_reached} not reached, {summary.pending + summary.unknown} without an outcome."
    )


def spent_text(credits: float, estimate: float | None) -> str:
    """Return what was spent beside what was estimated, as a sentence after a space; an empty text without an estimate.

    :param credits: what the campaign has spent.
    :param estimate: what a check has estimated, or None.
    """
    if estimate is None:
        return ""
    percent = round((credits / estimate - 1) * 100) if estimate else 0
    if not percent:
        return f" Credits: {amount(credits)} spent, {amount(estimate)} estimated."
    more = "more" if percent > 0 else "less"
    return f" Credits: {amount(credits)} spent, {abs(percent)} % {more} than the estimate of {amount(estimate)}."
