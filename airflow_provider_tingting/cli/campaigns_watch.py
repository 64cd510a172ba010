"""`campaigns watch`: wait until a campaign has ended, with a bar on a terminal and lines elsewhere. Only looks."""

from __future__ import annotations

import argparse
import time
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from airflow_provider_tingting.api.driver import run_flow
from airflow_provider_tingting.cli import exits
from airflow_provider_tingting.cli.options import add_campaign, add_connection, add_json, positive_seconds

if TYPE_CHECKING:
    from rich.console import Console

    from airflow_provider_tingting.campaigns.observation import Observation


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    add_campaign(parser)
    parser.add_argument(
        "--interval", type=positive_seconds, default=5.0, metavar="SECONDS", help="between looks (default: 5)"
    )
    parser.add_argument(
        "--timeout", type=positive_seconds, metavar="SECONDS", help="give up after so long (default: never)"
    )
    add_connection(parser)
    add_json(parser)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Wait, print the outcome, and return whether it is a good one."""
    from airflow_provider_tingting import api
    from airflow_provider_tingting.campaigns.observation import Reason
    from airflow_provider_tingting.campaigns.outcome import judge, summarise
    from airflow_provider_tingting.campaigns.watch import WaitPlan, watch
    from airflow_provider_tingting.cli.connecting import connect
    from airflow_provider_tingting.cli.running import complain, make_console
    from airflow_provider_tingting.cli.tables import campaign_json, print_json, summary_table, tell
    from airflow_provider_tingting.errors import TingTingCampaignFailedError

    deadline = None if arguments.timeout is None else time.time() + arguments.timeout
    plan = WaitPlan(arguments.campaign_id, poll_interval=arguments.interval, deadline=deadline)
    errors = make_console(stderr=True)
    with connect(arguments.conn_id) as client:
        with _Bar(plan.campaign_id, errors) if errors.is_terminal else nullcontext(_Lines(plan.campaign_id)) as teller:
            ended: Observation = run_flow(client, watch(plan, teller, teller.progress))
        if ended.reason is Reason.TIMED_OUT:
            complain(f"Campaign {plan.campaign_id} is still {ended.status or 'unknown'}. It goes on.")
            return exits.NOT_OVER
        if ended.reason is not Reason.REACHED:
            complain(f"Campaign {plan.campaign_id} may go on. {ended.detail}")
            return exits.NO_ANSWER
        campaign = client.send(api.calls.get_campaign(plan.campaign_id))
        summary = summarise(client, campaign)
    try:
        judge(campaign, summary)
        failure = None
    except TingTingCampaignFailedError as error:
        failure = str(error)
    if arguments.json:
        print_json(console, {**campaign_json(campaign), "summary": summary.to_json(), "failure": failure})
    else:
        tell(console, f"Campaign {campaign.id} is {campaign.status}.")
        console.print(summary_table(summary))
    if failure:
        complain(failure)
    return exits.BAD if failure else exits.DONE


class _Lines:
    """Tells a wait in lines, for a log."""

    def __init__(self, campaign_id: int) -> None:
        from airflow_provider_tingting.campaigns.watch import Progress

        self.progress = Progress(campaign_id)

    def info(self, message: str, /, *values: object) -> None:
        self._say(message, values)

    def warning(self, message: str, /, *values: object) -> None:
        self._say(message, values)

    @staticmethod
    def _say(message: str, values: tuple[object, ...]) -> None:
        from airflow_provider_tingting.cli.running import complain

        complain(message % values)


class _Bar:
    """Tells a wait as a bar that moves, for a terminal."""

    def __init__(self, campaign_id: int, console: Console) -> None:
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

        from airflow_provider_tingting.campaigns.watch import Progress as Seen

        bar = Progress(
            TextColumn("Campaign {task.description}"),
            BarColumn(bar_width=None),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            console=console,
        )
        line = bar.add_task(str(campaign_id), total=100)

        class Moving(Seen):
            def record(self, now: Observation) -> None:
                super().record(now)
                bar.update(line, description=f"{campaign_id} {now.status}", completed=now.progress_percent or 0)

        self._bar = bar
        self.progress = Moving(campaign_id)

    def __enter__(self) -> _Bar:
        self._bar.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._bar.stop()

    def info(self, message: str, /, *values: object) -> None:
        """The bar shows what is as expected."""

    def warning(self, message: str, /, *values: object) -> None:
        from rich.text import Text

        from airflow_provider_tingting.masking import mask_text

        self._bar.console.print(Text(mask_text(message % values)), soft_wrap=True)
