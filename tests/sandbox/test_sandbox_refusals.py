"""What the sandbox refuses, and in which words: token, slash, fields, states. Nothing refused changes anything."""

from __future__ import annotations

from datetime import timedelta

import pytest
import requests

from airflow_provider_tingting.sandbox.calls import ENDPOINTS

GOOD = {"name": "x", "services": "PHONE", "user_phone": [3], "message": "hello"}


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (None, "Authentication credentials were not provided."),
        ("", "Authentication credentials were not provided."),
        ("Bearer ", "Authentication credentials were not provided."),
        ("Basic tingting-sandbox-token", "Authentication credentials were not provided."),
        ("Bearer wrong", "Invalid token."),
        ("Bearer tingting-sandbox-toke", "Invalid token."),
    ],
)
def test_without_the_right_token_it_answers_401_before_anything_else(box, header, said):
    headers = {} if header is None else {"Authorization": header}
    for method, path in (
        ("GET", "voice-models/"),
        ("POST", "campaign/create/"),
        ("GET", "campaign/999/"),
        ("GET", "x/"),
    ):
        response = requests.request(method, box.base_url + path, headers=headers, data=b"{broken", timeout=60)
        assert (response.status_code, response.json()) == (401, {"detail": said})
        assert response.headers["www-authenticate"].startswith("Bearer")


def test_no_call_is_answered_without_the_right_token(box):
    ids = {"campaign_id": 79, "contact_id": 42, "survey_id": 12}
    for call in ENDPOINTS.values():
        for path in call.paths:
            url = box.base_url + path.format(**ids)
            response = requests.request(call.method, url, headers={"Authorization": "Bearer wrong"}, timeout=60)
            assert response.status_code == 401, f"{call.method} {path}"


def test_the_scheme_of_the_token_may_be_written_in_any_case(box):
    response = requests.get(
        box.base_url + "voice-models/", headers={"Authorization": f"bearer {box.token}"}, timeout=60
    )
    assert response.status_code == 200


def test_a_missing_trailing_slash_redirects_and_does_nothing(box, api):
    response = api.post("campaign/create", json=GOOD)
    assert response.status_code == 301
    assert response.headers["location"] == "/api/v1/campaign/create/"
    assert api.get("campaign?status=Running").headers["location"] == "/api/v1/campaign/?status=Running"
    assert box.world.campaigns == {}


@pytest.mark.parametrize(
    "path", ["nothing/", "nothing", "campaign/abc/", "campaign/-1/", "campaign/" + "9" * 600 + "/"]
)
def test_a_path_that_does_not_exist_is_404(api, path):
    response = api.get(path)
    assert (response.status_code, response.json()) == (404, {"detail": "Not found."})


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "campaign/999/"),
        ("PATCH", "campaign/999/"),
        ("DELETE", "campaign/999/"),
        ("PATCH", "campaign/create/999/message/"),
        ("PATCH", "campaign/create/999/detail/"),
        ("POST", "campaign/999/add-contact/"),
        ("GET", "campaign-detail/999/"),
        ("GET", "campaign/999/attributes/"),
        ("PATCH", "campaign/999/attributes/"),
        ("PATCH", "phone-number/update/999/"),
        ("DELETE", "phone-number/delete/999/"),
        ("POST", "test-speak/riri/999/"),
        ("POST", "demo-call/999/"),
        ("POST", "run-campaign/999/"),
        ("POST", "campaign/emergency-stop/999/"),
        ("GET", "download/999/report/"),
        ("GET", "download/report/999/"),
        ("GET", "download/survey/999/report/"),
    ],
)
def test_an_object_that_the_account_does_not_have_is_a_404(api, method, path):
    response = api.send(method, path)
    assert (response.status_code, response.json()) == (404, {"detail": "Not found."})


def test_a_method_that_a_path_does_not_have_is_405(api):
    response = api.send("PUT", "campaign/create/")
    assert (response.status_code, response.json()) == (405, {"detail": 'Method "PUT" not allowed.'})


def test_every_missing_field_is_named(api):
    response = api.post("campaign/create/", json={})
    required = ["This field is required."]
    assert response.status_code == 400
    assert response.json() == dict.fromkeys(("name", "services", "user_phone", "message"), required)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": ""}, {"name": ["This field may not be blank."]}),
        ({"name": None}, {"name": ["This field may not be null."]}),
        ({"name": ["x"]}, {"name": ["Not a valid string."]}),
        ({"services": "phone"}, {"services": ['"phone" is not a valid choice.']}),
        ({"user_phone": 3}, {"user_phone": ["Expected a list of items."]}),
        ({"user_phone": []}, {"user_phone": ["This list may not be empty."]}),
        ({"user_phone": ["x"]}, {"user_phone": ["A valid integer is required."]}),
        ({"user_phone": [99]}, {"user_phone": ['Invalid pk "99" - object does not exist.']}),
        ({"voice": 99}, {"voice": ['Invalid pk "99" - object does not exist.']}),
        ({"credit_limit": -1}, {"credit_limit": ["Ensure this value is greater than or equal to 0."]}),
        ({"services": "SMS"}, {"sms_message": ["This field is required."]}),
        ({"services": "SMS & PHONE", "sms_message": ""}, {"sms_message": ["This field is required."]}),
        ({"schedule": "2001-01-01"}, {"schedule": ["Cannot schedule past dates."]}),
    ],
)
def test_an_invalid_field_is_explained_and_no_campaign_is_created(box, api, change, said):
    response = api.post("campaign/create/", json={**GOOD, **change})

    assert (response.status_code, response.json()) == (400, said)
    assert box.world.campaigns == {}


@pytest.mark.parametrize("text", ["tomorrow", "2030-13-01", "2030-02-30T10:00", "1893456000", "2030-01-01T25:00:00"])
def test_a_schedule_that_is_no_date_gets_a_sentence(api, text):
    response = api.post("campaign/create/", json={**GOOD, "schedule": text})
    assert response.status_code == 400
    assert response.json()["schedule"][0].startswith("Datetime has wrong format.")


def test_a_past_schedule_is_refused_when_updating_and_nothing_changes(box, api):
    campaign_id = api.create()
    before = api.campaign(campaign_id)
    past = (box.clock.now() - timedelta(minutes=1)).isoformat()
    response = api.patch(f"campaign/{campaign_id}/", json={"name": "new", "schedule": past})

    assert response.json() == {"schedule": ["Cannot schedule past dates."]}
    assert api.campaign(campaign_id) == before


def test_a_schedule_is_cleared_with_null_and_a_name_is_not(api):
    campaign_id = api.create(schedule="2099-01-01")
    assert api.patch(f"campaign/{campaign_id}/", json={"schedule": None}).json()["schedule"] is None
    response = api.patch(f"campaign/{campaign_id}/", json={"name": None})
    assert (response.status_code, response.json()) == (400, {"name": ["This field may not be null."]})


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"{", "application/json", 400),
        (b"", "application/json", 400),
        (b'{"name": NaN}', "application/json", 400),
        (b'{"name": "\\ud800"}', "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b"[]", "application/json", 400),
        (b'"text"', "application/json", 400),
        (b"name=x", "application/x-www-form-urlencoded", 415),
        (b"{}", "", 415),
    ],
)
def test_a_body_that_is_not_a_json_object_is_refused(api, body, content_type, status):
    response = api.post("campaign/create/", data=body, headers={"Content-Type": content_type})
    assert response.status_code == status
    assert set(response.json()) <= {"detail", "non_field_errors"}


@pytest.mark.parametrize("path", ["run-campaign/{}/", "campaign/emergency-stop/{}/"])
def test_a_call_without_a_body_that_announces_json_is_refused_and_does_nothing(box, api, path):
    campaign_id = api.create(1)
    response = api.post(path.format(campaign_id), headers={"Content-Type": "application/json"})

    assert response.status_code == 400
    assert response.json()["detail"].startswith("JSON parse error")
    assert api.campaign(campaign_id)["status"] == "Not Started"
    assert box.ledger.dialled == []


@pytest.mark.parametrize("field", ["voice", "category"])
def test_setting_voice_and_category_needs_both(api, field):
    campaign_id = api.create(voice=None)
    body = {"voice": 3, "category": "Text"}
    del body[field]
    response = api.patch(f"campaign/create/{campaign_id}/message/", json=body)
    assert (response.status_code, response.json()) == (400, {field: ["This field is required."]})


def test_a_survey_report_in_another_format_is_not_found(api):
    assert api.get("download/survey/12/report/?format=xml").status_code == 404
