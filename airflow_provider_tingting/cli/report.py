"""`report`: bring a campaign's report to a file, whole or not at all, and show what the campaign came to."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO

from airflow_provider_tingting.cli import exits
from airflow_provider_tingting.cli.options import add_campaign, add_connection, add_json

if TYPE_CHECKING:
    from rich.console import Console


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    add_campaign(parser)
    parser.add_argument(
        "path",
        nargs="?",
        help="where to: a path, or a URI such as s3://bucket/report.csv; without one only the summary",
    )
    parser.add_argument(
        "--format", default="csv", choices=("csv", "jsonl", "parquet", "xlsx", "raw"), help="(default: %(default)s)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace a file that is there")
    add_connection(parser)
    add_json(parser)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Download, check, write, print the summary."""
    from airflow_provider_tingting import api
    from airflow_provider_tingting.campaigns.fetch_report import check_fetched, fetch_report, spooled
    from airflow_provider_tingting.cli.connecting import connect
    from airflow_provider_tingting.cli.running import complain
    from airflow_provider_tingting.cli.tables import print_json, summary_table, tell
    from airflow_provider_tingting.reports.writers import NEEDS_COLUMNS, ensure_writable, write_read_report
    from airflow_provider_tingting.utils.arguments import storage_path_of

    target = None
    if arguments.path is not None:
        target = storage_path_of(arguments.path, "The path", "report.csv")
        ensure_writable(target, format=arguments.format, overwrite=arguments.overwrite)
    with connect(arguments.conn_id) as client, spooled() as spool:
        campaign = client.send(api.calls.get_campaign(arguments.campaign_id))
        raw = target is not None and arguments.format == "raw"
        with _progress(spool) as file:
            columns = target is not None and arguments.format in NEEDS_COLUMNS
            fetched = fetch_report(client, campaign, file, columns=columns, may_list=not raw)
        if fetched.source == "listing":
            complain("TingTing's own report fails. This is its listing of the contacts, without variables.")
        check_fetched(fetched, campaign)
        summary = fetched.read.summary
        if target is not None:
            write_read_report(fetched.read, spool, target, format=arguments.format, overwrite=arguments.overwrite)
    if arguments.json:
        path = None if target is None else str(target)
        result = {"campaign_id": campaign.id, "path": path, "source": fetched.source, "summary": summary.to_json()}
        print_json(console, result)
        return exits.DONE
    tell(console, f"Campaign {campaign.id} is {campaign.status}.")
    console.print(summary_table(summary))
    if target is not None:
        # Not through the mask: it is the person's own path, and must stay as it is to be copied.
        console.print(f"{summary.contacts} rows are in {target}", soft_wrap=True, markup=False)
    return exits.DONE


@contextmanager
def _progress(spool: BinaryIO) -> Iterator[Any]:
    """Show on a terminal how much has come; TingTing does not say how much there is."""
    from airflow_provider_tingting.cli.running import make_console

    console = make_console(stderr=True)
    if not console.is_terminal:
        yield spool
        return
    from rich.progress import DownloadColumn, Progress, SpinnerColumn, TextColumn, TransferSpeedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        yield _Counted(spool, bar, bar.add_task("Downloading the report", total=None))


class _Counted:
    """A file that tells a progress bar where it is."""

    def __init__(self, file: BinaryIO, bar: Any, line: Any) -> None:
        self._file, self._bar, self._line = file, bar, line

    def write(self, content: bytes) -> int:
        written = self._file.write(content)
        self._bar.update(self._line, completed=self._file.tell())
        return written

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)
