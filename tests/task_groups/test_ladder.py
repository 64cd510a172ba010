"""A ladder: each step addresses the contacts that are left, and all steps have one outcome."""

from __future__ import annotations

import csv
import json
from datetime import datetime, timedelta
from pathlib import Path
from textwrap import dedent

import pytest
from support.airflow_home import AIRFLOW_VERSION
from support.campaigns import NUMBERS, a_finished_campaign
from support.dag_runs import load_dag
from support.task_context import context_of, execute
from support.virtual_time import run_in_virtual_time

from airflow_provider_tingting._compat import AirflowFailException, AirflowSkipException
from airflow_provider_tingting.errors import TingTingConfigError
from airflow_provider_tingting.operators.ladder import TingTingCombineReportsOperator, TingTingNextStepOperator
from airflow_provider_tingting.task_groups.ladder import Step, tingting_ladder

pytestmark = pytest.mark.usefixtures("tingting_conn")

HEAD = """
from datetime import timedelta

from airflow_provider_tingting.task_groups.ladder import Step, tingting_ladder

try:
    from airflow.sdk import DAG, task_group
except ImportError:
    from airflow import DAG
    from airflow.decorators import task_group

CAMPAIGN = {"name": "Reminder", "user_phone": [3], "voice": "Rija", "message": "Hi {name}", "sms_message": "{name}"}
RUN = {"poll_interval": 0.1}
"""


@pytest.fixture
def a_dag(tmp_path):
    """Write a DAG file and return its folder."""
    folder = tmp_path / "dags"
    folder.mkdir()

    def write(body: str):
        (folder / "dag.py").write_text(HEAD + dedent(body), encoding="utf-8")
        return folder

    return write


@pytest.fixture(autouse=True)
def _fast(sandbox):
    sandbox.clock.speed = 2000


def audience(numbers=NUMBERS):
    return [{"number": number, "name": f"Sita {number[-2:]}"} for number in numbers]


def rows(path):
    with Path(path).open(encoding="utf-8", newline="") as file:
        return {row["number"]: row for row in csv.DictReader(file)}


def test_enough_reached_contacts_end_the_ladder_as_a_success(sandbox, run_dag, a_dag, tmp_path):
    for number in NUMBERS:
        sandbox.world.script_outcome(number, "failed" if number == NUMBERS[3] else "completed")
    folder = a_dag(f"""
        with DAG("ladder", schedule=None):
            tingting_ladder(
                campaign=CAMPAIGN, audience={audience()!r}, run=RUN, path={str(tmp_path)!r}, stop_when=0.75,
                steps=[Step("PHONE"), Step("PHONE"), Step("SMS")], report={str(tmp_path / "all.jsonl")!r},
            )
    """)

    run = run_dag("ladder", folder=folder)

    assert run.state == "success"
    assert run.states["ladder.next_2"] == run.states["ladder.step_3.run_campaign"] == "skipped"
    assert len(sandbox.world.campaigns) == 1
    outcome = run.xcom("ladder.outcome")
    assert (outcome["contacts"], outcome["reached"], outcome["campaign_ids"]) == (4, 3, [1])
    lines = [json.loads(line) for line in Path(outcome["path"]).read_text(encoding="utf-8").splitlines()]
    assert [line["outcome"] for line in lines].count("reached") == 3
    assert lines[0]["variables"]["name"].startswith("Sita")


def test_a_ladder_whose_steps_together_reach_too_few_fails_with_its_figures(sandbox, run_dag, a_dag, tmp_path):
    for number in NUMBERS:
        sandbox.world.script_outcome(number, "unanswered")
    folder = a_dag(f"""
        with DAG("ladder", schedule=None):
            tingting_ladder(
                campaign=CAMPAIGN, audience={audience()!r}, run=RUN, path={str(tmp_path)!r},
                steps=[Step("PHONE"), Step("PHONE")], report={str(tmp_path / "all.csv")!r},
            )
    """)

    run = run_dag("ladder", folder=folder)

    assert run.state == "failed"
    assert {task for task, state in run.states.items() if state == "failed"} == {"ladder.outcome"}
    assert run.xcom("ladder.outcome")["not_reached"] == 4
    row = rows(tmp_path / "all.csv")[NUMBERS[0]]
    assert (row["outcome"], row["tries"], row["reached_by"]) == ("not_reached", "2", "")
    assert dict(sandbox.ledger.times_dialled()) == dict.fromkeys(NUMBERS, 2)


def test_a_second_run_of_the_occasion_calls_no_contact_again(sandbox, run_dag, a_dag, tmp_path):
    sandbox.world.script_outcome(NUMBERS[0], "unanswered")
    for number in NUMBERS[1:]:
        sandbox.world.script_outcome(number, "completed")
    folder = a_dag(f"""
        with DAG("ladder", schedule=None):
            tingting_ladder(
                campaign=CAMPAIGN, audience={audience()!r}, run=RUN, path={str(tmp_path)!r}, occasion="2026-W48",
                steps=[Step("PHONE"), Step("SMS")],
            )
    """)

    first, second = (run_dag("ladder", folder=folder) for _ in range(2))

    assert first.state == second.state == "success"
    assert len(sandbox.world.campaigns) == 2
    assert dict(sandbox.ledger.times_dialled()) == dict.fromkeys(NUMBERS, 1)
    assert first.xcom("ladder.outcome") == second.xcom("ladder.outcome")


def test_a_ladder_runs_for_each_district(sandbox, run_dag, a_dag, tmp_path):
    for number in NUMBERS:
        sandbox.world.script_outcome(number, "unanswered")
    folder = a_dag(f"""
        with DAG("ladder", schedule=None):
            @task_group
            def district(people):
                tingting_ladder(
                    campaign=CAMPAIGN, audience={{"contacts": people}}, run=RUN, path={str(tmp_path)!r},
                    steps=[Step("PHONE"), Step("SMS")],
                )

            district.expand(people=[{audience(NUMBERS[:2])!r}, {audience(NUMBERS[2:])!r}])
    """)

    run = run_dag("ladder", folder=folder)

    assert run.state == "success"
    outcomes = [run.xcom("district.ladder.outcome", map_index=index) for index in range(2)]
    assert [outcome["contacts"] for outcome in outcomes] == [2, 2]
    assert len({number for outcome in outcomes for number in outcome["campaign_ids"]}) == 4
    assert dict(sandbox.ledger.times_dialled()) == dict.fromkeys(NUMBERS, 1)
    assert dict(sandbox.ledger.times_dialled(channel="sms")) == dict.fromkeys(NUMBERS, 1)


def test_rules_of_the_audience_hold_for_each_step(a_dag, tmp_path):
    folder = a_dag(
        f"""
        with DAG("ladder", schedule=None):
            tingting_ladder(
                campaign=CAMPAIGN,
                audience={{
                    "contacts": {audience()!r},
                    "exclude": ["9841000009"],
                    "frequency_cap": {{"calls": 2, "per": timedelta(days=7)}},
                }},
                steps=[Step(), Step()],
                path={str(tmp_path)!r},
            )
        """
    )

    tasks = load_dag("ladder", folder).task_dict
    steps = [tasks[f"ladder.step_{number}.{name}_contacts"] for number in (1, 2) for name in ("check", "add")]
    assert [(task.exclude, task.frequency_cap["calls"]) for task in steps] == [(["9841000009"], 2)] * 4


@pytest.mark.skipif(AIRFLOW_VERSION < (3, 1), reason="Airflow asks people from 3.1 on")
def test_an_approval_stands_before_the_first_step_only(a_dag, tmp_path):
    folder = a_dag("""
        with DAG("ladder", schedule=None):
            tingting_ladder(
                campaign=CAMPAIGN, audience=["9841234501"], path="left", approval=True,
                steps=[Step("PHONE"), Step("PHONE", after=timedelta(hours=4), window=("10:00", "12:00"))],
            )
    """)

    tasks = load_dag("ladder", folder).task_dict

    assert [name for name in tasks if name.endswith(".approve")] == ["ladder.step_1.approve"]
    assert tasks["ladder.step_2.run_campaign"].calling_window == ("10:00", "12:00")
    assert tasks["ladder.next_2"].after == timedelta(hours=4)
    assert tasks["ladder.outcome"].trigger_rule == "none_failed"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        pytest.param({"steps": []}, "steps must be a list of at least one Step", id="no steps"),
        pytest.param({"steps": ["PHONE"]}, r"steps\[0\] must be a Step", id="a text"),
        pytest.param({"steps": [Step("FAX")]}, r"steps\[0\]: services must be one of", id="no such service"),
        pytest.param({"steps": [Step("PHONE"), Step("SMS")]}, r"steps\[1\] sends SMS, and neither", id="no text"),
        pytest.param({"steps": [Step(after=3600)]}, "no step before the first", id="after nothing"),
        pytest.param({"steps": [Step(), Step(after=-1)]}, r"steps\[1\]: after must be", id="back in time"),
        pytest.param({"steps": [Step(window=("8", "9"))]}, "calling window opens", id="no window"),
        pytest.param(
            {"steps": [Step(window=("08:00", "20:00"), run={"calling_window": None})]}, "both window", id="two windows"
        ),
        pytest.param({"steps": [Step(run={"not_before": "2026-12-01"})]}, "made of after", id="not_before"),
        pytest.param({"run": {"wait_for_completion": False}}, "must wait for the end", id="no wait"),
        pytest.param({"run": {"keep_report": "kept"}}, "leave keep_report off", id="kept report"),
        pytest.param({"steps": [Step(campaign={"occasion": "x"})]}, "give occasion to", id="occasion of a step"),
        pytest.param({"max_tries": 1}, "max_tries is 1 and there are 2 steps", id="too few tries"),
        pytest.param({"max_tries": 0}, "at least 1", id="no tries"),
        pytest.param({"stop_when": 95}, "share of contacts above 0 and up to 1; it is 95", id="percent"),
        pytest.param({"minimum_contacts": 0}, "minimum_contacts must be", id="no minimum"),
        pytest.param({"path": " "}, "path is empty", id="no folder"),
        pytest.param({"campaign": {}}, "campaign must be", id="no campaign"),
    ],
)
def test_steps_that_are_empty_or_contradict_each_other_are_refused_when_the_dag_file_is_read(arguments, says):
    given = {
        "campaign": {"name": "Reminder", "user_phone": [3], "message": "Namaste"},
        "audience": ["9841234501"],
        "steps": [Step(), Step()],
        "path": "left",
    }

    with pytest.raises(TingTingConfigError, match=says):
        tingting_ladder(**(given | arguments))


# -- the operators of a ladder ---------------------------------------------------------------------------------------


def test_the_next_step_may_start_some_time_after_the_decision(sandbox, tmp_path):
    campaign = a_finished_campaign(sandbox)
    path = tmp_path / "left.csv"
    operator = TingTingNextStepOperator(task_id="next", campaign_id=campaign, path=str(path), after=timedelta(hours=4))

    with run_in_virtual_time() as clock:
        result, xcoms = execute(operator)
        later = datetime.fromisoformat(result["not_before"]).timestamp() - clock.time()

    assert 4 * 3600 - 60 < later <= 4 * 3600
    assert xcoms["not_before"] == result["not_before"]
    assert result["contacts"] == len(rows(path)) == 2


@pytest.mark.parametrize(
    "runs",
    [
        pytest.param([], id="none"),
        pytest.param([None], id="skipped"),
        pytest.param([{"campaign_id": 1}], id="unwaited"),
    ],
)
def test_stop_when_without_the_figures_of_the_runs_is_refused(sandbox, tmp_path, runs):
    operator = TingTingNextStepOperator(
        task_id="next", campaign_id=1, path=str(tmp_path / "left.csv"), stop_when=0.5, runs=runs
    )

    with pytest.raises(AirflowFailException, match="stop_when needs runs"):
        execute(operator)

    assert sandbox.requests == ()


def test_the_shares_of_several_runs_are_added(tmp_path):
    runs = [{"reached": 60, "not_reached": 40, "pending": 0}, {"reached": 35, "not_reached": 5, "pending": 0}]
    operator = TingTingNextStepOperator(
        task_id="next", campaign_id=1, path=str(tmp_path / "left.csv"), stop_when=0.95, runs=runs
    )

    with pytest.raises(AirflowSkipException, match=r"95 of 100 contacts \(95 %\) were reached"):
        execute(operator)


def test_a_report_of_several_campaigns_counts_each_contact_once(sandbox, tmp_path):
    first = a_finished_campaign(sandbox, outcomes=("completed", "hungup", "unanswered", "failed"))
    second = a_finished_campaign(sandbox, numbers=NUMBERS[2:], outcomes=("completed", "unanswered"))
    path = tmp_path / "all.csv"
    operator = TingTingCombineReportsOperator(
        task_id="outcome", campaign_ids=[{"campaign_id": first}, str(second), None], path=str(path)
    )

    result, xcoms = execute(operator)

    assert {name: result[name] for name in ("contacts", "reached", "not_reached", "pending", "reach_rate")} == {
        "contacts": 4,
        "reached": 3,
        "not_reached": 1,
        "pending": 0,
        "reach_rate": 0.75,
    }
    assert result["credits"] > 0
    assert xcoms["reached"] == 3
    assert {number: (row["outcome"], row["reached_by"]) for number, row in rows(path).items()} == {
        NUMBERS[0]: ("reached", "1"),
        NUMBERS[1]: ("reached", "1"),
        NUMBERS[2]: ("reached", "2"),
        NUMBERS[3]: ("not_reached", ""),
    }


def test_a_campaign_that_two_tasks_of_an_occasion_return_counts_once(sandbox, tmp_path):
    campaign = a_finished_campaign(sandbox, outcomes=("completed", "hungup", "unanswered", "failed"))
    path = tmp_path / "all.csv"
    once, _ = execute(TingTingCombineReportsOperator(task_id="outcome", campaign_ids=[campaign]))

    twice, _ = execute(
        TingTingCombineReportsOperator(
            task_id="outcome", campaign_ids=[{"campaign_id": campaign}, str(campaign)], path=str(path)
        )
    )

    assert twice == {**once, "path": str(path)}
    assert once["credits"] > 0
    assert {row["tries"] for row in rows(path).values()} == {"1"}


@pytest.mark.parametrize(
    ("campaign_ids", "error", "says"),
    [
        pytest.param([None, None], AirflowSkipException, "No campaign was run", id="all skipped"),
        pytest.param([], AirflowSkipException, "No campaign was run", id="none"),
        pytest.param("12", AirflowFailException, "must be a list of campaigns", id="a text"),
        pytest.param(["Reminder"], AirflowFailException, "campaign_ids must be the id", id="a name"),
    ],
)
def test_what_is_no_list_of_campaigns_is_refused_before_the_first_request(sandbox, campaign_ids, error, says):
    operator = TingTingCombineReportsOperator(task_id="outcome", campaign_ids="{{ params.campaigns }}")
    operator.campaign_ids = campaign_ids

    with pytest.raises(error, match=says):
        operator.execute(context_of(operator))

    assert sandbox.requests == ()
