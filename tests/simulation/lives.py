"""The lives that are simulated: what Airflow does, and what persons do between tasks.

A life is a generator: it begins tasks and yields what has to be so before it goes on.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from simulation.model_server import RUNS_FOR
from simulation.operators import NUMBERS, add_task, check_task, create_task, ended, operator, run_task, task
from simulation.tasks import ENDED, Task
from simulation.world import World

from airflow_provider_tingting.notifications.tingting import TingTingNotifier
from airflow_provider_tingting.operators.campaign import TingTingRunCampaignOperator
from airflow_provider_tingting.operators.preview import TingTingDemoCallOperator
from airflow_provider_tingting.operators.report import TingTingDownloadReportOperator

#: Campaigns of the same name from other days: more than a page of the list holds.
ALIKE = 11

Steps = Iterator[Callable[[], bool]]


@dataclass(frozen=True)
class Life:
    """One kind of life.

    :param name: as schedules name it.
    :param live: the generator function.
    :param has_store: whether Airflow has a task state store.
    :param longest: most virtual seconds that a step may take.
    """

    name: str
    live: Callable[[World], Steps]
    has_store: bool = True
    longest: float = 20_000.0


def _running(*, shows_after: float = 0.0, **arguments: Any) -> Callable[..., Steps]:
    def live(world: World, retry_delay: float) -> Steps:
        world.server.shows_after = shows_after
        number = world.server.make(NUMBERS)
        run = task(world, run_task(number, **arguments), "run", retry_delay=retry_delay)
        yield ended(run)

    return live


def _of_another_day(world: World, retry_delay: float) -> Steps:
    number = world.server.make(NUMBERS)
    world.server.run(number, "another day", began=world.began - 24 * 3600.0)
    world.is_about = "another day's campaign"
    world.may_fail |= {"run"}
    yield ended(task(world, run_task(number), "run", retry_delay=retry_delay))


def _creating(world: World, retry_delay: float) -> Steps:
    for _ in range(ALIKE):
        world.server.make(NUMBERS, description="[airflow:0123456789abcdef0123/01234567] of another day")
    create = task(world, create_task(), "create", retry_delay=retry_delay)
    yield ended(create)


def _adding(world: World, retry_delay: float) -> Steps:
    number = world.server.make()
    add = task(world, add_task(number), "add", retry_delay=retry_delay)
    yield ended(add)


def _whole(
    world: World, retry_delay: float, *, deferrable: bool = False, clears: int = 0, on_clear: str = "reattach"
) -> Steps:
    create = task(world, create_task(on_clear=on_clear), "create", retry_delay=retry_delay)
    yield ended(create)
    if create.state != "success":
        return
    add = task(world, add_task(create.result), "add", retry_delay=retry_delay)
    yield ended(add)
    if add.state != "success":
        return
    on_clear_of_run = "reattach" if on_clear == "send_again" else on_clear
    run = task(
        world, run_task(create.result, deferrable=deferrable, on_clear=on_clear_of_run), "run", retry_delay=retry_delay
    )
    yield ended(run)
    if on_clear == "fail":
        world.may_fail |= {"create"}
    for _ in range(clears):
        world.airflow.clear(create)
        yield ended(create)
        if create.state != "success":
            return
        add.make = add_task(create.result)
        world.airflow.clear(add)
        yield ended(add)
        if add.state != "success":
            return
        run.make = run_task(create.result, deferrable=deferrable, on_clear=on_clear_of_run)
        world.airflow.clear(run)
        yield ended(run)


def _with_do_not_call(world: World, retry_delay: float) -> Steps:
    """Live a campaign while contacts ask not to be called: before the adding, and between two of its tries."""
    path = world.folder / "do_not_call.csv"

    def lists(*numbers: str) -> None:
        path.write_text("\n".join(["Mobile", *numbers]), encoding="utf-8")
        world.do_not_call = set(numbers)
        world.audience = tuple(number for number in NUMBERS if number not in numbers)

    lists(NUMBERS[0])
    world.extra["do_not_call"] = str(path)
    number = world.server.make()
    check = task(world, check_task(number), "check", retry_delay=retry_delay)
    yield ended(check)
    lists(*NUMBERS[:2])
    add = task(world, add_task(number), "add", retry_delay=retry_delay)

    def change_the_list() -> None:
        if add.state == "up_for_retry":
            lists(*NUMBERS[:3])
            world.listed_last = {NUMBERS[2]}
            # An earlier try may have added the contact, which is an error then.
            world.may_fail |= {"add"}
        elif add.state not in ENDED:
            world.time.at(world.time.now + 1.0, change_the_list)

    change_the_list()
    yield ended(add)
    if add.state == "success":
        yield ended(task(world, run_task(number), "run", retry_delay=retry_delay))


def _two_runs(world: World, retry_delay: float, *, apart: float) -> Steps:
    """Live two DAG runs for the same occasion, of which the second begins some seconds after the first."""
    world.is_about = "occasion"
    tasks: list[Task] = []

    def dag_run(suffix: str, run_id: str) -> Iterator[Task]:
        settings = {"retry_delay": retry_delay, "run_id": run_id}
        create = task(world, create_task(occasion="2026-W48 ward 7"), f"create{suffix}", **settings)
        yield create
        add = task(world, add_task(create.result), f"add{suffix}", **settings)
        yield add
        yield task(world, run_task(create.result), f"run{suffix}", **settings)

    def begin(steps: Iterator[Task]) -> None:
        def go_on() -> None:
            if tasks_of[steps] is not None and tasks_of[steps].state not in ENDED:
                world.time.at(world.time.now + 1.0, go_on)
            elif tasks_of[steps] is None or tasks_of[steps].state == "success":
                following = next(steps, None)
                if following is None:
                    open_runs.discard(steps)
                else:
                    tasks_of[steps] = following
                    tasks.append(following)
                    world.time.at(world.time.now + 1.0, go_on)
            else:
                open_runs.discard(steps)

        tasks_of[steps] = None
        open_runs.add(steps)
        go_on()

    tasks_of: dict[Iterator[Task], Any] = {}
    open_runs: set[Iterator[Task]] = set()
    begin(dag_run("", "scheduled__2026-11-24"))
    world.time.let_pass(apart)
    begin(dag_run("@manual", "manual__2026-11-24"))
    yield lambda: not open_runs


def _one_at_a_time(world: World, retry_delay: float, *, deferrable: bool = False) -> Steps:
    world.is_about = "one at a time"
    runs = [
        task(
            world,
            run_task(
                world.server.make(NUMBERS, description=f"[airflow:{name:0>20}/01234567]"),
                name,
                one_at_a_time=True,
                deferrable=deferrable,
            ),
            name,
            retry_delay=retry_delay,
        )
        for name in ("first", "second")
    ]
    yield ended(*runs)


def _in_the_window(world: World, retry_delay: float, *, deferrable: bool = False) -> Steps:
    # It is nine o'clock when a life begins.
    world.may_call = (world.began + 3600.0, world.began + 11 * 3600.0)
    make = run_task(world.server.make(NUMBERS), calling_window=("10:00", "20:00"), deferrable=deferrable)
    yield ended(task(world, make, "run", retry_delay=retry_delay))


def _until_the_window_closes(world: World, retry_delay: float, *, deferrable: bool = False) -> Steps:
    # It is nine o'clock when a life begins, and the campaign would run for longer than a minute.
    world.stops_outside = (world.began - 3600.0, world.began + 60.0)
    make = run_task(
        world.server.make(NUMBERS),
        calling_window=("08:00", "09:01"),
        at_window_close="stop",
        on_stopped="succeed",
        deferrable=deferrable,
    )
    yield ended(task(world, make, "run", retry_delay=retry_delay))


def _demo_call(world: World, retry_delay: float) -> Steps:
    number = world.server.make(NUMBERS)
    contact = world.server.campaigns[number].rows[0].id
    make = operator(TingTingDemoCallOperator, {"contact_id": contact}, task_id="demo", contact_id=1)
    world.may_fail |= {"demo"}
    yield ended(task(world, make, "demo", retry_delay=retry_delay))


def _report(world: World, retry_delay: float) -> Steps:
    number = world.server.make(NUMBERS)
    world.server.run(number, "before")
    world.time.let_pass(RUNS_FOR + 10.0)
    path = world.folder / "report.csv"
    path.unlink(missing_ok=True)
    make = operator(
        TingTingDownloadReportOperator,
        {"campaign_id": number, "path": str(path)},
        task_id="report",
        campaign_id=1,
        path="report.csv",
    )
    yield ended(task(world, make, "report", retry_delay=retry_delay))


def _kept_report(world: World, retry_delay: float, *, deferrable: bool = False) -> Steps:
    """Live a campaign whose report the run task leaves to the task that writes it."""
    number = world.server.make(NUMBERS)
    kept, path = str(world.folder / "kept.report"), world.folder / "report.csv"
    for file in (Path(kept), path):
        file.unlink(missing_ok=True)
    make = operator(
        TingTingRunCampaignOperator,
        {"campaign_id": number, "keep_report": kept},
        task_id="run",
        campaign_id=1,
        deferrable=deferrable,
    )
    run = task(world, make, "run", retry_delay=retry_delay)
    yield ended(run)
    if run.state == "success":
        changes = {"campaign_id": number, "path": str(path), "kept_report": run.result["kept_report"]}
        make = operator(TingTingDownloadReportOperator, changes, task_id="report", campaign_id=1, path="report.csv")
        yield ended(task(world, make, "report", retry_delay=retry_delay))


class _Notifies:
    """A process in which Airflow calls a notifier for a failed task; it is not tried again."""

    def __init__(self, notifier: TingTingNotifier) -> None:
        self._notifier = notifier

    def execute(self, context: dict[str, Any]) -> None:
        """Deliver the notification."""
        copy.copy(self._notifier).notify(context)


@cache
def _notifier() -> TingTingNotifier:
    return TingTingNotifier(to=NUMBERS[0], message="Water is off", cooldown_key="water")


def _notification(world: World, retry_delay: float) -> Steps:
    world.is_about = "notification"
    # Airflow does not call a notifier again.
    world.may_fail |= {"first", "second", "third"}
    first = task(world, lambda: _Notifies(_notifier()), "first", retries=0)
    world.time.let_pass(3.0)
    second = task(world, lambda: _Notifies(_notifier()), "second", retries=0)
    yield ended(first, second)
    world.time.let_pass(200.0)
    yield ended(task(world, lambda: _Notifies(_notifier()), "third", retries=0))


def _with_retry_delay(live: Callable[..., Steps], delay: float, **more: Any) -> Callable[[World], Steps]:
    return lambda world: live(world, delay, **more)


def _both(name: str, live: Callable[..., Steps], *, longest: float = 20_000.0, **more: Any) -> list[Life]:
    """Return a life with a state store and short pauses, and one without and the pauses that the guide asks for."""
    return [
        Life(name, _with_retry_delay(live, 5.0, **more), longest=longest),
        Life(f"{name}, no store", _with_retry_delay(live, 300.0, **more), has_store=False, longest=longest),
    ]


#: How far apart (seconds) two DAG runs for the same occasion begin.
OCCASIONS = {"runs at once": 0.0, "runs one second apart": 1.0, "runs minutes apart": 30.0, "runs hours apart": 7200.0}

LIVES: dict[str, Life] = {
    life.name: life
    for life in (
        *_both("create", _creating),
        *_both("add", _adding),
        *_both("run", _running()),
        Life("run, no store, retried at once", _with_retry_delay(_running(), 5.0), has_store=False),
        *_both("run that shows late", _running(shows_after=60.0)),
        *_both("run of another day's campaign", _of_another_day),
        *_both("run deferred", _running(deferrable=True)),
        *_both("run without waiting", _running(wait_for_completion=False)),
        *_both("run with stop_on_kill", _running(stop_on_kill=True)),
        *_both("run deferred with stop_on_kill", _running(deferrable=True, stop_on_kill=True)),
        *_both("run, one at a time", _one_at_a_time),
        *_both("run deferred, one at a time", _one_at_a_time, deferrable=True),
        *_both("run in the calling window", _in_the_window),
        *_both("run deferred in the calling window", _in_the_window, deferrable=True),
        *_both("run until the window closes", _until_the_window_closes, longest=200_000.0),
        *_both("run deferred until the window closes", _until_the_window_closes, longest=200_000.0, deferrable=True),
        *(life for name, apart in OCCASIONS.items() for life in _both(f"occasion, {name}", _two_runs, apart=apart)),
        *_both("do-not-call list", _with_do_not_call),
        *_both("demo call", _demo_call),
        *_both("report", _report),
        *_both("kept report", _kept_report),
        *_both("kept report deferred", _kept_report, deferrable=True),
        Life("notification", _with_retry_delay(_notification, 5.0)),
        *_both("whole", _whole),
        *_both("whole deferred", _whole, deferrable=True),
        *_both("cleared, reattach", _whole, clears=1),
        *_both("cleared, send again", _whole, clears=1, on_clear="send_again"),
        *_both("cleared, fail", _whole, clears=1, on_clear="fail"),
    )
}

#: The lives of which every two faults at once are tried: those in which a person may be called twice.
IN_TWO_FAULTS = (
    "run",
    "run, no store",
    "run deferred",
    "create",
    "create, no store",
    "demo call",
    "demo call, no store",
    "add",
    "run that shows late",
    "run deferred with stop_on_kill",
    "run in the calling window",
    "run deferred in the calling window",
)

#: The lives of which every single fault is tried whenever the tests run.
IN_EVERY_RUN = (
    "create",
    "create, no store",
    "add",
    "run",
    "run, no store",
    "run, no store, retried at once",
    "run that shows late",
    "run of another day's campaign",
    "run of another day's campaign, no store",
    "run deferred",
    "run deferred with stop_on_kill",
    "run deferred in the calling window",
    "run until the window closes, no store",
    "run deferred until the window closes",
    "demo call",
    "demo call, no store",
    "do-not-call list",
    "report",
    "notification",
    "whole",
)
