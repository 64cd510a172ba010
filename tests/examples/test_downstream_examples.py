"""The examples that use reports: a database and a league table, escalating retries, Parquet files."""

from __future__ import annotations

import csv
import sqlite3
from contextlib import closing
from pathlib import Path

import pendulum
import pytest
from support.airflow_home import EXAMPLE_DAGS
from support.campaigns import a_campaign

pytestmark = [pytest.mark.usefixtures("tingting_conn"), pytest.mark.dags]

PATIENTS = EXAMPLE_DAGS / "data" / "patients.csv"
PEOPLE = ("9841234501", "9841234502", "9801234503", "9861234504")


@pytest.fixture(autouse=True)
def _fast(sandbox, monkeypatch):
    monkeypatch.setenv("TINGTING_POLL_INTERVAL", "0.1")
    monkeypatch.setenv("TINGTING_CALLING_WINDOW", "00:00-24:00")
    sandbox.clock.speed = 100


@pytest.fixture
def yesterdays(sandbox):
    """Two campaigns that ended yesterday in Nepal; a third one ended today."""
    made = []
    # Noon, so that no campaign runs into the next day.
    for day, outcomes in (("yesterday", 3), ("yesterday", 1), ("today", 4)):
        moment = getattr(pendulum, day)("Asia/Kathmandu").at(12)
        sandbox.clock.resume(moment.timestamp(), speed=1.0)
        campaign = a_campaign(sandbox, outcome=None)
        for index, number in enumerate(PEOPLE):
            sandbox.world.script_outcome(number, "completed" if index < outcomes else "unanswered")
        sandbox.world.run_campaign(campaign)
        sandbox.play_out()
        made.append(campaign)
    return made[:2]


@pytest.fixture
def yesterday():
    return {"day": pendulum.yesterday("Asia/Kathmandu").to_date_string()}


def table(path):
    with Path(path).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_nightly_reports_come_to_the_database_and_the_league_table(
    sandbox, yesterdays, yesterday, run_dag, tmp_path, monkeypatch
):
    pytest.importorskip("matplotlib", reason="the chart page needs the extra chart")
    database = tmp_path / "warehouse.db"
    monkeypatch.setenv("AIRFLOW_CONN_TINGTING_WAREHOUSE", f"sqlite://{database}")

    night = run_dag("tingting_nightly_reports", known=True, conf=yesterday, dated=False)
    league = run_dag("tingting_league_table", dated=False)

    assert night.state == league.state == "success"
    with closing(sqlite3.connect(database)) as connection:
        rows = connection.execute("SELECT campaign_id, number, status FROM tingting_calls").fetchall()
    wanted = [
        (campaign, contact.number, contact.status_at(sandbox.clock.time()))
        for campaign in yesterdays
        for contact in sandbox.world.campaigns[campaign].contacts.values()
    ]
    assert sorted(rows) == sorted(wanted)
    ranked = [
        (row["campaign_id"], row["contacts"], row["reached"]) for row in table(league.xcom("league_table")["path"])
    ]
    assert ranked == [(str(yesterdays[0]), "4", "3"), (str(yesterdays[1]), "4", "1")]
    chart = league.xcom("chart_of_the_best")
    assert chart["campaign_id"] == yesterdays[0]
    assert "</html>" in Path(chart["chart_path"]).read_text(encoding="utf-8")


def test_a_manual_run_without_a_day_takes_the_latest_day_with_campaigns(
    sandbox, yesterdays, run_dag, tmp_path, monkeypatch
):
    monkeypatch.setenv("AIRFLOW_CONN_TINGTING_WAREHOUSE", f"sqlite://{tmp_path / 'warehouse.db'}")

    run = run_dag("tingting_nightly_reports", known=True)

    assert run.state == "success"
    assert run.xcom("finished_campaigns") == [max(sandbox.world.campaigns)]


def test_a_day_without_campaigns_sends_no_event(sandbox, run_dag, tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_TINGTING_WAREHOUSE", f"sqlite://{tmp_path / 'warehouse.db'}")

    night = run_dag("tingting_nightly_reports", conf={"day": "2026-01-02"})

    assert night.states["publish"] == "skipped"


@pytest.fixture
def at_once(monkeypatch):
    """The second call follows the first without hours between."""
    monkeypatch.setenv("TINGTING_HOURS_BETWEEN", "0")


def test_the_ladder_goes_on_with_the_unreached_contacts(sandbox, run_dag, at_once):
    people = [row["mobile"] for row in table(PATIENTS)]
    stubborn, late = people[1], people[4]
    for number in people:
        sandbox.world.script_outcome(number, "unanswered" if number in (stubborn, late) else "completed")
    campaigns = sandbox.world.campaigns

    run = run_dag("tingting_retry_ladder", dated=False)

    assert set(run.states.values()) == {"success"}
    first, second, third = (campaigns[run.xcom(f"ladder.step_{number}.create_campaign")] for number in (1, 2, 3))
    assert set(first.numbers) == set(people)
    assert set(second.numbers) == set(third.numbers) == {stubborn, late}
    assert (second.services, third.services) == ("PHONE", "SMS")
    assert [contact.variables["tries"] for contact in second.contacts.values()] == ["1", "1"]
    assert [contact.variables["tries"] for contact in third.contacts.values()] == ["2", "2"]
    names = {row["mobile"]: row["name"] for row in table(PATIENTS)}
    assert {contact.number: contact.variables["name"] for contact in third.contacts.values()} == {
        number: names[number] for number in (stubborn, late)
    }
    calls = {number: 2 if number in (stubborn, late) else 1 for number in people}
    assert dict(sandbox.ledger.times_dialled()) == calls
    assert dict(sandbox.ledger.times_dialled(channel="sms")) == {stubborn: 1, late: 1}
    outcome = run.xcom("ladder.outcome")
    assert (outcome["contacts"], outcome["reached"]) == (len(people), len(people))
    report = {row["number"]: row for row in table(Path(outcome["path"]))}
    assert [report[late][f"try_{number}_status"] for number in (1, 2, 3)] == ["unanswered", "unanswered", "completed"]
    assert report[late]["reached_by"] == "3"
    assert report[late]["name"] == names[late]


def test_the_ladder_ends_where_too_few_are_left(sandbox, run_dag, at_once):
    people = [row["mobile"] for row in table(PATIENTS)]
    for number in people:
        sandbox.world.script_outcome(number, "failed" if number == people[0] else "completed")

    run = run_dag("tingting_retry_ladder")

    assert run.state == "success"
    reached = {task for task, state in run.states.items() if state == "success"}
    first = {f"ladder.step_1.{task}" for task in ("create_campaign", "check_contacts", "add_contacts", "run_campaign")}
    assert reached == {*first, "ladder.outcome"}
    assert run.states["ladder.next_2"] == run.states["ladder.step_3.create_campaign"] == "skipped"
    assert len(sandbox.world.campaigns) == 1
    assert run.xcom("ladder.outcome")["reached"] == len(people) - 1


def test_the_reports_of_a_day_are_one_parquet_table(sandbox, yesterdays, yesterday, run_dag, tmp_path, monkeypatch):
    dataset = pytest.importorskip("pyarrow.dataset")
    monkeypatch.setenv("TINGTING_LAKE", f"file://{tmp_path}/lake")

    run = run_dag("tingting_reports_to_parquet", known=True, conf=yesterday, dated=False)

    assert run.state == "success"
    day = yesterday["day"]
    files = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.parquet"))
    assert files == [f"lake/date={day}/campaign_{campaign}.parquet" for campaign in yesterdays]
    lake = dataset.dataset(tmp_path / "lake", format="parquet", partitioning="hive").to_table().to_pylist()
    assert len(lake) == 8
    assert sum(row["status"] == "completed" for row in lake) == 4
    assert {str(row["date"]) for row in lake} == {day}
    results = [run.xcom("write_report", map_index=index) for index in range(2)]
    assert [result["rows"] for result in results] == [4, 4]


def test_a_notice_that_ends_in_time_has_no_next_morning(sandbox, run_dag, monkeypatch, tmp_path):
    people = [row["mobile"] for row in table(PATIENTS)]
    silent = people[:2]
    for number in people:
        sandbox.world.script_outcome(number, "unanswered" if number in silent else "completed")
    holidays = tmp_path / "holidays.txt"
    holidays.write_text("BS 2080-01-01, New Year\n", encoding="utf-8")
    monkeypatch.setenv("TINGTING_HOLIDAYS", str(holidays))

    run = run_dag("tingting_notice_in_the_evening")

    assert run.state == "success"
    assert run.xcom("run")["stopped_at_window_close"] is False
    assert {task for task, state in run.states.items() if state == "skipped"} == {
        "rest",
        "create_rest",
        "add_rest",
        "run_rest",
    }
    assert dict(sandbox.ledger.times_dialled()) == dict.fromkeys(people, 1)
    assert dict(sandbox.ledger.times_dialled(channel="sms")) == dict.fromkeys(silent, 1)


def test_a_notice_in_waves_calls_each_contact_once(sandbox, run_dag):
    people = [row["mobile"] for row in table(PATIENTS)]

    run = run_dag("tingting_notice_in_waves")

    assert run.state == "success"
    assert run.xcom("notice.wave.campaign.run_campaign", map_index=0)["contacts"] == len(people)
    assert dict(sandbox.ledger.times_dialled()) == dict.fromkeys(people, 1)
