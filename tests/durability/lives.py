"""DAG runs that live through something: each with a TingTing of its own, and what is left when it is over.

A `Life` is one run of the whole lifecycle (create, add, run, report) by a real Airflow. TingTing's time stands still
until a try has seen the campaign running, so that each undisturbed life asks for the same things in the same order.
Imports no Airflow.
"""

from __future__ import annotations

import csv
import json
import queue
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

from durability.real_airflow import RealAirflow, TaskRow

from airflow_provider_tingting.sandbox import Sandbox
from airflow_provider_tingting.sandbox.faults import Fault
from airflow_provider_tingting.sandbox.ledger import RequestEntry

T = TypeVar("T")

LONGEST_LIFE = 300.0
PEOPLE = 6
# One word of the message that each DAG of `dags/` has spoken, and the variables of the people: none may be logged.
SPOKEN = "लालुपाते"
PLACE = "Chhampi Dandagaun"
NAME = "Sushmita Quillabadi"
# Reads of a running campaign before TingTing's time goes on: the one after the run call, and the first poll.
_READS_BEFORE_TIME_GOES_ON = 2


@dataclass
class Lane:
    """One TingTing, its connection's id and token, and room for one life at a time."""

    sandbox: Sandbox
    connection: str
    token: str

    def connection_json(self) -> str:
        """What the connection is to hold."""
        return json.dumps({**json.loads(self.sandbox.connection_json()), "password": self.token})


@dataclass(frozen=True)
class Remains:
    """What is left when a life is over.

    :param state: of the DAG run.
    :param tasks: each task.
    :param campaigns: how many campaigns exist.
    :param runs: how often a campaign was run, over all campaigns.
    :param dialled: how often each number was called.
    :param audience: who was to be called.
    :param reported: the numbers in the report, one a row; None if there is no report.
    :param statuses: how often each call was answered with which status.
    :param calls: what was asked for, in its order.
    :param remembered: what each task keeps in Airflow's task state store.
    :param story: what happened, for a person who wonders why a test has failed.
    """

    state: str | None
    tasks: Mapping[str, TaskRow]
    campaigns: int
    runs: int
    dialled: Mapping[str, int]
    audience: tuple[str, ...]
    reported: tuple[str, ...] | None
    statuses: Mapping[tuple[str, int | None], int]
    calls: tuple[str, ...]
    remembered: Mapping[str, Mapping[str, Any]]
    story: str

    def assert_each_contact_was_called_once(self, *, campaigns: int = 1) -> None:
        """One run, each contact called once, each report row once, and Airflow says so.

        :param campaigns: how many campaigns may exist at most.
        """
        assert self.state == "success", self.story
        assert 1 <= self.campaigns <= campaigns, self.story
        assert self.runs == 1, self.story
        assert dict(self.dialled) == dict.fromkeys(self.audience, 1), self.story
        assert self.reported is not None, self.story
        assert sorted(self.reported) == sorted(self.audience), self.story

    def tries(self) -> dict[str, int]:
        """How many tries each task had."""
        return {task_id: row.tries for task_id, row in self.tasks.items()}


@dataclass
class Life:
    """One DAG run and its TingTing.

    :param closing: set when the tests are over, so that no process waits any longer.
    """

    airflow: RealAirflow
    lane: Lane
    dag_id: str
    name: str
    folder: Path
    audience: tuple[str, ...]
    closing: threading.Event
    #: Whether TingTing's time is to stand still even though the campaign was seen running.
    is_held: bool = False
    _deadline: float = field(default_factory=lambda: time.monotonic() + LONGEST_LIFE)

    @property
    def sandbox(self) -> Sandbox:
        """The TingTing of this life."""
        return self.lane.sandbox

    def begin(self) -> None:
        """Trigger the DAG run."""
        contacts = self.folder / f"{self.name}.csv"
        with contacts.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["number", "tags_name", "tags_place"])
            writer.writerows([number, f"{NAME} {number[-3:]}", PLACE] for number in self.audience)
        conf = {
            "connection": self.lane.connection,
            "name": self.name,
            "contacts": str(contacts),
            "report": str(self._report),
        }
        self.airflow.trigger(self.dag_id, self.name, conf)

    def until(self, condition: Callable[[], T], what: str, *, within: float = LONGEST_LIFE) -> T:
        """Wait, while TingTing's time goes on as it is due, until a condition holds; return its value."""
        deadline = min(time.monotonic() + within, self._deadline)
        while not (value := condition()):
            if self.closing.is_set() or time.monotonic() > deadline:
                raise AssertionError(f"{self.name}: {what} never came.\n{self.story()}")
            self._let_time_pass()
            time.sleep(0.01)
        return value

    def until_seen_running(self, times: int = _READS_BEFORE_TIME_GOES_ON) -> None:
        """Wait until the campaign was run and has been read so often since."""
        self.until(lambda: self._reads_since_run() >= times, "a read of the running campaign")

    def until_struck(self, fault: Fault, *, after: RequestEntry | None = None) -> RequestEntry:
        """Wait until a fault strikes, and return the request that it strikes.

        :param after: a request that the kind of fault has struck before.
        """

        def struck() -> list[RequestEntry]:
            entries = [entry for entry in self.sandbox.requests if entry.fault == fault.kind]
            return entries if entries and entries[-1] is not after else []

        return self.until(struck, f"the request for {fault.kind} at {fault.call}")[-1]

    def is_running(self, task_id: str) -> bool:
        """Whether a process executes a task now."""
        row = self.airflow.tasks(self.dag_id, self.name).get(task_id)
        return row is not None and row.state == "running"

    def worker(self, task_id: str) -> int:
        """The process that executes a task now."""

        def running() -> int:
            row = self.airflow.tasks(self.dag_id, self.name).get(task_id)
            return (row.pid or 0) if row is not None and row.state == "running" else 0

        return self.until(running, f"the process of task {task_id}")

    def end(self) -> Remains:
        """Wait for the end of the DAG run and return what is left."""
        state = self.until(self._final_state, "the end of the DAG run")
        # The contacts that are still to be called, by whatever run, are called now.
        self.sandbox.play_out()
        world = self.sandbox.world
        with world.reading():
            runs = sum(len(campaign.runs) for campaign in world.campaigns.values())
            campaigns = len(world.campaigns)
        requests = self.sandbox.requests
        return Remains(
            state=state,
            tasks=self.airflow.tasks(self.dag_id, self.name),
            campaigns=campaigns,
            runs=runs,
            dialled=self.sandbox.ledger.times_dialled(),
            audience=self.audience,
            reported=self._reported(),
            statuses=Counter((entry.call, entry.status) for entry in requests),
            calls=tuple(entry.call for entry in requests),
            remembered=self.airflow.remembered(self.dag_id, self.name),
            story=self.story(),
        )

    def story(self) -> str:
        """What has happened until now: requests, tasks and their logs."""
        requests = self.sandbox.requests
        began = requests[0].at if requests else 0.0
        asked = "\n".join(
            f"  {entry.at - began:7.2f} s  {entry.call} -> {entry.status} {entry.fault or ''}" for entry in requests
        )
        tasks = "\n".join(
            f"  {task_id}: {row.state}, try {row.tries}"
            for task_id, row in self.airflow.tasks(self.dag_id, self.name).items()
        )
        logs = self.airflow.tail(self.name)
        return f"{self.name}\nrequests:\n{asked}\ntasks:\n{tasks}\nlogs:\n{logs}"

    @property
    def _report(self) -> Path:
        return self.folder / f"{self.name}_report.csv"

    def _reported(self) -> tuple[str, ...] | None:
        if not self._report.exists():
            return None
        with self._report.open(encoding="utf-8", newline="") as file:
            return tuple(row["number"] for row in csv.DictReader(file))

    def _final_state(self) -> str | None:
        # Not with each tick: the database has others to serve.
        time.sleep(0.2)
        state = self.airflow.run_state(self.dag_id, self.name)
        return state if state in ("success", "failed") else None

    def _reads_since_run(self) -> int:
        since = 0
        for entry in reversed(self.sandbox.requests):
            if entry.call == "run_campaign":
                return since
            since += entry.call == "get_campaign" and entry.status == 200
        return -1

    def _let_time_pass(self) -> None:
        if not self.is_held and self._reads_since_run() >= _READS_BEFORE_TIME_GOES_ON:
            self.sandbox.play_out()


class Fleet:
    """Lives side by side, as many as there are lanes; a context manager.

    :param folder: an empty folder for contacts and reports.
    """

    def __init__(self, airflow: RealAirflow, folder: Path, lanes: int) -> None:
        self.airflow = airflow
        self._folder = folder
        self._closing = threading.Event()
        self._pool = ThreadPoolExecutor(lanes, thread_name_prefix="life")
        self._free: queue.Queue[Lane] = queue.Queue()
        self._lanes: list[Lane] = []
        self._lanes_at_first = lanes
        self._numbers = count(9841000001)
        self.tokens: set[str] = set()
        self.lives: list[Life] = []

    def new_token(self) -> str:
        """Make up an API token, and remember that it must not be logged."""
        token = f"live-{secrets.token_urlsafe(24)}"
        self.tokens.add(token)
        return token

    def __enter__(self) -> Fleet:
        self._open_lanes(self._lanes_at_first)
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        for lane in self._lanes:
            lane.sandbox.faults.clear()
        self._pool.shutdown(wait=True, cancel_futures=True)
        for lane in self._lanes:
            lane.sandbox.stop()

    @contextmanager
    def life(self, dag_id: str, name: str) -> Iterator[Life]:
        """A life that has not begun, with an empty TingTing; waits for a free lane.

        :param name: of the DAG run and of the campaign.
        """
        lane = self._free.get(timeout=LONGEST_LIFE)
        try:
            lane.sandbox.reset()
            lane.sandbox.world.rotate_token(lane.token)
            audience = tuple(str(next(self._numbers)) for _ in range(PEOPLE))
            for number in audience[1:]:
                lane.sandbox.world.script_outcome(number, "completed")
            lane.sandbox.world.script_outcome(audience[0], "unanswered")
            life = Life(self.airflow, lane, dag_id, name, self._folder, audience, self._closing)
            self.lives.append(life)
            yield life
        except BaseException:
            # Its DAG run may go on, and must not talk to the TingTing of another life.
            lane.sandbox.stop()
            if not self._closing.is_set():
                self._open_lanes(1)
            raise
        lane.sandbox.faults.clear()
        self._free.put(lane)

    def _open_lanes(self, number: int) -> None:
        opened = []
        for _ in range(number):
            token = self.new_token()
            # Time stands still; a life pushes it.
            opened.append(Lane(Sandbox(speed=0, token=token).start(), f"lane_{len(self._lanes)}", token))
            self._lanes.append(opened[-1])
        self.airflow.put_connections({lane.connection: lane.connection_json() for lane in opened})
        for lane in opened:
            self._free.put(lane)

    def submit(self, live: Callable[..., T], *arguments: object) -> Future[T]:
        """Begin something in a thread of its own, when a thread is free."""
        return self._pool.submit(live, *arguments)
