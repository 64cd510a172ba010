"""Every request sample of the vendor's Campaign API page, replayed against the sandbox exactly as it stands there.

`samples/` holds the page's twenty requests (method, address, headers, body as text) and the answers that it shows.
"""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from airflow_provider_tingting.sandbox import Sandbox

SAMPLES = {
    path.stem[3:]: json.loads(path.read_text(encoding="utf-8"))
    for path in sorted((Path(__file__).parent / "samples").glob("*.json"))
}
PAGE_BASE = "https://app.tingting.io/api/v1/"
CREATED_AT = "2025-07-07T14:01:50.508344+05:45"


@pytest.fixture(scope="module")
def running():
    with Sandbox(token="YOUR_TOKEN", samples=True, speed=0) as sandbox:
        yield sandbox


@pytest.fixture
def page_world(running):
    """The account as the page's samples show it: campaigns 79 and 858, contact 42, survey 12."""
    running.reset()
    return running


@pytest.fixture(scope="module")
def empty_running():
    start = datetime.fromisoformat(CREATED_AT)
    with Sandbox(token="YOUR_TOKEN", first_campaign_id=79, start=start, speed=0) as sandbox:
        yield sandbox


@pytest.fixture
def created_world(empty_running):
    """An account in which the page's `create` sample has just been sent: campaign 79 as created."""
    empty_running.reset()
    replay(empty_running, "create_campaign")
    return empty_running


def replay(sandbox: Sandbox, name: str, *, files: dict[str, Any] | None = None) -> requests.Response:
    request = SAMPLES[name]["request"]
    return requests.request(
        request["method"],
        request["url"].replace(PAGE_BASE, sandbox.base_url),
        headers=request["headers"],
        data=request["data"].encode() if "data" in request else None,
        files=files,
        allow_redirects=False,
        timeout=60,
    )


def expected(name: str) -> Any:
    return SAMPLES[name]["response"]


def assert_same(answer: Any, sample: Any, where: str = "") -> None:
    """Same keys in the same order, same types, same values."""
    assert type(answer) is type(sample), where
    if isinstance(sample, dict):
        assert list(answer) == list(sample), where
        for key in sample:
            assert_same(answer[key], sample[key], f"{where}.{key}")
    elif isinstance(sample, list):
        assert len(answer) == len(sample), where
        for position, (one, other) in enumerate(zip(answer, sample, strict=True)):
            assert_same(one, other, f"{where}[{position}]")
    else:
        assert answer == sample, where


def test_all_twenty_samples_of_the_page_are_here():
    assert len(SAMPLES) == 20
    assert all(sample["request"]["url"].startswith(PAGE_BASE) for sample in SAMPLES.values())


@pytest.mark.parametrize("name", ["list_voice_models", "get_campaign", "get_contact_attributes", "delete_contact"])
def test_a_sample_gets_the_answer_that_the_page_shows(page_world, name):
    response = replay(page_world, name)

    assert response.status_code == 200
    assert_same(response.json(), expected(name))


def test_the_list_sample_counts_two_campaigns_and_the_first_is_the_one_shown(page_world):
    answer, sample = replay(page_world, "list_campaigns").json(), expected("list_campaigns")

    assert_same(answer["results"][0], sample["results"][0])
    # The page counts two campaigns and prints one; the sandbox sends both.
    assert len(answer["results"]) == 2
    assert_same({**answer, "results": []}, {**sample, "results": []})


def test_the_create_sample_makes_the_campaign_shown(empty_running):
    empty_running.reset()
    response = replay(empty_running, "create_campaign")

    assert response.status_code == 201
    assert_same(response.json(), expected("create_campaign"))


@pytest.mark.parametrize("name", ["set_campaign_message", "add_contact", "add_contacts"])
def test_a_sample_on_the_created_campaign_gets_the_answer_shown(created_world, name):
    response = replay(created_world, name)

    assert response.status_code == 200
    assert_same(response.json(), expected(name))


def test_the_variables_of_the_add_samples_arrive(created_world):
    replay(created_world, "add_contact")
    replay(created_world, "add_contacts")

    contacts = {contact.number: contact.variables for contact in created_world.world.campaign(79).contacts.values()}
    assert contacts == {
        "9823561098": {"age": 23, "name": "Rajesh", "salary": 50000},
        "9841234567": {},
        "9841234568": {},
        "9841234569": {"name": "Jane"},
    }


def test_the_upload_sample_previews_the_workbook_and_adds_its_rows(created_world):
    response = replay(created_world, "upload_contacts", files={"bulk_file": ("contacts.xlsx", workbook_of_150())})

    assert response.status_code == 200
    assert_same(response.json(), expected("upload_contacts"))
    assert replay(created_world, "get_campaign").json()["campaign_action_count"] == 150


def test_the_update_sample_changes_what_it_names_and_nothing_else(page_world):
    before = replay(page_world, "get_campaign").json()
    response = replay(page_world, "update_campaign")

    assert response.status_code == 200
    changed = {"name": "updated name", "services": "SMS & PHONE", "schedule": "2025-07-09T00:00:00+05:45"}
    assert_same(response.json(), {**before, **changed, "updated_at": response.json()["updated_at"]})
    assert_same(replay(page_world, "get_campaign").json(), response.json())


def test_the_delete_sample_removes_campaign_and_contacts(page_world):
    assert replay(page_world, "delete_campaign").status_code == 204
    assert replay(page_world, "get_campaign").status_code == 404
    assert replay(page_world, "get_contact_attributes").status_code == 404


def test_the_list_contacts_sample_answers_the_fields_that_the_page_names(page_world):
    answer = replay(page_world, "list_contacts").json()

    assert list(answer) == [
        "count", "total_pages", "next", "previous", "results", "total_credits_consumed", "carrier_summary",
    ]  # fmt: skip
    assert answer["carrier_summary"] == {"NTC": 0, "Ncell": 1, "other": 0}
    (row,) = answer["results"]
    assert (row["id"], row["status"], row["call_duration"], row["playback"]) == (42, "not started", "0s", "")
    assert re.fullmatch(r"2025-07-\d\dT[\d:.]+\+05:45", row["updated_at"])


def test_the_edit_number_sample_changes_the_number(page_world):
    assert replay(page_world, "update_contact_number").status_code == 200
    assert replay(page_world, "list_contacts").json()["results"][0]["number"] == "9808684325"


def test_the_edit_attributes_sample_changes_the_attributes(page_world):
    response = replay(page_world, "update_contact_attributes")

    assert response.status_code == 200
    assert replay(page_world, "get_contact_attributes").json() == {"age": "22", "name": "Ram", "salary": "200000"}


def test_the_test_voice_sample_answers_a_bare_text_with_an_mp3_that_can_be_fetched(page_world):
    response = replay(page_world, "preview_voice")
    sample = expected("preview_voice")

    address = response.json()
    assert type(address) is type(sample) is str
    shape = r"https?://[^/]+/output/[0-9a-f]{32}\.mp3"
    assert re.fullmatch(shape, sample)
    assert re.fullmatch(shape, address)
    # No token: TingTing's own previews are on a public address too.
    mp3 = requests.get(address, timeout=60)
    assert mp3.headers["content-type"] == "audio/mpeg"
    assert mp3.content[:2] == b"\xff\xfb"


def test_the_demo_call_sample_calls_that_contact_once(page_world):
    assert replay(page_world, "demo_call").status_code == 200

    (entry,) = page_world.ledger.dialled
    assert (entry.contact_id, entry.channel, entry.number) == (42, "demo", "9808684324")


def test_the_run_sample_schedules_and_names_the_day_in_nepals_calendar(page_world):
    # The page's campaign 79 has midnight in one sample and 14:46 in the answer to running it.
    page_world.world.update_campaign(79, schedule=_seconds("2025-07-09T14:46:00+05:45"))
    response = replay(page_world, "run_campaign")

    assert response.status_code == 200
    assert_same(response.json(), expected("run_campaign"))
    assert replay(page_world, "get_campaign").json()["status"] == "Scheduled"


@pytest.mark.parametrize("campaign_id", [79, 858])
def test_the_report_sample_downloads_a_row_for_every_contact(page_world, campaign_id):
    url = SAMPLES["download_campaign_report"]["request"]["url"].replace("/79/", f"/{campaign_id}/")
    response = requests.get(
        url.replace(PAGE_BASE, page_world.base_url), headers={"Authorization": "Bearer YOUR_TOKEN"}, timeout=60
    )

    assert response.headers["content-type"].startswith("text/csv")
    rows = list(csv.reader(io.StringIO(response.content.decode(), newline="")))
    header = next(position for position, row in enumerate(rows) if row[0] == "Number")
    assert len(rows) - header - 1 == len(page_world.world.campaign(campaign_id).contacts)


def test_the_survey_sample_answers_json_and_without_the_format_csv(page_world):
    answers = replay(page_world, "download_survey_report").json()
    url = SAMPLES["download_survey_report"]["request"]["url"].replace("?format=json", "")
    as_csv = requests.get(
        url.replace(PAGE_BASE, page_world.base_url), headers={"Authorization": "Bearer YOUR_TOKEN"}, timeout=60
    )

    assert as_csv.headers["content-type"].startswith("text/csv")
    assert list(csv.DictReader(io.StringIO(as_csv.text, newline=""))) == answers


def test_every_sample_is_named_in_the_ledger_as_the_call_that_it_is(page_world):
    for name in SAMPLES:
        replay(page_world, name)

    assert [entry.call for entry in page_world.requests] == [sample["call"] for sample in SAMPLES.values()]
    assert not any("YOUR_TOKEN" in repr(entry) for entry in page_world.requests)


def workbook_of_150() -> bytes:
    from openpyxl import Workbook

    book = Workbook()
    sheet = book.active
    sheet.append(["number", "name", "age", "salary"])
    for position in range(150):
        sheet.append([str(9841234567 + position), "Rajesh", 23, 50000])
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
