"""One scenario: a TingTing of its own, the campaigns that Airflow runs on it, and the figures when they have ended."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cluster.cluster import Cluster
from cluster.database import TaskRow
from support.campaigns import connection

from airflow_provider_tingting.sandbox import Sandbox

CONTACTS = 30


@dataclass(frozen=True)
class Figures:
    """What a scenario has left behind. The sandbox's ledger is the judge of calls, Airflow's database that of tasks.

    :param campaigns: how many campaigns there should be.
    :param creates: how many there are.
    :param runs: how often a campaign was run.
    :param calls: how many calls were made.
    :param doubles: how many contacts were called more than once.
    :param lost: how many were not called.
    :param second_tries: how many tries were not a task's first.
    :param red: each DAG run that failed, and why.
    :param note: what else there is to say.
    """

    scenario: str
    campaigns: int
    creates: int
    runs: int
    calls: int
    doubles: int
    lost: int
    second_tries: int
    red: Mapping[str, str]
    seconds: float
    note: str = ""

    def row(self) -> str:
        """Return it as a row of the table that is printed at the end."""
        red = f"{len(self.red)} red" + "".join(f"\n    {run}: {why}" for run, why in self.red.items())
        return (
            f"{self.scenario:<28} {self.campaigns:>4} campaigns, {self.creates} created, {self.runs} runs, "
            f"{self.calls} calls, {self.doubles} doubles, {self.lost} lost, {self.second_tries} second tries, "
            f"{self.seconds:.0f} s{', ' + self.note if self.note else ''}; {red}"
        )

    def assert_each_contact_was_called_once(self, *, spare: int = 0) -> None:
        """Assert that each campaign was run once, each contact called once, and Airflow says so.

        :param spare: how many campaigns may exist beside those that were run.
        """
        assert not self.red, self.row()
        assert self.campaigns <= self.creates <= self.campaigns + spare, self.row()
        assert self.runs == self.campaigns, self.row()
        assert (self.doubles, self.lost) == (0, 0), self.row()


@dataclass
class Scene:
    """A scenario that goes on.

    :param folder: an existing folder that all hosts share.
    :param extra: extras of the connection to its TingTing.
    :ivar abandoned: set when its test has ended, so that no thread waits for it any longer.
    """

    cluster: Cluster
    name: str
    sandbox: Sandbox
    folder: Path
    extra: Mapping[str, Any] = field(default_factory=dict)
    abandoned: threading.Event = field(default_factory=threading.Event)
    _begun: list[tuple[str, str]] = field(default_factory=list)
    _audience: list[str] = field(default_factory=list)
    _since: float = 0.0

    def connection_json(self) -> str:
        """Return Airflow's connection to its TingTing."""
        return connection(self.sandbox, **self.extra)

    def new_contacts(self, number: int = CONTACTS) -> list[str]:
        """Return numbers that are to be called once."""
        first = len(self._audience)
        made = [f"98{41_000_000 + each:08}" for each in range(first, first + number)]
        self._audience += made
        return made

    def begin(self, dag_id: str, number: int = 1) -> list[str]:
        """Begin so many runs of a DAG for one campaign each, with contacts of their own, and return their ids."""
        return [self._begin(dag_id) for _ in range(number)]

    def _begin(self, dag_id: str) -> str:
        name = f"{self.name}-{len(self._begun) + 1}"
        file = self.folder / f"{name}.csv"
        file.write_text("\n".join(["number", *self.new_contacts()]) + "\n")
        report = self.folder / f"{name}.report.csv"
        return self.trigger(dag_id, {"name": name, "contacts": str(file), "report": str(report)})

    def trigger(self, dag_id: str, conf: Mapping[str, object]) -> str:
        """Begin a run of a DAG, and return its id."""
        self._since = self._since or time.monotonic()
        run_id = f"{self.name}-{len(self._begun) + 1}"
        self._begun.append((dag_id, run_id))
        self.cluster.trigger(dag_id, run_id, {"connection": self.name, **conf})
        return run_id

    def tasks(self) -> list[TaskRow]:
        """Return the task instances of all its runs."""
        dags = {dag_id for dag_id, _ in self._begun}
        return [task for dag_id in dags for task in self.cluster.database.tasks(dag_id, f"{self.name}-%")]

    def tasks_in(self, state: str, task_id: str = "run") -> list[TaskRow]:
        """Return the instances of a task that are in a state."""
        return [task for task in self.tasks() if task.task_id == task_id and task.state == state]

    def task(self, run_id: str, task_id: str) -> TaskRow:
        """Return a task instance as it is now."""
        return next(task for task in self.tasks() if (task.run_id, task.task_id) == (run_id, task_id))

    def holds(self, call: str) -> bool:
        """Return whether its TingTing holds a request for a call, which it has not answered."""
        return any(entry.call == call and entry.fault and entry.status is None for entry in self.sandbox.requests)

    def requests(self, call: str) -> int:
        """Return how often a call has reached its TingTing."""
        return sum(entry.call == call for entry in self.sandbox.requests)

    def until(self, condition: Any, what: str, *, within: float = 600.0, every: float = 0.3) -> None:
        """Wait until a condition holds.

        :raises AssertionError: it has not become so, or the test has ended meanwhile.
        """

        def holds() -> object:
            assert not self.abandoned.is_set(), f"{self.name}: the test has ended before {what}"
            return condition()

        self.cluster.until(holds, f"{self.name}: {what}", within=within, every=every)

    def logs(self) -> str:
        """Return what the tasks and triggers of all its runs have logged."""
        return "\n".join(self.cluster.logs_of(run_id) for _, run_id in self._begun)

    def end(self, campaigns: int | None = None, *, note: str = "") -> Figures:
        """Wait until all its runs have ended, and return the figures.

        :param campaigns: how many campaigns there should be; None means one for each run.
        """
        self.until(self.has_ended, "the end of all runs")
        self.sandbox.play_out()
        dialled = self.sandbox.ledger.times_dialled()
        world = self.sandbox.world
        with world.reading():
            made, runs = len(world.campaigns), sum(len(campaign.runs) for campaign in world.campaigns.values())
        return Figures(
            scenario=self.name,
            campaigns=len(self._begun) if campaigns is None else campaigns,
            creates=made,
            runs=runs,
            calls=sum(dialled.values()),
            doubles=sum(count > 1 for count in dialled.values()),
            lost=len(set(self._audience) - set(dialled)),
            second_tries=sum(max(0, task.tries - 1) for task in self.tasks()),
            red=self._red(),
            seconds=time.monotonic() - self._since,
            note=note,
        )

    def exceptions(self) -> list[str]:
        """Return what each exception says that ended an attempt of a task."""
        return [_message(line) for line in self.logs().splitlines() if "Task failed with exception" in line]

    def has_ended(self) -> bool:
        """Return whether all its runs have ended."""
        if self.sandbox.clock.speed == 0:
            self.sandbox.play_out()
        states = self._states()
        return len(states) == len(self._begun) and set(states.values()) <= {"success", "failed"}

    def _states(self) -> dict[str, str]:
        dags = {dag_id for dag_id, _ in self._begun}
        return {run: state for dag_id in dags for run, state in self._runs(dag_id).items()}

    def _runs(self, dag_id: str) -> dict[str, str]:
        return self.cluster.database.runs(dag_id, f"{self.name}-%")

    def _red(self) -> dict[str, str]:
        failed = [run for run, state in self._states().items() if state == "failed"]
        tasks = self.tasks()
        return {run: self._why(run, [task for task in tasks if task.run_id == run]) for run in failed}

    def _why(self, run: str, tasks: Sequence[TaskRow]) -> str:
        bad = [f"{task.task_id} (try {task.tries})" for task in tasks if task.state == "failed"]
        lines = [line for line in self.cluster.logs_of(run).splitlines() if "rror" in line]
        return f"{', '.join(bad)}: {_message(lines[-1]) if lines else 'no error in its logs'}"


def _message(line: str) -> str:
    """Return what a line of a task's log says, shortened."""
    try:
        found = json.loads(line)
        detail = found.get("error_detail") or [{}]
        return f"{detail[0].get('exc_type', '')} {detail[0].get('exc_value', '')} {found.get('event', '')}".strip()[
            :300
        ]
    except ValueError:
        return line[:300]
