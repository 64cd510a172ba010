"""Real processes of Airflow: the night's reports come into the database, and the league table starts by itself.

No person triggers anything: the scheduler runs the nightly DAG because its hour has passed, and the next one because of
the event that the first one sent.
"""

from __future__ import annotations

import csv
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pendulum
import pytest
from durability.real_airflow import RealAirflow
from support.airflow_home import EXAMPLE_DAGS
from support.campaigns import NUMBERS, a_campaign

from airflow_provider_tingting.sandbox import Sandbox

pytest.importorskip("matplotlib", reason="the chart of the best campaign needs the extra chart")
pytestmark = [pytest.mark.durability, pytest.mark.timeout(600)]

NIGHTLY, LEAGUE = "tingting_nightly_reports", "tingting_league_table"


def yesterdays(sandbox: Sandbox, reached: int) -> int:
    """A campaign that ended yesterday at noon in Nepal and reached so many."""
    noon = pendulum.yesterday("Asia/Kathmandu").at(12)
    sandbox.clock.resume(noon.timestamp(), speed=1.0)
    campaign = a_campaign(sandbox, outcome=None)
    for index, number in enumerate(NUMBERS):
        sandbox.world.script_outcome(number, "completed" if index < reached else "failed")
    sandbox.world.run_campaign(campaign)
    sandbox.play_out()
    return campaign


def test_the_league_table_starts_by_itself_and_shows_the_figures_of_its_events(tmp_path: Path) -> None:
    database = tmp_path / "warehouse.db"
    with Sandbox() as sandbox:
        campaigns = {yesterdays(sandbox, reached): reached for reached in (1, 3, 2)}
        airflow = RealAirflow(
            tmp_path / "airflow",
            dags=EXAMPLE_DAGS,
            dag_ids=(NIGHTLY, LEAGUE),
            environment={
                "AIRFLOW_CONN_TINGTING_DEFAULT": sandbox.connection_json(),
                "AIRFLOW_CONN_TINGTING_WAREHOUSE": f"sqlite://{database}",
            },
        )
        try:
            airflow.start()
            deadline = time.monotonic() + 240
            while not (runs := airflow.runs_and_types(LEAGUE)) or runs[0][2] not in ("success", "failed"):
                assert time.monotonic() < deadline, f"{airflow.runs_and_types(NIGHTLY)} {runs}\n{airflow.tail()}"
                time.sleep(0.5)
            nights = airflow.runs_and_types(NIGHTLY)
            ((run_id, run_type, state),) = runs
            path = (
                airflow.returned(LEAGUE, run_id, "league_table")["path"] if state == "success" else airflow.tail(run_id)
            )
        finally:
            airflow.stop()

    assert [night[1:] for night in nights] == [("scheduled", "success")]
    assert run_type in ("asset_triggered", "dataset_triggered")
    assert state == "success", path
    with Path(path).open(encoding="utf-8", newline="") as file:
        table = [(int(row["campaign_id"]), int(row["contacts"]), int(row["reached"])) for row in csv.DictReader(file)]
    assert table == [
        (campaign, len(NUMBERS), reached) for campaign, reached in sorted(campaigns.items(), key=lambda one: -one[1])
    ]
    with closing(sqlite3.connect(database)) as connection:
        loaded = connection.execute(
            "SELECT campaign_id, sum(status = 'completed'), count(*) FROM tingting_calls GROUP BY campaign_id"
        ).fetchall()
    assert loaded == [(campaign, reached, len(NUMBERS)) for campaign, reached in sorted(campaigns.items())]
