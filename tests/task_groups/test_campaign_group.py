"""A whole campaign by one call: its tasks, in their order, with what each is given."""

from __future__ import annotations

from textwrap import dedent

import pytest
from support.airflow_home import AIRFLOW_VERSION
from support.campaigns import NUMBERS, a_campaign, reads
from support.dag_runs import load_dag
from support.task_context import execute

from airflow_provider_tingting._compat import AirflowSkipException
from airflow_provider_tingting.operators.campaign import TingTingDeleteCampaignOperator

pytestmark = pytest.mark.usefixtures("tingting_conn")

HEAD = """
from airflow_provider_tingting.task_groups.campaign import tingting_campaign

try:
    from airflow.sdk import DAG, task
except ImportError:
    from airflow import DAG
    from airflow.decorators import task

CAMPAIGN = {"name": "Water notice", "user_phone": [3], "voice": "Rija", "message": "नमस्कार {name} जी"}
"""


@pytest.fixture
def a_dag(tmp_path):
    """Write a DAG file and return its folder."""

    def write(body: str):
        (tmp_path / "dag.py").write_text(HEAD + dedent(body), encoding="utf-8")
        return tmp_path

    return write


@pytest.fixture(autouse=True)
def _fast(sandbox):
    sandbox.clock.speed = 2000


def test_a_campaign_in_one_block_calls_each_contact_once_and_downloads_the_report(sandbox, run_dag, a_dag, tmp_path):
    folder = a_dag(f"""
        with DAG("notice", schedule=None):
            tingting_campaign(
                "water",
                campaign=CAMPAIGN,
                audience={{"contacts": {list(NUMBERS)!r}, "constants": {{"name": "Sita"}}, "batch_size": 2}},
                run={{"poll_interval": 0.1, "success_when": 0.0}},
                report={str(tmp_path / "report.csv")!r},
            )
    """)

    run = run_dag("notice", folder=folder)

    order = ["create_campaign", "check_contacts", "add_contacts", "run_campaign", "download_report"]
    assert run.states == {f"water.{task}": "success" for task in order}
    assert run.xcom("water.check_contacts")["valid"] == run.xcom("water.add_contacts")["created"] == len(NUMBERS)
    assert run.xcom("water.download_report")["rows"] == len(NUMBERS)
    assert dict(sandbox.ledger.times_dialled()) == dict.fromkeys(NUMBERS, 1)
    tasks = load_dag("notice", folder).task_dict
    assert [sorted(tasks[f"water.{task}"].downstream_task_ids) for task in order[1:]] == [
        ["water.add_contacts"],
        ["water.run_campaign"],
        ["water.download_report"],
        [],
    ]


@pytest.mark.parametrize(
    ("outcome", "downloads"), [("completed", 1), ("failed", 2)], ids=["the run keeps it", "the run fails"]
)
def test_a_report_that_the_run_keeps_is_downloaded_once(sandbox, run_dag, a_dag, tmp_path, outcome, downloads):
    for number in NUMBERS:
        sandbox.world.script_outcome(number, outcome)
    folder = a_dag(f"""
        with DAG("notice", schedule=None):
            tingting_campaign(
                "water",
                campaign=CAMPAIGN,
                audience={{"contacts": {list(NUMBERS)!r}, "constants": {{"name": "Sita"}}}},
                run={{"poll_interval": 0.1, "keep_report": {str(tmp_path / "kept" / "{{ run_id }}.report")!r}}},
                report={{"path": {str(tmp_path / "report.csv")!r}, "download_on_failure": True}},
            )
    """)

    run = run_dag("notice", folder=folder)

    assert reads(sandbox, "download_campaign_report") == downloads
    assert run.xcom("water.download_report")["rows"] == len(NUMBERS)
    assert [path for path in (tmp_path / "kept").rglob("*") if path.is_file()] == []


def test_the_audience_may_be_what_a_function_yields(sandbox, run_dag, a_dag, tmp_path):
    folder = a_dag(f"""
        with DAG("notice", schedule=None):
            @task.tingting_audience(path={str(tmp_path / "people.jsonl.gz")!r})
            def households():
                for number in {list(NUMBERS)!r}:
                    yield {{"number": number, "name": "Sita"}}

            tingting_campaign(campaign=CAMPAIGN, audience=households(), run={{"success_when": 0.0}})
    """)

    run = run_dag("notice", folder=folder)

    assert run.state == "success"
    assert dict(sandbox.ledger.times_dialled()) == dict.fromkeys(NUMBERS, 1)


def test_a_bad_contact_stops_it_at_the_check_and_no_contact_is_called(sandbox, run_dag, a_dag):
    folder = a_dag(f"""
        with DAG("notice", schedule=None):
            people = [{{"number": number, "name": "Sita"}} for number in {[*NUMBERS, "98412"]!r}]
            tingting_campaign(campaign=CAMPAIGN, audience=people)
    """)

    run = run_dag("notice", folder=folder)

    assert run.states["campaign.check_contacts"] == "failed"
    assert run.states["campaign.run_campaign"] == "upstream_failed"
    assert not sandbox.ledger.dialled


@pytest.mark.skipif(AIRFLOW_VERSION < (3, 1), reason="Airflow asks people from 3.1 on")
def test_an_approval_stands_between_adding_and_running(a_dag):
    folder = a_dag("""
        with DAG("notice", schedule=None):
            tingting_campaign(campaign=CAMPAIGN, audience=["9841234501"], approval={"subject": "Now?"}, report="r.csv")
    """)

    tasks = load_dag("notice", folder).task_dict

    assert tasks["campaign.approve"].subject == "Now?"
    after = {name.partition(".")[2]: sorted(task.downstream_task_ids) for name, task in tasks.items()}
    assert after["add_contacts"] == ["campaign.preview_voice"]
    assert after["preview_voice"] == ["campaign.approve"]
    assert after["approve"] == ["campaign.run_campaign"]
    assert after["run_campaign"] == ["campaign.delete_rejected", "campaign.download_report"]
    # What fails before the last task must not end as a success of the DAG run.
    assert tasks["campaign.delete_rejected"].trigger_rule == "none_failed"


@pytest.mark.skipif(AIRFLOW_VERSION < (3, 1), reason="Airflow asks people from 3.1 on")
def test_a_second_decision_never_deletes_a_campaign_that_was_run(sandbox, a_dag):
    folder = a_dag("""
        with DAG("notice", schedule=None):
            tingting_campaign(campaign=CAMPAIGN, audience=["9841234501"], approval=True)
    """)
    delete = load_dag("notice", folder).task_dict["campaign.delete_rejected"]
    delete.campaign_id = a_campaign(sandbox)
    sandbox.world.run_campaign(delete.campaign_id)

    with pytest.raises(AirflowSkipException, match="it was run, so it is not deleted"):
        execute(delete)

    assert delete.campaign_id in sandbox.world.campaigns


def test_a_report_on_failure_is_not_downloaded_for_a_campaign_whose_run_was_skipped(sandbox, run_dag, a_dag, tmp_path):
    folder = a_dag(f"""
        from airflow_provider_tingting._compat import AirflowSkipException

        def skip(_):
            raise AirflowSkipException("as after a rejection")

        with DAG("notice", schedule=None):
            tingting_campaign(
                "water",
                campaign=CAMPAIGN,
                audience={{"contacts": {list(NUMBERS)!r}, "constants": {{"name": "Sita"}}}},
                run={{"pre_execute": skip}},
                report={{"path": {str(tmp_path / "report.csv")!r}, "download_on_failure": True}},
            )
    """)

    run = run_dag("notice", folder=folder)

    assert (run.states["water.run_campaign"], run.states["water.download_report"]) == ("skipped", "skipped")


@pytest.mark.skipif(AIRFLOW_VERSION >= (3, 1), reason="Airflow asks people from 3.1 on")
def test_an_approval_that_airflow_does_not_have_is_refused_when_the_dag_is_read(a_dag):
    folder = a_dag("""
        with DAG("notice", schedule=None):
            tingting_campaign(campaign=CAMPAIGN, audience=["9841234501"], approval=True)
    """)

    with pytest.raises(AssertionError, match=r"approval needs Airflow 3\.1"):
        load_dag("notice", folder)


@pytest.mark.parametrize("nothing", [None, "", "None"])
def test_with_nothing_to_delete_the_deletion_is_skipped(sandbox, nothing):
    with pytest.raises(AirflowSkipException, match="no campaign to delete"):
        execute(TingTingDeleteCampaignOperator(task_id="delete", campaign_id=nothing, missing_ok=True))

    assert sandbox.requests == ()
