"""Every example DAG is rehearsed, and none of them reaches the real account."""

from __future__ import annotations

import pytest
from support.airflow_home import EXAMPLE_DAGS
from support.dag_runs import load_dags

from airflow_provider_tingting.rehearsal import RehearsalRequest, rehearse

pytestmark = [pytest.mark.durability, pytest.mark.timeout(900)]

#: The DAG that an asset event starts has none in a rehearsal, and fails as it does when a person starts it first.
FAILS = {"tingting_league_table"}
DEFERRED = "AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE"


@pytest.mark.parametrize("deferred", [False, True], ids=["in a worker", "deferred"])
@pytest.mark.parametrize("dag_id", sorted(load_dags()))
def test_an_example_is_rehearsed_without_the_real_account(dag_id, deferred, real_environment, real_server):
    environment = {**real_environment, DEFERRED: str(deferred)}
    request = RehearsalRequest(dag_id, dags=str(EXAMPLE_DAGS), at="2026-12-05T09:00:00+05:45")

    report = rehearse(request, environ=environment)

    assert real_server.received == []
    assert report["state"] == ("failed" if dag_id in FAILS else "success")
    for campaign in report["campaigns"]:
        spoken = [call["number"] for call in campaign["calls"] if call["channel"] == "call"]
        assert len(spoken) <= campaign["contacts"]
