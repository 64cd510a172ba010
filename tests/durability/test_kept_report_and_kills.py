"""A worker that is killed while the run task keeps its report, or while the report task takes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from durability.in_process import Killed, Life, in_both_modes, promise_is_kept, with_and_without_a_store
from support.campaigns import reads

from airflow_provider_tingting.sandbox import Sandbox

pytestmark = pytest.mark.usefixtures("virtual_lives")

_PACKAGE = "airflow_provider_tingting"
#: When the worker is killed: the task, a function and whether it has returned, and how often the report is downloaded.
MOMENTS = {
    "before it is kept": ("run", "operators.campaign.ending.keep_report", False, 2),
    "after it is kept": ("run", "operators.campaign.ending.keep_report", True, 2),
    "after it is taken": ("report", "campaigns.kept_report.take_report", True, 1),
    "after it is written": ("report", "reports.writers.write_read_report", True, 1),
    "after it is removed": ("report", "campaigns.kept_report.remove_kept", True, 2),
}


def kill_once(monkeypatch: pytest.MonkeyPatch, name: str, *, after: bool) -> list[str]:
    """Kill the worker once, before or after a function of the package does its work; return where that was."""
    module, _, function = f"{_PACKAGE}.{name}".rpartition(".")
    really, killed = getattr(__import__(module, fromlist=[function]), function), []

    def call(*arguments: Any, **options: Any) -> Any:
        if killed:
            return really(*arguments, **options)
        killed.append(name)
        if after:
            really(*arguments, **options)
        raise Killed(name)

    monkeypatch.setattr(f"{module}.{function}", call)
    return killed


@pytest.mark.parametrize("moment", MOMENTS)
@with_and_without_a_store
@in_both_modes
def test_a_killed_task_is_tried_again_and_no_kept_report_is_left(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str, has_store: bool, deferred: bool
) -> None:
    task, function, after, downloads = MOMENTS[moment]
    kept = tmp_path / "kept" / "campaign.report"
    life = Life(
        tmp_path,
        has_store=has_store,
        deferred=deferred,
        run={"keep_report": str(kept)},
        report={"kept_report": str(kept)},
    ).live("create", "add")
    killed = kill_once(monkeypatch, function, after=after)

    life.live("run")
    assert bool(killed) is (task == "run")
    life.live("report")

    assert killed == [function]
    promise_is_kept(sandbox, life)
    assert life.results["run"]["kept_report"] == str(kept)
    assert reads(sandbox, "download_campaign_report") == downloads
    assert list(kept.parent.iterdir()) == []
