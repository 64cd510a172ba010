"""The demo proper: the example campaign as a DAG run, watched live, with a summary a person can read."""

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
from airflow_provider_tingting.demo.airflow_process import AirflowRun
from airflow_provider_tingting.demo.surroundings import SPEED, environment
from airflow_provider_tingting.errors import TingTingError
from airflow_provider_tingting.formatting import amount
from airflow_provider_tingting.sandbox import Sandbox

DAG_ID = "tingting_campaign_from_spreadsheet"
TASKS = ("create_campaign", "add_contacts", "run_campaign", "download_report")
RUN = TASKS[2]
LONGEST = 300.0
_MARKS = {"success": "[green]✔[/]", "failed": "[red]✘[/]", "running": "[yellow]▶[/]", "deferred": "[magenta]⏸[/]"}
_BAR = 40


def run(home: Path, *, deferred: bool) -> int:
    """Run the example and return the exit code: 0 when each task succeeded."""
    console = Console(highlight=False, soft_wrap=True)
    with Sandbox(speed=SPEED) as sandbox, TingTingClient(sandbox.token, base_url=sandbox.base_url) as client:
        console.print(f"A TingTing sandbox answers at [cyan]{sandbox.base_url}[/]; nobody is really called.")
        airflow = AirflowRun(DAG_ID, home, environment(home, sandbox, deferred=deferred))
        with console.status("Preparing a private Airflow (longer the first time) …"):
            airflow.prepare()
        how = "deferred" if deferred else "in a worker"
        console.print(f"Running the DAG [cyan]{DAG_ID}[/], waiting {how}. Airflow's log: {airflow.log}")
        earlier = airflow.run_id()
        with airflow:
            run_id = _watch(console, airflow, client, earlier, deferred=deferred)
        if run_id is None:
            console.print(f"[red]Airflow ran no DAG.[/]\n{airflow.tail()}")
            return 1
        states = airflow.states(run_id)
        good = all(states.get(task) == "success" for task in TASKS)
        for task in TASKS:
            console.print(f"  {_MARKS.get(states.get(task, ''), '…')} {task}: {states.get(task, 'not run')}")
        if not good:
            console.print(f"[red]Not every task succeeded.[/] The end of Airflow's log:\n{airflow.tail()}")
            return 1
        _summarise(console, {task: airflow.result(run_id, task) for task in TASKS})
        console.print("\n[bold]What to try next[/]")
        console.print("  make airflow                       the same in Airflow's own web page")
        if not deferred:
            console.print("  make demo ARGS=--deferred          the same, the task deferred while it waits")
        console.print("  example_dags/                      DAGs to start from")
        console.print("  docs/quickstart.md                 your own first campaign, still offline")
        console.print("  docs/connecting.md                 your own account")
    return 0


def _watch(
    console: Console, airflow: AirflowRun, client: TingTingClient, earlier: str | None, *, deferred: bool
) -> str | None:
    """Show how the run goes until it ends; return its id."""
    begun = time.monotonic()
    shown: str | None = None
    run_id: str | None = None
    with Live(console=console, refresh_per_second=4, transient=True) as live:
        while not airflow.ended and time.monotonic() - begun < LONGEST:
            found = airflow.run_id()
            run_id = found if found != earlier else None
            campaign = _newest(client)
            states = airflow.states(run_id) if run_id else {}
            if deferred and campaign is not None and campaign.status.has_begun and states.get(RUN) == "queued":
                # `dags test` fires the trigger itself, and the task stays as it was before.
                states = {**states, RUN: "deferred"}
            live.update(_picture(states, campaign))
            line = _line(states, campaign)
            if not console.is_terminal and line != shown:
                console.print(line)
                shown = line
            time.sleep(0.5)
    found = airflow.run_id()
    return found if found != earlier else None


def _newest(client: TingTingClient) -> Campaign | None:
    try:
        return next(iter(client.send(calls.list_campaigns(limit=1)).results), None)
    except TingTingError:
        return None


def _picture(states: dict[str, str], campaign: Campaign | None) -> Group:
    tasks = Table.grid(padding=(0, 1))
    for task in TASKS:
        tasks.add_row(_MARKS.get(states.get(task, ""), "[dim]·[/]"), task, f"[dim]{states.get(task, '')}[/]")
    if campaign is None:
        return Group(tasks)
    percent = campaign.progress_percent or 0
    bar = Table.grid(padding=(0, 1))
    bar.add_row(
        f"Campaign {campaign.id}",
        ProgressBar(total=100, completed=percent, width=_BAR),
        f"{percent:.0f} %",
        campaign.status.value,
    )
    return Group(tasks, bar)


def _line(states: dict[str, str], campaign: Campaign | None) -> str:
    active = [f"{task} {state}" for task, state in states.items() if state in ("running", "deferred", "failed")]
    about = ""
    if campaign is not None:
        about = f"; campaign {campaign.id} {campaign.status} {(campaign.progress_percent or 0) // 10 * 10:.0f} %"
    return f"{len([1 for state in states.values() if state == 'success'])} of {len(TASKS)} tasks done" + (
        f", {', '.join(active)}{about}" if active else about
    )


def _summarise(console: Console, results: dict[str, Any]) -> None:
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
        console.print(
            Text(f"  {status:<12}") + Text("█" * max(1, round(_BAR * count / most)), colour) + Text(f" {count}")
        )
    # Below the table, which would break a long path in the middle.
    console.print(f"\nThe report, {report['rows']} rows: {report['path']}")
