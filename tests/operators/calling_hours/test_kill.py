"""A kill while the hour is waited for says that no contact was called, if that is known."""

from __future__ import annotations

from datetime import timedelta

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred
from support.calling_hours import AT_EIGHT, AT_THREE, it_is, running
from support.campaigns import a_campaign, meanwhile, reads, writes
from support.task_context import context_of, execute, execute_through

pytestmark = pytest.mark.usefixtures("tingting_conn")


def test_a_kill_during_the_wait_says_that_no_contact_was_called_and_stops_nothing(sandbox, logged):
    it_is(sandbox, AT_THREE)
    campaign = a_campaign(sandbox)
    operator = running(campaign, stop_on_kill=True)

    def kill():
        operator.on_kill()
        it_is(sandbox, AT_EIGHT)

    with meanwhile(lambda: reads(sandbox) >= 1, kill):
        execute(operator)

    said = f"This attempt has ended before it requested campaign {campaign} to run. It has called no contact."
    assert said in logged()
    assert writes(sandbox) == ["run_campaign"]


def test_a_kill_where_the_process_itself_waits_deferred_says_that_no_contact_was_called(sandbox, logged):
    it_is(sandbox, AT_THREE)
    campaign = a_campaign(sandbox)
    operator = running(campaign, deferrable=True)
    with pytest.raises(TaskDeferred):
        execute(operator)
    operator.on_kill()

    assert f"This attempt has ended before it requested campaign {campaign} to run." in logged()
    assert "goes on" not in logged()

    it_is(sandbox, AT_EIGHT)
    result, _ = execute_through(lambda: operator, context_of(operator), begin="execute_start")
    assert result["status"] == "Completed"


def test_a_kill_after_a_request_without_a_response_says_that_calls_are_possible(sandbox, logged):
    it_is(sandbox, AT_EIGHT.replace(hour=19, minute=59))
    campaign = a_campaign(sandbox)
    sandbox.faults.add("cut-before", call="run_campaign")
    operator = running(campaign, start_timeout=24 * 3600)
    said = []

    def window_closes():
        it_is(sandbox, AT_EIGHT.replace(hour=20))

    def kill():
        operator.on_kill()
        said.append(logged())
        it_is(sandbox, AT_EIGHT + timedelta(days=1))

    with (
        meanwhile(lambda: "run_campaign" in writes(sandbox), window_closes),
        meanwhile(lambda: "run_campaign" in writes(sandbox) and reads(sandbox) > 5, kill),
    ):
        execute(operator)

    assert "whether a contact was called is unknown" in said[0]
    assert "has called no contact" not in said[0]
