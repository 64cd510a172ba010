"""A file whose name ends in `.gz` is written with gzip. May import the standard library only."""

from __future__ import annotations

import contextlib
import gzip
from collections.abc import Iterator
from typing import Any, BinaryIO


def is_gzip(target: Any) -> bool:
    """Tell from its name whether a target is to be compressed."""
    return str(target).lower().endswith(".gz")


@contextlib.contextmanager
def gzip_by_name(file: BinaryIO, target: Any) -> Iterator[BinaryIO]:
    """Give the file to write to: itself, or a gzip writer in front of it.

    :param file: the file at the target; not closed.
    :param target: only its name is looked at.
    """
    if not is_gzip(target):
        yield file
        return
    # Without a name and a time in it, the same report gives the same bytes.
    with gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=file, mtime=0) as packed:
        yield packed  # type: ignore[misc]
