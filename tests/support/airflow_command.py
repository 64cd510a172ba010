"""Airflow's own commands, run in the process of the tests: a process of its own imports Airflow for seconds."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

import pytest


@dataclass(frozen=True)
class Finished:
    """What a command left: its exit code and what it printed."""

    code: int
    out: str
    err: str


AirflowCommand = Callable[..., Finished]


def run_airflow(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Finished:
    """Run `airflow WORDS...` as its entry point does."""
    from airflow.__main__ import main

    capsys.readouterr()
    with monkeypatch.context() as patched:
        patched.setattr(sys, "argv", ["airflow", *words])
        # Airflow breaks its lines at the width of the terminal.
        patched.setenv("COLUMNS", "400")
        code = 0
        try:
            main()
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    printed = capsys.readouterr()
    return Finished(code, printed.out, printed.err)
