"""Audience, exclusion, rejects, report and chart of the operators on an S3 server, by Airflow's `ObjectStoragePath`."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from support.campaigns import NUMBERS, a_campaign, a_finished_campaign, reads, writes
from support.run_task import run_task
from support.s3_server import S3Server, airflow_connection, empty_bucket
from support.task_context import execute

from airflow_provider_tingting._compat import AirflowFailException
from airflow_provider_tingting.contacts.sources import read_rows
from airflow_provider_tingting.errors import TingTingStorageError
from airflow_provider_tingting.operators.contacts import TingTingAddContactsOperator, TingTingCheckContactsOperator
from airflow_provider_tingting.operators.report import TingTingDownloadReportOperator, TingTingUnreachedContactsOperator
from airflow_provider_tingting.sandbox import Sandbox

pytest.importorskip("airflow.providers.amazon.aws.fs.s3", reason="needs Airflow's provider for Amazon")

pytestmark = pytest.mark.usefixtures("tingting_conn")

BUCKET = "s3://aws_default@campaigns"
FORMATS = ["csv", "csv.gz", "jsonl", "xlsx", *(["parquet"] if find_spec("pyarrow") else [])]


@pytest.fixture
def store(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A client of the server, whose bucket `campaigns` is empty, and Airflow's connection to it."""
    connection = json.loads(airflow_connection(s3_server.address))
    connection["extra"]["config_kwargs"]["retries"] = {"max_attempts": 1}
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(connection))
    with empty_bucket(s3_server, "campaigns") as client:
        yield client


def put(store: Any, key: str, *numbers: str) -> str:
    store.pipe(f"campaigns/{key}", "\n".join(["number", *numbers]).encode())
    return f"{BUCKET}/{key}"


def rows_of(store: Any, key: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(store.cat(f"campaigns/{key}").decode("utf-8-sig"))))


def checking(contacts: str, **changes: Any) -> TingTingCheckContactsOperator:
    return TingTingCheckContactsOperator(task_id="check", contacts=contacts, message="Hello", **changes)


def report(campaign: int, key: str, **changes: Any) -> TingTingDownloadReportOperator:
    return TingTingDownloadReportOperator(task_id="report", campaign_id=campaign, path=f"{BUCKET}/{key}", **changes)


def test_an_audience_without_those_of_an_exclusion_is_added(sandbox: Sandbox, store: Any) -> None:
    campaign = a_campaign(sandbox, numbers=(), message="Hello")
    audience, exclusion = put(store, "people.csv", *NUMBERS, "12"), put(store, "never.csv", NUMBERS[0])

    result, _ = execute(
        TingTingAddContactsOperator(
            task_id="add",
            campaign_id=campaign,
            contacts=audience,
            exclude=exclusion,
            on_invalid="skip",
            rejects_path=f"{BUCKET}/rejects.csv",
        )
    )

    assert sorted(sandbox.world.campaigns[campaign].numbers) == sorted(NUMBERS[1:])
    assert result["invalid"] == 1
    assert ["12" in row.values() for row in rows_of(store, "rejects.csv")] == [True]


@pytest.mark.parametrize("format_", FORMATS)
def test_a_report_is_one_object_in_each_format(sandbox: Sandbox, store: Any, s3_server: S3Server, format_: str) -> None:
    campaign = a_finished_campaign(sandbox)
    s3_server.requests.clear()

    result, _ = execute(report(campaign, f"deep/report.{format_}"))

    assert result["rows"] == len(NUMBERS)
    assert [each for each in s3_server.requests if each.startswith("PUT")] == [f"PUT /campaigns/deep/report.{format_}"]
    assert store.find("campaigns") == [f"campaigns/deep/report.{format_}"]


def test_a_chart_and_the_audience_of_the_next_campaign_are_written(sandbox: Sandbox, store: Any) -> None:
    campaign = a_finished_campaign(sandbox)
    charts = {"chart_path": f"{BUCKET}/chart.html"} if find_spec("matplotlib") else {}
    execute(report(campaign, "report.csv", **charts))

    execute(
        TingTingUnreachedContactsOperator(task_id="again", report=f"{BUCKET}/report.csv", path=f"{BUCKET}/again.csv")
    )

    assert charts == {} or store.cat("campaigns/chart.html").startswith(b"<!")
    assert len(rows_of(store, "again.csv")) == 2


def test_a_report_is_kept_in_the_store_and_taken_from_there(
    sandbox: Sandbox, store: Any, virtual_time: Any, s3_server: S3Server
) -> None:
    sandbox.clock.speed = 2000
    campaign = a_campaign(sandbox)
    ran, _ = execute(run_task(campaign, keep_report=f"{BUCKET}/kept/campaign.report"))
    assert store.find("campaigns") == ["campaigns/kept/campaign.report"]

    execute(report(campaign, "report.csv", kept_report=ran["kept_report"]))

    assert reads(sandbox, "download_campaign_report") == 1
    assert sorted(row["number"] for row in rows_of(store, "report.csv")) == sorted(NUMBERS)
    assert store.find("campaigns") == ["campaigns/report.csv"]


@pytest.mark.parametrize(
    ("refused", "calls"), [("PUT", 2), ("GET", 2)], ids=["the store takes nothing", "the store gives nothing"]
)
def test_a_report_that_the_store_does_not_keep_or_give_is_downloaded(
    sandbox: Sandbox, store: Any, virtual_time: Any, s3_server: S3Server, tmp_path: Path, refused: str, calls: int
) -> None:
    sandbox.clock.speed = 2000
    campaign = a_campaign(sandbox)
    s3_server.refuse(refused, 403, "AccessDenied")
    ran, _ = execute(run_task(campaign, keep_report=f"{BUCKET}/kept/campaign.report"))
    assert (ran["kept_report"] == "") is (refused == "PUT")

    s3_server.refuse(refused, 403, "AccessDenied")
    execute(
        TingTingDownloadReportOperator(
            task_id="report",
            campaign_id=campaign,
            path=str(tmp_path / "report.csv"),
            kept_report=ran["kept_report"],
        )
    )

    assert reads(sandbox, "download_campaign_report") == calls
    assert (tmp_path / "report.csv").read_text(encoding="utf-8").count("\n") == 1 + len(NUMBERS)


def test_a_store_that_fails_is_tried_again_and_one_that_refuses_is_not(
    sandbox: Sandbox, store: Any, s3_server: S3Server
) -> None:
    campaign = a_finished_campaign(sandbox)
    people = put(store, "people.csv", *NUMBERS, "12")
    tasks = {
        "report": lambda: report(campaign, "report.csv"),
        "rejects": lambda: checking(people, on_invalid="skip", rejects_path=f"{BUCKET}/rejects.csv"),
    }
    for make in tasks.values():
        s3_server.refuse("PUT", 503, "SlowDown")
        with pytest.raises(TingTingStorageError):
            execute(make())
        s3_server.refuse("PUT", 403, "AccessDenied")
        with pytest.raises(AirflowFailException):
            execute(make())

    assert store.find("campaigns") == ["campaigns/people.csv"]
    assert writes(sandbox) == []


def test_an_audience_that_is_not_there_fails_at_once_and_one_that_cannot_be_read_now_does_not(
    sandbox: Sandbox, store: Any, s3_server: S3Server
) -> None:
    with pytest.raises(AirflowFailException, match=r"nobody\.csv"):
        execute(checking(f"{BUCKET}/nobody.csv"))
    people = put(store, "people.csv", *NUMBERS)
    s3_server.refuse("GET", 503, "SlowDown")
    with pytest.raises(Exception, match=r"SlowDown|503") as raised:
        execute(checking(people))
    assert not isinstance(raised.value, AirflowFailException)


def test_a_decorated_audience_is_written_to_the_store_and_read_from_there(sandbox: Sandbox, store: Any) -> None:
    from airflow_provider_tingting.contacts.audience_file import write_audience
    from airflow_provider_tingting.utils.arguments import storage_path_of

    path = storage_path_of(f"{BUCKET}/audiences/people.jsonl.gz", "path", "people.jsonl.gz")
    write_audience(path, list(NUMBERS))

    assert [row.values["number"] for row in read_rows(path)] == list(NUMBERS)
    assert execute(checking(f"{BUCKET}/audiences/people.jsonl.gz"))[0]["total"] == len(NUMBERS)
