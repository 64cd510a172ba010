"""What only Airflow itself can show of the right hour: mapped tasks that defer, wake up in the morning and call."""

from __future__ import annotations

import time
from datetime import datetime
from textwrap import dedent
from types import SimpleNamespace

import pytest
from support.campaigns import NUMBERS, a_campaign, dialled_once, writes

from airflow_provider_tingting.campaigns import calling_window
from airflow_provider_tingting.clock import use_clock
from airflow_provider_tingting.timezones import NEPAL

DAG_FILE = """
from datetime import timedelta

from airflow_provider_tingting.operators.campaign import TingTingRunCampaignOperator

try:
    from airflow.sdk import DAG
except ImportError:
    from airflow import DAG

with DAG("at_night", schedule=None):
    TingTingRunCampaignOperator.partial(
        task_id="run",
        deferrable=True,
        poll_interval=0.05,
        calling_window=("08:00", "20:00"),
        start_timeout=timedelta(hours=9),
        one_at_a_time=ONE_AT_A_TIME,
    ).expand(campaign_id=[1, 2])
"""


@pytest.mark.parametrize("one_at_a_time", [False, True], ids=["together", "one at a time"])
def test_mapped_tasks_defer_over_the_night_and_call_each_contact_once(
    sandbox, run_dag, tingting_conn, monkeypatch, tmp_path, one_at_a_time
):
    (tmp_path / "at_night.py").write_text(dedent(DAG_FILE).replace("ONE_AT_A_TIME", str(one_at_a_time)))
    slept = []

    def sleep_until(moment):
        """Let the night pass at once for a process that sleeps."""
        while (left := moment - sandbox.clock.time()) > 0:
            assert writes(sandbox) == []
            slept.append(left)
            sandbox.clock.push(left)
            sandbox.clock.speed = 300
            yield 0.0

    monkeypatch.setattr(calling_window, "sleeps_until", sleep_until)
    sandbox.clock.resume(datetime(2026, 11, 24, 3, tzinfo=NEPAL).timestamp(), speed=0)
    assert [a_campaign(sandbox, numbers) for numbers in (NUMBERS[:2], NUMBERS[2:])] == [1, 2]

    # The event loop is Airflow's own, in real time.
    with use_clock(SimpleNamespace(time=sandbox.clock.time, monotonic=time.monotonic, sleep=time.sleep)):
        run = run_dag("at_night", folder=tmp_path)

    assert run.states == {"run[0]": "success", "run[1]": "success"}
    assert slept[0] == 5 * 3600
    assert dialled_once(sandbox)
    assert min(entry.at for entry in sandbox.ledger.dialled).hour >= 8
    assert [run.xcom("run", map_index=index)["status"] for index in (0, 1)] == ["Completed", "Completed"]
