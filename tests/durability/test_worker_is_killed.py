"""The process that executes a task is SIGKILLed between every two steps of a campaign's life; a retry goes on.

Each step is one request, and dies in three ways: TingTing has been asked and has done nothing, TingTing has done it and
no process reads the response, it has been read and nothing more. Whatever it is: one campaign, one run, each contact
called once, every row in the report once.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import pytest
from durability.lives import Fleet, Life, Remains
from durability.real_airflow import HAS_STATE_STORE

# A test may wait for its file's other lives, which go on side by side with its own.
pytestmark = [pytest.mark.durability, pytest.mark.timeout(900)]

# What an undisturbed life asks for, in its order, by task. `test_the_steps_are_those_of_an_undisturbed_life` holds
# it against the real thing; the second read of the run task is the last one before it defers.
_TO_THE_END = (
    ("create", "list_voice_models"),
    ("create", "list_campaigns"),
    ("create", "create_campaign"),
    ("create", "list_campaigns"),
    ("create", "set_campaign_message"),
    ("add", "get_campaign"),
    ("add", "add_contacts"),
    ("add", "get_campaign"),
    ("run", "get_campaign"),
    ("run", "run_campaign"),
    ("run", "get_campaign"),
    ("poll", "get_campaign"),
    ("poll", "get_campaign"),
)
_AFTER = (
    ("run", "download_campaign_report"),
    ("report", "get_campaign"),
    ("report", "download_campaign_report"),
)
# A worker that has not seen the end itself reads the campaign once more.
STEPS = {"sync": (*_TO_THE_END, *_AFTER), "deferred": (*_TO_THE_END, ("run", "get_campaign"), *_AFTER)}
ASKED, DONE, ANSWERED = "asked", "done", "answered"
MOMENTS = (ASKED, DONE, ANSWERED)

# An answer is held until the process that waits for it is found.
_HELD = 300
# For the sandbox to carry out what it has been asked.
_SECONDS_TO_COMMIT = 0.2
# For an answer to cross the loopback interface and be read.
_SECONDS_TO_READ = 0.005


@dataclass(frozen=True)
class Death:
    """One kill.

    :param waiting: `sync` or `deferred`.
    :param step: the index in its `STEPS`.
    :param moment: when during the step.
    :param with_supervisor: whether the process that watches over the task dies too, as when a machine is lost.
    """

    waiting: str
    step: int
    moment: str
    with_supervisor: bool = False

    @property
    def takes_long(self) -> bool:
        """Whether a retry has to wait before it goes on, or Airflow before it tries again."""
        run = step_of("run", "run_campaign")
        # The campaign was perhaps asked to run: its status is watched for two minutes before it is asked again.
        return self.with_supervisor or (self.step, self.moment) in ((run - 1, ANSWERED), (run, ASKED))

    @property
    def task_id(self) -> str:
        """The task whose process is killed; a synchronous one polls itself."""
        task = STEPS[self.waiting][self.step][0]
        return "run" if task == "poll" else task

    @property
    def may_come_too_late(self) -> bool:
        """Whether the task has nothing left to ask for, so that on a busy machine it may have ended or deferred."""
        after = [*STEPS[self.waiting], ("", "")][self.step + 1][0]
        if after == "poll" and self.waiting == "sync":
            after = "run"
        return self.moment == ANSWERED and after != self.task_id

    def __str__(self) -> str:
        task, call = STEPS[self.waiting][self.step]
        whole = "-with-its-supervisor" if self.with_supervisor else ""
        return f"{self.waiting}-{self.step + 1:02}-{task}-{call}-{self.moment}{whole}"

    def live(self, fleet: Fleet) -> tuple[bool, Remains]:
        """Live through it; return also whether the process was there to be killed."""
        with fleet.life(f"lifecycle_{self.waiting}", str(self)) as life:
            killed = self._strike(life)
            return killed, life.end()

    def _strike(self, life: Life) -> bool:
        call = STEPS[self.waiting][self.step][1]
        faults = life.sandbox.faults
        kind = {ASKED: "stuck", DONE: "stuck-after-commit", ANSWERED: "slow"}[self.moment]
        before = [name for _, name in STEPS[self.waiting][: self.step]].count(call)
        held: dict[str, Any] = {"value": _HELD, "times": "*"} if self.moment == ANSWERED else {}
        fault = faults.add(kind, call=call, skip=before, **held)
        life.begin()
        request = life.until_struck(fault)
        while self.moment == ANSWERED and not life.is_running(self.task_id):
            # On a busy machine a task reads once more before it writes: let that read pass, and hold the next one.
            early = fault
            fault = faults.add(kind, call=call, **held)
            faults.remove(early.id)
            request = life.until_struck(fault, after=request)
        worker = life.worker(self.task_id)
        if self.moment == DONE:
            time.sleep(_SECONDS_TO_COMMIT)
        if self.moment == ANSWERED:
            # No process comes further than to the next step.
            barrier = faults.add("stuck", call="*", times="*")
            faults.remove(fault.id)
            life.until(lambda: request.status is not None, "the answer")
            time.sleep(_SECONDS_TO_READ)
            killed = life.airflow.kill_worker(worker, with_supervisor=self.with_supervisor)
            faults.remove(barrier.id)
            return killed
        return life.airflow.kill_worker(worker, with_supervisor=self.with_supervisor)


def deaths(waiting: str, tasks: tuple[str, ...]) -> list[Death]:
    steps = [step for step, (task, _) in enumerate(STEPS[waiting]) if task in tasks]
    return [Death(waiting, step, moment) for step in steps for moment in MOMENTS]


def step_of(task: str, call: str) -> int:
    return _TO_THE_END.index((task, call))


@dataclass(frozen=True)
class Undisturbed:
    """Nothing happens."""

    waiting: str

    def __str__(self) -> str:
        return f"{self.waiting}-undisturbed"

    def live(self, fleet: Fleet) -> Remains:
        """Live."""
        with fleet.life(f"lifecycle_{self.waiting}", str(self)) as life:
            life.begin()
            return life.end()


@dataclass(frozen=True)
class SlowServer:
    """TingTing takes its time with a write; the worker dies meanwhile, and a retry searches before it is done."""

    waiting: str
    call: str
    task_id: str
    takes_long: bool = True

    def __str__(self) -> str:
        return f"{self.waiting}-slow-{self.call}"

    def live(self, fleet: Fleet) -> Remains:
        """Live through it."""
        with fleet.life(f"lifecycle_{self.waiting}", str(self)) as life:
            fault = life.sandbox.faults.add("slow", call=self.call, value=15)
            life.begin()
            request = life.until_struck(fault)
            assert life.airflow.kill_worker(life.worker(self.task_id))
            life.until(lambda: request.status is not None, "the slow server's response, which no process reads")
            return life.end()


@pytest.mark.parametrize("case", [Undisturbed("sync"), Undisturbed("deferred")], ids=str)
def test_the_steps_are_those_of_an_undisturbed_life(case: Undisturbed, lived: Remains) -> None:
    lived.assert_each_contact_was_called_once()
    assert lived.calls == tuple(call for _, call in STEPS[case.waiting]), lived.story
    assert set(lived.tries().values()) == {1}, lived.story
    # The newest Airflow has a store, so the deaths below happen to tasks that remember; on an older one, to others.
    assert set(lived.remembered) == ({"create", "add", "run"} if HAS_STATE_STORE else set()), lived.story


@pytest.mark.parametrize("case", deaths("sync", ("create", "add", "run", "poll", "report")), ids=str)
def test_a_killed_worker_calls_no_contact_twice(case: Death, lived: tuple[bool, Remains]) -> None:
    check(case, lived)


@pytest.mark.parametrize("case", deaths("deferred", ("run",)), ids=str)
def test_a_worker_killed_before_or_after_it_defers_calls_no_contact_twice(
    case: Death, lived: tuple[bool, Remains]
) -> None:
    check(case, lived)


@pytest.mark.parametrize(
    "case",
    [
        Death("sync", step_of("create", "create_campaign"), DONE, with_supervisor=True),
        Death("sync", step_of("add", "add_contacts"), DONE, with_supervisor=True),
        Death("sync", step_of("run", "run_campaign"), DONE, with_supervisor=True),
        Death("deferred", step_of("run", "run_campaign"), DONE, with_supervisor=True),
    ],
    ids=str,
)
def test_a_lost_machine_calls_no_contact_twice(case: Death, lived: tuple[bool, Remains]) -> None:
    check(case, lived)


@pytest.mark.parametrize("case", [SlowServer("sync", "create_campaign", "create")], ids=str)
def test_a_create_that_lands_after_the_worker_has_died_leaves_a_campaign_that_is_not_run(
    case: SlowServer, lived: Remains
) -> None:
    lived.assert_each_contact_was_called_once(campaigns=2)


@pytest.mark.parametrize(
    "case", [SlowServer("sync", "run_campaign", "run"), SlowServer("deferred", "run_campaign", "run")], ids=str
)
def test_a_run_that_lands_after_the_worker_has_died_is_not_sent_again(case: SlowServer, lived: Remains) -> None:
    lived.assert_each_contact_was_called_once()


@pytest.mark.parametrize("case", [SlowServer("sync", "add_contacts", "add")], ids=str)
def test_contacts_that_land_after_the_worker_has_died_are_there_once(case: SlowServer, lived: Remains) -> None:
    lived.assert_each_contact_was_called_once()


def check(death: Death, lived: tuple[bool, Remains]) -> None:
    killed, remains = lived
    remains.assert_each_contact_was_called_once()
    if not death.may_come_too_late:
        assert killed, f"the task had ended before it could be killed\n{remains.story}"
        assert remains.tries()[death.task_id] >= 2, remains.story
