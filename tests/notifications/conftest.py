from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest


@pytest.fixture
def quick(sandbox: Any, tingting_conn: str, virtual_time: Any) -> Any:
    """The sandbox, in virtual time."""
    return sandbox


@pytest.fixture
def failure() -> Any:
    """`failure()` makes the context of a failed task's callback."""

    def context(dag_id: str = "daily_water", task_id: str = "fetch_people", **more: Any) -> dict[str, Any]:
        ti = SimpleNamespace(dag_id=dag_id, task_id=task_id, state="failed")
        run = SimpleNamespace(dag_id=dag_id, run_id="manual__2026-11-23")
        error = ValueError("the password is hunter2, call 9812345678")
        return {"dag": None, "dag_run": run, "ti": ti, "task_instance": ti, "exception": error, **more}

    return context
