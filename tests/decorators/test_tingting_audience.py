"""`@task.tingting_audience`: what a function yields goes into a file, and only the path through XCom."""

from __future__ import annotations

import gzip
import json
from datetime import date
from decimal import Decimal

import pytest
from support.campaigns import a_campaign

from airflow_provider_tingting.contacts.audience_file import write_audience
from airflow_provider_tingting.contacts.sources import read_rows
from airflow_provider_tingting.errors import TingTingConfigError, TingTingContactsError

DAG_FILE = """
from airflow_provider_tingting.operators.contacts import TingTingAddContactsOperator, TingTingCheckContactsOperator
try:
    from airflow.sdk import DAG, task
except ImportError:
    from airflow import DAG
    from airflow.decorators import task

FOLDER = {folder!r}

with DAG("people_from_a_function", schedule=None, params={{"campaign": 0, "ward": 7}}) as dag:

    @task
    def ward(params=None):
        return params["ward"]

    @task.tingting_audience(path=FOLDER + "/{{{{ params.ward }}}}/people.jsonl.gz", retries=1)
    def people(ward, *, campaign=3, ti=None, params=None):
        for number in range(1, 4):
            yield {{"number": 9841234500 + number, "name": f"Ward {{ward}}, {{params['ward']}}"}}
        if ti.try_number > 5:
            raise RuntimeError

    @task.tingting_audience(path=FOLDER + "/broken.jsonl")
    def broken():
        yield "9841234501"
        raise RuntimeError("the source went away")

    @task.tingting_audience(path=FOLDER + "/empty.jsonl")
    def one_dict():
        return {{"number": "9841234501"}}

    @task.tingting_audience(path=FOLDER + "/{{{{ 'people.csv' }}}}")
    def wrong_ending():
        yield "9841234501"

    TingTingAddContactsOperator(
        task_id="add", campaign_id="{{{{ params.campaign }}}}", contacts=people(ward())
    )
    @task.tingting_audience(path=FOLDER + "/{{{{ ti.map_index }}}}.jsonl")
    def of_ward(ward):
        yield from [{{"number": 9841234500 + ward, "ward": ward}}, {{"number": 9841234509, "ward": 9}}]

    of_wards = of_ward.expand(ward=[7, 8])

    def is_in_ward(row):
        return row["ward"] < 9

    TingTingCheckContactsOperator.partial(task_id="check", where=is_in_ward, message="Hello").expand(contacts=of_wards)
    TingTingCheckContactsOperator(task_id="others", contacts=["9841234507", "9841234506"], exclude=of_wards)
    broken()
    one_dict()
    wrong_ending()
"""


def test_a_function_that_yields_contacts_becomes_a_task_that_leaves_them_in_a_file(
    run_dag, sandbox, tingting_conn, tmp_path, logged
):
    campaign = a_campaign(sandbox, numbers=(), message="नमस्कार {name}")
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "dag.py").write_text(DAG_FILE.format(folder=str(tmp_path / "out")), encoding="utf-8")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "broken.jsonl").write_text("of yesterday")

    run = run_dag("people_from_a_function", folder=tmp_path / "dags", conf={"campaign": campaign})

    assert run.states == {
        "ward": "success",
        "people": "success",
        "add": "success",
        "of_ward[0]": "success",
        "of_ward[1]": "success",
        "check[0]": "success",
        "check[1]": "success",
        "others": "success",
        "broken": "failed",
        "one_dict": "failed",
        "wrong_ending": "failed",
    }
    path = tmp_path / "out" / "7" / "people.jsonl.gz"
    assert run.xcom("people").removeprefix("file://") == str(path)
    assert run.xcom("people", "total") == 3
    assert json.loads(gzip.decompress(path.read_bytes()).splitlines()[0]) == {
        "number": 9841234501,
        "name": "Ward 7, 7",
    }
    assert set(sandbox.world.campaigns[campaign].numbers) == {"9841234501", "9841234502", "9841234503"}
    assert (tmp_path / "out" / "broken.jsonl").read_text() == "of yesterday"
    assert sorted(found.name for found in (tmp_path / "out").iterdir()) == ["0.jsonl", "1.jsonl", "7", "broken.jsonl"]
    for index in (0, 1):
        checked = run.xcom("check", map_index=index)
        assert (checked["valid"], checked["filtered_out"]) == (1, 1)
    assert (run.xcom("others")["valid"], run.xcom("others")["excluded"]) == (1, 1)
    said = logged()
    assert "one_dict() returns a dict. Yield the contacts one by one" in said
    assert "path must end in .jsonl or .jsonl.gz" in said


@pytest.mark.parametrize("name", ["people.jsonl", "people.jsonl.gz"])
def test_contacts_are_read_as_they_were_written(tmp_path, name):
    people = [
        "९८४१२३४५०१",
        9841234502,
        {"phone": "9841234503", "due": Decimal("12.50"), "day": date(2026, 11, 23), "note": None},
        {"number": "9841234504", "other_variables": {"name": "सीता"}},
    ]

    assert write_audience(tmp_path / name, iter(people)) == 4

    assert [dict(row.values) for row in read_rows(tmp_path / name)] == [
        {"number": "९८४१२३४५०१"},
        {"number": 9841234502},
        {"phone": "9841234503", "due": "12.50", "day": "2026-11-23", "note": ""},
        {"number": "9841234504", "other_variables": {"name": "सीता"}},
    ]


def test_the_same_contacts_give_the_same_bytes(tmp_path):
    for name in ("a.jsonl.gz", "b.jsonl.gz"):
        write_audience(tmp_path / name, ["9841234501"])
    assert (tmp_path / "a.jsonl.gz").read_bytes() == (tmp_path / "b.jsonl.gz").read_bytes()


@pytest.mark.parametrize(
    ("item", "says"),
    [
        (None, "people(), row 2 is a NoneType"),
        ({"number": "9841234501", "x": [1]}, "people(), row 2: a list cannot be sent"),
        ({"number": "9841234501", "x": "half \ud83d"}, "people(), row 2: a text holds half a character"),
        ({"number": "9841234501", "other_variables": {}, "x": 1}, "has other_variables and also 'x'"),
    ],
)
def test_what_is_no_contact_is_named_by_its_place_and_nothing_is_written(tmp_path, item, says):
    with pytest.raises(TingTingContactsError) as raised:
        write_audience(tmp_path / "people.jsonl", ["9841234501", item], name="people()")
    assert says in str(raised.value)
    assert list(tmp_path.iterdir()) == []


def test_another_ending_is_refused_before_any_contact_is_asked_for(tmp_path):
    def people():
        raise AssertionError
        yield

    with pytest.raises(TingTingConfigError, match=r"\.jsonl or \.jsonl\.gz"):
        write_audience(tmp_path / "people.csv", people())
