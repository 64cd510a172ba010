"""`campaigns watch`: wait until a campaign has ended. The command reads only, and interrupting it stops nothing."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from airflow_provider_tingting.api import calls
from airflow_provider_tingting.api.driver import run_flow
from airflow_provider_tingting.campaigns import watch as waiting
from airflow_provider_tingting.campaigns.observation import Observation, Reason
from airflow_provider_tingting.campaigns.outcome import judge, summarise
from airflow_provider_tingting.cli.connections import connect
from airflow_provider_tingting.cli.execution import make_console, print_error
from airflow_provider_tingting.cli.exit_codes import ExitCode
from airflow_provider_tingting.cli.options import add_campaign, add_connection, add_json, positive_seconds
from airflow_provider_tingting.cli.tables import campaign_json, print_json, print_text, summary_table
from airflow_provider_tingting.clock import wall_time
from airflow_provider_tingting.errors import TingTingCampaignFailedError
from airflow_provider_tingting.masking import mask_text


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments.

    :param parser: the parser of the command.
    """
    add_campaign(parser)
    parser.add_argument(
        "--interval", type=positive_seconds, default=5.0, metavar="SECONDS", help="time between requests (default: 5)"
    )
    parser.add_argument(
        "--timeout", type=positive_seconds, metavar="SECONDS", help="maximum time to wait (default: no maximum)"
    )
    add_connection(parser)
    add_json(parser)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Wait, print the outcome, and return whether the campaign is a success.

    :param arguments: the parsed command line.
    :param console: where the command prints.
    """
    deadline = None if arguments.timeout is None else wall_time() + arguments.timeout
    plan = waiting.WaitPlan(arguments.campaign_id, poll_interval=arguments.interval, deadline=deadline)
    with connect(arguments.conn_id) as client:
        with _display(plan.campaign_id) as (logger, progress):
            observation = run_flow(client, waiting.watch(plan, logger, progress))
        if observation.reason is Reason.TIMED_OUT:
            status = observation.status or "unknown"
            print_error(f"Campaign {plan.campaign_id} continues; its last known status is {status}.")
            return ExitCode.TIMED_OUT
        if observation.reason is not Reason.REACHED:
            print_error(f"Campaign {plan.campaign_id} may continue. {observation.detail}")
            return ExitCode.API_ERROR
        campaign = client.send(calls.get_campaign(plan.campaign_id))
        summary = summarise(client, campaign)
    try:
        judge(campaign, summary)
        failure = None
    except TingTingCampaignFailedError as error:
        failure = str(error)
    if arguments.json:
        print_json(console, {**campaign_json(campaign), "summary": summary.to_json(), "failure": failure})
    else:
        print_text(console, f"Campaign {campaign.id} is {campaign.status}.")
        console.print(summary_table(summary))
    if failure:
        print_error(failure)
    return ExitCode.PROBLEM if failure else ExitCode.SUCCESS


@contextmanager
def _display(campaign_id: int) -> Iterator[tuple[waiting.Logger, waiting.Progress]]:
    """Show the wait on standard error: a progress bar on a terminal, otherwise a line for each change."""
    console = make_console(stderr=True)
    if not console.is_terminal:
        yield _LineLogger(), waiting.Progress(campaign_id)
        return
    columns = (
        TextColumn("Campaign {task.description}"),
        BarColumn(bar_width=None),
        TaskProgressColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(str(campaign_id), total=100)
        yield _BarLogger(console), _BarProgress(campaign_id, bar, task)


class _LineLogger:
    """Prints each log line of a wait."""

    def info(self, message: str, /, *values: object) -> None:
        print_error(message % values)

    def warning(self, message: str, /, *values: object) -> None:
        print_error(message % values)


class _BarLogger:
    """Prints the warnings of a wait above its progress bar, which shows the rest."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def info(self, message: str, /, *values: object) -> None:
        """Print nothing."""

    def warning(self, message: str, /, *values: object) -> None:
        self._console.print(Text(mask_text(message % values)), soft_wrap=True)


class _BarProgress(waiting.Progress):
    """The progress of a wait, which also moves a bar."""

    __slots__ = ("_bar", "_task")

    def __init__(self, campaign_id: int, bar: Progress, task: TaskID) -> None:
        super().__init__(campaign_id)
        self._bar, self._task = bar, task

    def record(self, observation: Observation) -> None:
        super().record(observation)
        description = f"{observation.campaign_id} {observation.status}"
        self._bar.update(self._task, description=description, completed=observation.progress_percent or 0)
