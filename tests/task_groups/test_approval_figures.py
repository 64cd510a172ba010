"""What a person reads who is asked for approval: the campaign's own count, and not what a check has read before."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from support.airflow_home import AIRFLOW_VERSION
from support.campaigns import a_campaign
from support.dag_runs import load_dag
from support.task_context import execute

from airflow_provider_tingting.api import calls
from airflow_provider_tingting.hooks.tingting import TingTingHook
from airflow_provider_tingting.operators.contacts import TingTingAddContactsOperator, TingTingCheckContactsOperator

pytestmark = [
    pytest.mark.usefixtures("tingting_conn"),
    pytest.mark.skipif(AIRFLOW_VERSION < (3, 1), reason="Airflow asks people from 3.1 on"),
]

EXAMPLES = Path(__file__).parents[2] / "example_dags"
A_GROUP = """
from airflow.sdk import DAG
from airflow_provider_tingting.task_groups.campaign import tingting_campaign

with DAG("notice", schedule=None):
    tingting_campaign(
        campaign={"name": "Notice", "user_phone": [3], "message": "Hello", "voice": "Rija"},
        audience=["9841234501"],
        approval=True,
    )
"""


def without_count(added):
    return {**added, "in_campaign": None}


def of_before_the_update(added):
    return {name: value for name, value in added.items() if name != "in_campaign"}


def question_of(dag, prefix, left):
    """Return the text that the task `approve` shows, with these XComs."""
    ti = SimpleNamespace(map_index=-1, xcom_pull=lambda task_ids, **_: left[task_ids])
    approve = dag.task_dict[f"{prefix}approve"]
    return approve.render_template(approve.body, {"ti": ti})


@pytest.mark.parametrize(("left_by_add", "shown"), [(dict, 5), (without_count, 1), (of_before_the_update, 1)])
@pytest.mark.parametrize("example", [True, False], ids=["the example", "the task group"])
def test_the_question_names_all_contacts_that_would_be_called(sandbox, tmp_path, example, left_by_add, shown):
    (tmp_path / "dag.py").write_text(A_GROUP, encoding="utf-8")
    dag = load_dag("tingting_approve_before_running", EXAMPLES) if example else load_dag("notice", tmp_path)
    prefix = "" if example else "campaign."
    # Four people of an earlier try are in it, who are not in the source any more.
    campaign = a_campaign(sandbox)
    people = {"campaign_id": campaign, "contacts": [{"number": "9851234509", "name": "Gita"}]}
    left = {
        f"{prefix}create_campaign": campaign,
        f"{prefix}check_contacts": execute(TingTingCheckContactsOperator(task_id="check", **people))[0],
        f"{prefix}add_contacts": left_by_add(execute(TingTingAddContactsOperator(task_id="add", **people))[0]),
        f"{prefix}preview_voice": "http://127.0.0.1/preview.mp3",
    }

    question = question_of(dag, prefix, left)

    assert "was run before" not in question
    left_out = "| Left out | invalid 0, duplicates 0, excluded 0, on the do-not-call list 0, over the frequency cap 0 |"
    assert example or left_out in question
    assert (f"**{shown}** households would be called" if example else f"| Contacts | {shown} |") in question


def test_the_question_about_a_campaign_that_was_run_says_that_no_contact_is_called_again(sandbox, tmp_path):
    (tmp_path / "dag.py").write_text(A_GROUP, encoding="utf-8")
    campaign = a_campaign(sandbox, ["9841234501"])
    with TingTingHook().get_conn() as client:
        client.send(calls.run_campaign(campaign))
    audience = {"campaign_id": campaign, "contacts": [{"number": "9841234501", "name": "Gita"}]}
    left = {
        "campaign.create_campaign": campaign,
        "campaign.check_contacts": execute(TingTingCheckContactsOperator(task_id="check", **audience))[0],
        "campaign.add_contacts": execute(TingTingAddContactsOperator(task_id="add", **audience))[0],
        "campaign.preview_voice": "http://127.0.0.1/preview.mp3",
    }

    question = question_of(load_dag("notice", tmp_path), "campaign.", left)

    assert "This campaign was run before. If you approve, no contact is called again" in question
    assert question.index("was run before") < question.index("| Contacts | 1 |")
