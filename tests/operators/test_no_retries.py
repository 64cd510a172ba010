"""A task that changes something at TingTing warns, in the line of the DAG file that makes it, if it has no retries."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import pytest

from airflow_provider_tingting.errors import TingTingNoRetriesWarning
from airflow_provider_tingting.operators.campaign import TingTingCreateCampaignOperator, TingTingRunCampaignOperator
from airflow_provider_tingting.operators.report import TingTingDownloadReportOperator
from airflow_provider_tingting.task_groups.campaign import tingting_campaign

try:
    from airflow.sdk import DAG
except ImportError:  # Airflow 2
    from airflow import DAG

START = datetime(2026, 1, 1, tzinfo=timezone.utc)


def a_dag(**default_args: Any) -> DAG:
    return DAG("campaigns", schedule=None, start_date=START, default_args=default_args)


def run(**arguments: Any) -> object:
    return TingTingRunCampaignOperator(task_id="run", campaign_id=79, **arguments)


def run_mapped(**arguments: Any) -> object:
    return TingTingRunCampaignOperator.partial(task_id="run", **arguments).expand(campaign_id=[79, 80])


MADE = pytest.mark.parametrize("make", [run, run_mapped], ids=["one task", "mapped tasks"])


@MADE
def test_a_task_without_retries_warns_at_its_line(make: Callable[..., object]) -> None:
    with a_dag(), pytest.warns(TingTingNoRetriesWarning, match="'run'") as warned:
        make()

    assert [each.filename for each in warned] == [__file__]


@MADE
def test_retries_of_the_task_or_of_its_dag_are_enough(make: Callable[..., object]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", TingTingNoRetriesWarning)
        with a_dag():
            make(retries=2)
        with a_dag(retries=1):
            make()


@MADE
def test_no_retries_may_be_meant(make: Callable[..., object]) -> None:
    with warnings.catch_warnings(), a_dag():
        warnings.simplefilter("error", TingTingNoRetriesWarning)
        make(retries=0)


def test_a_task_that_only_reads_does_not_warn() -> None:
    with warnings.catch_warnings(), a_dag():
        warnings.simplefilter("error", TingTingNoRetriesWarning)
        TingTingDownloadReportOperator(task_id="report", campaign_id=79, path="report.csv")


def test_the_tasks_of_a_group_warn_where_the_group_is_made() -> None:
    campaign = {"name": "Water", "user_phone": [3], "voice": "Rija", "message": "नमस्कार"}
    with a_dag(), pytest.warns(TingTingNoRetriesWarning) as warned:
        tingting_campaign(campaign=campaign, audience=["9841234501"], run={"deferrable": False})

    assert len(warned) == 3
    assert {each.filename for each in warned} == {__file__}


def test_every_subclass_of_a_user_warns_once() -> None:
    class Create(TingTingCreateCampaignOperator):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)

    with a_dag(), pytest.warns(TingTingNoRetriesWarning) as warned:
        Create(task_id="create", name="Water", user_phone=[3], voice="Rija", message="नमस्कार")

    assert len(warned) == 1
