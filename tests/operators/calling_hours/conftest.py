"""Nights that pass by the sandbox's clock, at once for a process that sleeps."""

from __future__ import annotations

import pytest
from support.calling_hours import FAST, NIGHTS

from airflow_provider_tingting.campaigns import calling_window


@pytest.fixture(autouse=True)
def _by_the_sandboxs_clock(monkeypatch, sandbox, virtual_time):
    monkeypatch.setattr(calling_window, "now", sandbox.clock.time)
    NIGHTS["asleep"] = False

    def naps(until):
        """Let the night pass at once for a process that sleeps, unless the world is to stand still."""
        while (left := until - sandbox.clock.time()) > 0:
            if NIGHTS["pass"]:
                sandbox.clock.push(left)
                sandbox.clock.speed = FAST
            NIGHTS["asleep"] = True
            yield 0.01

    monkeypatch.setattr(calling_window, "sleeps_until", naps)
