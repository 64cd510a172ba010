"""Keeps standard output for a command's answer: whatever else writes there meanwhile goes to standard error."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import TextIO


@contextmanager
def answer_only() -> Iterator[TextIO]:
    """Give the file that the answer goes to.

    Airflow's log lines go to standard output, some by a stream that was taken long before: so the file descriptor is
    turned, not the stream.
    """
    stdout = sys.stdout
    replaced = sys.stdout is not sys.__stdout__
    if replaced:
        # Somebody has put another stream in its place, which no file descriptor leads to.
        with redirect_stdout(sys.stderr):
            yield stdout
        return
    stdout.flush()
    descriptor = stdout.fileno()
    kept = os.dup(descriptor)
    try:
        with open(os.dup(kept), "w", encoding=stdout.encoding, errors="replace", buffering=1) as answer:  # noqa: PTH123
            os.dup2(sys.stderr.fileno(), descriptor)
            yield answer
    finally:
        stdout.flush()
        os.dup2(kept, descriptor)
        os.close(kept)
