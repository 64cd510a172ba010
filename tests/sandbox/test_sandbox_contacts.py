"""People into a campaign: one, many, a workbook; and changing them afterwards."""

from __future__ import annotations

import io
import zipfile

import pytest
from openpyxl import Workbook

from airflow_provider_tingting.sandbox import uploads


def workbook(*rows) -> bytes:
    book = Workbook()
    for row in rows:
        book.active.append(list(row))
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def upload(api, campaign_id, content, name="people.xlsx"):
    return api.patch(f"campaign/create/{campaign_id}/detail/", files={"bulk_file": (name, content)})


def variables(box, campaign_id):
    return {contact.number: contact.variables for contact in box.world.campaign(campaign_id).contacts.values()}


def test_sending_a_batch_again_skips_existing_numbers(box, api):
    campaign_id = api.create(3)
    rows = [{"number": "9841000000"}, {"number": 9841000002}, {"number": "9841000009"}, {"number": "9841000009"}]
    answer = api.post(f"campaign/{campaign_id}/add-contact/", json={"contacts": rows}).json()

    assert answer == {"created": 1, "skipped": 3, "contacts": [{"number": "9841000009"}], "errors": []}
    assert api.campaign(campaign_id)["campaign_action_count"] == 4
    assert variables(box, campaign_id)["9841000000"] == {"name": "Sita"}


def test_a_batch_with_wrong_numbers_takes_the_good_ones_and_names_the_others(box, api):
    campaign_id = api.create()
    wrong = ["123", "+9779841234567", "०९८४१२३४५६", "9.84E+09", None, 9841234567.0, True, {"a": 1}, "1234567890"]
    rows = [
        {"number": "9841000000"},
        *({"number": number} for number in wrong),
        {},
        {"number": "9851000000", "other_variables": []},
    ]
    response = api.post(f"campaign/{campaign_id}/add-contact/", json={"contacts": rows})

    assert response.status_code == 207
    assert response.json()["created"] == 2
    assert len(response.json()["errors"]) == len(wrong) + 1
    assert all(error["error"] == "Enter a valid phone number." for error in response.json()["errors"])


def test_a_single_contact_that_exists_or_is_no_number_is_refused(api):
    campaign_id = api.create(1)
    path = f"campaign/{campaign_id}/add-contact/"
    assert api.post(path, json={"number": "9841000000"}).json() == {
        "number": ["This number already exists in the campaign."]
    }
    assert api.post(path, json={"number": "12"}).json() == {"number": ["Enter a valid phone number."]}
    assert api.post(path, json={}).json() == {"number": ["This field is required."]}
    assert api.post(path, json={"contacts": []}).json() == {"contacts": ["This list may not be empty."]}
    assert api.post(path, json={"contacts": "x"}).status_code == 400
    assert api.campaign(campaign_id)["campaign_action_count"] == 1


def test_a_workbook_adds_its_rows_with_every_other_column_a_variable(box, api):
    campaign_id = api.create(1)
    content = workbook(
        ("number", "name", "age"),
        ("9841000000", "Sita", 31),
        (9841000005, "राम", 4.0),
        (None, None, None),
        ("x", "y", ""),
    )
    answer = upload(api, campaign_id, content).json()

    assert answer["total_validated_rows"] == 2
    assert answer["error_list"] == ["Row 5: invalid phone number."]
    assert answer["samples"] == [
        {"column": "number", "sample": "9841000000"},
        {"column": "name", "sample": "Sita"},
        {"column": "age", "sample": "31"},
    ]
    assert variables(box, campaign_id)["9841000005"] == {"name": "राम", "age": "4"}
    assert api.campaign(campaign_id)["campaign_action_count"] == 2
    assert api.campaign(campaign_id)["bulk_file"].endswith("/media/people.xlsx")


def test_the_number_column_may_be_called_numbers(box, api):
    campaign_id = api.create()
    assert upload(api, campaign_id, workbook(("name", "numbers"), ("Sita", "9841000000"))).status_code == 200
    assert variables(box, campaign_id) == {"9841000000": {"name": "Sita"}}


def bomb() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", bytes(3 << 20))
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "Upload a valid Excel file"),
        (b"number\n9841000000\n", "Upload a valid Excel file"),
        (workbook(("number",))[:500], "Upload a valid Excel file"),
        (workbook(("name",), ("Sita",)), "'number' was not found"),
        (workbook(), "'number' was not found"),
    ],
    ids=["empty", "a CSV file", "a workbook cut short", "no column of numbers", "no columns"],
)
def test_a_file_that_is_no_workbook_of_contacts_is_refused(api, content, said):
    campaign_id = api.create()
    response = upload(api, campaign_id, content)

    assert response.status_code == 400
    assert said in response.text
    assert api.campaign(campaign_id)["campaign_action_count"] == 0


def test_a_workbook_that_unpacks_to_more_than_the_limit_is_refused(api, monkeypatch):
    monkeypatch.setattr(uploads, "MAX_UNPACKED_BYTES", 1 << 20)
    response = upload(api, api.create(), bomb())
    assert (response.status_code, response.json()) == (400, {"bulk_file": ["The file is too large."]})


@pytest.mark.parametrize("options", [{"json": {}}, {"data": {"bulk_file": "x"}}, {"files": {"other": b"x"}}, {}])
def test_an_upload_without_the_file_is_refused(api, options):
    response = api.patch(f"campaign/create/{api.create()}/detail/", **options)
    assert (response.status_code, response.json()) == (400, {"bulk_file": ["No file was submitted."]})


def test_attributes_are_merged_and_answered(api):
    campaign_id = api.create(1)
    contact_id = api.get(f"campaign-detail/{campaign_id}/").json()["results"][0]["id"]
    assert api.patch(f"campaign/{contact_id}/attributes/", json={"age": 9}).json() == {"name": "Sita", "age": 9}
    assert api.get(f"campaign/{contact_id}/attributes/").json() == {"name": "Sita", "age": 9}
    assert api.patch(f"campaign/{contact_id}/attributes/", json=[1]).status_code == 400


def test_a_number_is_changed_unless_another_contact_has_it(box, api):
    campaign_id = api.create(2)
    newest, oldest = (row["id"] for row in api.get(f"campaign-detail/{campaign_id}/").json()["results"])
    assert api.patch(f"phone-number/update/{newest}/", json={"number": "9841000000"}).status_code == 400
    assert api.patch(f"phone-number/update/{newest}/", json={"number": "98"}).status_code == 400
    assert api.patch(f"phone-number/update/{newest}/", json={"number": 9801000000}).status_code == 200
    assert api.patch(f"phone-number/update/{oldest}/", json={"number": "9841000000"}).status_code == 200
    assert set(variables(box, campaign_id)) == {"9801000000", "9841000000"}
    assert api.get(f"campaign-detail/{campaign_id}/").json()["carrier_summary"] == {"NTC": 1, "Ncell": 1, "other": 0}


def test_a_deleted_contact_is_gone_and_its_number_free(api):
    campaign_id = api.create(1)
    contact_id = api.get(f"campaign-detail/{campaign_id}/").json()["results"][0]["id"]
    assert api.delete(f"phone-number/delete/{contact_id}/").status_code == 200
    assert api.delete(f"phone-number/delete/{contact_id}/").status_code == 404
    assert api.post(f"campaign/{campaign_id}/add-contact/", json={"number": "9841000000"}).status_code == 200
