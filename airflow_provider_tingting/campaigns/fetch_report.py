"""Downloads a campaign's report and reads it; when the report fails, the listing of contacts replaces it.

The report is one request, and the listing one for every few contacts, so the report is requested first, by both of its
addresses. When it fails for a campaign that exists, the listing has the same outcomes.
"""

from __future__ import annotations

import codecs
import csv
import json
import logging
import os
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Final, Literal, cast

from airflow_provider_tingting.api import calls, stale_reads
from airflow_provider_tingting.api.statuses import CampaignStatus
from airflow_provider_tingting.clock import sleep
from airflow_provider_tingting.contacts.progress import with_progress
from airflow_provider_tingting.errors import (
    TingTingAPIError,
    TingTingError,
    TingTingNotFoundError,
    TingTingOutcomeUnknownError,
    TingTingReportError,
    TingTingValidationError,
)
from airflow_provider_tingting.files.target import storage_error
from airflow_provider_tingting.reports.completeness import check_complete
from airflow_provider_tingting.reports.read_report import ReadReport, read_report

if TYPE_CHECKING:
    from airflow_provider_tingting.api.client import TingTingClient
    from airflow_provider_tingting.api.models import Campaign, Contact

log = logging.getLogger(__name__)

# Above this a spooled report moves from memory to a temporary file.
_SPOOL_IN_MEMORY = 8 * 1024 * 1024
# A damaged report is downloaded once more.
_DOWNLOADS = 2

_LISTING_COLUMNS: Final = (
    "Number",
    "Status",
    "Duration (Seconds)",
    "Playback (%)",
    "Credit Consumed",
    "Credit Consumed SMS",
    "Other Info",
    "Action Date",
    "Carrier",
)
# Present where the campaign sends the SMS after certain outcomes of the call.
_FAILOVER_COLUMN: Final = "Failover SMS Sent"

Source = Literal["report", "listing"]


@dataclass(frozen=True, slots=True)
class FetchedReport:
    """A downloaded report that is well-formed; whether it is complete is not checked yet.

    :param read: the report, its columns and its summary.
    :param source: `report`, or `listing` when TingTing's report failed.
    """

    read: ReadReport
    source: Source


def spooled() -> BinaryIO:
    """Return a temporary file without a name for a download, in memory as long as it is small."""
    return cast("BinaryIO", tempfile.SpooledTemporaryFile(_SPOOL_IN_MEMORY))


def fetch_report(
    client: TingTingClient, campaign: Campaign, spool: BinaryIO, *, may_list: bool = True
) -> FetchedReport:
    """Download a campaign's report to a file and read it; when it fails, download the listing of contacts instead.

    :param client: sends the calls.
    :param campaign: the campaign.
    :param spool: an empty, seekable binary file, such as `spooled()`; it must stay open while the report is used.
    :param may_list: whether the listing may replace the report.
    :raises TingTingAPIError: both fail.
    :raises TingTingReportError: the report is damaged, and the listing may not replace it.
    :raises TingTingStorageError: the report does not fit on this machine.
    """
    try:
        return _fetch(client, campaign, spool, may_list=may_list)
    except OSError as error:
        # The client raises its own errors for the network, so this error is the spool's.
        raise storage_error(error, f"{tempfile.gettempdir()}, where it is checked first", "The report") from error


def _fetch(client: TingTingClient, campaign: Campaign, spool: BinaryIO, *, may_list: bool) -> FetchedReport:
    for left in reversed(range(_DOWNLOADS)):
        try:
            client.download(calls.download_campaign_report(campaign.id), _emptied(spool))
            read = read_report(spool)
            if left and not _ends_its_last_line(spool):
                # A server that writes no line end there sends the same report again.
                log.warning(
                    "The report of campaign %s may break off in its last cell, since its last line does not end: it is "
                    "downloaded again",
                    campaign.id,
                )
                continue
            return FetchedReport(read, "report")
        except TingTingReportError as error:
            if left:
                log.warning("The report of campaign %s is damaged, so it is downloaded again: %s", campaign.id, error)
                continue
            trouble: TingTingError = error
        except (TingTingNotFoundError, TingTingValidationError, TingTingOutcomeUnknownError) as error:
            trouble = error
        break
    if not may_list:
        raise trouble
    log.warning(
        "TingTing's report of campaign %s fails, so the listing of its contacts replaces it: the same outcomes, "
        "but without the contacts' variables where TingTing does not list them. %s",
        campaign.id,
        trouble,
    )
    try:
        return FetchedReport(fetch_listing(client, campaign, spool), "listing")
    except TingTingAPIError as error:
        raise error from trouble


def _ends_its_last_line(spool: BinaryIO) -> bool:
    spool.seek(-1, os.SEEK_END)
    return spool.read(1) in b"\r\n"


def settled(campaign: Campaign, fetch: Callable[[], FetchedReport]) -> FetchedReport:
    """Return a report of a campaign, fetched again while TingTing still shows contacts of its end as not called.

    Right after the end of a campaign a server may answer with an older report.

    :param campaign: the campaign; only the report of a `Completed` one can be settled.
    :param fetch: fetches the report.
    """
    fetched = fetch()
    for pause in stale_reads.GROWING_PAUSES:
        if campaign.status is not CampaignStatus.COMPLETED or not fetched.read.summary.pending:
            break
        log.info(
            "Campaign %s is Completed, and %d of its contacts are still pending: reading the report again in %.0f s",
            campaign.id,
            fetched.read.summary.pending,
            pause,
        )
        sleep(pause)
        fetched = fetch()
    return fetched


def check_fetched(fetched: FetchedReport, campaign: Campaign, *, require_complete: bool = True) -> None:
    """Check that it is the report of that campaign, and that it has all contacts.

    :param fetched: the report.
    :param campaign: the campaign that was requested.
    :param require_complete: whether missing contacts are an error.

    :raises TingTingReportError: it is the report of another campaign, or contacts are missing; the text says how many.
    """
    expected = campaign.campaign_action_count
    if fetched.source == "report":
        fetched.read.check(
            expected=expected,
            campaign_id=campaign.id,
            campaign_name=campaign.name,
            require_complete=require_complete,
        )
    elif require_complete:
        # Contacts of a listing have ids, so two contacts with one number count as two.
        check_complete(fetched.read.summary.contacts, expected, campaign_id=campaign.id)


def fetch_listing(client: TingTingClient, campaign: Campaign, spool: BinaryIO) -> ReadReport:
    """Download the listing of a campaign's contacts to a file, in the columns of a report, and read it.

    :param client: sends the calls.
    :param campaign: the campaign.
    :param spool: an empty, seekable binary file.
    :raises TingTingAPIError: it cannot be read to its end.
    """
    contacts = client.iterate(calls.list_contacts(campaign.id))
    listed = with_progress(contacts, f"Campaign {campaign.id}", "contacts read", campaign.campaign_action_count)
    _write_listing(listed, _emptied(spool), bool(campaign.failover_target))
    return read_report(spool)


def _emptied(spool: BinaryIO) -> BinaryIO:
    spool.seek(0)
    spool.truncate()
    return spool


def _write_listing(contacts: Iterable[Contact], file: BinaryIO, fails_over: bool) -> None:
    """Write contacts as a report that `read_report` reads; `fails_over` adds the column of the failover SMS."""
    # This writer needs only `write` of its file: before Python 3.11 a spooled file lacks what others need.
    write = csv.writer(codecs.getwriter("utf-8")(file, "replace"), lineterminator="\n").writerow
    write((*_LISTING_COLUMNS, _FAILOVER_COLUMN) if fails_over else _LISTING_COLUMNS)
    for contact in contacts:
        variables = contact.other_variables
        write(
            (
                contact.number,
                contact.status.value,
                contact.call_duration,
                contact.playback,
                contact.credit_consumed,
                contact.credit_consumed_sms,
                json.dumps(variables, ensure_ascii=False) if variables else None,
                contact.updated_at,
                contact.carrier,
                *((contact.failover_sms_sent,) if fails_over else ()),
            )
        )
