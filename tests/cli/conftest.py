from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_tingting.cli.commands import main


@pytest.fixture
def tingting(tingting_conn: str, capsys: pytest.CaptureFixture[str]) -> Any:
    """`tingting("campaigns list")` gives exit code, standard output and standard error of a command."""

    def run(line: str) -> tuple[int, str, str]:
        capsys.readouterr()
        try:
            code = main(line.split())
        except SystemExit as ended:
            code = int(ended.code or 0)
        said = capsys.readouterr()
        return code, said.out, said.err

    return run
