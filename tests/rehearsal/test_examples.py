"""Every example DAG is rehearsed, and bad input gets a clear error; none of it reaches the real account."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest
from support.airflow_home import AIRFLOW_VERSION, EXAMPLE_DAGS

from airflow_provider_tingting.rehearsal.environment import child_environment
from airflow_provider_tingting.rehearsal.request import RehearsalRequest

from .conftest import DAGS, tasks_of

pytestmark = [pytest.mark.timeout(600), pytest.mark.dags]

AT = "2026-12-05T09:00:00+05:45"
EXAMPLES = {
    dag_id: path
    for path in sorted(EXAMPLE_DAGS.glob("*.py"))
    for dag_id in re.findall(r'dag_id="(tingting_\w+)"', path.read_text(encoding="utf-8"))
    if "approve" not in dag_id or AIRFLOW_VERSION >= (3, 1)
}
SMALL = DAGS / "small.py"


@pytest.fixture(scope="module")
def answers(real_environment, tmp_path_factory):
    """What each rehearsal of this module gives, by name."""
    folder = tmp_path_factory.mktemp("rehearsals")
    (folder / "other.csv").write_text("number,status\n9811111111,completed\n", encoding="utf-8")
    requests = {dag_id: (RehearsalRequest(dag_id, at=AT), path) for dag_id, path in EXAMPLES.items()} | {
        "other numbers": (RehearsalRequest("small", outcomes=str(folder / "other.csv")), SMALL),
        "past schedule": (
            RehearsalRequest("small", at="2027-01-01T09:00:00+05:45", conf={"start": "2026-12-31T09:00"}),
            SMALL,
        ),
        "do-not-call list": (RehearsalRequest("small", extra={"do_not_call": ["9841000002"]}), SMALL),
    }
    orders = [
        {
            "request": request.to_json(),
            "places": [str(path)],
            "written": str(folder / f"written_{number}"),
            "environ": real_environment,
        }
        for number, (request, path) in enumerate(requests.values())
    ]
    done = subprocess.run(
        [sys.executable, "-m", "rehearsal.several"],
        env={**child_environment(real_environment, folder, EXAMPLE_DAGS), "PYTHONPATH": ":".join(sys.path)},
        input=json.dumps({"orders": orders, "result": str(folder / "result.json")}),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return dict(zip(requests, json.loads((folder / "result.json").read_text(encoding="utf-8")), strict=True))


@pytest.mark.parametrize("dag_id", sorted(EXAMPLES))
def test_an_example_is_rehearsed_without_the_real_account(answers, dag_id, real_server):
    answer = answers[dag_id]
    assert "report" in answer, answer
    report = answer["report"]

    assert real_server.received == []
    # The league table finds the asset event of the nightly reports, which were rehearsed before it in the same Airflow.
    assert report["state"] == "success"
    assert ("An asset event starts this DAG" in " ".join(report["notes"])) is (dag_id == "tingting_league_table")
    assert {call["at"][:10] for campaign in report["campaigns"] for call in campaign["calls"]} <= {"2026-12-05"}


def test_a_report_with_other_numbers_is_refused(answers):
    assert "has none of the 2 numbers that the DAG calls" in answers["other numbers"]["error"]


def test_a_schedule_that_is_past_at_the_rehearsed_moment_is_the_task_s_error(answers):
    report = answers["past schedule"]["report"]
    task = tasks_of(report)["create"]

    assert task["state"] == "failed"
    assert "past" in task["errors"][-1]
    assert report["campaigns"] == []


def test_a_do_not_call_list_of_the_connection_is_rehearsed(answers):
    (campaign,) = answers["do-not-call list"]["report"]["campaigns"]

    assert {call["number"] for call in campaign["calls"]} == {"98******01"}
