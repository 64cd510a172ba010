"""Writes a report to a file, which appears complete or not at all.

The spooled report is read twice, in flat memory: once to check and count it, once to write it. So nothing is written of
a report that is cut. The columns are those of the first rows. When a later row has another one, the columns of all rows
are read, and the file is written again.

Source: Campaign API, "Download report".
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import BinaryIO, Final

from airflow_provider_tingting.contacts.progress import with_progress
from airflow_provider_tingting.errors import TingTingConfigError
from airflow_provider_tingting.files.atomic import gzip_by_name, is_gzip, size_of, whole_file
from airflow_provider_tingting.reports import FORMATS
from airflow_provider_tingting.reports.parser import Report
from airflow_provider_tingting.reports.pseudonyms import check_numbers, pseudonymise, pseudonymise_columns
from airflow_provider_tingting.reports.read_report import ReadReport, read_report
from airflow_provider_tingting.reports.rows import ReportBlock, ReportRows, in_blocks
from airflow_provider_tingting.reports.summary import CampaignSummary
from airflow_provider_tingting.reports.tidy import TidyTable, find_table
from airflow_provider_tingting.reports.writers.binary_formats import (
    check_sheet_holds,
    import_pyarrow,
    write_parquet,
    write_xlsx,
)
from airflow_provider_tingting.reports.writers.text_formats import write_csv, write_jsonl

__all__ = [
    "WrittenReport",
    "format_of",
    "write_read_report",
    "write_report",
]

# Batches of some 64 KiB whose variables become the columns of the first try.
_LOOKED_AT: Final = 8
# The formats whose columns must be known before the first row is written.
_NEEDS_COLUMNS: Final = frozenset({"csv", "parquet", "xlsx"})

_WRITERS: Final[dict[str, Callable[[BinaryIO, TidyTable, Iterable[ReportBlock]], None]]] = {
    "csv": write_csv,
    "jsonl": write_jsonl,
    "parquet": write_parquet,
    "xlsx": write_xlsx,
}


@dataclass(frozen=True, slots=True)
class WrittenReport:
    """What was written.

    :param rows: contacts in the report.
    :param summary: what the campaign came to.
    :param bytes: size of the file.
    """

    rows: int
    summary: CampaignSummary
    bytes: int


def format_of(target: object, format: str | None = None) -> str:
    """Return the format of a report: the requested one, or the one that the target's name ends in.

    :param target: where to; only its name is used.
    :param format: one of `FORMATS`, or None for the format of the name: `.csv`, `.jsonl`, `.parquet` or `.xlsx`, the
        first two also with `.gz`; `csv` for any other name.
    :raises TingTingConfigError: there is no such format, its library is missing, it contradicts the name, or `.gz`
        follows a format that is compressed already.
    """
    ending = str(target).lower().removesuffix(".gz").rpartition(".")[2]
    named = ending if ending in _WRITERS else None
    if format is None:
        format = named or "csv"
    if format not in FORMATS:
        raise TingTingConfigError(f"There is no report format {format!r}. Use one of {', '.join(FORMATS)}.")
    if named is not None and format != named and (format, named) != ("raw", "csv"):
        raise TingTingConfigError(
            f"format is {format!r}, and the name of the file ends in .{named}. Correct one of them, or leave format "
            "off: the name decides then."
        )
    if format in ("parquet", "xlsx") and is_gzip(target):
        raise TingTingConfigError(f"A report in {format} is compressed already: leave .gz off the path.")
    if format == "parquet":
        import_pyarrow()
    return format


def write_report(
    source: BinaryIO,
    target: object,
    *,
    format: str | None = None,
    overwrite: bool = True,
    expected: int | None = None,
    require_complete: bool = True,
    campaign_id: int | None = None,
    campaign_name: str | None = None,
    numbers: str = "plain",
    salt: str | None = None,
) -> WrittenReport:
    """Write a campaign report to a file, whole or not at all.

    :param source: the report as it came: a readable, seekable binary file, such as a spooled download. Not closed.
    :param target: a local path, or any path of universal-pathlib, fsspec or Airflow (`ObjectStoragePath`). Missing
        directories are made. A name that ends in `.gz` is written with gzip.
    :param format: `csv` (tidy: one row a contact, variables as columns, UTF-8, formulas escaped), `jsonl`, `parquet`
        (extra `parquet`), `xlsx`, or `raw` (the bytes as they came, checked and counted all the same). By default the
        name of the target decides, see `format_of`.
    :param overwrite: whether a file that is there is replaced.
    :param expected: how many contacts the campaign has, if known: fewer different numbers are an error.
    :param require_complete: whether fewer numbers than `expected`, or than the report itself announces, are an error.
    :param campaign_id: the requested campaign, if known: a report of another one is an error.
    :param campaign_name: its name, if known: likewise.
    :param numbers: how phone numbers are written: `plain`, `masked` or `sha256`, see `pseudonyms`.
    :param salt: the secret of the hash, for `sha256`.
    :returns: rows, summary and size.
    :raises TingTingReportError: when the report is incomplete, damaged or not a report, or the target cannot be
        written; a file that was there is untouched.
    :raises TingTingConfigError: when the format is not known or its library is missing, or numbers cannot be written
        in this way.
    """
    format = format_of(target, format)
    check_numbers(numbers, format=format, salt=salt)
    read = read_report(source)
    read.check(
        expected=expected, campaign_id=campaign_id, campaign_name=campaign_name, require_complete=require_complete
    )
    return write_read_report(read, source, target, format=format, overwrite=overwrite, numbers=numbers, salt=salt)


def write_read_report(
    read: ReadReport,
    source: BinaryIO,
    target: object,
    *,
    format: str | None = None,
    overwrite: bool = True,
    numbers: str = "plain",
    salt: str | None = None,
) -> WrittenReport:
    """Write a report that was read and checked before; the arguments are those of `write_report`.

    :param read: the report as it was read and checked.
    :param source: the spooled report; a seekable binary file.
    :param target: where to.
    :param format: `csv`, `jsonl`, `parquet` or `xlsx`; None takes it from the target's name.
    :param overwrite: whether a file that is there is replaced; default True.
    :param numbers: how numbers are written: `plain` (default), `masked` or `hashed`.
    :param salt: the secret salt of `hashed`; default None.
    :raises TingTingReportError: when the target cannot be written; a file that was there is untouched.
    :raises TingTingConfigError: as for `write_report`.
    """
    format = format_of(target, format)
    check_numbers(numbers, format=format, salt=salt)
    if format == "xlsx":
        check_sheet_holds(read.summary.contacts)
    write = partial(_write, read, source, target, format, overwrite, numbers, salt)
    report = read.report
    if format not in _NEEDS_COLUMNS:
        return write(TidyTable(), report.rows())
    table = find_table(islice(report.batches(), _LOOKED_AT), report)
    with suppress(_MoreColumns):
        return write(table, ReportRows(lambda: _fitting(report, table)))
    return write(read.table, report.rows())


class _MoreColumns(Exception):  # noqa: N818 - it is not an error
    """A row has a value that the table has no column for."""


def _fitting(report: Report, table: TidyTable) -> Iterator[ReportBlock]:
    for block in report.rows().blocks():
        if not table.has_columns_for(block):
            raise _MoreColumns
        yield block


def _write(
    read: ReadReport,
    source: BinaryIO,
    target: object,
    format: str,
    overwrite: bool,
    numbers: str,
    salt: str | None,
    table: TidyTable,
    rows: ReportRows,
) -> WrittenReport:
    contacts = read.summary.contacts
    with whole_file(target, overwrite=overwrite) as file:
        with gzip_by_name(file, target) as plain:
            if format == "raw":
                source.seek(0)
                shutil.copyfileobj(source, plain, 1 << 20)
            else:
                columns = pseudonymise_columns(table, numbers)
                blocks = in_blocks(pseudonymise(rows, numbers, salt))
                _WRITERS[format](
                    plain,
                    columns,
                    with_progress(blocks, "The report", "rows written", contacts, size=ReportBlock.size),
                )
        size = size_of(file)
    return WrittenReport(rows=contacts, summary=read.summary, bytes=size)
