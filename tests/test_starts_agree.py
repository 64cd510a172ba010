"""Waiting to start has the same outcome in worker and triggerer: results, XComs, errors, and the contacts called."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from support.campaigns import a_campaign, meanwhile, reads
from support.task_context import context_of, execute_through
from support.virtual_time import VirtualTime

from airflow_provider_tingting import errors
from airflow_provider_tingting._compat import AirflowFailException, AirflowSkipException
from airflow_provider_tingting.operators.campaign import TingTingRunCampaignOperator
from airflow_provider_tingting.sandbox import Sandbox
from airflow_provider_tingting.utils.kill_check import WAIT

AT_THREE = datetime(2026, 11, 24, 3, tzinfo=ZoneInfo("Asia/Kathmandu"))
AT_NOON = AT_THREE.replace(hour=12)

Event = Callable[[Sandbox, int], None]


def nothing(sandbox: Sandbox, campaign: int) -> None:
    """Let the hours pass."""


def a_person_runs_it(sandbox: Sandbox, campaign: int) -> None:
    sandbox.world.run_campaign(campaign)


def a_person_deletes_it(sandbox: Sandbox, campaign: int) -> None:
    sandbox.world.delete_campaign(campaign)


def the_token_is_replaced_there(sandbox: Sandbox, campaign: int) -> None:
    """Make the connection's token worthless."""
    sandbox.world.rotate_token("a-token-of-others")


@dataclass
class Case:
    """One thing that can happen before a start, and how the task must end in both ways of waiting.

    :ivar meanwhile: what happens once the task waits.
    :ivar error: the class of the exception, exactly; None when it succeeds.
    :ivar says: what its text holds.
    :ivar beside: whether another campaign runs.
    :ivar waits: whether the task waits at all.
    :ivar left: the campaign's status at TingTing in the end.
    """

    meanwhile: Event = nothing
    error: type[BaseException] | None = None
    says: tuple[str, ...] = ()
    arguments: dict[str, Any] = field(default_factory=dict)
    campaign: dict[str, Any] = field(default_factory=dict)
    beside: bool = False
    at: datetime = AT_THREE
    waits: bool = True
    left: str | None = "Completed"


CASES = {
    "the window opens": Case(),
    "the window opens, and no contact answers": Case(
        campaign={"outcome": "unanswered"}, error=errors.TingTingCampaignFailedError, says=("no contact was reached",)
    ),
    "the window opens, and the campaign is not waited for": Case(arguments={"wait_for_completion": False}, left=None),
    "a person runs it in the night": Case(a_person_runs_it),
    "it is deleted in the night": Case(a_person_deletes_it, error=AirflowFailException, says=("404",), left=None),
    "its token is refused in the morning": Case(
        the_token_is_replaced_there, error=AirflowFailException, says=("401",), left="Not Started"
    ),
    "its turn comes": Case(arguments={"calling_window": None, "one_at_a_time": True}, beside=True),
    "the window opens, then its turn comes": Case(arguments={"one_at_a_time": True}, beside=True),
    "its turn does not come in time": Case(
        nothing,
        errors.TingTingCampaignTimeoutError,
        ("it was not run, and no contact was called: it may not start while others run",),
        {"one_at_a_time": True, "start_timeout": 5},
        beside=True,
        at=AT_NOON,
        waits=False,
        left="Not Started",
    ),
    "the window opens too late": Case(
        nothing,
        errors.TingTingCampaignTimeoutError,
        ("no contact was called", "before 2026-11-24 08:00"),
        {"start_timeout": timedelta(hours=1)},
        waits=False,
        left="Not Started",
    ),
    "it is to fail outside the window": Case(
        nothing,
        AirflowFailException,
        ("outside its calling window",),
        {"outside_window": "fail"},
        waits=False,
        left="Not Started",
    ),
    "its schedule is outside the window": Case(
        nothing,
        AirflowFailException,
        ("scheduled for", "outside its calling window", "no contact was called"),
        campaign={"schedule": (AT_THREE + timedelta(hours=1)).timestamp()},
        waits=False,
        left="Not Started",
    ),
    "its run is too old": Case(
        nothing, AirflowFailException, ("max_age is 1 hour",), {"max_age": 3600}, waits=False, left="Not Started"
    ),
    "its run is too old, and that is to be skipped": Case(
        nothing,
        AirflowSkipException,
        ("No contact was called",),
        {"max_age": 3600, "on_too_old": "skip"},
        waits=False,
        left="Not Started",
    ),
    "its run becomes too old while it waits": Case(
        error=AirflowFailException, says=("max_age is 4 hours",), arguments={"max_age": 4 * 3600}, left="Not Started"
    ),
}


@dataclass
class Ending:
    """How a task has ended: what both ways of waiting must agree on."""

    result: Any
    error: BaseException | None
    xcoms: dict[str, Any]
    status: str | None
    dialled: dict[str, int]
    deferred_to: list[str]


def ending_of(case: Case, sandbox: Sandbox, clock: VirtualTime, *, deferrable: bool) -> Ending:
    sandbox.reset()
    sandbox.world.rotate_token(sandbox.token)
    clock.set_wall_clock(case.at.timestamp())
    sandbox.clock.resume(case.at.timestamp(), speed=1.0)
    if case.beside:
        sandbox.world.run_campaign(a_campaign(sandbox, ["9841239999"]))
    campaign = a_campaign(sandbox, **case.campaign)

    def operator() -> Any:
        arguments = {"poll_interval": 10, "timeout": 1200, "calling_window": ("08:00", "20:00"), **case.arguments}
        return TingTingRunCampaignOperator(task_id="run", campaign_id=campaign, deferrable=deferrable, **arguments)

    while_it_waits: AbstractContextManager[None] = nullcontext()
    if case.meanwhile is not nothing:
        while_it_waits = meanwhile(lambda: reads(sandbox) > 0, lambda: case.meanwhile(sandbox, campaign))
    context = context_of(operator())
    run = SimpleNamespace(run_type="scheduled", data_interval_end=case.at - timedelta(hours=2))
    result = error = None
    deferred_to: list[str] = []
    with while_it_waits:
        try:
            result, deferred_to = execute_through(operator, {**context, "dag_run": run})
        except BaseException as raised:
            error = raised
    now = sandbox.world.campaigns.get(campaign)
    # How long the task waits for which trigger is the triggerer's business.
    xcoms = {key: value for key, value in context["ti"].xcoms.items() if key != WAIT}
    return Ending(result, error, xcoms, now and now.status, dict(sandbox.ledger.times_dialled()), deferred_to)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_waiting_to_start_ends_the_same_in_a_worker_and_in_the_triggerer(sandbox, tingting_conn, virtual_time, case):
    here, there = (ending_of(case, sandbox, virtual_time, deferrable=deferrable) for deferrable in (False, True))

    for ending in (here, there):
        assert type(ending.error) is (case.error or type(None)), ending.error
        for part in case.says:
            assert part in str(ending.error)
        if case.left is not None:
            assert ending.status == case.left
        if case.left == "Not Started":
            assert set(ending.dialled) <= {"9841239999"}
        assert set(ending.dialled.values()) <= {1}
    assert said(here) == said(there)
    assert here.xcoms == there.xcoms
    assert here.status == there.status
    if case.arguments.get("wait_for_completion", True):
        assert here.result == there.result
    assert here.deferred_to == []
    if case.waits and case.error is None:
        assert "TingTingStartTrigger" in there.deferred_to


def said(ending: Ending) -> str:
    """The text of an error without what depends on the moment."""
    return re.sub(r"which is .* ago", "which is … ago", str(ending.error))
