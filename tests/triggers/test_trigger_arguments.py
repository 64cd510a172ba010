"""A wrong argument is an error that names it, when the DAG is parsed or before the first request."""

from __future__ import annotations

import asyncio

import pytest

from airflow_provider_tingting.errors import TingTingConfigError
from airflow_provider_tingting.sensors.campaign import TingTingCampaignSensor
from airflow_provider_tingting.task_groups.campaign import tingting_campaign
from airflow_provider_tingting.triggers.campaign import TingTingCampaignTrigger
from airflow_provider_tingting.triggers.finished import TingTingCampaignFinishedTrigger
from airflow_provider_tingting.triggers.start import TingTingStartTrigger

NAN, INF = float("nan"), float("inf")
NO_SECONDS = [0, -1, None, "soon", NAN, INF, True, [30], b"30"]
NO_MOMENT = ["soon", NAN, INF, True, [30]]
NO_STATUSES = [7, True, [], [7], ["Finished"], {"Completed": 1}, b"Completed"]


def cases(table):
    return [
        pytest.param(name, value, id=f"{name}-{number}")
        for name, values in table.items()
        for number, value in enumerate(values)
    ]


WATCHING = {"poll_interval": NO_SECONDS, "statuses": [*NO_STATUSES, ["Running"]], "name_pattern": [None, 7, ["*"]]}


@pytest.mark.parametrize(("name", "value"), cases(WATCHING))
def test_a_trigger_of_an_asset_is_refused_when_the_dag_is_parsed(name, value):
    with pytest.raises(TingTingConfigError, match=name):
        TingTingCampaignFinishedTrigger(**{name: value})


WAITING = {
    "campaign_id": [0, -1, None, "soon", NAN, True, [7]],
    "poll_interval": NO_SECONDS,
    "tolerate_outage": [-1, None, "soon", NAN, INF, True],
    "deadline": NO_MOMENT,
    "starts_by": NO_MOMENT,
}
STARTING = {
    "campaign_id": WAITING["campaign_id"],
    "poll_interval": NO_SECONDS,
    "tolerate_outage": WAITING["tolerate_outage"],
    "deadline": NO_MOMENT,
    "not_before": NO_MOMENT,
}


@pytest.mark.parametrize(
    ("trigger", "name", "value"),
    [
        pytest.param(trigger, *case.values, id=f"{trigger.__name__}-{case.id}")
        for trigger, table in ((TingTingCampaignTrigger, WAITING), (TingTingStartTrigger, STARTING))
        for case in cases(table)
    ],
)
def test_a_trigger_of_a_deferral_ends_with_the_error_before_its_first_request(
    sandbox, tingting_conn, trigger, name, value
):
    async def events():
        return [event async for event in trigger(**{"campaign_id": 7, name: value}).run()]

    with pytest.raises(TingTingConfigError, match=name):
        asyncio.run(asyncio.wait_for(events(), 10))

    assert sandbox.requests == ()


SENSING = {
    "campaign_id": [0, -1, None, NAN, True, [7], b"7"],
    "target_statuses": [*NO_STATUSES, None],
    "failed_statuses": [7, [7], ["Finished"], None],
    "deferrable": ["yes", None, 1],
    "tolerate_outage": [-1, None, "soon", NAN, True],
    "tingting_conn_id": [None, 7],
}


@pytest.mark.parametrize(("name", "value"), cases(SENSING))
def test_a_sensor_is_refused_when_the_dag_is_parsed(name, value):
    with pytest.raises(TingTingConfigError, match=name):
        TingTingCampaignSensor(**{"task_id": "wait", "campaign_id": 7, name: value})


@pytest.mark.parametrize(
    "arguments",
    [
        {"campaign_id": "{{ ti.xcom_pull('create') }}"},
        {"campaign_id": "7"},
        {"target_statuses": "{{ params.statuses }}"},
        {"target_statuses": ["Completed", "{{ params.also }}"], "failed_statuses": []},
        {"target_statuses": "Running"},
    ],
    ids=["template", "text", "template of statuses", "template among statuses", "one status"],
)
def test_a_sensor_that_a_template_fills_is_accepted(arguments):
    TingTingCampaignSensor(**{"task_id": "wait", "campaign_id": 7, **arguments})


GROUPING = {
    "campaign": [None, "Water notice", 7, ["name"]],
    "run": ["now", 7, True, ["poll_interval"]],
    "report": [7, True, ["report.csv"]],
    "approval": ["yes", None, 1, ["subject"]],
}


@pytest.mark.parametrize(("name", "value"), cases(GROUPING))
def test_a_task_group_is_refused_when_the_dag_is_parsed(name, value):
    with pytest.raises(TingTingConfigError, match=name):
        tingting_campaign(**{"campaign": {}, "audience": "people.csv", name: value})
