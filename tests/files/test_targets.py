"""A report can be written to any kind of path, over an old file or not, and a failed write leaves what was there."""

from __future__ import annotations

import io
import os
import stat
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from fsspec.implementations.memory import MemoryFileSystem
from support.report_files import BODY, left_over, names
from upath import UPath

from airflow_provider_tingting.errors import TingTingStorageError
from airflow_provider_tingting.files.atomic import whole_file
from airflow_provider_tingting.files.target import ensure_writable
from airflow_provider_tingting.reports.writers import write_report

pytestmark = pytest.mark.usefixtures("empty_store")

TIDY = (
    b"number,status,duration_seconds,playback_percent,credit_consumed,credit_consumed_sms,action_date,carrier\n"
    b"9841234567,completed,,,,,,\n"
)


class FullDiskError(OSError):
    def __init__(self) -> None:
        super().__init__(28, "No space left on device")


class Duck:
    """A path that is known only by its methods, as other path libraries have them."""

    broken = False

    def __init__(self, path: Path) -> None:
        self.path_ = path

    def __str__(self) -> str:
        return f"duck://{self.path_}"

    @property
    def parent(self) -> Duck:
        return Duck(self.path_.parent)

    def __truediv__(self, name: str) -> Duck:
        return type(self)(self.path_ / name)

    def exists(self) -> bool:
        return self.path_.exists()

    def open(self, mode: str) -> BinaryIO:
        if self.broken:
            raise FullDiskError
        return self.path_.open(mode)  # type: ignore[return-value]

    def replace(self, target: Duck) -> None:
        self.path_.replace(target.path_)

    def unlink(self) -> None:
        self.path_.unlink()


def local(tmp_path: Path) -> Any:
    return tmp_path / "new" / "deep" / "report.csv"


def text(tmp_path: Path) -> Any:
    return str(tmp_path / "report.csv")


def upath(tmp_path: Path) -> Any:
    return UPath(f"file://{tmp_path}/new/report.csv")


def memory(tmp_path: Path) -> Any:
    return UPath("memory://bucket/new/report.csv")


def duck(tmp_path: Path) -> Any:
    return Duck(tmp_path / "report.csv")


KINDS = [local, text, upath, memory, duck]


def content(target: Any) -> bytes:
    if isinstance(target, str):
        target = Path(target)
    with target.open("rb") as file:
        return bytes(file.read())


@pytest.mark.parametrize("kind", KINDS)
def test_a_report_is_written_to_any_kind_of_path_and_over_an_old_one(kind: Any, tmp_path: Path) -> None:
    target = kind(tmp_path)
    ensure_writable(target)
    assert left_over(target, tmp_path) == []
    written = write_report(io.BytesIO(BODY), target)
    assert content(target) == TIDY
    assert written.bytes == len(TIDY)
    ensure_writable(target)
    write_report(io.BytesIO(BODY), target, format="raw")
    assert content(target) == BODY
    assert left_over(target, tmp_path) == ["report.csv"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_is_there_is_kept_when_overwriting_is_off(kind: Any, tmp_path: Path) -> None:
    target = kind(tmp_path)
    write_report(io.BytesIO(BODY), target, overwrite=False)
    for call in (
        lambda: write_report(io.BytesIO(BODY), target, format="raw", overwrite=False),
        lambda: ensure_writable(target, overwrite=False),
    ):
        with pytest.raises(TingTingStorageError, match=r"exists, and overwrite is off"):
            call()
    assert content(target) == TIDY
    assert left_over(target, tmp_path) == ["report.csv"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("error", [FullDiskError, RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize("old", [True, False])
def test_a_failed_write_leaves_the_old_file_or_nothing(
    kind: Any, error: type[BaseException], old: bool, tmp_path: Path
) -> None:
    target = kind(tmp_path)
    if old:
        write_report(io.BytesIO(BODY), target)
    raised = TingTingStorageError if error is FullDiskError else error
    with pytest.raises(raised) as caught, whole_file(target) as file:
        file.write(b"half a fi")
        file.flush()
        raise error
    if old:
        assert content(target) == TIDY
    assert left_over(target, tmp_path) == (["report.csv"] if old else [])
    if not old:
        assert list(tmp_path.iterdir()) == []
    if error is FullDiskError:
        assert "report.csv" in str(caught.value)
        assert "The disk is full. Make room" in str(caught.value)


def test_rights_and_links_of_the_old_file_are_kept(tmp_path: Path) -> None:
    real = tmp_path / "real.csv"
    real.write_text("old")
    real.chmod(0o640)
    link = tmp_path / "link.csv"
    link.symlink_to(real)
    write_report(io.BytesIO(BODY), link, format="raw")
    assert link.is_symlink()
    assert real.read_bytes() == BODY
    assert stat.S_IMODE(real.stat().st_mode) == 0o640


@pytest.mark.parametrize("old", [None, 0o644], ids=["new", "over a file that all may read"])
def test_a_private_file_is_for_its_owner_only(tmp_path: Path, old: int | None) -> None:
    target = tmp_path / "numbers"
    if old is not None:
        target.touch()
        target.chmod(old)
    before = os.umask(0)
    try:
        with whole_file(target, private=True) as file:
            file.write(b"9841234567")
    finally:
        os.umask(before)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_a_new_file_has_the_usual_rights(tmp_path: Path) -> None:
    (tmp_path / "usual").touch()
    write_report(io.BytesIO(BODY), tmp_path / "report.csv")
    assert (tmp_path / "report.csv").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_a_path_whose_upload_breaks_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = Duck(tmp_path / "report.csv")
    target.path_.write_text("old")
    monkeypatch.setattr(Duck, "broken", True)
    with pytest.raises(TingTingStorageError, match="disk is full"):
        write_report(io.BytesIO(BODY), target)
    assert (names(tmp_path), target.path_.read_text()) == (["report.csv"], "old")


@pytest.mark.parametrize("place", ["file://{}/new/report.csv", "memory://bucket/new/report.csv"])
def test_airflows_own_paths_are_targets(place: str, tmp_path: Path) -> None:
    try:
        from airflow.sdk import ObjectStoragePath
        from airflow.sdk.io import attach
    except ImportError:
        from airflow.io.path import ObjectStoragePath  # type: ignore[no-redef]
        from airflow.io.store import attach  # type: ignore[no-redef]
    attach(protocol="memory", fs=MemoryFileSystem())
    target = ObjectStoragePath(place.format(tmp_path))
    ensure_writable(target)
    write_report(io.BytesIO(BODY), target)
    with target.open("rb") as file:
        assert file.read() == TIDY
    write_report(io.BytesIO(BODY), target, format="raw")
    with target.open("rb") as file:
        assert file.read() == BODY
    with pytest.raises(TingTingStorageError, match="overwrite is off"):
        write_report(io.BytesIO(BODY), target, overwrite=False)
    with pytest.raises(TingTingStorageError, match="Add a file name"):
        ensure_writable(target.parent)
