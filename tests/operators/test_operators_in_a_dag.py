"""What only Airflow itself can show: templates, values of other tasks, mapping, deferral and the link."""

from __future__ import annotations

import csv
from pathlib import Path
from textwrap import dedent

import pytest

WARDS = {"Ward 7": ["9841234501", "9841234502"], "Ward 8": ["9801234503"], "Ward 9": ["9861234504", "9861234505"]}

DAG_FILE = """
from airflow_provider_tingting.operators.campaign import (
    TingTingCreateCampaignOperator, TingTingRunCampaignOperator,
)
from airflow_provider_tingting.operators.contacts import TingTingAddContactsOperator
from airflow_provider_tingting.operators.preview import TingTingPreviewVoiceOperator
from airflow_provider_tingting.operators.report import TingTingDownloadReportOperator

try:
    from airflow.sdk import DAG, task
except ImportError:
    from airflow import DAG
    from airflow.decorators import task

with DAG(
    "wards", schedule=None, params={"wards": {}, "hour": "", "reports": ""}, render_template_as_native_obj=True
) as dag:

    @task
    def specifications(params=None):
        return [
            {"name": ward, "message": f"{ward}: {{name}} jyu, {{time}}" + " {{ params.hour }}"}
            for ward in params["wards"]
        ]

    @task
    def audiences(params=None):
        return [
            [{"number": number, "name": "Sita", "time": "10"} for number in numbers]
            for numbers in params["wards"].values()
        ]

    create = TingTingCreateCampaignOperator.partial(
        task_id="create", user_phone="{{ [3] }}", voice="{{ 'Binod' }}", description="Run {{ run_id }}",
        services="{{ 'SMS & PHONE' }}", sms_message="{name}: {{ params.hour }}",
    ).expand_kwargs(specifications())

    pairs = create.output.zip(audiences())

    add = TingTingAddContactsOperator.partial(task_id="add").expand_kwargs(
        pairs.map(lambda pair: {"campaign_id": pair[0], "contacts": pair[1]})
    )

    run = TingTingRunCampaignOperator.partial(task_id="run", deferrable=True, poll_interval=0.1).expand(
        campaign_id=create.output
    )

    report = TingTingDownloadReportOperator.partial(
        task_id="report", path="{{ params.reports }}/{{ ti.map_index }}.csv"
    ).expand(campaign_id=create.output)

    by_text = TingTingPreviewVoiceOperator(
        task_id="by_text",
        campaign_id="{{ ti.xcom_pull(task_ids='create', key='campaign_id', map_indexes=0) }}",
        message="{{ params.hour }}",
    )

    create >> add >> run >> report
    create >> by_text
"""


@pytest.fixture
def finished(sandbox, tingting_conn, run_dag, tmp_path):
    sandbox.clock.speed = 1000
    for numbers in WARDS.values():
        for number in numbers:
            sandbox.world.script_outcome(number, "completed")
    (tmp_path / "wards.py").write_text(dedent(DAG_FILE), encoding="utf-8")
    conf = {"wards": WARDS, "hour": "10 baje", "reports": str(tmp_path / "reports")}
    return run_dag("wards", folder=tmp_path, conf=conf)


def test_a_mapped_campaign_is_created_run_and_reported(finished, sandbox, tmp_path):
    assert finished.state == "success", finished.states
    assert len(sandbox.world.campaigns) == len(WARDS)
    for index, (ward, numbers) in enumerate(WARDS.items()):
        campaign = sandbox.world.campaigns[finished.xcom("create", map_index=index)]
        assert campaign.name == ward
        assert campaign.message == f"{ward}: {{name}} jyu, {{time}} 10 baje"
        assert campaign.sms_message == "{name}: 10 baje"
        assert campaign.services == "SMS & PHONE"
        assert (campaign.voice, campaign.user_phone) == (4, [3])
        assert campaign.description.endswith(f"] Run {finished.run_id}")
        assert set(campaign.numbers) == set(numbers)
        assert finished.xcom("add", map_index=index)["created"] == len(numbers)
        assert finished.xcom("run", map_index=index)["reached"] == len(numbers)
        with (tmp_path / "reports" / f"{index}.csv").open(encoding="utf-8", newline="") as file:
            assert {row["number"] for row in csv.DictReader(file)} == set(numbers)
        link = f"{sandbox.root_url}#campaign-{campaign.id}"
        assert finished.xcom("run", key="tingting_campaign_link", map_index=index) == link
    all_numbers = [number for numbers in WARDS.values() for number in numbers]
    assert dict(sandbox.ledger.times_dialled()) == dict.fromkeys(all_numbers, 1)
    assert dict(sandbox.ledger.times_dialled(channel="sms")) == dict.fromkeys(all_numbers, 1)
    assert finished.xcom("by_text")["campaign_id"] == finished.xcom("create", map_index=0)
    assert Path(finished.xcom("report", map_index=2)["path"]) == tmp_path / "reports" / "2.csv"
