"""An audience and a report go from one worker to another by an object store."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cluster.cluster import Cluster
from cluster.scene import Figures, Scene

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(400)]

pytest.importorskip("moto", reason="needs moto")
pytest.importorskip("airflow.providers.amazon", reason="needs Airflow's provider for Amazon")


@pytest.fixture(scope="module")
def store(object_store: Any) -> Iterator[Any]:
    """A client of the store that the cluster's connection `aws_default` names."""
    from support.s3_server import file_system

    client = file_system(object_store.address)
    client.call_s3("create_bucket", Bucket="campaigns")
    yield client


def test_audience_and_report_are_shared_by_the_workers(
    cluster: Cluster, scenes: dict[str, Scene], store: Any, note: Callable[[Figures], Figures]
) -> None:
    scene = scenes["storage"]
    contacts = scene.new_contacts()
    folder = "s3://aws_default@campaigns"
    conf = {"name": "Shared", "contacts": [*contacts, "12"], "rejects": f"{folder}/rejects.csv"}
    scene.trigger("shared_storage", {**conf, "report": f"{folder}/report.csv"})
    figures = note(scene.end(1))

    figures.assert_each_contact_was_called_once()
    assert figures.second_tries == 0
    hosts = {task.task_id: task.host for task in scene.tasks()}
    assert (hosts["audience"], hosts["add"], hosts["report"]) == ("worker-1", "worker-2", "worker-2")
    report = csv.DictReader(store.cat("campaigns/report.csv").decode().splitlines())
    assert sorted(row["number"] for row in report) == sorted(contacts)
    assert [row["number"] for row in csv.DictReader(store.cat("campaigns/rejects.csv").decode().splitlines())] == ["12"]
    assert [name for name in store.find("campaigns") if "audiences" in name and name.endswith("audience.jsonl.gz")]
