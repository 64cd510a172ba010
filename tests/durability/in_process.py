"""The life of a campaign as four tasks that Airflow tries again, in this process: what the tests here share.

A worker that is killed is an exception that no code of ours catches, at a step of the test's choice; the next try is a
new operator with a higher try number, as in another process. Real processes are killed in the other files here.
"""

from __future__ import annotations

import copy
import functools
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from airflow.providers.common.compat.sdk import TaskDeferred
from support.campaigns import NUMBERS
from support.run_task import run_task
from support.task_context import context_of, fired_by

from airflow_provider_tingting._compat import AirflowFailException
from airflow_provider_tingting.api.client import TingTingClient
from airflow_provider_tingting.clock import sleep
from airflow_provider_tingting.operators.campaign import (
    TingTingCreateCampaignOperator,
    TingTingRunCampaignOperator,
)
from airflow_provider_tingting.operators.contacts import TingTingAddContactsOperator
from airflow_provider_tingting.operators.report import TingTingDownloadReportOperator
from airflow_provider_tingting.sandbox import Sandbox

#: After so many seconds a request whose connection was cut is processed all the same, sooner than any flow gives up.
LATE = 4.0
PEOPLE = [{"number": number, "name": "Sita"} for number in NUMBERS]

#: Faults after which a request has been carried out, has not, and may have been.
LOST = ("lose-reply", "500-after-commit", "502-after-commit", "503-after-commit", "garbage", "truncate")
NOT_DONE = ("cut-before", "500", "502-empty", "503-html")
NO_ANSWER = ("stuck", "stuck-after-commit", "late-commit")

with_and_without_a_store = pytest.mark.parametrize(
    "has_store", [pytest.param(True, id="with a store"), pytest.param(False, id="without a store")]
)
in_both_modes = pytest.mark.parametrize(
    "deferred", [pytest.param(False, id="in the worker"), pytest.param(True, id="deferred")]
)
#: The task that runs a campaign.
running = functools.partial(run_task, poll_interval=20)

Factory = Callable[[], Any]


class Killed(BaseException):
    """The worker is gone; nothing of it can react."""


#: Steps of a job, and what the saved state shows then.
STEPS: dict[str, Callable[[dict[str, Any]], bool]] = {
    "create requested": lambda saved: saved.get("create_requested_at") is not None,
    "created": lambda saved: saved.get("campaign_id") is not None and saved.get("create_requested_at") is None,
    "run requested": lambda saved: saved.get("run") == "maybe",
    "run accepted": lambda saved: saved.get("run") == "accepted",
}


def _has_reached(saved: dict[str, Any], step: str) -> bool:
    return STEPS[step](saved)


class Store(dict[str, Any]):
    """A task state store as Airflow 3.3 has it: JSON by key, safe once `set` returns.

    :param dies_at: a step after whose saving the worker is killed, once: a key of `STEPS`.
    """

    def __init__(self, dies_at: str | None = None) -> None:
        super().__init__()
        self.dies_at = dies_at

    def get(self, key: str, default: Any = None) -> Any:
        return copy.deepcopy(super().get(key, default))

    def set(self, key: str, value: Any, **_: Any) -> None:
        self[key] = json.loads(json.dumps(value))
        if self.dies_at is not None and _has_reached(value, self.dies_at):
            died_at, self.dies_at = self.dies_at, None
            raise Killed(f"saved {died_at}")

    def delete(self, key: str) -> None:
        self.pop(key, None)


@contextmanager
def killed_before(monkeypatch: pytest.MonkeyPatch, call: str, *, skip: int = 0) -> Iterator[None]:
    """The worker is killed just before it sends a call, once."""
    with _killed(monkeypatch, call, skip, after=False):
        yield


@contextmanager
def killed_after(monkeypatch: pytest.MonkeyPatch, call: str, *, skip: int = 0) -> Iterator[None]:
    """The worker is killed when a call has reached the server and before its answer is read, once."""
    with _killed(monkeypatch, call, skip, after=True):
        yield


@contextmanager
def _killed(monkeypatch: pytest.MonkeyPatch, call: str, skip: int, *, after: bool) -> Iterator[None]:
    send_really, left = TingTingClient.send, [skip, 1]

    def send(self: TingTingClient, one: Any) -> Any:
        if one.name != call or not left[1]:
            return send_really(self, one)
        if left[0]:
            left[0] -= 1
            return send_really(self, one)
        left[1] = 0
        if after:
            send_really(self, one)
        raise Killed(f"{'after' if after else 'before'} {call}")

    with monkeypatch.context() as patch:
        patch.setattr(TingTingClient, "send", send)
        yield
    assert not left[1], f"the worker never came to {call}"


def once(make: Factory, *, store: Store | None, deferred: bool = False, **circumstances: Any) -> Any:
    """One try of a task, deferral and all; the trigger's event goes to a fresh operator."""
    context = context_of(make(), **circumstances)
    if store is not None:
        context["task_state_store"] = store
    try:
        result = make().execute(context)
    except TaskDeferred as waiting:
        assert deferred, "a task that was not to defer did"
        event = fired_by(waiting.trigger)
        return getattr(make(), waiting.method_name)(context, event=event, **(waiting.kwargs or {}))
    return result


def tried(
    make: Factory, *, store: Store | None, deferred: bool = False, tries: int = 6, **circumstances: Any
) -> tuple[Any, int]:
    """Try a task as Airflow does until it succeeds; return its result and how many tries it took.

    :raises AirflowFailException: a try has failed for good.
    """
    first = circumstances.pop("try_number", 1)
    for number in range(first, first + tries):
        try:
            return once(make, store=store, deferred=deferred, try_number=number, **circumstances), number
        except AirflowFailException:
            raise
        except (Exception, Killed):
            if number == first + tries - 1:
                raise
    raise AssertionError("unreachable")


class Life:
    """A campaign from its creation to its report, as four tasks of one DAG run.

    :param has_store: whether each task has a state store (Airflow 3.3) or none.
    :param deferred: whether the run waits in the triggerer.
    :param folder: where the report goes.
    :param tasks: changes to the arguments of the tasks, by `create`, `add`, `run` and `report`.
    """

    def __init__(self, folder: Path, *, has_store: bool, deferred: bool = False, **tasks: dict[str, Any]) -> None:
        self.path = folder / "report.csv"
        self.deferred = deferred
        self.tasks = tasks
        self.stores = {task: Store() if has_store else None for task in ("create", "add", "run", "report")}
        self.campaign_id: int | None = None
        self.results: dict[str, Any] = {}

    def make(self, task: str) -> Any:
        """Make the operator of a task, fresh."""
        arguments: dict[str, Any] = {"task_id": task, **self.tasks.get(task, {})}
        if task == "create":
            return creating(**arguments)
        arguments.setdefault("campaign_id", self.campaign_id)
        if task == "add":
            return TingTingAddContactsOperator(**{"contacts": PEOPLE, "batch_size": 2, "concurrency": 1, **arguments})
        if task == "run":
            return TingTingRunCampaignOperator(**{"poll_interval": 20, "deferrable": self.deferred, **arguments})
        return TingTingDownloadReportOperator(**{"path": str(self.path), **arguments})

    def try_task(self, task: str, **circumstances: Any) -> Any:
        """One try of a task."""
        result = once(
            functools.partial(self.make, task), store=self.stores[task], deferred=self.deferred, **circumstances
        )
        return self._done(task, result)

    def live_task(self, task: str, **circumstances: Any) -> Any:
        """Try a task until it succeeds."""
        make = functools.partial(self.make, task)
        result, _ = tried(make, store=self.stores[task], deferred=self.deferred, **circumstances)
        return self._done(task, result)

    def live(self, *tasks: str) -> Life:
        """Try each task until it succeeds; all four when none is named."""
        for task in tasks or ("create", "add", "run", "report"):
            self.live_task(task)
        return self

    def _done(self, task: str, result: Any) -> Any:
        if task == "create":
            self.campaign_id = result
        self.results[task] = result
        return result


def creating(**changes: Any) -> TingTingCreateCampaignOperator:
    """Make a task that creates a campaign."""
    return TingTingCreateCampaignOperator(
        **{
            "task_id": "create",
            "name": "Water notice",
            "services": "PHONE",
            "user_phone": [3],
            "message": "नमस्कार {name} जी",
            "voice": "Rija",
            **changes,
        }
    )


def let_everything_arrive(sandbox: Sandbox) -> None:
    """Let the sandbox process each request that it holds back, and make each call that is still to be made.

    Without this a test would check before the second call of a contact is made, and could not fail.
    """
    if any(request.fault == "late-commit" for request in sandbox.requests):
        sleep(2 * LATE)
        # What is held back and due is processed before a later request.
        requests.get(f"{sandbox.base_url}nothing/", timeout=60)
    sandbox.play_out()


def promise_is_kept(sandbox: Sandbox, life: Life) -> None:
    """Assert what is promised: one campaign, one run, each contact called once, each report row once."""
    let_everything_arrive(sandbox)
    world = sandbox.world
    assert list(world.campaigns) == [life.campaign_id], "there is one campaign"
    (campaign,) = world.campaigns.values()
    assert len(campaign.runs) == 1, "it was run once"
    assert len(campaign.contacts) == len(NUMBERS), "each contact is in it, once"
    assert dict(sandbox.ledger.times_dialled()) == dict.fromkeys(NUMBERS, 1), "each contact was called once"
    if "report" in life.results:
        rows = life.path.read_text("utf-8").splitlines()[1:]
        found = sorted(number for number in NUMBERS for row in rows if number in row)
        assert found == sorted(NUMBERS), "each contact is in the report, once"
        assert len(rows) == len(NUMBERS)
        assert life.results["report"]["rows"] == len(NUMBERS)
