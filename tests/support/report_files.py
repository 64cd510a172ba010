"""A small report, and what there is where it was written to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fsspec.implementations.memory import MemoryFileSystem

BODY = b"Number,Status\n9841234567,Completed\n"


def names(directory: Path) -> list[str]:
    """What a folder holds."""
    return sorted(path.name for path in directory.iterdir())


def left_over(target: Any, tmp_path: Path) -> list[str]:
    """The names of all files that there are, on the disk and in the store in memory."""
    found = [path.name for path in tmp_path.rglob("*") if path.is_file()]
    return [*found, *(Path(name).name for name in MemoryFileSystem.store)]
