"""A campaign that is still empty, and a sending that waits for hundredths of a second only."""

from __future__ import annotations

import pytest
from support.campaigns import a_campaign
from support.impatience import settle_fast

from airflow_provider_tingting.contacts import send

RETRIES = send.BatchRetries(attempts=4, max_wait=0.05)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    settle_fast(monkeypatch)
    monkeypatch.setattr(send, "BatchRetries", lambda: RETRIES)


@pytest.fixture
def campaign(sandbox):
    return a_campaign(sandbox, numbers=())
