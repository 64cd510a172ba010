"""An audience that one calling window cannot take is split into campaigns that each end within one."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pytest
from support.calling_hours import AT_EIGHT, DAYTIME
from support.dag_runs import load_dag
from support.task_context import execute
from support.virtual_time import run_in_virtual_time

from airflow_provider_tingting._compat import AirflowFailException
from airflow_provider_tingting.contacts.contact import Contact
from airflow_provider_tingting.contacts.waves import read_plan, write_waves
from airflow_provider_tingting.errors import TingTingConfigError, TingTingStorageError
from airflow_provider_tingting.operators.waves import TingTingSplitAudienceOperator
from airflow_provider_tingting.task_groups.campaign import tingting_campaign

pytestmark = pytest.mark.usefixtures("tingting_conn")

MANY = [f"98412{number:05d}" for number in range(1000)]
CAMPAIGN = {"name": "Notice", "user_phone": [3], "voice": "Rija", "message": "Namaste {name}"}


@pytest.fixture
def six_in_the_evening(sandbox):
    """Two hours before the window closes."""
    with run_in_virtual_time(at=AT_EIGHT.replace(hour=18).timestamp()) as clock:
        sandbox.clock.resume(clock.time(), speed=1.0)
        yield clock


def splitting(folder, contacts=MANY, **changes):
    people = [{"number": number, "name": "Sita"} for number in contacts]
    arguments = {"message": "Namaste {name}", "calling_window": DAYTIME, "expected_pace": 1, **changes}
    return TingTingSplitAudienceOperator(task_id="split", contacts=people, path=str(folder), **arguments)


def numbers_in(wave):
    with gzip.open(wave["contacts"], "rt", encoding="utf-8") as file:
        return [json.loads(line)["number"] for line in file]


def test_the_first_wave_takes_the_rest_of_the_window_and_each_other_one_a_whole_one(
    tmp_path, six_in_the_evening, logged
):
    waves, _ = execute(splitting(tmp_path))

    # Nine tenths of the 120 and then 720 minutes of a window, at one call a minute.
    assert [len(numbers_in(wave)) for wave in waves] == [108, 648, 244]
    assert [number for wave in waves for number in numbers_in(wave)] == MANY
    assert [wave["number"] for wave in waves] == [1, 2, 3]
    assert "At 1 calls a minute 1,000 contacts take 3 waves: 108, 648, 244" in logged()


def test_a_retry_keeps_the_split(tmp_path, six_in_the_evening, logged):
    first, _ = execute(splitting(tmp_path))
    six_in_the_evening.push(3600)

    again, _ = execute(splitting(tmp_path, expected_pace=100), try_number=2)

    assert again == first
    assert "An earlier try has split the contacts into 3 waves" in logged()


def test_another_dag_run_has_a_split_of_its_own(tmp_path, six_in_the_evening):
    first, _ = execute(splitting(tmp_path))
    other, _ = execute(splitting(tmp_path), run_id="another")

    assert {Path(wave["contacts"]).parent for wave in first}.isdisjoint(Path(wave["contacts"]).parent for wave in other)


def test_runs_of_one_occasion_share_a_split_so_that_no_contact_is_in_two_waves_of_it(tmp_path, six_in_the_evening):
    first, _ = execute(splitting(tmp_path, occasion="2026 election"))
    six_in_the_evening.push(3600)

    second, _ = execute(splitting(tmp_path, occasion=["2026", "election"]), run_id="by hand")
    other, _ = execute(splitting(tmp_path, occasion="2027 election"), run_id="by hand")

    assert second == first
    # An hour later the rest of the window takes fewer contacts.
    assert (len(numbers_in(first[0])), len(numbers_in(other[0]))) == (108, 54)


def test_rows_that_are_left_out_are_written_to_rejects_path(tmp_path, six_in_the_evening):
    rejects = tmp_path / "rejects.csv"

    waves, _ = execute(splitting(tmp_path, ["98412", *MANY[:3]], on_invalid="skip", rejects_path=str(rejects)))

    assert [numbers_in(wave) for wave in waves] == [MANY[:3]]
    assert "98412" in rejects.read_text(encoding="utf-8-sig")


def test_of_two_tries_that_split_at_the_same_time_the_first_counts_and_its_files_are_left_alone(tmp_path):
    def contacts(numbers, meanwhile=lambda: None):
        meanwhile()
        yield from (Contact(number, {}) for number in numbers)

    made = []
    late = write_waves(
        tmp_path, contacts(MANY[:5], lambda: made.extend(write_waves(tmp_path, contacts(MANY[:5]), [2, 3]))), [4, 1]
    )

    assert late == made
    assert [len(numbers_in(wave)) for wave in made] == [2, 3]


def test_of_two_plans_that_are_written_at_the_same_moment_the_first_counts_for_both_tries(tmp_path, monkeypatch):
    made = []
    flush = os.fsync

    def write_another_split(descriptor):
        flush(descriptor)
        # The two waves are there, so it is the plan that is about to take its place.
        if not made and len(list(tmp_path.glob("wave_*"))) == 2:
            made.append("begun")
            made[:] = write_waves(tmp_path, (Contact(number, {}) for number in MANY[:5]), [2, 3])

    monkeypatch.setattr(os, "fsync", write_another_split)
    late = write_waves(tmp_path, (Contact(number, {}) for number in MANY[:5]), [4, 1])

    assert late == made == read_plan(tmp_path)
    assert [len(numbers_in(wave)) for wave in late] == [2, 3]


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        pytest.param(lambda plan: plan.write_text("[{"), "plan.json is damaged. Delete the folder", id="cut off"),
        pytest.param(lambda plan: plan.mkdir(), "plan.json cannot be read: Is a directory", id="a folder"),
    ],
)
def test_a_plan_that_cannot_be_read_is_an_error_that_names_it(tmp_path, spoil, says):
    spoil(tmp_path / "plan.json")

    with pytest.raises(TingTingStorageError, match=says):
        read_plan(tmp_path)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        pytest.param({"expected_pace": None}, "shows a pace.*Give expected_pace", id="no pace known"),
        pytest.param({"expected_pace": 0.01}, "fit into no calling window of the next two weeks", id="too slow"),
        pytest.param({"contacts": ["98412"]}, "too few digits", id="a bad contact"),
    ],
)
def test_contacts_that_cannot_be_split_fail_the_task_and_leave_no_split(tmp_path, six_in_the_evening, changes, says):
    with pytest.raises(AirflowFailException, match=says):
        execute(splitting(tmp_path, **changes))

    assert list(tmp_path.rglob("plan.json")) == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        pytest.param({"waves": "daily"}, "waves must be fit_window", id="no such split"),
        pytest.param({"path": None}, "waves needs path", id="no folder"),
        pytest.param({"run": None}, "needs a calling_window", id="no window"),
        pytest.param({"waves": None}, "path is for waves only", id="a folder without waves"),
        pytest.param({"campaign": {**CAMPAIGN, "occasion": "x"}}, "give occasion to tingting_campaign", id="occasion"),
        pytest.param({"campaign": {**CAMPAIGN, "schedule": "2030-01-01"}}, "all of them at one time", id="schedule"),
        pytest.param({"report": "all.csv"}, "one path for all waves", id="one report"),
        pytest.param(
            {"run": {"calling_window": DAYTIME, "wait_for_completion": False}}, "must wait for the end", id="no wait"
        ),
    ],
)
def test_waves_that_contradict_the_other_arguments_are_refused_when_the_dag_file_is_read(arguments, says):
    given = {"campaign": CAMPAIGN, "waves": "fit_window", "path": "waves", "run": {"calling_window": DAYTIME}}

    with pytest.raises(TingTingConfigError, match=says):
        tingting_campaign(audience=["9841234501"], **(given | arguments))


DAG_FILE = """
from airflow_provider_tingting.campaigns.calling_window import CallingWindow
from airflow_provider_tingting.task_groups.campaign import tingting_campaign

try:
    from airflow.sdk import DAG
except ImportError:
    from airflow import DAG

with DAG("waves", schedule=None):
    tingting_campaign(
        "notice",
        campaign={campaign!r},
        audience={people!r},
        run={{"calling_window": "00:00-24:00", "expected_pace": 60, "poll_interval": 0.1, "success_when": 0.0}},
        waves="fit_window",
        path={path!r},
        occasion="2026-W48",
    )
"""


def test_the_group_makes_a_campaign_for_each_wave(sandbox, run_dag, tmp_path):
    sandbox.clock.speed = 2000
    people = [{"number": number, "name": "Sita"} for number in MANY[:4]]
    folder = tmp_path / "dags"
    folder.mkdir()
    text = DAG_FILE.format(campaign=CAMPAIGN, people=people, path=str(tmp_path / "waves"))
    (folder / "dag.py").write_text(text, encoding="utf-8")

    first, second = (run_dag("waves", folder=folder) for _ in range(2))

    assert first.state == second.state == "success"
    assert first.xcom("notice.wave.campaign.add_contacts", map_index=0)["total"] == 4
    assert dict(sandbox.ledger.times_dialled()) == dict.fromkeys(MANY[:4], 1)
    run = load_dag("waves", folder).task_dict["notice.wave.campaign.run_campaign"]
    assert (run.one_at_a_time, run.fits_window) == (True, "wait")
