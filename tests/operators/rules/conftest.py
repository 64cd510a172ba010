"""A connection with rules, in virtual time."""

from __future__ import annotations

import pytest
from support.campaigns import a_campaign, connection


@pytest.fixture(autouse=True)
def _time(virtual_time):
    """Each test runs in virtual time."""


@pytest.fixture
def campaign(sandbox):
    return a_campaign(sandbox, numbers=())


@pytest.fixture
def connect(sandbox, tingting_conn, monkeypatch):
    """`connect(do_not_call=…, contact_log=…)` puts rules into the extra of the connection."""

    def change(**rules):
        monkeypatch.setenv("AIRFLOW_CONN_TINGTING_DEFAULT", connection(sandbox, **rules))

    return change
