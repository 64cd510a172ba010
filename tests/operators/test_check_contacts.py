"""The check as a task of its own: it sends nothing, and says what sending would take."""

from __future__ import annotations

import csv

import openpyxl
import pytest
from support.campaigns import a_campaign, connection, writes
from support.task_context import REFUSED, context_of, execute

from airflow_provider_tingting._compat import AirflowFailException
from airflow_provider_tingting.errors import TingTingSourceError
from airflow_provider_tingting.operators import contacts
from airflow_provider_tingting.operators.contacts import TingTingAddContactsOperator, TingTingCheckContactsOperator

pytestmark = pytest.mark.usefixtures("tingting_conn")

PEOPLE = [
    {"number": "९८४१२३४५०१", "name": "सीता"},
    {"number": "+977 980-1234502", "name": "Ram"},
    {"number": "9841234501", "name": "Sita"},
    {"number": "9841234503", "name": " "},
    {"number": "12345", "name": "Gita"},
]


def checking(people=PEOPLE, **changes):
    return TingTingCheckContactsOperator(task_id="check", **{"contacts": people, **changes})


def test_the_operator_is_found_where_contacts_are_added():
    assert contacts.TingTingCheckContactsOperator is TingTingCheckContactsOperator


def test_the_campaigns_messages_are_checked_and_nothing_is_sent(sandbox):
    campaign = a_campaign(
        sandbox, numbers=(), message="नमस्कार {name}", sms_message="नमस्ते {name}", services="SMS & PHONE"
    )
    sandbox.world.set_credits(5)

    result, xcoms = execute(checking(campaign_id=str(campaign), on_invalid="skip"))

    assert result == {
        "campaign_id": campaign,
        "total": 5,
        "valid": 2,
        "invalid": 2,
        "duplicates": 1,
        "conflicting": 1,
        "excluded": 0,
        "do_not_call": 0,
        "over_cap": 0,
        "filtered_out": 0,
        "reasons": {"blank_tag (name)": 1, "too_short": 1},
        "carriers": {"NTC": 1, "Ncell": 1},
        "tags": {"name": {"filled": 3, "blank": 1}},
        "calls": 2,
        "sms": {"messages": 2, "parts": 2, "most_parts": 1, "unicode": 2},
        "credits": {"remaining": 5, "limit": None, "estimate": 4, "enough": True, "drift": None},
        "forecast": None,
        "rejects_path": None,
    }
    assert xcoms["summary"] == result
    assert xcoms["campaign_id"] == campaign
    assert writes(sandbox) == []


def test_what_the_check_says_is_what_tingting_has_in_the_end(sandbox, tmp_path, virtual_time):
    """A messy spreadsheet, checked, sent, and counted at TingTing."""
    campaign = a_campaign(sandbox, numbers=(), message="नमस्कार {tags_name}", services="SMS & PHONE", sms_message="Hi")
    book = openpyxl.Workbook()
    for row in (
        ("मोबाइल नं.", "Householder", "Ward"),
        ("+977 984-1234501", "सीता", 7),
        (9841234502, "Ram", "7 "),
        ("९८०१२३४५०३", "Hari", 8),
        ("9841234501", "Sita", 7),
        (9.84e9, "Maya", 7),
        ("9.85E+09", "Maya", 7),
        ("9841234505", None, 7),
        (None, None, None),
        ("01-4412345", "Office", 7),
        ("9841234506", "Gopal", 7),
    ):
        book.active.append(row)
    path = tmp_path / "people.xlsx"
    book.save(path)
    people = {
        "contacts": str(path),
        "variables": {"tags_name": "Householder"},
        "where": {"Ward": 7},
        "exclude": ["9841234506"],
        "on_invalid": "skip",
        "rejects_path": str(tmp_path / "rejects.xlsx"),
    }

    said, _ = execute(checking(campaign_id=campaign, **people))
    added, _ = execute(TingTingAddContactsOperator(task_id="add", campaign_id=campaign, **people))

    assert set(sandbox.world.campaigns[campaign].numbers) == {"9841234501", "9841234502", "9840000000"}
    assert said["valid"] == added["total"] == added["created"] == 3
    for count in ("invalid", "duplicates", "conflicting", "excluded", "filtered_out"):
        assert said[count] == added[count]
    assert said["reasons"] == {"lost_digits": 1, "blank_tag (tags_name)": 1, "landline": 1}
    assert (said["duplicates"], said["conflicting"], said["excluded"], said["filtered_out"]) == (1, 1, 1, 1)
    rejects = openpyxl.load_workbook(tmp_path / "rejects.xlsx").active
    assert [row[0] for row in rejects.iter_rows(min_row=2, values_only=True)] == [
        "9.85E+09",
        "9841234505",
        "01-4412345",
    ]


@pytest.mark.parametrize(("services", "calls", "sms"), [("PHONE", 2, None), ("SMS", 0, 2), ("SMS & PHONE", 2, 2)])
def test_only_what_the_campaigns_services_send_is_counted(sandbox, services, calls, sms):
    campaign = a_campaign(sandbox, numbers=(), message="Hello", sms_message="Hello", services=services)

    result, _ = execute(checking(PEOPLE[:2], campaign_id=campaign))

    assert result["calls"] == calls
    assert (result["sms"] or {}).get("parts") == sms


def test_a_message_will_do_instead_of_a_campaign(sandbox, logged):
    sandbox.world.set_credits(1)

    result, xcoms = execute(checking(PEOPLE[:2], message="Hello {name}", sms_message="x" * 161, credits_per_call="2"))

    assert result["campaign_id"] is None
    assert (result["calls"], result["sms"]["parts"]) == (2, 4)
    assert result["credits"] == {"remaining": 1, "limit": None, "estimate": 8, "enough": False, "drift": None}
    assert xcoms == {"summary": result, "tingting_campaign_link": ""}
    assert "do not cover all contacts" in logged()


def test_the_campaigns_own_limit_counts_too(sandbox):
    campaign = a_campaign(sandbox, numbers=(), message="Hello", credit_limit=1)

    result, _ = execute(checking(PEOPLE[:2], campaign_id=campaign))

    assert result["credits"]["limit"] == 1
    assert result["credits"]["enough"] is False


@pytest.mark.parametrize("fault", ["garbage", "500", "cut-before"])
def test_a_balance_that_tingting_does_not_give_is_said_to_be_unknown(sandbox, fault, logged, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_TINGTING_DEFAULT", connection(sandbox, max_retries=0))
    sandbox.faults.add(fault, call="get_dashboard", times="*")

    result, _ = execute(checking(PEOPLE[:2], message="Hello"))

    assert result["credits"] == {"remaining": None, "limit": None, "estimate": 2, "enough": None, "drift": None}
    assert "balance of the TingTing account is unknown" in logged()


def test_a_bad_row_fails_the_task_but_the_summary_stays(sandbox):
    campaign = a_campaign(sandbox, numbers=(), message="Hello {name}")
    operator = checking(campaign_id=campaign)
    context = context_of(operator)

    with pytest.raises(AirflowFailException, match="of 5 rows, 2 can be contacted"):
        operator.execute(context)

    assert context["ti"].xcoms["summary"]["invalid"] == 2


def test_rejects_are_written_even_when_the_task_fails(sandbox, tmp_path):
    rejects = tmp_path / "rejects.csv"

    with pytest.raises(AirflowFailException):
        execute(checking(message="Hello {name}", rejects_path=str(rejects)))

    with rejects.open(encoding="utf-8-sig", newline="") as file:
        assert [row["number"] for row in csv.DictReader(file)] == ["9841234503", "12345"]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"campaign_id": 1, "message": "Hello"}, ["campaign_id and a message"]),
        ({"message": "Hello {nmae}"}, ["{nmae}", "'name'", "the given contacts have no key of that name"]),
        ({"credits_per_call": "cheap"}, ["credits_per_call"]),
        ({"number_policy": "any"}, ["number_policy"]),
        ({"where": "name == 'Ram'"}, ["where"]),
        # A template that has rendered to nothing must not choose all contacts.
        ({"where": ""}, ["where"]),
        ({"where": {}}, ["where"]),
        ({"constants": ["Pokhara"]}, ["constants"]),
        ({"sql": "SELECT 1", "sql_conn_id": "x"}, ["contacts and sql"]),
        ({"sql_conn_id": "x"}, ["without sql"]),
        ({"people": None, "sql": "SELECT 1", "sql_conn_id": "x", "sheet": "East"}, ["sheet and sql are both given"]),
        ({"people": None, "sql": "SELECT 1", "sql_conn_id": "x", "delimiter": ";"}, ["delimiter and sql"]),
        ({"sheet": "East"}, ["sheet='East' is given, and a list is not a workbook"]),
        ({"people": None}, ["contacts is empty"]),
        ({"people": None, "sql": " ", "sql_conn_id": "x"}, ["query is empty"]),
        ({"people": None, "sql": "SELECT 1"}, ["sql_conn_id"]),
        ({"people": None, "sql": "SELECT 1", "sql_conn_id": "nowhere"}, ["nowhere"]),
        ({"people": None, "sql": "SELECT 1", "sql_conn_id": "tingting_default"}, ["not an SQL database"]),
        ({"exclude": {"sql": "SELECT 1", "conn_id": "x"}}, ["exclude", "'conn_id'"]),
        ({"exclude": {"number": "9841234501"}}, ["dict"]),
        ({"exclude": " "}, ["exclude is an empty text", "rendered to nothing"]),
    ],
)
def test_a_mistake_in_an_argument_is_named(changes, says):
    with pytest.raises(REFUSED) as raised:
        execute(checking(**{"message": None if "campaign_id" not in changes else "", **changes}))

    for part in says:
        assert part in str(raised.value)


@pytest.mark.parametrize(
    "changes",
    [{"people": "gone.csv"}, {"exclude": "gone.csv"}, {"exclude": ["9841234501", "gone, for good/gone.csv"]}],
    ids=["the contacts", "an exclusion", "an exclusion among numbers"],
)
def test_a_file_that_is_on_another_machine_is_looked_for_again(changes):
    with pytest.raises(TingTingSourceError, match=r"There is no file .*gone\.csv on the machine .*shared storage"):
        execute(checking(**changes))
