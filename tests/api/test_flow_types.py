"""mypy knows what a flow's `await` returns, so a wrong type in a flow is found before it runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mypy")

ROOT = Path(__file__).parents[2]
FLOWS = """
from airflow_provider_tingting.api import TingTingClient, calls
from airflow_provider_tingting.api.driver import run_flow, run_flow_async
from airflow_provider_tingting.api.models import Campaign
from airflow_provider_tingting.api.protocol import Pause

async def right() -> str:
    campaign = await calls.get_campaign(79)
    await Pause(1.0)
    return campaign.name

async def wrong_value() -> None:
    voice: str = await calls.get_campaign(79)  # line 13

async def wrong_attribute() -> None:
    (await calls.get_campaign(79)).nam  # line 16

async def wrong_result(client: TingTingClient) -> int:
    return run_flow(client, right())  # line 19

async def not_a_flow() -> None:
    number: int = await right()  # line 22
"""


@pytest.mark.slow
def test_a_wrongly_typed_awaited_value_is_an_error_of_mypy(tmp_path: Path) -> None:
    module = tmp_path / "flows_of_a_test.py"
    module.write_text(FLOWS)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--follow-imports=silent"),
            *("--config-file=", f"--cache-dir={tmp_path / 'cache'}", str(module)),
        ],
        env={**os.environ, "MYPYPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = {int(line.split(":")[1]) for line in done.stdout.splitlines() if ": error:" in line}

    assert lines == {13, 16, 19, 22}, done.stdout + done.stderr
