"""Rejects and audiences appear on a storage whole or not at all, whichever path names it."""

from __future__ import annotations

import uuid

import fsspec
import pytest
from upath import UPath

from airflow_provider_tingting._compat import object_storage_path
from airflow_provider_tingting.contacts.audience_file import write_audience
from airflow_provider_tingting.contacts.rejects import write_rejects
from airflow_provider_tingting.errors import TingTingStorageError


@pytest.fixture(params=[UPath, object_storage_path], ids=["UPath", "ObjectStoragePath"])
def folder(request, monkeypatch):
    """A folder of a storage that is not this machine's disk."""
    try:
        from airflow.sdk.io import fs as storages
    except ImportError:
        from airflow import io as storages
    # A provider of Airflow would bring the storage, with its connection.
    monkeypatch.setitem(storages._register_filesystems(), "memory", lambda *_: fsspec.filesystem("memory"))
    return request.param(f"memory://audiences-{uuid.uuid4().hex}/deep")


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_put_on_a_storage_and_replaced_there(folder):
    for reason in ("not_a_number", "landline"):
        write_rejects(folder / "rejects.csv", ["number", "reason"], [{"number": "1", "reason": reason}])
        write_audience(folder / "people.jsonl", ["9841234567"])

    assert (folder / "rejects.csv").read_bytes().decode("utf-8-sig") == "number,reason\n1,landline\n"
    assert b"9841234567" in (folder / "people.jsonl").read_bytes()
    assert names(folder) == ["people.jsonl", "rejects.csv"]


def test_a_storage_that_fails_keeps_what_was_there_and_nothing_half(folder, monkeypatch):
    write_audience(folder / "people.jsonl", ["9841234567"])

    def full(self, *arguments, **options):
        raise OSError(28, "No space left")

    monkeypatch.setattr(type(fsspec.filesystem("memory")), "mv", full)
    for method in ("replace", "rename"):
        monkeypatch.setattr(type(folder), method, full, raising=False)
    with pytest.raises(TingTingStorageError, match="No space left"):
        write_audience(folder / "people.jsonl", ["9801234567"])

    assert b"9841234567" in (folder / "people.jsonl").read_bytes()
    assert names(folder) == ["people.jsonl"]
