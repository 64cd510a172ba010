"""The link from a task to its campaign's page, as Airflow's own web page finds it."""

from __future__ import annotations

import pytest
from support.airflow_home import AIRFLOW_VERSION
from support.campaigns import a_campaign, connection
from support.dag_runs import load_dag
from support.task_context import execute

from airflow_provider_tingting.operators.campaign import TingTingRunCampaignOperator
from airflow_provider_tingting.sensors.campaign import TingTingCampaignSensor

DAG_FILE = """
from airflow_provider_tingting.operators.campaign import TingTingRunCampaignOperator
from airflow_provider_tingting.sensors.campaign import TingTingCampaignSensor

try:
    from airflow.sdk import DAG
except ImportError:
    from airflow.models import DAG

with DAG("linked", schedule=None, params={"campaign": None}) as dag:
    shared = {"campaign_id": "{{ params.campaign }}", "trigger_rule": "all_done"}
    run = TingTingRunCampaignOperator(task_id="fails", poll_interval=0.1, deferrable=True, **shared)
    wait = TingTingCampaignSensor(task_id="waits", poke_interval=0.1, **shared)
    no_link = TingTingCampaignSensor(task_id="no_link", poke_interval=0.1, tingting_conn_id="plain", **shared)
    run >> wait >> no_link
"""


def link_of(run, folder, task_id):
    """What the web page asks for: the worker's XCom from Airflow 3 on, the operator's own link before."""
    if AIRFLOW_VERSION >= (3, 0):
        return run.xcom(task_id, key="_link_TingTingCampaignLink") or ""
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session

    with create_session() as session:
        ti = session.query(TaskInstance).filter_by(dag_id=run.dag_id, run_id=run.run_id, task_id=task_id).one()
        return load_dag("linked", folder).get_task(task_id).get_extra_links(ti, "TingTing campaign")


@pytest.mark.usefixtures("tingting_conn")
def test_a_task_links_to_its_campaign_whatever_its_outcome(sandbox, monkeypatch, tmp_path, run_dag):
    monkeypatch.setenv("AIRFLOW_CONN_PLAIN", connection(sandbox, campaign_url=None))
    (tmp_path / "linked.py").write_text(DAG_FILE, encoding="utf-8")
    sandbox.clock.speed = 1000
    campaign = a_campaign(sandbox, outcome="unanswered")

    run = run_dag("linked", folder=tmp_path, conf={"campaign": campaign})

    assert run.states == {"fails": "failed", "waits": "success", "no_link": "success"}
    page = f"{sandbox.root_url}#campaign-{campaign}"
    assert link_of(run, tmp_path, "fails") == page
    assert link_of(run, tmp_path, "waits") == page
    assert not link_of(run, tmp_path, "no_link")


@pytest.mark.parametrize("operator", [TingTingRunCampaignOperator, TingTingCampaignSensor])
def test_the_address_is_left_before_anything_can_fail(sandbox, monkeypatch, operator):
    template = "https://tingting.example/c/{campaign_id}/edit?id={campaign_id}"
    monkeypatch.setenv("AIRFLOW_CONN_TINGTING_DEFAULT", connection(sandbox, campaign_url=template, max_retries=0))
    sandbox.faults.add("500", times="*")
    task = operator(task_id="wait", campaign_id=7, tolerate_outage=0)
    xcoms = {}
    monkeypatch.setattr(
        "support.task_context.FakeTaskInstance.xcom_push", lambda _, key, value: xcoms.update({key: value})
    )

    with pytest.raises(Exception, match="500"):
        execute(task)

    assert xcoms["tingting_campaign_link"] == "https://tingting.example/c/7/edit?id=7"
