"""The do-not-call list of a connection: no task adds, calls or texts a number that it names."""

from __future__ import annotations

import csv
import json
import sqlite3

import pytest
from support.adding_contacts import PEOPLE_OF_ALL, adding, numbers_in, write_workbook
from support.campaigns import NUMBERS, a_campaign, writes
from support.task_context import execute

from airflow_provider_tingting._compat import AirflowFailException
from airflow_provider_tingting.errors import TingTingCampaignError, TingTingSourceError
from airflow_provider_tingting.operators.contacts import TingTingCheckContactsOperator
from airflow_provider_tingting.operators.preview import TingTingDemoCallOperator

FIRST, SECOND, THIRD, FOURTH = NUMBERS


@pytest.fixture
def listed(tmp_path):
    """A file with the numbers that must not be called: the first of the audience, in another form."""
    path = tmp_path / "do_not_call.csv"
    path.write_text(f"Mobile\n+977 {FIRST[:3]}-{FIRST[3:]}\n")
    return path


def checking(contacts, **changes):
    return TingTingCheckContactsOperator(task_id="check", message="नमस्कार {name} जी", contacts=contacts, **changes)


def demo_call(contact_id, **changes):
    return TingTingDemoCallOperator(task_id="demo", contact_id=contact_id, **changes)


def in_a_workbook(path, tmp_path):
    workbook = tmp_path / "do_not_call.xlsx"
    write_workbook(workbook, [{"Name": "Sita", "Mobile": FIRST}])
    return str(workbook)


def in_a_database(path, tmp_path):
    with sqlite3.connect(tmp_path / "crm.db") as database:
        database.execute("CREATE TABLE do_not_call (mobile TEXT)")
        database.execute("INSERT INTO do_not_call VALUES (?)", (FIRST,))
    return {"sql": "SELECT mobile FROM do_not_call", "sql_conn_id": "crm"}


FORMS = {
    "a path": lambda path, _: str(path),
    "a URI": lambda path, _: f"file://{path}",
    "a workbook": in_a_workbook,
    "a file with its column": lambda path, _: {"contacts": str(path), "number_column": "Mobile"},
    "a query": in_a_database,
    "a query as a form's text": lambda path, tmp_path: json.dumps(in_a_database(path, tmp_path)),
    "several sources": lambda path, tmp_path: [str(path), in_a_database(path, tmp_path)],
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_number_on_the_list_is_not_added(sandbox, connect, campaign, listed, tmp_path, monkeypatch, form, logged):
    monkeypatch.setenv("AIRFLOW_CONN_CRM", f"sqlite://{tmp_path / 'crm.db'}")
    connect(do_not_call=form(listed, tmp_path))

    result, _ = execute(adding(campaign, PEOPLE_OF_ALL))

    assert numbers_in(sandbox, campaign) == {SECOND, THIRD, FOURTH}
    assert (result["total"], result["do_not_call"], result["excluded"]) == (3, 1, 0)
    said = logged()
    assert "The do-not-call list of connection 'tingting_default' has 1 number" in said
    assert "1 on the do-not-call list" in said
    assert FIRST not in said


@pytest.mark.parametrize(
    "changes",
    [{"transport": "xlsx"}, {"exclude": [SECOND]}, {"on_invalid_exclude": "skip"}, {"number_policy": "as_is"}],
    ids=["in a workbook", "beside exclude", "with entries of exclude skipped", "with numbers as they are"],
)
def test_no_argument_of_a_dag_switches_the_list_off(sandbox, connect, campaign, listed, changes):
    connect(do_not_call=str(listed))

    result, _ = execute(adding(campaign, PEOPLE_OF_ALL, **changes))

    assert FIRST not in numbers_in(sandbox, campaign)
    assert result["do_not_call"] == 1
    assert result["excluded"] == len(changes.get("exclude", ()))


def test_the_check_counts_what_the_adding_leaves_out(connect, listed):
    connect(do_not_call=str(listed))

    summary, _ = execute(checking(PEOPLE_OF_ALL))

    assert (summary["valid"], summary["do_not_call"], summary["calls"]) == (3, 1, 3)


def test_an_entry_that_appears_between_check_and_adding_is_not_called(sandbox, connect, campaign, listed):
    connect(do_not_call=str(listed))
    execute(checking(PEOPLE_OF_ALL))
    with listed.open("a") as file:
        file.write(f"{SECOND}\n")

    execute(adding(campaign, PEOPLE_OF_ALL))

    assert numbers_in(sandbox, campaign) == {THIRD, FOURTH}


def test_an_entry_that_appears_after_an_earlier_try_fails_the_task_before_the_campaign_is_run(
    sandbox, connect, campaign, listed
):
    connect(do_not_call=str(listed))
    execute(adding(campaign, PEOPLE_OF_ALL))
    with listed.open("a") as file:
        file.write(f"{SECOND}\n")

    with pytest.raises(
        TingTingCampaignError, match="1 of its contacts are numbers that do_not_call names: 98"
    ) as raised:
        execute(adding(campaign, PEOPLE_OF_ALL), try_number=2)

    assert SECOND not in str(raised.value)


def test_a_list_that_names_all_contacts_leaves_no_audience(sandbox, connect, campaign, listed):
    connect(do_not_call=str(listed))

    with pytest.raises(AirflowFailException, match=r"On the do-not-call list: 1\. No contact is left"):
        execute(adding(campaign, PEOPLE_OF_ALL[:1]))

    assert writes(sandbox) == []


UNUSABLE = {
    "a file that is gone": ("nowhere/do_not_call.csv", "do_not_call.csv"),
    "a storage that is not installed": ("nowhere://bucket/do_not_call.csv", "do_not_call 'nowhere://"),
    "a file without entries": ("Mobile\n", "a source has no entries"),
    "a file with nothing in it": ("", "do_not_call.csv"),
    "an entry that lost digits": ("Mobile\n9.84E+09\n", "do_not_call: do_not_call.csv, row 2.*remove that row"),
    "an entry with one digit too few": ("Mobile\n984123450\n", "do_not_call: do_not_call.csv, row 2"),
    "an entry with two numbers": ("Mobile\n9841234501/02\n", "do_not_call: do_not_call.csv, row 2"),
    "a column of other things": ("Mobile\nनमस्ते\n", "do_not_call: do_not_call.csv, row 2"),
    "a query without its database": ("SELECT mobile FROM do_not_call", "a query without its database"),
    "a key that is not known": ({"sql": "SELECT 1", "conn": "crm"}, "do_not_call: 'conn' is not known"),
    "a query without a connection": ({"sql": "SELECT 1"}, "sql_conn_id"),
    "JSON that breaks off": ('{"sql": ', "'do_not_call' of connection 'tingting_default' must be a path"),
    "a number of another kind": (7, "'do_not_call' of connection 'tingting_default' must be a path"),
}


@pytest.mark.parametrize(("entry", "says"), UNUSABLE.values(), ids=UNUSABLE)
def test_a_list_that_cannot_be_read_lets_no_contact_be_added(sandbox, connect, campaign, listed, entry, says):
    contact = a_contact(sandbox)
    if isinstance(entry, str) and (not entry or entry.startswith("Mobile")):
        listed.write_text(entry)
        entry = str(listed)
    connect(do_not_call=entry)

    for task in (adding(campaign, PEOPLE_OF_ALL, on_invalid_exclude="skip"), demo_call(contact, campaign_id=campaign)):
        # A retry may find a file again that was away.
        with pytest.raises((AirflowFailException, TingTingSourceError), match=says):
            execute(task)

    assert numbers_in(sandbox, campaign) == set()
    assert writes(sandbox) == []
    assert not sandbox.ledger.dialled


def a_contact(sandbox, numbers=NUMBERS):
    return min(sandbox.world.campaigns[a_campaign(sandbox, numbers)].contacts)


def test_a_demo_call_to_a_number_on_the_list_does_not_ring(sandbox, connect, listed):
    connect(do_not_call=str(listed))
    campaign = a_campaign(sandbox)
    first, second = sorted(sandbox.world.campaigns[campaign].contacts)[:2]

    with pytest.raises(
        AirflowFailException, match=f"Contact {first} of campaign {campaign} is on the do-not-call list"
    ):
        execute(demo_call(first, campaign_id=campaign))
    result, _ = execute(demo_call(second, campaign_id=str(campaign)))

    assert result["called"]
    assert dict(sandbox.ledger.times_dialled(channel="demo")) == {SECOND: 1}


@pytest.mark.parametrize(
    ("number", "entry"),
    [
        pytest.param("+919876543210", "0091 98765 43210", id="a foreign number"),
        pytest.param("014412345", "+977 1 4412345", id="a landline"),
    ],
)
def test_a_demo_call_to_a_number_of_another_kind_on_the_list_does_not_ring(sandbox, connect, listed, number, entry):
    listed.write_text(f"Mobile\n{entry}\n9841234599\n")
    connect(do_not_call=str(listed))
    campaign = a_campaign(sandbox, (number,))
    contact = min(sandbox.world.campaigns[campaign].contacts)

    with pytest.raises(AirflowFailException, match="is on the do-not-call list"):
        execute(demo_call(contact, campaign_id=campaign))

    assert writes(sandbox) == []


def test_a_demo_call_to_a_contact_without_a_number_does_not_ring(sandbox, connect, listed):
    connect(do_not_call=str(listed))
    campaign = a_campaign(sandbox, ("unknown",))
    contact = min(sandbox.world.campaigns[campaign].contacts)

    with pytest.raises(AirflowFailException, match=f"has no contact {contact} with a number"):
        execute(demo_call(contact, campaign_id=campaign))

    assert writes(sandbox) == []


def test_a_demo_call_whose_number_is_not_known_does_not_ring(sandbox, connect, listed, campaign):
    connect(do_not_call=str(listed))
    contact = a_contact(sandbox)

    with pytest.raises(AirflowFailException, match=r"Give campaign_id, too\. No contact was called"):
        execute(demo_call(contact))
    with pytest.raises(AirflowFailException, match=f"Campaign {campaign} has no contact {contact}"):
        execute(demo_call(contact, campaign_id=campaign))

    assert writes(sandbox) == []


def test_without_a_list_nothing_is_read(sandbox, connect):
    contact = a_contact(sandbox)

    execute(demo_call(contact))

    assert [request.call for request in sandbox.requests] == ["demo_call"]


def test_rejects_hold_no_number_of_the_list(sandbox, connect, campaign, listed, tmp_path):
    connect(do_not_call=str(listed))
    rejects = tmp_path / "rejects.csv"

    execute(adding(campaign, [*PEOPLE_OF_ALL, {"number": "12"}], on_invalid="skip", rejects_path=str(rejects)))

    with rejects.open(encoding="utf-8-sig", newline="") as file:
        assert [row["number"] for row in csv.DictReader(file)] == ["12"]
