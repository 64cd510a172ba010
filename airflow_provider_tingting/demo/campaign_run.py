"""`make demo`: runs an example campaign as a DAG, shows its progress and a summary."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from airflow_provider_tingting.api import TingTingClient, calls
from airflow_provider_tingting.api.models import Campaign
from airflow_provider_tingting.demo.airflow_process import DagRun, environment, tail
from airflow_provider_tingting.errors import TingTingError
from airflow_provider_tingting.formatting import amount, percent
from airflow_provider_tingting.sandbox import Sandbox

# The example's campaign takes a few minutes of the sandbox's time; at this speed, half a minute.
SPEED = 8.0

DAG_ID = "tingting_campaign_from_spreadsheet"
TASKS = ("create_campaign", "add_contacts", "run_campaign", "download_report")
RUN_TASK = "run_campaign"
# On a busy machine each task takes long to start: only a run without any progress is ended.
MAX_SECONDS_WITHOUT_PROGRESS = 600.0
_SYMBOLS = {"success": "[green]✔[/]", "failed": "[red]✘[/]", "running": "[yellow]▶[/]", "deferred": "[magenta]⏸[/]"}
_BAR_WIDTH = 40


def run(home: Path, *, deferred: bool) -> int:
    """Run the example and return the exit code: 0 if every task succeeded.

    :param home: the folder for everything that the demo writes.
    :param deferred: wait in the triggerer instead of in a worker.
    """
    console = Console(highlight=False, soft_wrap=True)
    with Sandbox(speed=SPEED) as sandbox, TingTingClient(sandbox.token, base_url=sandbox.base_url) as client:
        console.print(f"The TingTing sandbox listens at [cyan]{sandbox.base_url}[/]. It makes no real calls.")
        dag_run = DagRun(DAG_ID, home, environment(home, sandbox, deferred=deferred))
        with console.status("Preparing a private Airflow (about 20 seconds) …"):
            dag_run.prepare()
        how = "deferred" if deferred else "in a worker"
        console.print(f"Running the DAG [cyan]{DAG_ID}[/], which waits {how}. Airflow's log: {dag_run.log}")
        with dag_run:
            _watch(console, dag_run, client, deferred=deferred)
        states = dag_run.states
        for task in TASKS:
            console.print(f"  {_SYMBOLS.get(states.get(task, ''), '…')} {task}: {states.get(task, 'not run')}")
        if any(states.get(task) != "success" for task in TASKS):
            console.print("[red]Not every task succeeded.[/] The end of Airflow's log:")
            console.print(tail(dag_run.log), markup=False)
            return 1
        _print_summary(console, dag_run.results)
        console.print("\n[bold]Next steps[/]")
        console.print("  make airflow                       open the examples in Airflow's web UI")
        if not deferred:
            console.print("  make demo ARGS=--deferred          run the demo with deferred tasks")
        console.print("  example_dags/                      DAGs to start from")
        console.print("  docs/quickstart.md                 write your first DAG, offline")
        console.print("  docs/connecting.md                 connect your TingTing account")
    return 0


def _watch(console: Console, dag_run: DagRun, client: TingTingClient, *, deferred: bool) -> None:
    """Show the run's progress until it ends: live on a terminal, otherwise a line for each change.

    A run that makes no progress for ten minutes is not waited for any longer.
    """
    changed_at = time.monotonic()
    shown: str | None = None
    with Live(console=console, refresh_per_second=4, transient=True) as live:
        while not dag_run.ended and time.monotonic() - changed_at < MAX_SECONDS_WITHOUT_PROGRESS:
            states, campaign = dag_run.states, _newest_campaign(client)
            if deferred and campaign is not None and campaign.status.has_begun and states.get(RUN_TASK) == "running":
                # `dags test` runs the trigger in its own process, and no listener reports the deferral.
                states[RUN_TASK] = "deferred"
            live.update(_picture(states, campaign))
            line = _line(states, campaign)
            if line != shown:
                shown, changed_at = line, time.monotonic()
                if not console.is_terminal:
                    console.print(line)
            time.sleep(0.5)


def _newest_campaign(client: TingTingClient) -> Campaign | None:
    try:
        return next(iter(client.send(calls.list_campaigns(limit=1)).results), None)
    except TingTingError:
        return None


def _picture(states: dict[str, str], campaign: Campaign | None) -> Group:
    tasks = Table.grid(padding=(0, 1))
    for task in TASKS:
        tasks.add_row(_SYMBOLS.get(states.get(task, ""), "[dim]·[/]"), task, f"[dim]{states.get(task, '')}[/]")
    if campaign is None:
        return Group(tasks)
    progress = campaign.progress_percent or 0
    bar = Table.grid(padding=(0, 1))
    bar.add_row(
        f"Campaign {campaign.id}",
        ProgressBar(total=100, completed=progress, width=_BAR_WIDTH),
        percent(progress),
        campaign.status.value,
    )
    return Group(tasks, bar)


def _line(states: dict[str, str], campaign: Campaign | None) -> str:
    succeeded = sum(state == "success" for state in states.values())
    parts = [f"{succeeded} of {len(TASKS)} tasks succeeded"]
    parts += [f"{task} {state}" for task, state in states.items() if state != "success"]
    if campaign is not None:
        tenth = (campaign.progress_percent or 0) // 10 * 10
        parts.append(f"campaign {campaign.id} {campaign.status} {tenth:.0f} %")
    return ", ".join(parts)


def _print_summary(console: Console, results: dict[str, Any]) -> None:
    added, ran, report = (results[task] for task in TASKS[1:])
    figures = Table(title=f"Campaign {ran['campaign_id']}: {ran['status']}", title_justify="left", show_header=False)
    figures.add_row("Contacts added", str(added["created"]))
    figures.add_row("Reached", f"{ran['reached']} of {ran['contacts']}")
    figures.add_row("Not reached", str(ran["not_reached"]))
    figures.add_row("Credits", amount(ran["credits"]))
    console.print()
    console.print(figures)
    by_status = report["summary"]["by_status"]
    most = max(by_status.values(), default=1)
    for status, count in sorted(by_status.items(), key=lambda one: -one[1]):
        colour = "green" if status in ("completed", "hungup") else "red"
        bar = "█" * max(1, round(_BAR_WIDTH * count / most))
        console.print(Text(f"  {status:<12}") + Text(bar, colour) + Text(f" {count}"))
    # Below the table, which would fold a long path.
    console.print(f"\nReport with {report['rows']} rows: {report['path']}")
