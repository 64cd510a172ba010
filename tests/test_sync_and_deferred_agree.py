"""Waiting in a worker and waiting in the triggerer have the same outcome: results, XComs, errors and parameters."""

from __future__ import annotations

import re
import sys
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import BaseSensorOperator
from support.campaigns import NUMBERS, a_campaign, connection, dialled_once, meanwhile, reads
from support.task_context import context_of, execute_deferred
from support.while_a_task_waits import (
    Event,
    deleted,
    errors_for_a_while,
    gets_a_strange_status,
    goes_on,
    lasting_trouble,
    never_begins,
    nothing,
    short_outage,
    stopped_by_a_person,
    token_replaced_here_too,
    token_replaced_only_there,
    token_replaced_twice,
)

from airflow_provider_tingting import errors
from airflow_provider_tingting._compat import AirflowFailException, AirflowSensorTimeout, AirflowSkipException
from airflow_provider_tingting.operators.campaign import TingTingRunCampaignOperator
from airflow_provider_tingting.sandbox import Sandbox
from airflow_provider_tingting.sensors.campaign import TingTingCampaignSensor
from airflow_provider_tingting.utils.kill_check import WAIT


@dataclass
class Case:
    """One thing that can happen, and how the task must end in both ways of waiting.

    :ivar meanwhile: what happens once the task waits.
    :ivar result: the part of the result that is stated here; None when the task must fail.
    :ivar error: the class of the exception, exactly.
    :ivar says: what its text holds.
    :ivar campaign: what is special about the campaign.
    :ivar arguments: what is special about the operator.
    :ivar left: the campaign's status at TingTing in the end.
    """

    meanwhile: Event = goes_on
    result: dict[str, Any] | None = None
    error: type[BaseException] | None = None
    says: tuple[str, ...] = ()
    campaign: dict[str, Any] = field(default_factory=dict)
    arguments: dict[str, Any] = field(default_factory=dict)
    left: str | None = None
    waits: bool = True


RUNNING = {
    "completed": Case(
        result={"status": "Completed", "contacts": 4, "reached": 4, "not_reached": 0, "reach_rate": 1.0},
        left="Completed",
    ),
    "no contact reached": Case(
        campaign={"outcome": "unanswered"},
        error=errors.TingTingCampaignFailedError,
        says=(
            "no contact was reached",
            "Of 4 contacts: 0 reached (0 %), 4 not reached",
            "A retry calls no contact again",
        ),
    ),
    "no contact reached, and that is accepted": Case(
        campaign={"outcome": "unanswered"},
        arguments={"success_when": 0.0},
        result={"status": "Completed", "reached": 0, "not_reached": 4},
    ),
    "terminated by its credit limit": Case(
        campaign={"credit_limit": 2},
        error=errors.TingTingCampaignFailedError,
        says=("ended as Terminated at", "Of 4 contacts", "A retry calls no contact again"),
        left="Terminated",
    ),
    "terminated by a person": Case(
        stopped_by_a_person, error=errors.TingTingCampaignFailedError, says=("ended as Terminated",), left="Terminated"
    ),
    "enough reached": Case(arguments={"success_when": 0.9}, result={"reach_rate": 1.0}),
    "too few reached": Case(
        campaign={"outcome": "failed"},
        arguments={"success_when": 0.25},
        error=errors.TingTingCampaignFailedError,
        says=("success_when asks for 25 %", "0 reached"),
    ),
    "a function accepts it": Case(
        campaign={"outcome": "unanswered"},
        arguments={"success_when": lambda summary: summary.contacts == 4},
        result={"reached": 0},
    ),
    "a function is not content": Case(
        arguments={"success_when": lambda summary: summary.credits == 0},
        error=errors.TingTingCampaignFailedError,
        says=("success_when returned False",),
    ),
    "time is up": Case(
        nothing,
        arguments={"timeout": 0.3},
        error=errors.TingTingCampaignTimeoutError,
        says=("has not ended in time and is Running at 0 %", "It goes on", "re-attaches"),
        left="Running",
    ),
    "time is up, as a timedelta, and the campaign is to stop": Case(
        nothing,
        arguments={"timeout": timedelta(seconds=0.3), "stop_on_kill": True},
        error=errors.TingTingCampaignTimeoutError,
        says=("has not ended in time", "was stopped for good"),
        left="Terminated",
    ),
    "the task's execution_timeout is up": Case(
        nothing,
        arguments={"execution_timeout": timedelta(seconds=1)},
        error=errors.TingTingCampaignTimeoutError,
        says=("has not ended in time", "It goes on"),
        left="Running",
    ),
    "an unknown status": Case(
        gets_a_strange_status,
        arguments={"timeout": 0.8},
        error=errors.TingTingCampaignTimeoutError,
        says=("has not ended in time and is Paused",),
    ),
    "TingTing says yes and never begins": Case(
        never_begins,
        arguments={"stall_timeout": 0.4},
        # There is no state store here, so that a retry would ask again.
        error=AirflowFailException,
        says=(
            "accepted the request to run it, and it still is Not",
            "not requested again",
            "there is no retry",
        ),
        left="Not Started",
    ),
    "deleted": Case(
        deleted, error=errors.TingTingNotFoundError, says=("(HTTP 404)", "Perhaps it was deleted meanwhile")
    ),
    "the token is replaced, in the connection too": Case(token_replaced_here_too, result={"reached": 4}),
    "the token is replaced twice": Case(token_replaced_twice, result={"reached": 4}),
    "the token is replaced, but not in the connection": Case(
        token_replaced_only_there,
        error=errors.TingTingAuthError,
        says=("(HTTP 401)", "Put a valid API token", "may still be running", "A retry re-attaches"),
        left="Running",
    ),
    "a short outage": Case(short_outage, result={"reached": 4}),
    "errors for a while": Case(errors_for_a_while, result={"reached": 4}),
    "an outage for longer than tolerated": Case(
        lasting_trouble,
        arguments={"tolerate_outage": 0.2},
        error=errors.TingTingOutcomeUnknownError,
        says=("has not responded for longer than tolerate_outage", "HTTP 500", "may still be running"),
        left="Running",
    ),
    "no outage is tolerated": Case(
        lasting_trouble,
        arguments={"tolerate_outage": 0},
        error=errors.TingTingOutcomeUnknownError,
        says=("has not responded for longer than tolerate_outage",),
    ),
    "the time is up during an outage": Case(
        lasting_trouble,
        arguments={"timeout": 0.8, "tolerate_outage": 60},
        error=errors.TingTingCampaignTimeoutError,
        says=("has not ended in time and is Running",),
    ),
    "not waited for": Case(
        nothing,
        arguments={"wait_for_completion": False},
        result={"status": "Running", "progress_percent": 0.0, "contacts": 4},
        left="Running",
        waits=False,
    ),
}
SENSING = {
    "completed": Case(result={"status": "Completed", "progress_percent": 100.0, "contacts": 4}),
    "another target": Case(
        nothing, arguments={"target_statuses": ["running"]}, result={"status": "Running"}, waits=False
    ),
    "terminated": Case(
        stopped_by_a_person,
        error=errors.TingTingCampaignFailedError,
        says=("it is Terminated, at 0 %",),
    ),
    "ended, but not as wanted": Case(
        arguments={"target_statuses": "Scheduled", "failed_statuses": ()},
        error=errors.TingTingCampaignFailedError,
        says=("it is Completed and can no longer become Scheduled",),
    ),
    "time is up": Case(nothing, arguments={"timeout": 0.3}, error=AirflowSensorTimeout),
    "time is up, softly": Case(nothing, arguments={"timeout": 0.3, "soft_fail": True}, error=AirflowSkipException),
    "an unknown status": Case(gets_a_strange_status, arguments={"timeout": 0.8}, error=AirflowSensorTimeout),
    "deleted, with soft_fail": Case(
        deleted, arguments={"soft_fail": True}, error=errors.TingTingNotFoundError, says=("(HTTP 404)",)
    ),
    "deleted, with never_fail": Case(deleted, arguments={"never_fail": True}, error=AirflowSkipException),
    "the token is replaced, in the connection too": Case(token_replaced_here_too, result={"status": "Completed"}),
    "the token is replaced, but not in the connection": Case(
        token_replaced_only_there, error=errors.TingTingAuthError, says=("(HTTP 401)", "Put a valid API token")
    ),
    "a short outage": Case(short_outage, result={"status": "Completed"}),
    "errors for a while": Case(errors_for_a_while, result={"status": "Completed"}),
    "an outage for longer than tolerated": Case(
        lasting_trouble,
        arguments={"tolerate_outage": 0.2},
        error=errors.TingTingOutcomeUnknownError,
        says=("has not responded for longer than tolerate_outage",),
    ),
    "the time is up during an outage": Case(
        lasting_trouble, arguments={"timeout": 0.8, "tolerate_outage": 60}, error=AirflowSensorTimeout
    ),
}


@dataclass
class Ending:
    """How a task has ended: what both ways of waiting must agree on."""

    result: Any
    error: type[BaseException] | None
    text: str
    xcoms: dict[str, Any]
    status: str | None
    dialled: dict[str, int]


@pytest.fixture(autouse=True)
def _sensors_sleep_in_virtual_time(virtual_time, monkeypatch):
    """Airflow itself sleeps between two pokes of a sensor in a worker."""
    monkeypatch.setattr(sys.modules[BaseSensorOperator.__module__], "time", virtual_time)


def run_operator(campaign: int, deferrable: bool, arguments: dict[str, Any]) -> Any:
    return TingTingRunCampaignOperator(
        **{
            "task_id": "wait",
            "campaign_id": campaign,
            "poll_interval": 0.02,
            "tolerate_outage": 30,
            "timeout": 30,
            "deferrable": deferrable,
            **arguments,
        }
    )


def sensor(campaign: int, deferrable: bool, arguments: dict[str, Any]) -> Any:
    return TingTingCampaignSensor(
        **{
            "task_id": "wait",
            "campaign_id": campaign,
            "poke_interval": 0.02,
            "tolerate_outage": 30,
            "timeout": 30,
            "deferrable": deferrable,
            **arguments,
        }
    )


def ending_of(make, case: Case, deferrable: bool, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Ending:
    sandbox.reset()
    sandbox.clock.speed = 0
    monkeypatch.setenv("AIRFLOW_CONN_TINGTING_DEFAULT", connection(sandbox, max_retries=0))
    campaign = a_campaign(sandbox, **case.campaign)
    if make is sensor:
        sandbox.world.run_campaign(campaign)

    def operator() -> Any:
        return make(campaign, deferrable, case.arguments)

    context = context_of(operator())
    while_it_waits: AbstractContextManager[None] = nullcontext()
    if case.waits and case.meanwhile is not nothing:
        # By then the task has read before and after the run, and at least twice since.
        while_it_waits = meanwhile(lambda: reads(sandbox) >= 4, lambda: case.meanwhile(sandbox, campaign, monkeypatch))
    result = error = None
    with while_it_waits:
        try:
            result = execute_deferred(operator, context) if deferrable and case.waits else operator().execute(context)
        except BaseException as raised:
            error = raised
    now = sandbox.world.campaigns.get(campaign)
    return Ending(
        result,
        error and type(error),
        str(error or ""),
        # Only a deferred wait says when it has begun.
        {key: value for key, value in context["ti"].xcoms.items() if key != WAIT},
        now and now.status,
        dict(sandbox.ledger.times_dialled()),
    )


CASES = [
    *(pytest.param(run_operator, case, id=f"operator: {name}") for name, case in RUNNING.items()),
    *(pytest.param(sensor, case, id=f"sensor: {name}") for name, case in SENSING.items()),
]


@pytest.mark.parametrize(("make", "case"), CASES)
def test_waiting_in_a_worker_and_in_the_triggerer_ends_the_same(sandbox, monkeypatch, make, case):
    endings = [ending_of(make, case, deferrable, sandbox, monkeypatch) for deferrable in (False, True)]

    for ending in endings:
        assert ending.error is case.error, ending.text
        for part in case.says:
            assert part in ending.text
        if case.result is not None:
            assert case.result.items() <= ending.result.items()
        if case.left is not None:
            assert ending.status == case.left
        if ending.dialled:
            assert set(ending.dialled.values()) == {1}
    here, there = endings
    assert here.result == there.result
    assert here.xcoms == there.xcoms
    assert here.status == there.status
    if case.error is not AirflowSensorTimeout and case.error is not AirflowSkipException:
        assert said(here) == said(there)


def said(ending: Ending) -> str:
    """The text of an error without what the two HTTP libraries word differently, and the moment's progress."""
    return re.sub(r"at \d+ %", "at … %", ending.text.partition(" Last: ")[0])


def test_each_contact_is_called_once_in_both_ways(sandbox, monkeypatch):
    for deferrable in (False, True):
        ending_of(run_operator, RUNNING["completed"], deferrable, sandbox, monkeypatch)
        assert dialled_once(sandbox, NUMBERS)
