"""Whatever goes wrong, no log, error or XCom holds a phone number, a contact's variable, a message or the token."""

from __future__ import annotations

import json
import traceback

import pytest
from support.campaigns import a_campaign, connection
from support.task_context import context_of

from airflow_provider_tingting.contacts import send
from airflow_provider_tingting.operators.campaign import (
    TingTingCreateCampaignOperator,
    TingTingRunCampaignOperator,
    TingTingUpdateCampaignOperator,
)
from airflow_provider_tingting.operators.contacts import TingTingAddContactsOperator, TingTingCheckContactsOperator
from airflow_provider_tingting.operators.preview import TingTingDemoCallOperator, TingTingPreviewVoiceOperator
from airflow_provider_tingting.sensors.campaign import TingTingCampaignSensor

pytestmark = pytest.mark.usefixtures("tingting_conn")

NUMBERS = ("9841234501", "+977 984-1234502", "९८०१२३४५०३", "984123450")
SECRETS = (
    *("9841234501", "9841234502", "9801234503", "984123450", "984-1234502", "९८०१२३४५०३"),
    *("Sitara Devi", "Announcement text"),
    *("tingting-sandbox-token", "a-wrong-token"),
)
MESSAGE = "Announcement text for {name}"
RETRIES = send.BatchRetries(attempts=2, max_wait=0.05)


@pytest.fixture(autouse=True)
def _time(virtual_time, monkeypatch, sandbox):
    monkeypatch.setattr(send, "BatchRetries", lambda: RETRIES)
    monkeypatch.setenv("AIRFLOW_CONN_TINGTING_DEFAULT", connection(sandbox, max_retries=1))
    sandbox.clock.speed = 2000


def people(*numbers):
    return [{"number": number, "name": "Sitara Devi"} for number in numbers]


def filled(operator, **values):
    """The operator after templates have filled these arguments."""
    for name, value in values.items():
        setattr(operator, name, value)
    return operator


def operators(campaign, contact):
    """One of each, by name."""
    shared = {"task_id": "task", "campaign_id": campaign}
    waiting = {"timeout": 1, "tolerate_outage": 0.1}
    creating = {"name": "Notice", "user_phone": [3], "message": MESSAGE, "voice": "Rija"}
    return {
        "create": TingTingCreateCampaignOperator(task_id="task", **creating),
        "add": TingTingAddContactsOperator(contacts=people(*NUMBERS[:3]), **shared),
        "upload": TingTingAddContactsOperator(contacts=people(*NUMBERS[:3]), transport="xlsx", **shared),
        "add one bad": TingTingAddContactsOperator(contacts=people(*NUMBERS), **shared),
        "leave one out": TingTingAddContactsOperator(contacts=people(*NUMBERS), on_invalid="skip", **shared),
        "number as path": TingTingAddContactsOperator(contacts=NUMBERS[0], **shared),
        "list as text": TingTingAddContactsOperator(contacts=str(people(*NUMBERS)), **shared),
        "row as contacts": filled(TingTingAddContactsOperator(**shared), contacts=people(NUMBERS[0])[0]),
        "name as contacts": TingTingAddContactsOperator(contacts="Sitara Devi", **shared),
        "row as campaign": filled(
            TingTingAddContactsOperator(contacts=people(*NUMBERS), **shared), campaign_id=people(NUMBERS[0])[0]
        ),
        "name as campaign": filled(TingTingRunCampaignOperator(**shared), campaign_id="Sitara Devi"),
        "row as caller": filled(
            TingTingCreateCampaignOperator(task_id="task", **creating), user_phone=people(NUMBERS[0])
        ),
        "same number twice": TingTingAddContactsOperator(
            contacts=[*people(NUMBERS[0]), {"number": NUMBERS[0], "name": "x"}], exclude=[NUMBERS[2]], **shared
        ),
        "check": TingTingCheckContactsOperator(contacts=people(*NUMBERS), on_invalid="skip", **shared),
        "check fails": TingTingCheckContactsOperator(contacts=people(*NUMBERS), **shared),
        "bad exclusion": TingTingCheckContactsOperator(
            contacts=people(*NUMBERS), exclude=[f"{NUMBERS[0]} / 9801234503"], **shared
        ),
        "bad function": TingTingCheckContactsOperator(
            contacts=people(*NUMBERS), where=lambda row: int(row["name"]), **shared
        ),
        "wrong column": TingTingAddContactsOperator(contacts=people(*NUMBERS), number_column=NUMBERS[0], **shared),
        "run": TingTingRunCampaignOperator(poll_interval=0.02, **waiting, **shared),
        "number as campaign": filled(TingTingRunCampaignOperator(**shared), campaign_id=NUMBERS[1]),
        "update": TingTingUpdateCampaignOperator(message=MESSAGE, schedule="2020-01-01", **shared),
        "preview": TingTingPreviewVoiceOperator(message=MESSAGE, **shared),
        "demo": TingTingDemoCallOperator(task_id="task", contact_id=contact),
        "wait": TingTingCampaignSensor(poke_interval=0.02, **waiting, **shared),
    }


NAMES = list(operators(1, 1))


CASES = [
    *((name, trouble) for name in NAMES for trouble in (None, "500", "lose-reply", "garbage", "rotate-token")),
    *(("add", "partial"), ("upload", "partial"), ("add", "partial-silent")),
]


@pytest.mark.parametrize(("name", "trouble"), CASES)
def test_nothing_personal_is_returned(sandbox, logged, name, trouble):
    campaign = a_campaign(sandbox, ["9841234501"] if name in ("run", "demo", "wait") else [], message=MESSAGE)
    contact = min(sandbox.world.campaigns[campaign].contacts, default=1)
    if trouble:
        sandbox.faults.add(trouble, call="*", times=None if trouble == "500" else 3, skip=1)
    operator = operators(campaign, contact)[name]
    context = context_of(operator)
    result, failure = None, ""

    try:
        result = operator.execute(context)
    except Exception as error:
        failure = "".join(traceback.format_exception(error))
        # A traceback quotes the lines of this file too; what Airflow shows of them are its own and the provider's.
        failure = "\n".join(line for line in failure.splitlines() if not line.startswith("    "))

    said = "\n".join([logged(), failure, json.dumps([result, context["ti"].xcoms], ensure_ascii=False)])
    assert [secret for secret in SECRETS if secret in said] == []
    assert result is not None or failure
