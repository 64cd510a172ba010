from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from support.impatience import settle_fast

from airflow_provider_tingting.notifications import dedupe
from airflow_provider_tingting.notifications import deliver as deliver_module


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    settle_fast(monkeypatch)
    monkeypatch.setattr(deliver_module, "CONTACT_POLL_INTERVAL", 0.02)
    monkeypatch.setattr(dedupe, "RUN_POLL_INTERVAL", 0.02)


@pytest.fixture
def quick(sandbox: Any, tingting_conn: str) -> Any:
    """The sandbox, in which a call takes hundredths of a second."""
    speed, sandbox.clock.speed = sandbox.clock.speed, 2000.0
    yield sandbox
    sandbox.clock.speed = speed


@pytest.fixture
def failure() -> Any:
    """`failure()` makes the context of a failed task's callback."""

    def context(dag_id: str = "daily_water", task_id: str = "fetch_people", **more: Any) -> dict[str, Any]:
        ti = SimpleNamespace(dag_id=dag_id, task_id=task_id, state="failed")
        run = SimpleNamespace(dag_id=dag_id, run_id="manual__2026-11-23")
        error = ValueError("the password is hunter2, call 9812345678")
        return {"dag": None, "dag_run": run, "ti": ti, "task_instance": ti, "exception": error, **more}

    return context
