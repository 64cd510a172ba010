"""A connection with rules, and a server and a storage that answer at once."""

from __future__ import annotations

import pytest
from support.campaigns import a_campaign, connection
from support.impatience import settle_fast


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    settle_fast(monkeypatch)


@pytest.fixture
def campaign(sandbox):
    return a_campaign(sandbox, numbers=())


@pytest.fixture
def connect(sandbox, tingting_conn, monkeypatch):
    """`connect(do_not_call=…, contact_log=…)` puts rules into the extra of the connection."""

    def change(**rules):
        monkeypatch.setenv("AIRFLOW_CONN_TINGTING_DEFAULT", connection(sandbox, **rules))

    return change
