"""A target that cannot be written is named early, before the download, and late, when it is written to."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import pytest
from support.report_files import BODY, left_over
from upath import UPath

from airflow_provider_tingting.errors import TingTingConfigError, TingTingStorageRefusedError
from airflow_provider_tingting.files.target import ensure_writable
from airflow_provider_tingting.reports.writers import write_report

pytestmark = pytest.mark.usefixtures("empty_store")

REFUSED = (TingTingStorageRefusedError, TingTingConfigError)
AS_ROOT = os.geteuid() == 0


def in_file(tmp_path: Path) -> Any:
    (tmp_path / "file").write_text("x")
    return tmp_path / "file" / "report.csv"


def directory(tmp_path: Path) -> Any:
    (tmp_path / "made").mkdir()
    return tmp_path / "made"


def stored_directory(tmp_path: Path) -> Any:
    UPath("memory://bucket/made/x").write_bytes(b"x")
    return UPath("memory://bucket/made")


def device(tmp_path: Path) -> Any:
    os.mkfifo(tmp_path / "pipe")
    return tmp_path / "pipe"


BAD = [
    (in_file, "Choose another path"),
    (directory, "Add a file name"),
    (stored_directory, "Add a file name"),
    (device, "not a file"),
    (lambda tmp_path: tmp_path / ("x" * 300), "Choose a shorter one"),
    (lambda tmp_path: f"{tmp_path}/new/", "Add a file name"),
    (lambda tmp_path: "s3://bucket/report.csv", "ObjectStoragePath"),
    (lambda tmp_path: "", "not a path"),
    (lambda tmp_path: "a\0b", "not a path"),
    (lambda tmp_path: 7, "give a local path"),
    (lambda tmp_path: Path("/proc/report.csv"), "/proc/report.csv"),
]


@pytest.mark.parametrize(("make", "remedy"), BAD)
def test_a_target_that_cannot_be_written_is_named_early_and_late(make: Any, remedy: str, tmp_path: Path) -> None:
    target = make(tmp_path)
    before = left_over(target, tmp_path)
    for call in (lambda: ensure_writable(target), lambda: write_report(io.BytesIO(BODY), target)):
        with pytest.raises(REFUSED) as caught:
            call()
        assert remedy in str(caught.value)
        assert "cannot be written" in str(caught.value)
    assert left_over(target, tmp_path) == before


@pytest.mark.skipif(AS_ROOT, reason="root may write everywhere")
def test_a_directory_without_the_right_to_write_is_named(tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    for target in (tmp_path / "locked" / "a.csv", tmp_path / "locked" / "new" / "a.csv"):
        for call in (lambda at=target: ensure_writable(at), lambda at=target: write_report(io.BytesIO(BODY), at)):
            with pytest.raises(TingTingStorageRefusedError, match="lacks the right"):
                call()


def test_a_store_that_is_not_known_names_what_to_install() -> None:
    class Unknown:
        protocol = "xyz"
        path = "bucket/report.csv"

        @property
        def fs(self) -> Any:
            raise ValueError("No filesystem registered for protocol xyz")

        def __str__(self) -> str:
            return "xyz://user:secret@bucket/report.csv"

    with pytest.raises(TingTingConfigError, match="Install") as caught:
        ensure_writable(Unknown())
    assert "secret" not in str(caught.value)
