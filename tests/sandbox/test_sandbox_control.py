"""The sandbox's own controls over HTTP, its pages, and what it never says."""

from __future__ import annotations

import json
import logging
import re
import sys

import pytest
import requests

from airflow_provider_tingting.sandbox import Sandbox, World
from airflow_provider_tingting.sandbox.account import Settings
from airflow_provider_tingting.sandbox.app import create_app


def control(box, method, path, **options):
    return requests.request(method, box.root_url + "sandbox/" + path, timeout=60, **options)


def test_the_state_shows_time_campaigns_credits_and_faults(box, api):
    campaign_id = api.create(3)
    api.run(campaign_id)
    box.faults.parse("lose-reply:run:2")
    state = control(box, "GET", "state").json()

    assert state["now"] == box.clock.now().isoformat()
    assert state["next_event"] > state["now"]
    assert state["campaigns"] == [
        {
            "id": campaign_id,
            "name": "Vaccination",
            "services": "PHONE",
            "status": "Running",
            "progress_percent": 0,
            "runs": 1,
            "credits_spent": 0,
            "contacts": {"not started": 3},
        }
    ]
    assert state["credits"] == 10_000
    assert [(fault["kind"], fault["call"], fault["times"]) for fault in state["faults"]] == [("lose-reply", "run", 2)]


@pytest.mark.parametrize(
    "body",
    [
        {"fault": "500:voices:2"},
        {"kind": "500", "call": "voices", "times": 2},
        {"kind": "500", "call": "list_voice_models", "times": "2"},
    ],
)
def test_a_fault_is_added_listed_and_applied(box, api, body):
    assert control(box, "POST", "faults", json=body).status_code == 201
    (fault,) = control(box, "GET", "faults").json()
    assert (fault["kind"], fault["times"], fault["applied"]) == ("500", 2, 0)
    assert [api.get("voice-models/").status_code for _ in range(3)] == [500, 500, 200]


def test_one_fault_or_all_are_forgotten(box, api):
    first, _, _ = (control(box, "POST", "faults", json={"fault": "500"}).json() for _ in range(3))
    assert len(control(box, "DELETE", f"faults/{first['id']}").json()) == 2
    assert control(box, "DELETE", f"faults/{first['id']}").status_code == 404
    assert control(box, "DELETE", "faults").json() == []
    assert api.get("voice-models/").status_code == 200


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("faults", {}),
        ("faults", {"fault": "explode"}),
        ("faults", {"kind": "500", "times": "often"}),
        ("clock", {"push": -1}),
        ("clock", {"push": 1e300}),
        ("clock", {"speed": "fast"}),
        ("token", {"token": "with space"}),
        ("credits", {}),
        ("outcomes", {"number": "9841000000", "status": "happy"}),
    ],
)
def test_a_control_that_makes_no_sense_is_refused(box, path, body):
    response = control(box, "POST", path, json=body)
    assert response.status_code == 400, response.text
    assert len(box.faults) == 0


def test_the_token_is_shown_and_replaced(box, api):
    assert control(box, "GET", "token").json() == {"token": box.token}
    assert control(box, "POST", "token", json={"token": "mine"}).json() == {"token": "mine"}
    assert api.get("voice-models/").status_code == 200
    assert control(box, "POST", "token", json={}).json()["token"] == box.token != "mine"


def test_credits_and_outcomes_are_set(box, api):
    control(box, "POST", "credits", json={"credits": 5})
    control(box, "POST", "outcomes", json={"number": "9841000000", "status": "unanswered"})
    assert api.get("dashboard/").json()["remaining_credits"] == 5
    campaign_id = api.create(1)
    api.run(campaign_id)
    box.play_out()
    assert box.world.campaign(campaign_id).statuses_at(box.world.clock.time()) == {"unanswered": 1}


def test_the_ledger_has_calls_and_requests_but_no_token(box, api):
    campaign_id = api.create(1)
    api.run(campaign_id)
    control(box, "POST", "clock", json={"push": 60})
    ledger = control(box, "GET", "ledger")

    (entry,) = ledger.json()["dialled"]
    assert (entry["number"], entry["channel"], entry["text"]) == ("9841000000", "call", "Namaste Sita")
    assert [request["call"] for request in ledger.json()["requests"]] == [
        "create_campaign", "set_campaign_message", "add_contacts", "run_campaign",
    ]  # fmt: skip
    assert ledger.json()["requests"][0]["user_agent"].startswith("python-requests")
    assert box.token not in ledger.text


def test_a_reset_empties_account_faults_and_ledgers(box, api):
    api.run(api.create(1))
    box.faults.parse("500:*:*")
    assert control(box, "POST", "reset").status_code == 200
    assert control(box, "GET", "ledger").json() == {"dialled": [], "requests": []}
    assert api.get("campaign/").json()["count"] == 0


def test_the_root_is_a_page_for_people_and_a_list_of_places_for_programs(box):
    for accepted in ("text/html,application/xhtml+xml,*/*;q=0.8", "*/*", "text/html, application/json"):
        page = requests.get(box.root_url, headers={"Accept": accepted}, timeout=60)
        assert page.headers["Content-Type"].startswith("text/html")
        assert "TingTing sandbox" in page.text
    places = requests.get(box.root_url, headers={"Accept": "application/json"}, timeout=60).json()
    assert places["api"] == box.base_url
    assert requests.get(places["state"], timeout=60).json()["campaigns"] == []


@pytest.mark.parametrize("offline_package", [True, False])
def test_the_docs_page_needs_nothing_from_outside(monkeypatch, offline_package):
    if offline_package:
        pytest.importorskip("fastapi_offline")
    else:
        monkeypatch.setitem(sys.modules, "fastapi_offline", None)
    with Sandbox(speed=0) as sandbox:
        for path in ("docs", ""):
            page = requests.get(sandbox.root_url + path, timeout=60)
            assert page.status_code == 200
            addresses = re.findall(r"""(?:src|href)=["']([^"']+)["']|url\(([^)]+)\)""", page.text)
            for address in (one or other for one, other in addresses):
                assert not re.match(r"(https?:)?//", address), address
                if address.startswith("/") and "#" not in address:
                    assert requests.get(sandbox.root_url.rstrip("/") + address, timeout=60).status_code == 200
        assert "fetch_preview" in requests.get(sandbox.root_url + "openapi.json", timeout=60).text
        docs = requests.get(sandbox.root_url + "docs", timeout=60).text
        assert ("swagger-ui" in docs) == offline_package
        assert ("run-campaign/{campaign_id}/" in docs) != offline_package


def test_the_app_can_be_made_for_any_world():
    paths = create_app(World(Settings(samples=True))).openapi()["paths"]
    assert "/sandbox/faults" in paths
    assert "/api/v1/run-campaign/{campaign_id}/" in paths


def test_nothing_personal_and_no_token_reaches_a_log_or_a_repr(box, api, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "asyncio", "fastapi"):
        caplog.set_level(logging.DEBUG, logger=name)
    secret = box.token
    campaign_id = api.create(3, message="Namaste {name}, very private")
    box.faults.parse("lose-reply:run")
    with pytest.raises(requests.exceptions.ConnectionError):
        api.run(campaign_id)
    box.play_out()
    api.get(f"download/{campaign_id}/report/")
    api.get("campaign/?search=x")
    things = [box, *box.ledger.dialled, *box.requests, box.world.campaign(campaign_id)]
    things += list(box.world.campaign(campaign_id).contacts.values())
    server_records = [record for record in caplog.records if not record.name.startswith("urllib3")]
    out, err = capfd.readouterr()
    said = "\n".join([out, err, *(record.getMessage() for record in server_records), *map(repr, things)])

    for private in (secret, "9841000", "Sita", "very private"):
        assert private not in said


def test_a_connection_can_be_pasted(box):
    connection = json.loads(box.connection_json())
    assert connection["conn_type"] == "tingting"
    assert connection["host"] == box.base_url
    assert connection["password"] == box.token
    assert connection["extra"]["campaign_url"].format(campaign_id=7) == f"{box.root_url}#campaign-7"
