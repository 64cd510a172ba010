"""Keeps the report by which a campaign was judged in a file, for the task that writes the report. No Airflow.

The file holds the SHA-256 hash of the rest in a line, the campaign as TingTing showed it at its end in a line of JSON,
and the report as TingTing sent it.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from airflow_provider_tingting.api.models import Campaign
from airflow_provider_tingting.api.statuses import CampaignStatus
from airflow_provider_tingting.campaigns.fetch_report import FetchedReport, check_fetched, spooled
from airflow_provider_tingting.errors import TingTingReportError
from airflow_provider_tingting.files.atomic import whole_file
from airflow_provider_tingting.files.storage_errors import judge_storage_error
from airflow_provider_tingting.files.target import LocalTarget, resolve_target
from airflow_provider_tingting.reports.read_report import read_report

if TYPE_CHECKING:
    from airflow_provider_tingting.reports.summary import CampaignSummary

#: The version of the file's form.
_FORM: Final = 1
_BLOCK: Final = 1 << 20
_WHAT: Final = "The kept report"


def keep_report(target: object, campaign: Campaign, fetched: FetchedReport, spool: BinaryIO, *, server: str) -> None:
    """Write a report to a file, whole and readable by its owner only, if its outcomes can change no more.

    A report that another download may complete is not kept: the listing of contacts has no variables, and the contacts
    of a campaign that was stopped, or that have no outcome yet, may get one.

    :param target: a local path, or any path of universal-pathlib, fsspec or Airflow.
    :param campaign: the campaign, as it was read at its end.
    :param fetched: its report, complete.
    :param spool: the file that holds the report.
    :param server: the base URL of the campaign's server.
    :raises TingTingReportError: the report is not kept; the text says why.
    :raises TingTingError: the file cannot be written, see `whole_file`.
    """
    if fetched.source != "report":
        raise TingTingReportError("the listing of the contacts replaces TingTing's report.")
    _check_final(campaign, fetched.read.summary)
    about = {"kept_report": _FORM, "server": server, "campaign": campaign.model_dump(mode="json")}
    line = json.dumps(about).encode() + b"\n"
    with whole_file(target, what=_WHAT, private=True) as file:
        file.write(_digest(line, spool) + line)
        spool.seek(0)
        shutil.copyfileobj(spool, file, _BLOCK)


def take_report(target: Any, spool: BinaryIO, *, campaign_id: int, server: str) -> tuple[Campaign, FetchedReport]:
    """Return a campaign and its report from the file that `keep_report` has written.

    The report passes each check of a downloaded one.

    :param target: the file.
    :param spool: an empty, seekable binary file for the report; it must stay open while the report is used.
    :param campaign_id: the campaign whose report is wanted.
    :param server: the base URL of the campaign's server.
    :raises TingTingReportError: the file is missing, damaged, or not the final and complete report of that campaign;
        the text says which.
    """
    try:
        # The files of some stores read no lines.
        with target.open("rb") as file, spooled() as whole:
            shutil.copyfileobj(file, whole, _BLOCK)
            whole.seek(0)
            digest, line = whole.readline(_BLOCK), whole.readline(_BLOCK)
            shutil.copyfileobj(whole, spool, _BLOCK)
    except FileNotFoundError:
        raise TingTingReportError("the file does not exist.") from None
    except Exception as error:
        raise TingTingReportError(f"the file cannot be read: {judge_storage_error(error).reason}.") from error
    if digest != _digest(line, spool):
        raise TingTingReportError("the file is damaged, or not a kept report.")
    about = json.loads(line)
    if about["kept_report"] != _FORM:
        raise TingTingReportError("another version of this package has kept it.")
    campaign = Campaign.model_validate(about["campaign"])
    if (about["server"], campaign.id) != (server, campaign_id):
        raise TingTingReportError("it is the report of another campaign.")
    fetched = FetchedReport(read_report(spool), "report")
    check_fetched(fetched, campaign)
    _check_final(campaign, fetched.read.summary)
    return campaign, fetched


def remove_kept(target: object) -> None:
    """Remove the file that `keep_report` has written.

    :param target: the file.
    :raises Exception: as its storage raises it.
    """
    place = resolve_target(target, _WHAT)
    if isinstance(place, LocalTarget):
        place.path.unlink(missing_ok=True)
    else:
        place.path.unlink()


def _check_final(campaign: Campaign, summary: CampaignSummary) -> None:
    if campaign.status is not CampaignStatus.COMPLETED:
        raise TingTingReportError(f"the campaign is {campaign.status}.")
    if open_yet := summary.pending + summary.unknown:
        raise TingTingReportError(f"{open_yet} of its contacts have no outcome yet.")


def _digest(line: bytes, spool: BinaryIO) -> bytes:
    """Return the hash of a line and of what a file holds, as a line."""
    digest = hashlib.sha256(line)
    spool.seek(0)
    while block := spool.read(_BLOCK):
        digest.update(block)
    return digest.hexdigest().encode() + b"\n"
