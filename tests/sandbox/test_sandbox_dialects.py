"""Every switch by which TingTing servers differ, seen over HTTP."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from airflow_provider_tingting.sandbox import Dialect, Sandbox
from airflow_provider_tingting.sandbox.refusals import ERROR_SHAPES

BODY = {"name": "x", "services": "PHONE", "user_phone": [3], "message": "hello"}
ROWS = {"contacts": [{"number": "9841000000"}]}


@pytest.fixture(scope="module")
def started():
    sandboxes = []
    yield sandboxes
    # All at once: each takes a moment to close its connections.
    with ThreadPoolExecutor(len(sandboxes) or 1) as pool:
        list(pool.map(Sandbox.stop, sandboxes))


@pytest.fixture
def speak(api_of, started):
    """Start a sandbox of a dialect and give its client."""

    def start(**switches):
        started.append(Sandbox(speed=0, dialect=switches).start())
        return api_of(started[-1])

    return start


@pytest.mark.parametrize(("way", "seed", "old"), [("both", 200, 200), ("seed", 200, 404), ("old", 404, 200)])
def test_the_report_lives_at_one_path_or_both(speak, way, seed, old):
    api = speak(report_path=way)
    campaign_id = api.create(1)
    assert api.get(f"download/{campaign_id}/report/").status_code == seed
    assert api.get(f"download/report/{campaign_id}/").status_code == old


def test_the_report_may_be_the_table_alone(speak):
    api = speak(report_layout="plain")
    lines = api.get(f"download/{api.create(2)}/report/").content.split(b"\r\n")
    assert lines[0].startswith(b"Number,Status,Duration (Seconds)")
    assert len(lines) == 4


def test_the_report_of_a_campaign_without_contacts_can_be_a_500(speak):
    api = speak(empty_report="500")
    response = api.get(f"download/{api.create()}/report/")
    assert response.status_code == 500
    assert response.headers["content-type"].startswith("text/html")


SHAPES = {
    "fields": (400, {"schedule": ["Cannot schedule past dates."]}),
    "string": (400, {"schedule": "Cannot schedule past dates."}),
    "nested": (400, {"schedule": {"non_field_errors": ["Cannot schedule past dates."]}}),
    "message": (400, {"message": "schedule: Cannot schedule past dates."}),
    "error": (400, {"error": "schedule: Cannot schedule past dates."}),
}


@pytest.mark.parametrize("shape", ERROR_SHAPES)
def test_refusals_come_in_every_known_shape(speak, shape):
    api = speak(errors=shape)
    response = api.post("campaign/create/", json={**BODY, "schedule": "2001-01-01"})
    unknown = api.get("campaign/999/")
    unauthorised = api.get("campaign/", headers={"Authorization": "Bearer wrong"})
    if shape.startswith("envelope"):
        content = response.json()
        assert response.status_code == (200 if shape == "envelope-200" else 400)
        assert content["success"] is False
        assert content["errors"] == {"schedule": ["Cannot schedule past dates."]}
        assert unknown.json()["message"] == "Not found."
        assert unauthorised.json()["success"] is False
    else:
        assert (response.status_code, response.json()) == SHAPES[shape]
        assert unknown.status_code == 404
        assert "Not found." in unknown.text
        assert unauthorised.status_code == 401


def test_good_answers_may_come_in_an_envelope(speak):
    api = speak(replies="envelope")
    content = api.post("campaign/create/", json=BODY).json()
    assert content["success"] is True
    assert content["data"]["name"] == "x"
    assert len(api.get("voice-models/").json()["data"]) == 5


def test_add_contact_answers_in_every_known_way(speak):
    api = speak(add_errors="null", add_rows="ids", single_add="row", number_form="integer")
    path = f"campaign/{api.create()}/add-contact/"
    many = api.post(path, json=ROWS).json()
    assert many["errors"] is None
    assert many["contacts"] == [{"id": 1, "number": 9841000000}]
    assert api.post(path, json={"number": "9841000001"}).json() == {"id": 2, "number": 9841000001}


def test_any_number_may_be_accepted(speak):
    api = speak(numbers="any")
    campaign_id = api.create()
    rows = {"contacts": [{"number": "+14155550123"}, {"number": "014412345"}, {"number": "12"}]}
    assert api.post(f"campaign/{campaign_id}/add-contact/", json=rows).json()["created"] == 2


def upload(api, campaign_id, *numbers):
    import io

    from openpyxl import Workbook

    book = Workbook()
    for cell in ("number", *numbers):
        book.active.append([cell])
    book.save(file := io.BytesIO())
    response = api.patch(f"campaign/create/{campaign_id}/detail/", files={"bulk_file": ("x.xlsx", file.getvalue())})
    return response.json(), api.campaign(campaign_id)["campaign_action_count"]


@pytest.mark.parametrize(("way", "count"), [("add", 4), ("replace", 2), ("preview", 3), ("repeat", 5)])
def test_an_upload_adds_replaces_or_only_previews(speak, way, count):
    api = speak(upload=way)
    answer, contacts = upload(api, api.create(3), "9841000000", "9841000099")
    assert answer["total_validated_rows"] == 2
    assert contacts == count


def test_the_sample_of_a_column_may_be_a_list(speak):
    api = speak(upload_samples="list")
    answer, _ = upload(api, api.create(), "9841000000")
    assert answer["samples"] == [{"column": "number", "sample": ["9841000000"]}]


def test_the_preview_may_want_a_form(speak):
    api = speak(preview="form")
    path = f"test-speak/riri/{api.create()}/"
    body = {"voice_input": 3, "message": "hello"}
    assert api.post(path, json=body).status_code == 500
    assert api.post(path, data=body).json().endswith(".mp3")


def test_the_message_call_may_want_its_texts_again(speak):
    api = speak(message_call="strict")
    campaign_id = api.create(voice=None, services="SMS & PHONE", sms_message="hi")
    path, body = f"campaign/create/{campaign_id}/message/", {"voice": 3, "category": "Text"}
    assert api.patch(path, json=body).json() == {"message": ["This field is required."]}
    assert api.patch(path, json={**body, "message": "m"}).json() == {"sms_message": ["This field is required."]}
    assert api.patch(path, json={**body, "message": "m", "sms_message": "s"}).json()["message"] == "m"


@pytest.mark.parametrize(
    ("way", "good", "bad"), [("number", 3, {"id": 3}), ("object", {"id": 3}, 3), ("refused", None, 3)]
)
def test_the_voice_of_a_new_campaign_is_contested(speak, way, good, bad):
    api = speak(create_voice=way)
    assert api.post("campaign/create/", json={**BODY, "voice": good}).json()["voice"] == (3 if good else None)
    response = api.post("campaign/create/", json={**BODY, "voice": bad})
    assert (response.status_code, list(response.json())) == (400, ["voice"])


def test_deleting_may_answer_200(speak):
    api = speak(delete="200")
    response = api.delete(f"campaign/{api.create()}/")
    assert (response.status_code, response.json()) == (200, {"message": "Successfully Deleted."})


def test_running_twice_may_be_refused(speak):
    api = speak(rerun="refuse")
    campaign_id = api.create(1)
    assert api.run(campaign_id).status_code == 200
    assert api.run(campaign_id).status_code == 400
    api.sandbox.play_out()
    assert len(api.sandbox.ledger.dialled) == 1


def test_search_may_be_ignored(speak):
    api = speak(search="ignored")
    api.create()
    assert api.get("campaign/?search=nothing-like-it").json()["count"] == 1


@pytest.mark.parametrize(("way", "percent"), [("share", 0), ("100", 100)])
def test_a_terminated_campaign_may_show_100_percent(speak, way, percent):
    api = speak(terminated_progress=way)
    campaign_id = api.create(5)
    api.run(campaign_id)
    api.post(f"campaign/emergency-stop/{campaign_id}/")
    assert api.campaign(campaign_id)["progress_percent"] == percent


@pytest.mark.parametrize("status", [404, 405])
def test_the_stop_call_may_not_exist(speak, status):
    api = speak(stop=str(status))
    campaign_id = api.create(1)
    api.run(campaign_id)
    assert api.post(f"campaign/emergency-stop/{campaign_id}/").status_code == status
    assert api.campaign(campaign_id)["status"] == "Running"


def test_next_may_name_another_host(speak):
    api = speak(next_host="https://elsewhere.tingting.example")
    page = api.get(f"campaign-detail/{api.create(11)}/").json()
    assert page["next"].startswith("https://elsewhere.tingting.example/api/v1/campaign-detail/1/?")


def test_a_batch_may_be_too_large(speak):
    api = speak(max_batch=2)
    path = f"campaign/{api.create()}/add-contact/"
    rows = [{"number": str(9841000000 + position)} for position in range(3)]
    assert api.post(path, json={"contacts": rows}).status_code == 413
    assert api.post(path, json={"contacts": rows[:2]}).status_code == 200


@pytest.mark.parametrize(
    ("switches", "said"),
    [
        ({"colour": "red"}, "unknown dialect switch 'colour'; choose from account, add_errors"),
        ({"errors": "loud"}, "errors='loud' of the dialect; choose from fields, string"),
        ({"max_batch": 0}, "at least 1"),
        ({"max_batch": "many"}, "invalid literal"),
        ("seller", "unknown dialect 'seller'; choose from vendor"),
    ],
)
def test_an_unknown_dialect_is_refused_with_the_choices(switches, said):
    with pytest.raises(ValueError, match=said):
        Sandbox(dialect=switches)


def test_a_dialect_is_written_as_texts_too():
    assert Dialect.parse(["report-path=old", "max_batch=5"]) == Dialect(report_path="old", max_batch=5)
    with pytest.raises(ValueError, match="name=value"):
        Dialect.parse(["report_path"])


def test_every_switch_is_in_the_table_with_a_meaning():
    table = Dialect.table()
    assert {name for name, _, _ in table} == set(Dialect.__dataclass_fields__)
    assert all(meaning for _, _, meaning in table)


def test_the_default_dialect_is_that_of_the_api_page(api):
    response = requests.get(
        api.sandbox.base_url + "campaign/", headers={"Authorization": f"Bearer {api.sandbox.token}"}, timeout=60
    )
    assert set(response.json()) == {"count", "total_pages", "next", "previous", "results"}
