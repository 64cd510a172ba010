"""A campaign that is still empty, and sending in virtual time, with few retries."""

from __future__ import annotations

import pytest
from support.campaigns import a_campaign

from airflow_provider_tingting.contacts import send

RETRIES = send.BatchRetries(attempts=4, max_wait=0.05)


@pytest.fixture(autouse=True)
def _few_retries(virtual_time, monkeypatch):
    monkeypatch.setattr(send, "BatchRetries", lambda: RETRIES)


@pytest.fixture
def campaign(sandbox):
    return a_campaign(sandbox, numbers=())
