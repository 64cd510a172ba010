"""What is refused before the first contact is sent: the mistake is named, and the campaign stays as it was."""

from __future__ import annotations

import re

import openpyxl
import pytest
from support.adding_contacts import adding, write_csv, write_workbook
from support.campaigns import a_campaign, writes
from support.task_context import REFUSED, execute

from airflow_provider_tingting._compat import AirflowFailException

pytestmark = pytest.mark.usefixtures("tingting_conn")


def _text_as_workbook(folder):
    path = folder / "people.xlsx"
    path.write_text("number,name\n9841234501,Sita\n", encoding="utf-8")
    return str(path)


def _protected_workbook(folder):
    path = folder / "people.xlsx"
    path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600) + "EncryptedPackage".encode("utf-16-le"))
    return str(path)


def _formula_without_a_result(folder):
    path = folder / "people.xlsx"
    write_workbook(path, [{"number": "9841234501", "name": "=A2"}])
    return str(path)


def _bytes_of_another_encoding(folder):
    path = folder / "people.csv"
    path.write_bytes("number,name\n9841234501,José\n".encode("cp1252"))
    return str(path)


def _no_number_column(folder):
    path = folder / "people.xlsx"
    write_workbook(path, [{"Ward": 7, "Householder": "Sita"}])
    return str(path)


def _missing_variable(folder):
    path = folder / "people.csv"
    write_csv(path, [{"number": "9841234501", "Householder": "Sita"}])
    return str(path)


def _only_a_header(folder):
    path = folder / "people.csv"
    path.write_text("number,name\n", encoding="utf-8")
    return str(path)


def _folder(folder):
    (folder / "people.csv").mkdir()
    return str(folder / "people.csv")


@pytest.mark.parametrize(
    ("contacts", "says"),
    [
        pytest.param(lambda _: [], ["audience is empty", "Nothing was sent"], id="no contacts"),
        pytest.param(_only_a_header, ["people.csv", "no rows"], id="a table without rows"),
        pytest.param(lambda _: None, ["contacts is empty"], id="no contacts at all"),
        pytest.param(lambda _: "  ", ["contacts is empty"], id="an empty path"),
        pytest.param(_folder, ["people.csv", "directory"], id="a folder"),
        pytest.param(_text_as_workbook, ["people.xlsx", "a text", "'people.csv'"], id="a file that is not a workbook"),
        pytest.param(_protected_workbook, ["people.xlsx", "password"], id="a protected workbook"),
        pytest.param(_formula_without_a_result, ["cell B2", "formula"], id="a formula that was never calculated"),
        pytest.param(_bytes_of_another_encoding, ["row 2", "encoding='cp1252'"], id="another encoding"),
        pytest.param(lambda _: "Sita Devi", ["a text of 9 characters", "not a path"], id="a name"),
        pytest.param(_no_number_column, ["people.xlsx", "Ward", "Householder", "number"], id="no number column"),
        pytest.param(_missing_variable, ["{name}", "people.csv", "Householder", "variables"], id="no column for a tag"),
        pytest.param(lambda _: "people.doc", ["people.doc", ".xlsx"], id="an unknown format"),
        pytest.param(lambda _: "nowhere://bucket/people.csv", ["nowhere", "provider"], id="an unknown storage"),
        pytest.param(lambda _: "['9841234501']", ["template", "output"], id="a list that became a text"),
        pytest.param(
            lambda _: [{"number": "9841234501", "name": "Sita"}, None], ["2", "NoneType"], id="nothing in a list"
        ),
        pytest.param(
            lambda _: [{"number": "9841234501", "name": "Sita"}, {"number": "12345", "name": "Ram"}],
            ["of 2 rows, 1 can", "row 2", "on_invalid='skip'"],
            id="a number that is none",
        ),
        pytest.param(
            lambda _: [{"number": "9841234501", "name": "Sita"}, {"number": "9841234502", "name": " "}],
            ["row 2", "name"],
            id="a blank tag",
        ),
    ],
)
def test_a_mistake_in_the_contacts_is_named_and_no_contact_is_sent(sandbox, campaign, tmp_path, contacts, says):
    with pytest.raises(REFUSED) as raised:
        execute(adding(campaign, contacts(tmp_path)))

    for part in says:
        assert part in str(raised.value)
    assert "9841234501" not in str(raised.value)
    assert "othing was sent" in str(raised.value)
    assert f"Campaign {campaign} is still empty: correct this and clear this task" in str(raised.value)
    assert writes(sandbox) == []


def test_an_exclusion_list_with_two_sheets_says_how_its_sheet_is_named(campaign, tmp_path):
    path = tmp_path / "refused.xlsx"
    write_workbook(path, [{"number": "9841234501"}])
    book = openpyxl.load_workbook(path)
    book.create_sheet("West").append(["9841234502"])
    book.save(path)

    with pytest.raises(AirflowFailException, match=re.escape('for example {"contacts": …, "sheet": "Sheet"}.')):
        execute(adding(campaign, ["9841234503"], exclude=str(path)))


def test_a_campaign_that_has_contacts_is_said_to_have_them_as_before(sandbox):
    campaign = a_campaign(sandbox, message="Hello")

    with pytest.raises(AirflowFailException, match=rf"Nothing was sent. Campaign {campaign} has 4 contacts as before"):
        execute(adding(campaign, "people.doc"))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"campaign_id": "None"}, ["campaign_id", "'None'", "XCom"]),
        ({"campaign_id": 0}, ["campaign_id", "0"]),
        ({"campaign_id": "Sita"}, ["campaign_id", "a text of 4 characters"]),
        ({"campaign_id": {"number": "9841234501"}}, ["campaign_id", "a dict of 1"]),
        ({"number_policy": "any"}, ["number_policy"]),
        ({"constants": ["x"]}, ["constants"]),
        ({"where": "name == 'Sita'"}, ["where"]),
        ({"transport": "fax"}, ["transport", "'fax'", "json, xlsx"]),
        ({"batch_size": 0}, ["batch_size", "0"]),
        ({"concurrency": "many"}, ["concurrency", "from 1 to 64", "'many'"]),
        ({"batch_size": 10**30}, ["batch_size", "from 1 to 10,000"]),
        ({"on_invalid": "ignore"}, ["on_invalid", "'ignore'"]),
        ({"variables": "name"}, ["variables"]),
        ({"number_column": "Telephone"}, ["Telephone", "number_column"]),
    ],
)
def test_a_mistake_in_an_argument_is_named_and_no_contact_is_sent(sandbox, campaign, changes, says):
    people = [{"number": "9841234501", "name": "Sita"}]

    with pytest.raises(REFUSED) as raised:
        execute(adding(**{"campaign_id": campaign, "contacts": people, **changes}))

    for part in says:
        assert part in str(raised.value)
    assert writes(sandbox) == []


def test_an_unknown_campaign_is_named_before_the_contacts_are_read(sandbox):
    with pytest.raises(AirflowFailException, match=r"campaign 4711.*HTTP 404"):
        execute(adding(4711, "gone.csv"))

    assert writes(sandbox) == []
