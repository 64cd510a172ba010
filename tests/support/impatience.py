"""Shortens the waits that settle an unknown outcome, so that a test need not sit through minutes."""

from __future__ import annotations

import pytest

from airflow_provider_tingting.api import idempotent_writes, stale_reads
from airflow_provider_tingting.campaigns import create, run, state
from airflow_provider_tingting.operators.campaign import ending, start


def settle_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settle in hundredths of a second what takes seconds and minutes."""
    monkeypatch.setattr(idempotent_writes, "RETRY_PAUSES", (0.01, 0.02))
    monkeypatch.setattr(state, "RUN_SETTLES_WITHIN", 0.1)
    monkeypatch.setattr(run, "RUN_POLL_INTERVAL", 0.02)
    monkeypatch.setattr(create, "CREATE_SETTLES_WITHIN", 0.05)
    monkeypatch.setattr(stale_reads, "STALE_WITHIN", 0.1)
    monkeypatch.setattr(stale_reads, "READ_INTERVAL", 0.02)
    monkeypatch.setattr(start, "READ_FIRST_WITHOUT_STORE", 0.05)
    monkeypatch.setattr(ending, "SHOWS_WITHIN", 0.1)
