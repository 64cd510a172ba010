"""Campaigns on a cluster to which nothing happens, on one whose TingTing fails, and by way of an object store."""

from __future__ import annotations

import csv
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from cluster.scene import CONTACTS, Figures, Scene

if TYPE_CHECKING:
    from support.s3_server import S3Server

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

_CAMPAIGNS = 6
_DISTRICTS = 5
# Before and after the request is carried out, for writes and reads: TingTing refuses, fails, and does not respond.
_FAULTS = (
    "503-html:write:4",
    "503-after-commit:create:2:1",
    "lose-reply:create:1:4",
    "429=2:add:6:2",
    "500-after-commit:add:2:6",
    "stuck-after-commit=6:add:1:10",
    "429-date=2:run:2",
    "lose-reply:run:2:3",
    "503-after-commit:run:1:6",
    "stuck=6:get:3:8",
    "503-html:read:6:30",
    "slow=3:report:2",
)


@pytest.fixture(scope="module")
def store(object_store: S3Server | None) -> Any:
    """A client of the store that the cluster's connection `aws_default` names; None where it cannot run."""
    if object_store is None:
        return None
    from support.s3_server import file_system

    client = file_system(object_store.address)
    client.call_s3("create_bucket", Bucket="campaigns")
    return client


@pytest.fixture(scope="module", autouse=True)
def _begun(scenes: dict[str, Scene], store: Any) -> None:
    """All scenarios of this file go on side by side."""
    if store is not None:
        folder, scene = "s3://aws_default@campaigns", scenes["storage"]
        conf = {"name": "Shared", "contacts": [*scene.new_contacts(), "12"], "rejects": f"{folder}/rejects.csv"}
        scene.trigger("shared_storage", {**conf, "report": f"{folder}/report.csv"})
    scenes["plain"].begin("whole_life", _CAMPAIGNS)
    for fault in _FAULTS:
        scenes["faults"].sandbox.faults.parse(fault)
    scenes["faults"].begin("whole_life", _CAMPAIGNS)
    mapped = scenes["mapped"]
    districts = [{"name": f"District {number}", "contacts": mapped.new_contacts()} for number in range(_DISTRICTS)]
    mapped.trigger("mapped_campaigns", {"districts": districts})


def test_campaigns_run_on_two_workers_and_two_triggerers(
    scenes: dict[str, Scene], note: Callable[[Figures], Figures]
) -> None:
    plain = scenes["plain"]
    figures = note(plain.end(_CAMPAIGNS))
    figures.assert_each_contact_was_called_once()
    assert not plain.exceptions(), figures.row()
    assert {task.host for task in plain.tasks()} == {"worker-1", "worker-2"}


def test_mapped_campaigns_are_run_once_each(scenes: dict[str, Scene], note: Callable[[Figures], Figures]) -> None:
    note(scenes["mapped"].end(_DISTRICTS)).assert_each_contact_was_called_once()


def test_a_tingting_that_fails_costs_no_call(scenes: dict[str, Scene], note: Callable[[Figures], Figures]) -> None:
    faults = scenes["faults"]
    figures = faults.end(_CAMPAIGNS)
    applied = sum(entry.fault is not None for entry in faults.sandbox.requests)
    note(figures).assert_each_contact_was_called_once()
    assert applied >= 20


def test_audience_and_report_go_from_worker_to_worker_by_an_object_store(
    scenes: dict[str, Scene], store: Any, note: Callable[[Figures], Figures]
) -> None:
    if store is None:
        pytest.skip("needs moto, s3fs and Airflow's provider for Amazon")
    scene = scenes["storage"]
    figures = note(scene.end(1))

    figures.assert_each_contact_was_called_once()
    assert not scene.exceptions(), figures.row()
    hosts = {task.task_id: task.host for task in scene.tasks()}
    assert (hosts["audience"], hosts["add"], hosts["report"]) == ("worker-1", "worker-2", "worker-2")
    assert len(rows_of(store, "report.csv")) == CONTACTS
    assert ["12" in row.values() for row in rows_of(store, "rejects.csv")] == [True]
    assert [name for name in store.find("campaigns") if "audiences" in name and name.endswith("audience.jsonl.gz")]


def rows_of(store: Any, key: str) -> list[dict[str, str]]:
    return list(csv.DictReader(store.cat(f"campaigns/{key}").decode().splitlines()))
