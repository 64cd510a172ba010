"""`report`: download a campaign's report to a file, completely or not at all, and show its summary."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from rich.console import Console
from rich.progress import DownloadColumn, Progress, SpinnerColumn, TextColumn, TransferSpeedColumn

from airflow_provider_tingting.api import calls
from airflow_provider_tingting.campaigns.fetch_report import check_fetched, fetch_report, spooled
from airflow_provider_tingting.cli.connections import connect
from airflow_provider_tingting.cli.execution import make_console, print_error
from airflow_provider_tingting.cli.exit_codes import ExitCode
from airflow_provider_tingting.cli.options import add_campaign, add_connection, add_json, path_text
from airflow_provider_tingting.cli.tables import print_json, print_text, summary_table
from airflow_provider_tingting.files.target import ensure_writable
from airflow_provider_tingting.reports.writers import format_of, write_read_report


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments.

    :param parser: the parser of the command.
    """
    add_campaign(parser)
    parser.add_argument(
        "path",
        type=path_text,
        nargs="?",
        help="target path, or a URI such as s3://bucket/report.csv; without it, only the summary is shown",
    )
    parser.add_argument(
        "--format",
        choices=("csv", "jsonl", "parquet", "xlsx", "raw"),
        help="the format of the file (default: the one that its name ends in, otherwise csv)",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an existing file")
    add_connection(parser)
    add_json(parser)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Download, check and write the report, and print the summary.

    :param arguments: the parsed command line.
    :param console: where the command prints.
    """
    from airflow_provider_tingting.utils.arguments import storage_path_of

    target, format = None, ""
    if arguments.path is not None:
        target = storage_path_of(arguments.path, "The path", "report.csv")
        format = format_of(target, arguments.format)
        ensure_writable(target, overwrite=arguments.overwrite)
    with connect(arguments.conn_id) as client, spooled() as spool:
        campaign = client.send(calls.get_campaign(arguments.campaign_id))
        with _progress(spool) as file:
            fetched = fetch_report(client, campaign, file, may_list=format != "raw")
        if fetched.source == "listing":
            print_error("TingTing's report fails. The contact list is used instead; it has no variables.")
        check_fetched(fetched, campaign)
        summary = fetched.read.summary
        if target is not None:
            write_read_report(fetched.read, spool, target, format=format, overwrite=arguments.overwrite)
    if arguments.json:
        path = None if target is None else str(target)
        result = {"campaign_id": campaign.id, "path": path, "source": fetched.source, "summary": summary.to_json()}
        print_json(console, result)
        return ExitCode.SUCCESS
    print_text(console, f"Campaign {campaign.id} is {campaign.status}.")
    console.print(summary_table(summary))
    if target is not None:
        # Not masked: the path comes from the command line, and can be copied.
        console.print(f"{summary.contacts} rows written to {target}", soft_wrap=True, markup=False)
    return ExitCode.SUCCESS


@contextmanager
def _progress(spool: BinaryIO) -> Iterator[Any]:
    """Show a download on a terminal; TingTing does not send its size."""
    console = make_console(stderr=True)
    if not console.is_terminal:
        yield spool
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        yield _ProgressFile(spool, bar, bar.add_task("Downloading the report", total=None))


class _ProgressFile:
    """A file that moves a progress bar."""

    def __init__(self, file: BinaryIO, bar: Progress, task: Any) -> None:
        self._file, self._bar, self._task = file, bar, task

    def write(self, content: bytes) -> int:
        written = self._file.write(content)
        self._bar.update(self._task, completed=self._file.tell())
        return written

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)
