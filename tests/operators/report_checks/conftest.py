"""A server whose report a test makes, a file of yesterday, and a campaign of the sandbox that has ended."""

from __future__ import annotations

import json

import pytest
from support.campaigns import NUMBERS, connection
from support.report_download import Server


@pytest.fixture
def server(monkeypatch):
    with Server() as running:
        fields = {"conn_type": "tingting", "host": running.base_url, "password": "a-long-token-of-a-test"}
        monkeypatch.setenv("AIRFLOW_CONN_TINGTING_DEFAULT", json.dumps({**fields, "extra": {"max_retries": 0}}))
        yield running


@pytest.fixture
def target(tmp_path):
    path = tmp_path / "report.csv"
    path.write_text("of yesterday", encoding="utf-8")
    return path


@pytest.fixture
def played(sandbox, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_TINGTING_DEFAULT", connection(sandbox, secret_salt="salt of a test"))
    campaign = sandbox.world.create_campaign(name="Water", services="PHONE", user_phone=[3], message="x", voice=1)
    sandbox.world.add_contacts(
        campaign.id, [(number, {"name": "Sita", "also": f"call {number}", "ward": 5}) for number in NUMBERS]
    )
    sandbox.world.run_campaign(campaign.id)
    sandbox.play_out()
    return campaign.id
