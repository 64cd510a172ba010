"""Contacts from each kind of source, in a task."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.adding_contacts import adding, numbers_in, write_csv, write_workbook
from support.campaigns import a_campaign, writes
from support.task_context import execute

from airflow_provider_tingting._compat import object_storage_path

pytestmark = pytest.mark.usefixtures("tingting_conn")

PEOPLE = [
    {"Mobile": "९८४१२३४५०१", "Householder": "सीता"},
    {"Mobile": "+977 984-1234502", "Householder": "राम"},
    {"Mobile": 9801234503, "Householder": "Hari"},
]
THEIR_NUMBERS = {"9841234501", "9841234502", "9801234503"}


@pytest.mark.parametrize("transport", ["json", "xlsx"])
@pytest.mark.parametrize("source", ["people.csv", "people.xlsx", "people.jsonl", "a pathlib path", "a storage path"])
def test_a_file_becomes_contacts_with_its_columns_as_variables(sandbox, tmp_path, source, transport):
    campaign = a_campaign(sandbox, numbers=(), message="नमस्कार {tags_name}")
    path = tmp_path / (source if source.startswith("people") else "people.csv")
    if path.suffix == ".xlsx":
        write_workbook(path, PEOPLE)
    elif path.suffix == ".jsonl":
        path.write_text("\n".join(json.dumps(row) for row in PEOPLE), encoding="utf-8")
    else:
        write_csv(path, PEOPLE)
    given = {"a pathlib path": Path, "a storage path": lambda text: object_storage_path(f"file://{text}")}

    result, xcoms = execute(
        adding(
            campaign,
            given.get(source, str)(str(path)),
            number_column="mobile",
            variables={"tags_name": "Householder"},
            transport=transport,
        )
    )

    assert numbers_in(sandbox, campaign) == THEIR_NUMBERS
    contacts = sandbox.world.campaigns[campaign].contacts.values()
    assert {contact.variables["tags_name"] for contact in contacts} == {"सीता", "राम", "Hari"}
    assert result == {
        "campaign_id": campaign,
        "begun": False,
        "total": 3,
        "created": 3,
        "skipped": 0,
        "in_campaign": 3,
        "invalid": 0,
        "duplicates": 0,
        "conflicting": 0,
        "excluded": 0,
        "do_not_call": 0,
        "over_cap": 0,
        "filtered_out": 0,
        "rejects_path": None,
    }
    assert xcoms == {"campaign_id": campaign, "tingting_campaign_link": f"{sandbox.root_url}#campaign-{campaign}"}


@pytest.mark.parametrize(
    ("contacts", "variables"),
    [
        pytest.param(
            [{"number": "9841234501", "other_variables": {"name": "Sita", "age": 22}}], 2, id="the API's shape"
        ),
        pytest.param([{"number": 9841234501, "name": "Sita", "age": 22}], 2, id="flat"),
        pytest.param([{"phone": "984-1234501", "name": "Sita"}], 1, id="another name for the number"),
    ],
)
def test_dicts_may_be_flat_or_in_the_shape_of_the_api(sandbox, campaign, contacts, variables):
    execute(adding(campaign, contacts))

    (contact,) = sandbox.world.campaigns[campaign].contacts.values()
    assert contact.number == "9841234501"
    assert contact.variables["name"] == "Sita"
    assert len(contact.variables) == variables


def test_bare_numbers_will_do_for_a_message_without_tags(sandbox):
    campaign = a_campaign(sandbox, numbers=(), message="नमस्कार")

    execute(adding(str(campaign), ["9841234501", 9801234503, "9841234501"]))

    assert numbers_in(sandbox, campaign) == {"9841234501", "9801234503"}


def test_a_relative_path_is_one_from_the_working_directory(sandbox, tmp_path, monkeypatch):
    campaign = a_campaign(sandbox, numbers=(), message="नमस्कार")
    monkeypatch.chdir(tmp_path)
    write_csv(tmp_path / "people.csv", PEOPLE)

    result, _ = execute(adding(campaign, "people.csv"))

    assert result["created"] == 3


def test_contacts_go_out_in_batches_of_the_size_asked_for(sandbox):
    campaign = a_campaign(sandbox, numbers=(), message="नमस्कार")
    people = [f"98412340{index:02}" for index in range(25)]

    result, _ = execute(adding(campaign, people, batch_size=10, concurrency=2))

    assert result["created"] == 25
    assert writes(sandbox) == ["add_contacts"] * 3
