"""Bad rows that are left out: counted, written to a file, and found out in time if that cannot be."""

from __future__ import annotations

import csv

import pytest
from support.adding_contacts import adding, numbers_in
from support.campaigns import connection, writes
from support.task_context import REFUSED, execute

pytestmark = pytest.mark.usefixtures("tingting_conn")

MIXED = [
    {"number": "9841234501", "name": "Sita"},
    {"number": "12345", "name": "Ram"},
    {"number": "9841234501", "name": "Sita again"},
    {"number": "", "name": "Gita"},
]


def test_bad_rows_can_be_left_out_and_are_written_to_a_file(sandbox, campaign, tmp_path, logged):
    rejects = tmp_path / "new folder" / "rejects.csv"

    result, _ = execute(adding(campaign, MIXED, on_invalid="skip", rejects_path=str(rejects)))

    assert numbers_in(sandbox, campaign) == {"9841234501"}
    assert result == {
        "campaign_id": campaign,
        "begun": False,
        "total": 1,
        "created": 1,
        "skipped": 0,
        "in_campaign": 1,
        "invalid": 2,
        "duplicates": 1,
        "conflicting": 1,
        "excluded": 0,
        "do_not_call": 0,
        "over_cap": 0,
        "filtered_out": 0,
        "rejects_path": str(rejects),
    }
    with rejects.open(encoding="utf-8-sig", newline="") as file:
        assert [(row["number"], row["name"]) for row in csv.DictReader(file)] == [("12345", "Ram"), ("", "Gita")]
    assert "2 rows left out" in logged()


@pytest.mark.parametrize(
    ("read", "named"),
    [
        pytest.param(lambda file: {"contacts": file}, "contacts", id="the contacts"),
        pytest.param(lambda file: {"exclude": file}, "exclude", id="the exclusion list"),
        pytest.param(
            lambda file: {"exclude": ["9801112222", {"contacts": file}]}, "exclude", id="one of several lists"
        ),
        pytest.param(lambda file: {"do_not_call": file}, "do_not_call of connection", id="the do-not-call list"),
        pytest.param(
            lambda file: {"do_not_call": [{"contacts": file}]}, "do_not_call of connection", id="a list's file"
        ),
    ],
)
def test_rejects_are_not_written_over_a_file_that_is_read(sandbox, campaign, tmp_path, monkeypatch, read, named):
    path = tmp_path / "people.csv"
    path.write_text("number,name\n9841234501,Sita\n12345,Ram\n")
    before = path.read_bytes()
    arguments = {"contacts": MIXED, **read(str(path))}
    rules = {"do_not_call": arguments.pop("do_not_call", None)}
    monkeypatch.setenv("AIRFLOW_CONN_TINGTING_DEFAULT", connection(sandbox, **rules))
    rejects = f"file://{path}"

    with pytest.raises(REFUSED, match=f"rejects_path and {named}.* are the same file, .*people.csv"):
        execute(adding(campaign, arguments.pop("contacts"), on_invalid="skip", rejects_path=rejects, **arguments))

    assert path.read_bytes() == before
    assert numbers_in(sandbox, campaign) == set()


def test_without_bad_rows_there_is_no_file(campaign, tmp_path):
    rejects = tmp_path / "rejects.csv"

    result, _ = execute(adding(campaign, MIXED[:1], on_invalid="skip", rejects_path=str(rejects)))

    assert result["rejects_path"] is None
    assert not rejects.exists()


@pytest.mark.parametrize("path", ["a file/rejects.csv", "rejects.pdf", "nowhere://bucket/rejects.csv"])
def test_rejects_that_cannot_be_written_are_found_out_before_any_contact_is_sent(sandbox, campaign, tmp_path, path):
    (tmp_path / "a file").touch()
    target = path if "://" in path else str(tmp_path / path)

    with pytest.raises(REFUSED, match=r"rejects"):
        execute(adding(campaign, MIXED, on_invalid="skip", rejects_path=target))

    assert writes(sandbox) == []
