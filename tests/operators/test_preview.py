"""Hearing a campaign before it is run: a file to listen to, and a call to one contact."""

from __future__ import annotations

import json
from urllib.request import urlopen

import pytest
from support.campaigns import NUMBERS, a_campaign, writes
from support.task_context import REFUSED, execute

from airflow_provider_tingting._compat import AirflowFailException
from airflow_provider_tingting.operators.preview import TingTingDemoCallOperator, TingTingPreviewVoiceOperator
from airflow_provider_tingting.sandbox import Sandbox

pytestmark = pytest.mark.usefixtures("tingting_conn", "virtual_time")


def previewing(campaign_id, **changes):
    return TingTingPreviewVoiceOperator(task_id="preview", campaign_id=campaign_id, **changes)


def calling(contact_id):
    return TingTingDemoCallOperator(task_id="demo", contact_id=contact_id)


@pytest.mark.parametrize(
    ("arguments", "voice"),
    [({}, 1), ({"voice": "Binod"}, 4), ({"voice": "5", "message": "नमस्ते"}, 5)],
    ids=["the campaign's own voice and message", "another voice", "another message"],
)
def test_a_preview_can_be_fetched_and_calls_no_contact(sandbox, arguments, voice):
    campaign = a_campaign(sandbox)

    result, xcoms = execute(previewing(str(campaign), **arguments))

    assert (result["campaign_id"], result["voice_id"]) == (campaign, voice)
    assert xcoms["url"] == result["url"]
    with urlopen(result["url"]) as answer:
        assert answer.status == 200
        assert answer.read()
    assert "नमस्" not in json.dumps([result, xcoms], ensure_ascii=False)
    assert writes(sandbox) == ["preview_voice"]


@pytest.mark.parametrize("fault", ["lose-reply", "503-html", "429"])
def test_a_preview_without_an_answer_is_asked_for_again(sandbox, fault):
    campaign = a_campaign(sandbox)
    sandbox.faults.add(fault, call="preview_voice", value=0.01 if fault == "429" else None)

    result, _ = execute(previewing(campaign))

    assert result["url"].startswith("http")


def test_a_server_that_wants_a_form_gets_one(monkeypatch):
    with Sandbox(dialect={"preview": "form"}) as other:
        monkeypatch.setenv("AIRFLOW_CONN_TINGTING_DEFAULT", other.connection_json())

        result, _ = execute(previewing(a_campaign(other)))

    assert result["url"].startswith("http")


@pytest.mark.parametrize(
    ("fields", "arguments", "says"),
    [
        ({"voice": None}, {}, "has no voice yet"),
        ({}, {"voice": "Sunita"}, "'Sunita'.*'Rija'"),
        ({}, {"campaign_id": 4711}, "4711.*404"),
    ],
)
def test_a_preview_that_cannot_be_made_says_why(sandbox, fields, arguments, says):
    campaign = a_campaign(sandbox, **fields)

    with pytest.raises(AirflowFailException, match=says):
        execute(previewing(**{"campaign_id": campaign, **arguments}))

    assert writes(sandbox) == []


# -- the demo call -----------------------------------------------------------------------------------------------------


@pytest.fixture
def contact(sandbox):
    return min(sandbox.world.campaigns[a_campaign(sandbox)].contacts)


def demo_calls(sandbox):
    return dict(sandbox.ledger.times_dialled(channel="demo"))


def test_a_demo_call_rings_at_one_contact_once_and_is_logged(sandbox, contact, logged):
    result, xcoms = execute(calling(str(contact)))

    assert result == {"contact_id": contact, "called": True, "message": "Demo call placed."}
    assert f"TingTing has accepted the request to call contact {contact}" in logged()
    assert xcoms == {}
    assert demo_calls(sandbox) == {NUMBERS[0]: 1}


@pytest.mark.parametrize("fault", ["lose-reply", "500-after-commit", "cut-before", "503-html", "garbage"])
def test_a_demo_call_that_may_have_rung_is_not_requested_again(sandbox, contact, fault):
    sandbox.faults.add(fault, call="demo_call")

    with pytest.raises(AirflowFailException, match=f"Whether contact {contact} was called is unknown"):
        execute(calling(contact))

    assert writes(sandbox) == ["demo_call"]


@pytest.mark.parametrize(("contact_id", "says"), [(4711, "404"), ("Sita", "contact_id.*a text of 4")])
def test_a_contact_that_does_not_exist_is_named(sandbox, contact_id, says):
    with pytest.raises(REFUSED, match=says):
        execute(calling(contact_id))

    assert demo_calls(sandbox) == {}
