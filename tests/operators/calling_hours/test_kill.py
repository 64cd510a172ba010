"""A kill while the hour is waited for says that no contact was called, if that is known."""

from __future__ import annotations

from datetime import timedelta

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred
from support.calling_hours import AT_EIGHT, AT_THREE, it_is, running
from support.campaigns import a_campaign, meanwhile, reads, wait_until, writes
from support.task_context import context_of, execute

pytestmark = pytest.mark.usefixtures("tingting_conn")


def test_a_kill_during_the_wait_says_that_no_contact_was_called_and_stops_nothing(sandbox, logged):
    it_is(sandbox, AT_THREE, speed=0)
    campaign = a_campaign(sandbox)
    operator = running(campaign, stop_on_kill=True)

    def kill():
        operator.on_kill()
        it_is(sandbox, AT_EIGHT)

    with meanwhile(lambda: reads(sandbox) >= 1, kill):
        execute(operator)

    assert f"This task has ended before it requested campaign {campaign} to run. It has called no contact." in logged()
    assert writes(sandbox) == ["run_campaign"]


def test_a_kill_where_the_process_itself_waits_deferred_says_that_no_contact_was_called(sandbox, logged):
    it_is(sandbox, AT_THREE, speed=0)
    campaign = a_campaign(sandbox)
    operator = running(campaign, deferrable=True)
    with pytest.raises(TaskDeferred) as waiting:
        execute(operator)
    operator.on_kill()

    assert f"This task has ended before it requested campaign {campaign} to run." in logged()
    assert "goes on" not in logged()

    it_is(sandbox, AT_EIGHT)
    result = operator.execute_start(context_of(operator), event=None, **waiting.value.kwargs)
    assert result["status"] == "Completed"


def test_a_kill_after_a_request_without_a_response_says_that_calls_are_possible(sandbox, logged):
    it_is(sandbox, AT_EIGHT.replace(hour=19, minute=59), speed=0)
    campaign = a_campaign(sandbox)
    sandbox.faults.add("cut-before", call="run_campaign")
    operator = running(campaign, start_timeout=24 * 3600)
    said = []

    def look():
        it_is(sandbox, AT_EIGHT.replace(hour=20), speed=0)
        before = reads(sandbox)
        wait_until(lambda: reads(sandbox) > before + 3)
        operator.on_kill()
        said.append(logged())
        it_is(sandbox, AT_EIGHT + timedelta(days=1))

    with meanwhile(lambda: "run_campaign" in writes(sandbox), look):
        execute(operator)

    assert "whether a contact was called is unknown" in said[0]
    assert "has called no contact" not in said[0]
