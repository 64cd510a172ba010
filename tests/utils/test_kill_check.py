"""Whether a kill is a reason to stop a campaign: Airflow's own state of the task decides, or a deadline."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_tingting._compat import AirflowTaskTimeout
from airflow_provider_tingting.utils import kill_check
from airflow_provider_tingting.utils.kill_check import reason_not_to_stop

TI = SimpleNamespace(task_id="run")


def with_state(monkeypatch: pytest.MonkeyPatch, state: Any) -> None:
    def read(ti: Any) -> Any:
        assert ti is TI
        if isinstance(state, BaseException):
            raise state
        return state

    monkeypatch.setattr(kill_check, "get_task_state", read)


@pytest.mark.parametrize("state", ["success", "failed", "skipped", "upstream_failed", "removed"])
def test_a_task_that_does_not_run_again_is_one(monkeypatch: pytest.MonkeyPatch, state: str) -> None:
    with_state(monkeypatch, state)

    assert reason_not_to_stop(TI) is None


@pytest.mark.parametrize("state", ["running", "up_for_retry", "deferred", "scheduled", "queued", "hibernating", None])
def test_a_task_that_runs_or_will_run_is_none(monkeypatch: pytest.MonkeyPatch, state: str | None) -> None:
    with_state(monkeypatch, state)

    assert reason_not_to_stop(TI) == f"Airflow has this task as {state or 'cleared'}"


def test_a_state_that_cannot_be_read_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    with_state(monkeypatch, ConnectionError("no API server"))

    assert reason_not_to_stop(TI) == "Airflow's state of this task cannot be read"


def test_a_state_that_does_not_come_in_time_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, readers = threading.Event(), []

    def read_slowly(ti: Any) -> str:
        readers.append(threading.current_thread())
        asked.wait(30)
        return "failed"

    monkeypatch.setattr(kill_check, "STATE_WITHIN", 0.05)
    monkeypatch.setattr(kill_check, "get_task_state", read_slowly)

    assert reason_not_to_stop(TI) == "Airflow's state of this task cannot be read"
    # A read that hangs does not keep the process from ending.
    assert [reader.daemon for reader in readers] == [True]
    asked.set()


def test_an_execution_timeout_is_a_reason_whatever_the_state(monkeypatch: pytest.MonkeyPatch) -> None:
    with_state(monkeypatch, "running")

    try:
        raise AirflowTaskTimeout("time is up")
    except AirflowTaskTimeout:
        assert reason_not_to_stop(TI) is None
    assert reason_not_to_stop(TI) is not None
