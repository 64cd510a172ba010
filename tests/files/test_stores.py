"""A file in a store appears whole or not at all, also when the store goes away."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.memory import MemoryFileSystem
from support.report_files import BODY

from airflow_provider_tingting.errors import TingTingStorageError
from airflow_provider_tingting.files.atomic import whole_file
from airflow_provider_tingting.reports.writers import write_report

pytestmark = pytest.mark.usefixtures("empty_store")


class Store(MemoryFileSystem):
    """A store that breaks where a test wants it to."""

    protocol = "memory"
    cachable = False
    breaks: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()

    def _note(self, call: str, path: str) -> None:
        self.calls += (f"{call} {Path(path).suffix}",)
        if f"{call} {Path(path).suffix}" in self.breaks:
            self.breaks = tuple(one for one in self.breaks if one != f"{call} {Path(path).suffix}")
            raise OSError(5, "the store went away")

    def put_file(self, lpath: str, rpath: str, **more: Any) -> None:
        self.pipe_file(rpath, Path(lpath).read_bytes()[:5])
        self._note("put", rpath)
        self.pipe_file(rpath, Path(lpath).read_bytes())

    def mv(self, path1: str, path2: str, **more: Any) -> None:
        self._note("mv", path2)
        if self.exists(path2):
            raise FileExistsError(17, "exists")
        self.store[path2] = self.store.pop(path1)


class Stored:
    """A path in that store."""

    def __init__(self, protocol: str, *breaks: str) -> None:
        self.protocol, self.path, self.fs = protocol, "/bucket/reports/report.csv", Store()
        self.fs.breaks = breaks

    def __str__(self) -> str:
        return f"{self.protocol}:/{self.path}"


@pytest.mark.parametrize("old", [True, False])
@pytest.mark.parametrize("breaks", [(), ("put .part",), ("mv .csv",), ("put .part", "mv .csv")])
def test_a_store_that_goes_away_keeps_the_old_file_and_nothing_else(breaks: tuple[str, ...], old: bool) -> None:
    target = Stored("sftp", *breaks)
    if old:
        target.fs.pipe_file(target.path, b"old")
    try:
        write_report(io.BytesIO(BODY), target, format="raw")
    except TingTingStorageError as error:
        assert breaks
        assert "sftp://bucket/reports/report.csv" in str(error)
        assert "the store went away" in str(error)
        assert target.fs.store.keys() == ({target.path} if old else set())
        if old:
            assert target.fs.cat_file(target.path) == b"old"
    else:
        # One failed move over an old file is repaired by putting it aside.
        assert not breaks or (old and breaks == ("mv .csv",))
        assert target.fs.cat_file(target.path) == BODY
        assert target.fs.store.keys() == {target.path}


def test_a_store_that_fails_twice_gets_its_old_file_back() -> None:
    target = Stored("sftp", "mv .old")
    target.fs.pipe_file(target.path, b"old")
    with pytest.raises(TingTingStorageError):
        write_report(io.BytesIO(BODY), target, format="raw")
    assert target.fs.cat_file(target.path) == b"old"
    assert target.fs.store.keys() == {target.path}


@pytest.mark.parametrize("protocol", ["s3", "gs", "abfs"])
def test_a_store_of_whole_objects_gets_one_upload(protocol: str) -> None:
    target = Stored(protocol)
    write_report(io.BytesIO(BODY), target, format="raw")
    assert target.fs.calls == ("put .csv",)
    assert target.fs.cat_file(target.path) == BODY


def test_a_writer_that_fails_never_reaches_a_store_of_whole_objects() -> None:
    target = Stored("s3")
    with pytest.raises(RuntimeError), whole_file(target) as file:
        file.write(b"half")
        raise RuntimeError
    assert target.fs.calls == ()
