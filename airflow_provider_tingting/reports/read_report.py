"""Reads a report to its last row: checks its form and counts it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

from airflow_provider_tingting.reports.completeness import announced_contacts, check_campaign, check_complete
from airflow_provider_tingting.reports.parser import Report, open_report
from airflow_provider_tingting.reports.summary import CampaignSummary, summarise
from airflow_provider_tingting.reports.tidy import TidyTable, find_table


@dataclass(frozen=True, slots=True)
class ReadReport:
    """A report that is well-formed from its first byte to its last.

    :param report: its rows, to be read again as often as needed.
    :param summary: the figures of the campaign.
    """

    report: Report
    summary: CampaignSummary

    @property
    def table(self) -> TidyTable:
        """The columns of its tidy table. It reads the report again, for the variables of all contacts."""
        return find_table(self.report.batches(), self.report)

    def check(
        self,
        *,
        expected: int | None = None,
        campaign_id: int | None = None,
        campaign_name: str | None = None,
        require_complete: bool = True,
    ) -> None:
        """Check that it is the report of that campaign, and that it has all contacts.

        :param expected: how many contacts the campaign has, if known.
        :param campaign_id: the campaign that was requested, if known.
        :param campaign_name: its name, if known.
        :param require_complete: whether contacts that are missing are an error.
        :raises TingTingReportError: it is the report of another campaign, or contacts are missing.
        """
        fields = self.report.fields
        check_campaign(fields, campaign_id=campaign_id, name=campaign_name)
        if require_complete:
            check_complete(
                self.summary.contacts,
                expected,
                announced=announced_contacts(fields),
                duplicates=self.summary.duplicates,
            )


def read_report(source: BinaryIO) -> ReadReport:
    """Read a report once from its first byte to its last, in flat memory.

    :param source: the report as it came: a readable, seekable binary file, such as a spooled download. Not closed.
    :raises TingTingReportError: the report is cut, damaged or not a report.
    """
    report = open_report(source)
    return ReadReport(report, summarise(report))
