"""Contacts and rejected rows are kept on disk: memory stays flat, and a full disk is reported."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.audiences import check

from airflow_provider_tingting.contacts.audience import check_audience
from airflow_provider_tingting.contacts.contact import Place
from airflow_provider_tingting.contacts.sources import Row
from airflow_provider_tingting.errors import TingTingContactsError


def test_what_waits_on_disk_is_private_and_gone_afterwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with check(["9841234567", "12"], on_invalid="skip") as audience:
        assert list(audience.contacts())
        assert not list(tmp_path.iterdir()), "a file that has no name cannot be opened by others or left behind"
    with pytest.raises(ValueError, match="closed file"):
        list(audience.contacts())


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs a list of open files")
def test_a_source_that_fails_half_way_leaves_nothing() -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))

    def rows() -> Iterator[Row]:
        yield Row(Place("a query", 1), {"number": "9841234567"})
        raise ConnectionError("the database went away")

    with pytest.raises(ConnectionError):
        check_audience(rows())
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
def test_a_full_disk_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: open("/dev/full", "w+b", buffering=0))  # noqa: PTH123, SIM115
    with pytest.raises(TingTingContactsError, match=r"is full.*TMPDIR"):
        check(["9841234567"])


MEMORY = """
import resource, sys
from airflow_provider_tingting.contacts.audience import AudienceOptions, check_audience
from airflow_provider_tingting.contacts.numbers import normalise
from airflow_provider_tingting.contacts.send import batches
from airflow_provider_tingting.contacts.sources import read_rows
normalise("9841234567")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with check_audience(read_rows(sys.argv[1]), AudienceOptions(required_tags=("name",))) as audience:
    sent = sum(len(batch) for batch in batches(audience.contacts(), 500))
print(sent, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_memory_does_not_grow_with_the_audience(tmp_path: Path) -> None:
    def grown(size: int) -> int:
        path = tmp_path / "people.csv"
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("number", "name"))
            writer.writerows((f"98412{row:05}", "x" * 200) for row in range(size))
        said = subprocess.run(
            [sys.executable, "-c", MEMORY, str(path)],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        sent, grown = map(int, said.stdout.split())
        assert sent == size
        return grown // (1 if sys.platform != "darwin" else 1024)

    # 90,000 contacts more are 20 MB of text: kept in memory they would show.
    assert grown(100_000) - grown(10_000) < 4_000
