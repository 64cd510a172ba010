"""Flows are driven in virtual time here, so the real times apply."""

from __future__ import annotations

import pytest

from airflow_provider_tingting.api import stale_reads

_TIMES = {name: getattr(stale_reads, name) for name in ("STALE_WITHIN", "READ_INTERVAL")}


@pytest.fixture(autouse=True)
def _real_times(_old_answers_settle_at_once: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in _TIMES.items():
        monkeypatch.setattr(stale_reads, name, value)
