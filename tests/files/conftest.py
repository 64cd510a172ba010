"""A store in memory without files of earlier tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fsspec.implementations.memory import MemoryFileSystem


@pytest.fixture
def empty_store() -> Iterator[None]:
    """The store in memory is one for the whole process."""
    empty()
    yield
    empty()


def empty() -> None:
    MemoryFileSystem.store.clear()
    MemoryFileSystem.pseudo_dirs[:] = [""]
