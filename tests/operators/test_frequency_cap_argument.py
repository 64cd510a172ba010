"""What `frequency_cap` takes, and that the task group gives it to both of its tasks."""

from __future__ import annotations

from datetime import timedelta

import pytest
from support.campaigns import NUMBERS

from airflow_provider_tingting.errors import TingTingConfigError
from airflow_provider_tingting.operators.contacts import TingTingAddContactsOperator
from airflow_provider_tingting.task_groups.campaign import tingting_campaign

try:
    from airflow.sdk import DAG
except ImportError:  # Airflow 2
    from airflow import DAG

WEEK = {"calls": 2, "per": timedelta(days=7)}
REMINDER = {**WEEK, "purpose": "reminder"}

CAPS = {
    "no period": ({"calls": 2}, "frequency_cap must be a dict of calls, per"),
    "another key": ({**WEEK, "reason": "x"}, "frequency_cap must be a dict of calls, per"),
    "a number": (2, "frequency_cap must be a dict"),
    "no calls": ({**WEEK, "calls": 0}, r"frequency_cap\['calls'\]"),
    "a boolean": ({**WEEK, "calls": True}, r"frequency_cap\['calls'\]"),
    "a text": ({**WEEK, "calls": "2"}, r"frequency_cap\['calls'\]"),
    "no time": ({**WEEK, "per": timedelta(0)}, r"frequency_cap\['per'\]"),
    "a period in words": ({**WEEK, "per": "7 days"}, r"frequency_cap\['per'\]"),
    "no end": ({**WEEK, "per": float("inf")}, r"frequency_cap\['per'\]"),
    "an immense period": ({**WEEK, "per": 10**400}, r"frequency_cap\['per'\]"),
    "a period that no timedelta has": ({**WEEK, "per": 1e15}, r"frequency_cap\['per'\]"),
    "more calls than a database counts": ({**WEEK, "calls": 10**30}, r"frequency_cap\['calls'\]"),
    "half of a character": ({**WEEK, "purpose": "week \ud800"}, r"frequency_cap\['purpose'\]"),
    "a blank purpose": ({**WEEK, "purpose": " "}, r"frequency_cap\['purpose'\]"),
}


@pytest.mark.parametrize(("cap", "says"), CAPS.values(), ids=CAPS)
def test_a_cap_of_another_kind_is_found_when_the_dag_is_parsed(cap, says):
    with pytest.raises(TingTingConfigError, match=says):
        TingTingAddContactsOperator(task_id="add", campaign_id=7, contacts=[], frequency_cap=cap)


def test_the_task_group_gives_the_cap_to_its_check_and_its_adding():
    with DAG("reminders", schedule=None) as dag:
        tingting_campaign(
            campaign={"name": "Reminder", "user_phone": [3], "message": "नमस्कार"},
            audience=list(NUMBERS),
            frequency_cap=REMINDER,
        )

    tasks = dag.task_dict
    assert tasks["campaign.check_contacts"].frequency_cap == tasks["campaign.add_contacts"].frequency_cap == REMINDER
