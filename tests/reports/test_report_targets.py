"""A file appears whole or not at all, wherever it is to be."""

from __future__ import annotations

import io
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from fsspec.implementations.memory import MemoryFileSystem
from upath import UPath

from airflow_provider_tingting.errors import TingTingReportError
from airflow_provider_tingting.reports.writers import ensure_writable, write_report
from airflow_provider_tingting.reports.writers.atomic import whole_file

BODY = b"Number,Status\n9841234567,Completed\n"
TIDY = (
    b"number,status,duration_seconds,playback_percent,credit_consumed,credit_consumed_sms,action_date,carrier\n"
    b"9841234567,completed,,,,,,\n"
)
ROOT = Path(__file__).parents[2]
AS_ROOT = os.geteuid() == 0


@pytest.fixture(autouse=True)
def empty_store() -> Iterator[None]:
    """The store in memory is one for the whole process."""
    empty()
    yield
    empty()


def empty() -> None:
    MemoryFileSystem.store.clear()
    MemoryFileSystem.pseudo_dirs[:] = [""]


class FullDiskError(OSError):
    def __init__(self) -> None:
        super().__init__(28, "No space left on device")


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


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


def left_over(target: Any, tmp_path: Path) -> list[str]:
    found = [path.name for path in tmp_path.rglob("*") if path.is_file()]
    return [*found, *(Path(name).name for name in MemoryFileSystem.store)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_report_is_written_to_any_kind_of_path_and_over_an_old_one(kind: Any, tmp_path: Path) -> None:
    target = kind(tmp_path)
    ensure_writable(target, format="csv")
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
        with pytest.raises(TingTingReportError, match=r"exists, and overwrite is off"):
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
    raised = TingTingReportError if error is FullDiskError else error
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


def test_a_reader_sees_the_old_file_until_the_new_one_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "report.csv"
    target.write_text("old")
    with whole_file(target) as file:
        file.write(b"new")
        file.flush()
        assert target.read_text() == "old"
        assert names(tmp_path) == ["report.csv"]
    assert target.read_text() == "new"


def test_a_file_that_appears_meanwhile_is_not_replaced_when_overwriting_is_off(tmp_path: Path) -> None:
    target = tmp_path / "report.csv"
    with pytest.raises(TingTingReportError, match="overwrite is off"), whole_file(target, overwrite=False) as file:
        file.write(b"mine")
        target.write_text("theirs")
    assert target.read_text() == "theirs"
    assert names(tmp_path) == ["report.csv"]


def test_a_killed_process_leaves_nothing(tmp_path: Path) -> None:
    program = (
        "import sys, time\n"
        "from airflow_provider_tingting.reports.writers.atomic import whole_file\n"
        "with whole_file(sys.argv[1]) as file:\n"
        "    file.write(b'half'); file.flush(); print('ready', flush=True); time.sleep(60)\n"
    )
    target = tmp_path / "report.csv"
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(target)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert not target.exists()
    if hasattr(os, "O_TMPFILE") and nameless_files_work(tmp_path):
        assert names(tmp_path) == []


def nameless_files_work(directory: Path) -> bool:
    try:
        os.close(os.open(directory, os.O_TMPFILE | os.O_RDWR))
    except OSError:
        return False
    return True


def test_a_system_without_nameless_files_writes_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    target = tmp_path / "report.csv"
    ensure_writable(target)
    with whole_file(target) as file:
        file.write(b"whole")
        assert [name[:10] for name in names(tmp_path)] == [".tingting-"]
    assert (names(tmp_path), target.read_text()) == (["report.csv"], "whole")
    with pytest.raises(RuntimeError), whole_file(target) as file:
        raise RuntimeError
    assert (names(tmp_path), target.read_text()) == (["report.csv"], "whole")


def test_a_system_that_cannot_name_a_nameless_file_writes_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = os.link

    def refuse(source: Any, target: Any, **more: Any) -> None:
        if "/proc/" in str(source):
            raise PermissionError(1, "Operation not permitted")
        link(source, target, **more)

    monkeypatch.setattr(os, "link", refuse)
    with whole_file(tmp_path / "report.csv", overwrite=False) as file:
        file.write(b"whole")
    assert (names(tmp_path), (tmp_path / "report.csv").read_text()) == (["report.csv"], "whole")


def test_a_full_disk_is_named_and_leaves_the_old_file(tmp_path: Path) -> None:
    """A limit on the size of files makes the system refuse a write half-way, as a full disk does."""
    target = tmp_path / "report.csv"
    target.write_text("old")
    program = (
        "import io, resource, sys\n"
        "from airflow_provider_tingting.reports.writers import write_report\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (65536, resource.RLIM_INFINITY))\n"
        "rows = (f'98{index * 7919 % 10**8:08},Completed\\n' for index in range(50_000))\n"
        "body = ('Number,Status\\n' + ''.join(rows)).encode()\n"
        "for format in ('csv', 'jsonl', 'raw', 'xlsx', *sys.argv[2:]):\n"
        "    try: write_report(io.BytesIO(body), sys.argv[1], format=format)\n"
        "    except Exception as error: print(type(error).__name__, error)\n"
    )
    formats = ["parquet"] if find_spec("pyarrow") else []
    said = subprocess.run(
        [sys.executable, "-c", program, str(target), *formats], capture_output=True, text=True, check=True, cwd=ROOT
    )
    lines = said.stdout.splitlines()
    assert len(lines) == 4 + len(formats)
    for line in lines:
        assert line.startswith(f"TingTingReportError The report cannot be written to {target}")
        assert "Choose another path" in line
    assert (target.read_text(), names(tmp_path)) == ("old", ["report.csv"])


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
        with pytest.raises(TingTingReportError) as caught:
            call()
        assert remedy in str(caught.value)
        assert "cannot be written" in str(caught.value)
    assert left_over(target, tmp_path) == before


@pytest.mark.skipif(AS_ROOT, reason="root may write everywhere")
def test_a_directory_without_the_right_to_write_is_named(tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    for target in (tmp_path / "locked" / "a.csv", tmp_path / "locked" / "new" / "a.csv"):
        for call in (lambda at=target: ensure_writable(at), lambda at=target: write_report(io.BytesIO(BODY), at)):
            with pytest.raises(TingTingReportError, match="may not write there"):
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

    with pytest.raises(TingTingReportError, match="Install") as caught:
        ensure_writable(Unknown())
    assert "secret" not in str(caught.value)


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


def test_a_new_file_has_the_usual_rights(tmp_path: Path) -> None:
    (tmp_path / "usual").touch()
    write_report(io.BytesIO(BODY), tmp_path / "report.csv")
    assert (tmp_path / "report.csv").stat().st_mode == (tmp_path / "usual").stat().st_mode


class Store(MemoryFileSystem):
    """A store that breaks where it is told to."""

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
    except TingTingReportError as error:
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
    with pytest.raises(TingTingReportError):
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


def test_a_path_whose_upload_breaks_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = Duck(tmp_path / "report.csv")
    target.path_.write_text("old")
    monkeypatch.setattr(Duck, "broken", True)
    with pytest.raises(TingTingReportError, match="disk is full"):
        write_report(io.BytesIO(BODY), target)
    assert (names(tmp_path), target.path_.read_text()) == (["report.csv"], "old")


def test_two_writers_at_once_leave_one_whole_file(tmp_path: Path) -> None:
    program = (
        "import sys, time\n"
        "from airflow_provider_tingting.reports.writers.atomic import whole_file\n"
        "for _ in range(200):\n"
        "    with whole_file(sys.argv[1]) as file: file.write(sys.argv[2].encode() * 50_000)\n"
    )
    target = tmp_path / "report.csv"
    writers = [
        subprocess.Popen([sys.executable, "-c", program, str(target), letter], cwd=ROOT) for letter in ("a", "b")
    ]
    seen = set()
    while any(writer.poll() is None for writer in writers):
        if target.exists():
            data = target.read_bytes()
            assert len(data) == 50_000
            assert len(set(data)) == 1
            seen.add(data[:1])
        time.sleep(0.001)
    assert [writer.returncode for writer in writers] == [0, 0]
    assert seen
    assert names(tmp_path) == ["report.csv"]


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
    with pytest.raises(TingTingReportError, match="overwrite is off"):
        write_report(io.BytesIO(BODY), target, overwrite=False)
    with pytest.raises(TingTingReportError, match="Add a file name"):
        ensure_writable(target.parent)
