"""Files in an S3 server: one put for each, no right beyond reading and writing, and one table of errors."""

from __future__ import annotations

import io
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import pytest
from support.report_files import report_body
from support.s3_server import S3Server, empty_bucket, file_system

from airflow_provider_tingting.contacts.audience_file import write_audience
from airflow_provider_tingting.contacts.rejects import write_rejects
from airflow_provider_tingting.contacts.sources import read_rows
from airflow_provider_tingting.errors import (
    TingTingContactsError,
    TingTingSourceError,
    TingTingStorageError,
    TingTingStorageRefusedError,
)
from airflow_provider_tingting.files.target import ensure_writable
from airflow_provider_tingting.reports.chart import write_chart
from airflow_provider_tingting.reports.outcomes import Outcomes
from airflow_provider_tingting.reports.parser import open_report
from airflow_provider_tingting.reports.unreached import Choice, write_unreached
from airflow_provider_tingting.reports.writers import write_report

BODY = report_body(
    [
        {"Number": "9841234501", "Status": "Completed", "Duration": "10", "Playback": "100"},
        {"Number": "9841234502", "Status": "Unanswered", "Duration": "", "Playback": ""},
    ]
)
FORMATS = ["csv", "csv.gz", "jsonl", "xlsx", *(["parquet"] if find_spec("pyarrow") else [])]


@pytest.fixture
def store(s3_server: S3Server) -> Iterator[Any]:
    """A client of the server, whose bucket `bucket` is empty."""
    with empty_bucket(s3_server, "bucket") as client:
        yield client


class StoredPath:
    """A path in the store as universal-pathlib and Airflow make them, with a given client."""

    protocol = "s3"

    def __init__(self, store: Any, key: str, bucket: str = "bucket") -> None:
        self.fs, self.path = store, f"{bucket}/{key}"
        self.name = key.rpartition("/")[2]

    def __str__(self) -> str:
        return f"s3://{self.path}"

    def open(self, mode: str = "rb") -> Any:
        return self.fs.open(self.path, mode)

    def stat(self) -> Any:
        raise NotImplementedError


def write_everything(store: Any) -> list[str]:
    """Write a file of every kind; gives their keys."""
    for name in FORMATS:
        write_report(io.BytesIO(BODY), StoredPath(store, f"deep/report.{name}"))
    written = [f"deep/report.{name}" for name in FORMATS]
    write_audience(StoredPath(store, "audience.jsonl.gz"), ["9841234501"])
    write_rejects(StoredPath(store, "rejects.csv"), ["number"], [{"number": "12"}])
    write_rejects(StoredPath(store, "rejects.xlsx"), ["number"], [{"number": "12"}])
    write_unreached(Outcomes(io.BytesIO(BODY)), StoredPath(store, "again.csv"), Choice.read("unanswered", 3, "tries"))
    written += ["audience.jsonl.gz", "rejects.csv", "rejects.xlsx", "again.csv"]
    if find_spec("matplotlib"):
        write_chart(open_report(io.BytesIO(BODY)), StoredPath(store, "page.html"), title="Water")
        written.append("page.html")
    return written


def test_every_file_is_one_put_and_needs_no_other_right(s3_server: S3Server, store: Any) -> None:
    s3_server.allow_only("PUT")
    for _ in range(2):
        s3_server.requests.clear()
        written = write_everything(store)
        assert s3_server.requests == [f"PUT /bucket/{key}" for key in written]
    s3_server.answers = lambda method, path: None
    assert sorted(store.find("bucket")) == sorted(f"bucket/{key}" for key in written)


def test_what_was_written_is_read_with_the_right_to_read_alone(s3_server: S3Server, store: Any) -> None:
    write_everything(store)
    s3_server.allow_only("GET", "HEAD")
    for key in ("rejects.csv", "rejects.xlsx", "audience.jsonl.gz", "again.csv", "deep/report.csv.gz"):
        assert [row.values for row in read_rows(StoredPath(store, key))]
    assert [outcome.status for outcome in Outcomes(StoredPath(store, "deep/report.csv"))] == ["completed", "unanswered"]


def test_a_file_that_exists_is_kept_when_overwriting_is_off(store: Any) -> None:
    target = StoredPath(store, "report.csv")
    write_report(io.BytesIO(BODY), target, overwrite=False)
    for call in (
        lambda: write_report(io.BytesIO(BODY), target, overwrite=False),
        lambda: ensure_writable(target, overwrite=False),
    ):
        with pytest.raises(TingTingStorageRefusedError, match="exists, and overwrite is off"):
            call()


def test_a_writer_that_fails_leaves_the_old_object(s3_server: S3Server, store: Any) -> None:
    target = StoredPath(store, "people.jsonl")
    write_audience(target, ["9841234501"])
    s3_server.requests.clear()

    def people() -> Iterator[str]:
        yield "9841234502"
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_audience(target, people())
    assert s3_server.requests == []
    assert b"9841234501" in store.cat_file("bucket/people.jsonl")


FINAL = [
    (403, "AccessDenied", "lacks the right"),
    (403, "InvalidAccessKeyId", "refuses the credentials"),
    (403, "SignatureDoesNotMatch", "refuses the credentials"),
    (404, "NoSuchBucket", "The bucket does not exist"),
]
PASSING = [(503, "SlowDown"), (500, "InternalError"), (503, "ServiceUnavailable"), (400, "ExpiredToken")]


@pytest.mark.parametrize(("status", "code", "says"), FINAL, ids=[code for _, code, _ in FINAL])
def test_a_final_refusal_names_the_remedy(s3_server: S3Server, store: Any, status: int, code: str, says: str) -> None:
    store.pipe_file("bucket/people.csv", b"number\n9841234501\n")
    s3_server.refuse("PUT", status, code)
    for call in (
        lambda: write_report(io.BytesIO(BODY), StoredPath(store, "report.csv")),
        lambda: write_rejects(StoredPath(store, "rejects.csv"), ["number"], []),
        lambda: write_audience(StoredPath(store, "people.jsonl"), ["9841234501"]),
    ):
        with pytest.raises(TingTingStorageRefusedError, match=rf"s3://bucket/.*{says}.*Nothing was changed there"):
            call()
    s3_server.refuse("GET", status, code)
    with pytest.raises(TingTingContactsError, match=rf"s3://bucket/people\.csv cannot be read.*{says}"):
        list(read_rows(StoredPath(store, "people.csv")))


@pytest.mark.parametrize(("status", "code"), PASSING, ids=[code for _, code in PASSING])
def test_a_failure_of_the_store_is_left_to_a_retry(s3_server: S3Server, store: Any, status: int, code: str) -> None:
    store.pipe_file("bucket/people.csv", b"number\n9841234501\n")
    s3_server.refuse("PUT", status, code)
    for call in (
        lambda: write_report(io.BytesIO(BODY), StoredPath(store, "report.csv")),
        lambda: write_rejects(StoredPath(store, "rejects.csv"), ["number"], []),
        lambda: write_audience(StoredPath(store, "people.jsonl"), ["9841234501"]),
    ):
        with pytest.raises(TingTingStorageError, match="A retry of this task") as raised:
            call()
        assert not isinstance(raised.value, TingTingStorageRefusedError)
    s3_server.refuse("GET", status, code)
    with pytest.raises(TingTingSourceError, match=r"s3://bucket/people\.csv cannot be read"):
        list(read_rows(StoredPath(store, "people.csv")))


def test_a_missing_bucket_and_a_missing_object_are_final(store: Any) -> None:
    with pytest.raises(TingTingStorageRefusedError, match="bucket"):
        write_report(io.BytesIO(BODY), StoredPath(store, "report.csv", bucket="nowhere"))
    with pytest.raises(TingTingContactsError, match="bucket"):
        list(read_rows(StoredPath(store, "people.csv")))


def test_an_endpoint_that_is_down_is_left_to_a_retry() -> None:
    pytest.importorskip("s3fs")
    store = file_system("http://127.0.0.1:1")
    with pytest.raises(TingTingStorageError, match="A retry of this task") as raised:
        write_report(io.BytesIO(BODY), StoredPath(store, "report.csv"))
    assert not isinstance(raised.value, TingTingStorageRefusedError)
    with pytest.raises(TingTingSourceError, match="cannot be read"):
        list(read_rows(StoredPath(store, "people.csv")))
