"""Each example runs with the expected figures: waiting in a worker, and deferred in a run without a logical date."""

from __future__ import annotations

import csv
import importlib
import json
import unicodedata
from datetime import timedelta
from pathlib import Path

import openpyxl
import pytest
from support.airflow_home import AIRFLOW_VERSION, EXAMPLE_DAGS
from support.dag_runs import load_dags

import airflow_provider_tingting.operators.campaign
import airflow_provider_tingting.sensors.campaign

pytestmark = [pytest.mark.usefixtures("tingting_conn"), pytest.mark.dags]

DATA = EXAMPLE_DAGS / "data"
DEFAULT_DEFERRABLE = "AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE"


def rows_of(path):
    if path.suffix == ".xlsx":
        header, *rows = openpyxl.load_workbook(path, read_only=True).active.iter_rows(values_only=True)
        return [dict(zip(header, row, strict=True)) for row in rows if any(row)]
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def digits(value):
    """The ten digits of a number, however the spreadsheet writes it."""
    return "".join(str(unicodedata.digit(char)) for char in str(value) if char.isdigit())[-10:]


@pytest.fixture(autouse=True)
def _fast(sandbox, monkeypatch):
    monkeypatch.setenv("TINGTING_POLL_INTERVAL", "0.1")
    monkeypatch.setenv("TINGTING_CALLING_WINDOW", "00:00-24:00")
    sandbox.clock.speed = 100


@pytest.fixture(params=[False, True], ids=["in a worker", "deferred, without a logical date"])
def default_deferrable(request, monkeypatch):
    """Airflow's own default for waiting, which a class reads when its module is imported.

    The deferred run has no logical date either, like a run that an asset event starts: `ds` and its kind do not exist.
    """
    monkeypatch.setenv(DEFAULT_DEFERRABLE, str(request.param))
    import_again()
    yield request.param
    monkeypatch.delenv(DEFAULT_DEFERRABLE)
    import_again()


def import_again():
    importlib.reload(airflow_provider_tingting.operators.campaign)
    importlib.reload(airflow_provider_tingting.sensors.campaign)


@pytest.fixture
def quiet(sandbox, logged):
    """Call with a finished run: its logs and XComs hold no contact's data, no message and no token."""

    def check(run, people, *messages):
        # `dag.test()` on Airflow 3.0 alone logs the messages between Airflow's own processes, at debug level.
        chatter = ("Sending request", "Received message from task runner")
        lines = [line for line in logged().splitlines() if not any(words in line for words in chatter)]
        written = "\n".join([*lines, json.dumps(xcoms_of(run), ensure_ascii=False)])
        assert run.dag_id in written
        secrets = {sandbox.token, *messages}
        for person in people:
            for value in person.values():
                if len(str(value)) > 5:
                    secrets |= {str(value), *([digits(value)] if len(digits(value)) == 10 else [])}
        assert [secret for secret in secrets if secret in written] == []
        return written

    return check


def xcoms_of(run):
    from airflow.utils.session import create_session
    from sqlalchemy import text

    with create_session() as session:
        query = text("select task_id, key, value from xcom where dag_id = :dag and run_id = :run")
        rows = session.execute(query, {"dag": run.dag_id, "run": run.run_id})
        return [[task, key, value.decode() if isinstance(value, bytes) else value] for task, key, value in rows]


def test_a_campaign_from_a_spreadsheet(sandbox, run_dag, default_deferrable, quiet):
    people = rows_of(DATA / "ward_7.xlsx")
    numbers = {digits(person["Mobile"]) for person in people}

    run = run_dag("tingting_campaign_from_spreadsheet", dated=not default_deferrable)

    assert run.states == dict.fromkeys(
        ("create_campaign", "add_contacts", "run_campaign", "download_report"), "success"
    )
    (campaign,) = sandbox.world.campaigns.values()
    assert set(campaign.numbers) == numbers
    assert dict(sandbox.ledger.times_dialled()) == dict.fromkeys(numbers, 1)
    assert run.xcom("create_campaign") == campaign.id
    added, ran, report = run.xcom("add_contacts"), run.xcom("run_campaign"), run.xcom("download_report")
    assert added["created"] == ran["contacts"] == report["rows"] == len(people)
    statuses = {row["number"]: row["status"] for row in rows_of(Path(report["path"]))}
    assert set(statuses) == numbers
    reached = sum(status in ("completed", "hungup") for status in statuses.values())
    assert ran["reached"] == report["summary"]["reached"] == reached
    assert 0 < reached < len(people)
    written = quiet(run, people, campaign.message)
    # A campaign that has ended before the task could defer needs no trigger.
    assert default_deferrable or "running trigger in line" not in written


def test_weekly_by_district(sandbox, run_dag, default_deferrable, quiet):
    patients = rows_of(DATA / "patients.csv")

    run = run_dag("tingting_weekly_by_district", dated=not default_deferrable)

    assert run.state == "success"
    districts = ["Kathmandu", "Kaski", "Morang"]
    for index, district in enumerate(districts):
        numbers = {digits(patient["mobile"]) for patient in patients if patient["district"] == district}
        campaign = sandbox.world.campaigns[run.xcom("district_campaign.create_campaign", map_index=index)]
        assert campaign.name == f"Vaccination day, {district}"
        assert set(campaign.numbers) == numbers
        assert run.xcom("district_campaign.add_contacts", map_index=index)["created"] == len(numbers)
        assert run.xcom("district_campaign.run_campaign", map_index=index)["contacts"] == len(numbers)
    once = dict.fromkeys((digits(patient["mobile"]) for patient in patients), 1)
    assert dict(sandbox.ledger.times_dialled()) == once
    assert dict(sandbox.ledger.times_dialled(channel="sms")) == once
    quiet(run, [{key: patient[key] for key in ("mobile", "name", "place")} for patient in patients], campaign.message)


def test_a_second_weekly_run_in_the_same_week_calls_no_contact_again(sandbox, run_dag):
    first, second = (run_dag("tingting_weekly_by_district", dated=dated) for dated in (True, False))

    assert first.state == second.state == "success"
    assert len(sandbox.world.campaigns) == 3
    assert set(sandbox.ledger.times_dialled().values()) == {1}


def test_call_unanswered_again(sandbox, run_dag, default_deferrable, quiet):
    patients = rows_of(DATA / "patients.csv")
    numbers = {digits(patient["mobile"]) for patient in patients}

    run = run_dag("tingting_call_unanswered_again", dated=not default_deferrable)

    assert set(run.states.values()) == {"success"}
    first, second = (sandbox.world.campaigns[run.xcom(task)] for task in ("create_first", "create_second"))
    assert set(first.numbers) == numbers
    unanswered = {row["number"] for row in rows_of(Path(run.xcom("report")["path"])) if row["status"] == "unanswered"}
    assert set(second.numbers) == unanswered
    assert 2 <= len(unanswered) < len(numbers)
    times = sandbox.ledger.times_dialled()
    assert times == {number: 2 if number in unanswered else 1 for number in numbers}
    quiet(run, [{key: patient[key] for key in ("mobile", "name")} for patient in patients], first.message)


def test_no_second_campaign_is_made_when_each_contact_has_answered(sandbox, run_dag, tmp_path):
    numbers = ["9841234501", "9841234502"]
    for number in numbers:
        sandbox.world.script_outcome(number, "completed")
    path = tmp_path / "two.csv"
    path.write_text("mobile,name\n" + "".join(f"{number},Sita\n" for number in numbers), encoding="utf-8")

    run = run_dag("tingting_call_unanswered_again", conf={"contacts": str(path)})

    assert run.state == "success"
    assert {task for task, state in run.states.items() if state == "skipped"} == {
        "create_second",
        "add_unanswered",
        "run_second",
    }
    assert dict(sandbox.ledger.times_dialled()) == dict.fromkeys(numbers, 1)


def test_each_example_retries_with_growing_pauses():
    for dag in load_dags().values():
        for task in dag.tasks:
            assert (task.retries, task.retry_delay, task.max_retry_delay) == (
                3,
                timedelta(minutes=5),
                timedelta(minutes=30),
            ), f"{dag.dag_id}.{task.task_id}"
            # From Airflow 3.2 on this is a factor, and True counts as the factor 1, which is not growth.
            backoff = task.retry_exponential_backoff
            assert backoff == 2 if AIRFLOW_VERSION >= (3, 2) else backoff is True
