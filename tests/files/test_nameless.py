"""Temporary files hold personal data, so a process that is killed leaves none of them behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.virtual_time import run_in_virtual_time

from airflow_provider_tingting.files.private import open_part, private_folder

ROOT = Path(__file__).parents[2]

PREAMBLE = """
import io, sys, time
from airflow_provider_tingting.contacts.contact import Contact
from airflow_provider_tingting.contacts.rejects import write_rejects
from airflow_provider_tingting.contacts.spool import Spool
from airflow_provider_tingting.contacts.workbook import write_workbook
from airflow_provider_tingting.files.private import private_file

def rows():
    for _ in range(20_000):
        yield {"number": "9841234567"}
    print("ready", flush=True)
    time.sleep(60)
"""
PROGRAMS = {
    "rejected rows": "write_rejects(sys.argv[1] + '/rejects.xlsx', ['number'], rows())",
    "an upload": "with private_file() as (_, path):\n"
    "    write_workbook((Contact(row['number'], {}) for row in rows()), lambda: path)",
    "an upload by openpyxl": "sys.modules['rustpy_xlsxwriter'] = None\nwith private_file() as (_, path):\n"
    "    write_workbook((Contact(row['number'], {}) for row in rows()), lambda: path)",
    "checked contacts": "spool = Spool()\nfor row in rows(): spool.write(row)",
}


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc")
@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_a_killed_process_leaves_no_temporary_file(program: str, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", PREAMBLE + program, str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert list(tmp_path.iterdir()) == []


def test_a_named_part_is_private_and_removed_by_a_later_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    alive, part = open_part(tmp_path)
    assert part is not None
    assert part.stat().st_mode & 0o777 == 0o600
    descriptor, abandoned = open_part(tmp_path)
    os.close(descriptor)
    young, fresh = open_part(tmp_path)
    os.close(young)
    assert abandoned is not None and fresh is not None
    for path in (abandoned, part):
        os.utime(path, (time.time() - 10, time.time() - 10))

    with run_in_virtual_time(at=time.time() + 3600):
        os.close(open_part(tmp_path)[0])

    assert part.exists()
    assert not abandoned.exists()
    assert not fresh.exists()
    os.close(alive)


def test_a_part_that_was_just_created_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    descriptor, part = open_part(tmp_path)
    os.close(descriptor)
    os.close(open_part(tmp_path)[0])
    assert part is not None
    assert part.exists()


def test_the_folder_of_a_killed_process_is_removed_by_the_next_one(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    left = tmp_path / "tingting-test-left"
    left.mkdir(mode=0o700)
    (left / "people.csv").write_text("9841234567\n")
    (left / ".lock").touch()
    os.utime(left / ".lock", (1, 1))
    other = tmp_path / "tingting-test-without-a-lock"
    other.mkdir()

    with private_folder("tingting-test-") as first:
        os.utime(first / ".lock", (1, 1))
        with private_folder("tingting-test-") as second:
            assert sorted(tmp_path.iterdir()) == sorted([first, second, other])
            assert first.stat().st_mode & 0o777 == 0o700

    assert list(tmp_path.iterdir()) == [other]
