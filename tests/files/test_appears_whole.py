"""A file appears whole or not at all, when a process reads, is killed, fills the disk or writes at the same time."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from support.report_files import names

from airflow_provider_tingting.errors import TingTingStorageError
from airflow_provider_tingting.files.atomic import whole_file
from airflow_provider_tingting.files.target import ensure_writable

ROOT = Path(__file__).parents[2]


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
    with pytest.raises(TingTingStorageError, match="overwrite is off"), whole_file(target, overwrite=False) as file:
        file.write(b"mine")
        target.write_text("theirs")
    assert target.read_text() == "theirs"
    assert names(tmp_path) == ["report.csv"]


def test_a_file_system_without_links_keeps_what_appears_meanwhile_and_takes_what_is_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    target = tmp_path / "report.csv"
    with whole_file(target, overwrite=False) as file:
        file.write(b"first")
    assert target.read_text() == "first"

    target.unlink()
    with pytest.raises(TingTingStorageError, match="overwrite is off"), whole_file(target, overwrite=False) as file:
        file.write(b"mine")
        target.write_text("theirs")
    assert target.read_text() == "theirs"
    assert names(tmp_path) == ["report.csv"]


def test_a_killed_process_leaves_nothing(tmp_path: Path) -> None:
    program = (
        "import sys, time\n"
        "from airflow_provider_tingting.files.atomic import whole_file\n"
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
    target = tmp_path / "report"
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
        assert line.startswith(f"TingTingStorageError The report cannot be written to {target}")
        assert "Choose another path" in line
    assert (target.read_text(), names(tmp_path)) == ("old", ["report"])


def test_two_writers_at_once_leave_one_whole_file(tmp_path: Path) -> None:
    program = (
        "import sys, time\n"
        "from airflow_provider_tingting.files.atomic import whole_file\n"
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
