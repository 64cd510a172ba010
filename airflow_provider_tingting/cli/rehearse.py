"""`rehearse`: run a DAG against a sandbox that is started for it, and show what it would do."""

from __future__ import annotations

import argparse
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from rich.console import Console

from airflow_provider_tingting.cli.exit_codes import ExitCode
from airflow_provider_tingting.cli.options import add_json, json_object, path_text, whole_number
from airflow_provider_tingting.cli.rehearse_summary import print_summary
from airflow_provider_tingting.cli.tables import print_json
from airflow_provider_tingting.errors import TingTingConfigError
from airflow_provider_tingting.files.atomic import whole_file
from airflow_provider_tingting.files.target import ensure_writable, refuse_input
from airflow_provider_tingting.timezones import NEPAL

_ENDING = (signal.SIGTERM, signal.SIGHUP)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments.

    :param parser: the parser of the command.
    """
    add = parser.add_argument
    add("dag_id", metavar="DAG_ID", help="the DAG")
    add(
        "--dags",
        type=path_text,
        metavar="PATH",
        help="the folder or file with the DAG (default: the DAG folder of your Airflow)",
    )
    add(
        "--at",
        type=_moment,
        metavar="WHEN",
        help="the moment to rehearse, such as 2026-12-05T03:00+05:45; without an offset it is Nepal time "
        "(default: now)",
    )
    add("--conf", type=json_object, default={}, metavar="JSON", help="the configuration of the DAG run, a JSON object")
    add(
        "--fault",
        action="append",
        default=[],
        metavar="FAULT",
        help="a fault of TingTing, such as lose-reply:run; can be repeated; `sandbox --help` lists all",
    )
    add(
        "--outcomes",
        type=path_text,
        metavar="REPORT",
        help="let each call end as this report says of its number",
    )
    add(
        "--audience",
        type=path_text,
        action="append",
        default=[],
        metavar="[TASK_ID=]FILE",
        help="a file in place of the contacts that come from outside the DAG; can be repeated",
    )
    add("--skip", action="append", default=[], metavar="TASK_ID", help="a task that is not to run; can be repeated")
    add("--run-others", action="store_true", help="run the tasks and callbacks of other providers, too: they are real")
    add("--balance", type=whole_number, metavar="CREDITS", help="the account's balance (default: unknown)")
    add(
        "--extra",
        type=json_object,
        default={},
        metavar="JSON",
        help="extra fields of the connection, such as do_not_call; those of the real connection are not read",
    )
    add("--show-numbers", action="store_true", help="show phone numbers in full")
    add("--keep", type=_path, metavar="FOLDER", help="keep the files and tables that would be written in this folder")
    add("--html", type=_path, metavar="FILE", help="write the report as a page, too")
    add_json(parser)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Rehearse the DAG and print the report.

    :param arguments: the parsed command line.
    :param console: where the command prints.
    """
    # Loads the sandbox, which the command line's help does not need.
    from airflow_provider_tingting.rehearsal import RehearsalRequest, rehearse
    from airflow_provider_tingting.rehearsal.request import existing_file, read_audiences

    if arguments.html:
        ensure_writable(arguments.html, what="The page")
    if arguments.keep and arguments.keep.exists() and not arguments.keep.is_dir():
        raise TingTingConfigError(f"--keep names {str(arguments.keep)!r}, which is not a folder.")
    outcomes = existing_file(arguments.outcomes, "--outcomes") if arguments.outcomes else None
    audiences = read_audiences(arguments.audience)
    dags = _existing(arguments.dags)
    if arguments.html:
        read = [("--outcomes", outcomes), ("--dags", dags), *(("--audience", file) for file in audiences.values())]
        refuse_input(arguments.html, "--html", [(option, file) for option, file in read if file])
    request = RehearsalRequest(
        dag_id=arguments.dag_id,
        dags=dags,
        at=arguments.at,
        conf=arguments.conf,
        faults=tuple(arguments.fault),
        outcomes=outcomes,
        audiences=audiences,
        skip=tuple(arguments.skip),
        run_others=arguments.run_others,
        show_numbers=arguments.show_numbers,
        balance=arguments.balance,
        extra=arguments.extra,
    )
    with _ending_as_interrupted():
        report = rehearse(request, keep=arguments.keep)
    if arguments.html:
        from airflow_provider_tingting.rehearsal.page import rehearsal_page

        with whole_file(arguments.html, what="The page") as file:
            file.write(rehearsal_page(report).encode())
    if arguments.json:
        print_json(console, report)
    else:
        print_summary(console, report, page=arguments.html)
    return ExitCode.SUCCESS if report["state"] == "success" else ExitCode.PROBLEM


@contextmanager
def _ending_as_interrupted() -> Iterator[None]:
    """Let the signals that end a process do what Ctrl+C does: the rehearsal's process and folder go away."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.default_int_handler) for number in _ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _path(text: str) -> Path:
    return Path(path_text(text))


def _existing(name: str | None) -> str | None:
    if name is None:
        return None
    path = Path(name).expanduser()
    if not path.exists():
        raise TingTingConfigError(f"--dags names {name!r}, which does not exist. Correct the path.")
    return str(path.resolve())


def _moment(text: str) -> str:
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time such as 2026-12-05T03:00+05:45") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=NEPAL)).isoformat()
