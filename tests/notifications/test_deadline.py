"""The notifier as Airflow's own code for missed deadlines calls it: in the triggerer and in an executor."""

from __future__ import annotations

import json
import logging

import pytest
from support.virtual_time import run

PATH = "airflow_provider_tingting.notifications.tingting.TingTingNotifier"
FIRST = "9841234501"
# What the scheduler hands on: plain JSON.
CONTEXT = {
    "dag_run": {"dag_id": "daily_water", "run_id": "manual__2026-11-23"},
    "deadline": {"id": "x", "deadline_time": "2026-11-23T10:00:00Z"},
}


@pytest.mark.newest
@pytest.mark.parametrize("kind", ["AsyncCallback", "SyncCallback"])
def test_a_deadline_takes_the_notifier_and_its_arguments_travel_as_json(kind):
    from datetime import timedelta

    from airflow import sdk

    from airflow_provider_tingting.notifications.tingting import TingTingNotifier

    callback = getattr(sdk, kind)(TingTingNotifier, {"to": FIRST, "quiet_hours": ["22:00", "06:00"]})
    alert = sdk.DeadlineAlert(
        reference=sdk.DeadlineReference.DAGRUN_QUEUED_AT, interval=timedelta(hours=2), callback=callback
    )

    assert alert.callback.path == PATH
    TingTingNotifier(**json.loads(json.dumps(callback.serialize()))["kwargs"])


@pytest.mark.newest
@pytest.mark.parametrize("context", [CONTEXT, None], ids=["with a context", "without a context"])
def test_a_missed_deadline_phones_from_the_triggerer(context, quick):
    from airflow.triggers.callback import CallbackTrigger

    arguments = {"to": FIRST, "language": "en"} | ({"context": context} if context else {})
    trigger = CallbackTrigger(PATH, json.loads(json.dumps(arguments)))

    async def events():
        return [event.payload async for event in trigger.run()]

    last = run(events())[-1]
    quick.play_out()

    assert last["state"] == "success"
    [call] = quick.ledger.dialled
    assert "has missed its deadline" in call.text
    assert ("daily water" in call.text) == (context is not None)


@pytest.mark.newest
def test_a_missed_deadline_phones_from_an_executor(quick):
    import structlog
    from airflow.sdk.execution_time.callback_supervisor import execute_callback

    done, error = execute_callback(
        PATH, {"to": FIRST, "language": "en", "context": CONTEXT}, "", None, structlog.get_logger()
    )
    quick.play_out()

    assert (done, error) == (True, None)
    assert [call.number for call in quick.ledger.dialled] == [FIRST]


def test_the_sla_of_airflow_2_is_delivered_too(quick):
    """`sla_miss_callback` is called with five arguments."""
    from types import SimpleNamespace

    from airflow_provider_tingting.notifications.callback_event import CallbackEvent

    dag = SimpleNamespace(dag_id="daily_water")
    context = {"dag": dag, "task_list": "", "blocking_task_list": "", "slas": [], "blocking_tis": []}

    assert CallbackEvent.read(context) == CallbackEvent("late", "daily_water")
    logging.getLogger(__name__).debug("read")
