"""Adding contacts: everybody checked before the first one is sent, everybody in the campaign at the end."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import openpyxl
import pytest
from support.campaigns import NUMBERS, a_campaign, writes
from support.impatience import settle_fast
from support.task_context import context_of, execute

from airflow_provider_tingting._compat import AirflowFailException, object_storage_path
from airflow_provider_tingting.contacts import loading, resume, send
from airflow_provider_tingting.errors import TingTingCampaignError, TingTingOutcomeUnknownError
from airflow_provider_tingting.hooks.tingting import TingTingHook
from airflow_provider_tingting.operators.contacts import TingTingAddContactsOperator

pytestmark = pytest.mark.usefixtures("tingting_conn")

PEOPLE = [
    {"Mobile": "९८४१२३४५०१", "Householder": "सीता"},
    {"Mobile": "+977 984-1234502", "Householder": "राम"},
    {"Mobile": 9801234503, "Householder": "Hari"},
]
THEIR_NUMBERS = {"9841234501", "9841234502", "9801234503"}


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    settle_fast(monkeypatch)
    monkeypatch.setattr(send, "Patience", lambda: PATIENCE)


PATIENCE = send.Patience(attempts=4, longest_wait=0.05)


@pytest.fixture
def campaign(sandbox):
    return a_campaign(sandbox, numbers=())


def adding(campaign_id, contacts, **changes):
    return TingTingAddContactsOperator(task_id="add", campaign_id=campaign_id, contacts=contacts, **changes)


def numbers_in(sandbox, campaign_id):
    return set(sandbox.world.campaigns[campaign_id].numbers)


def write_csv(path, rows):
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def write_workbook(path, rows):
    book = openpyxl.Workbook()
    book.active.append(list(rows[0]))
    for row in rows:
        book.active.append(list(row.values()))
    book.save(path)


# -- who may be given, and how -----------------------------------------------------------------------------------------


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
        "total": 3,
        "created": 3,
        "skipped": 0,
        "in_campaign": 3,
        "invalid": 0,
        "duplicates": 0,
        "conflicting": 0,
        "excluded": 0,
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


# -- what is refused before anybody is sent ----------------------------------------------------------------------------


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
        pytest.param(lambda _: [], ["audience is empty", "Nothing was sent"], id="nobody"),
        pytest.param(_only_a_header, ["people.csv", "no rows"], id="a table without rows"),
        pytest.param(lambda _: None, ["contacts is empty"], id="no contacts at all"),
        pytest.param(lambda _: "  ", ["contacts is empty"], id="an empty path"),
        pytest.param(lambda folder: str(folder / "gone.xlsx"), ["There is no file", "gone.xlsx"], id="no such file"),
        pytest.param(_folder, ["people.csv", "folder"], id="a folder"),
        pytest.param(_text_as_workbook, ["people.xlsx", "a text", "'people.csv'"], id="a file that is not a workbook"),
        pytest.param(_protected_workbook, ["people.xlsx", "password"], id="a protected workbook"),
        pytest.param(_formula_without_a_result, ["cell B2", "formula"], id="a formula that was never calculated"),
        pytest.param(_bytes_of_another_encoding, ["row 2", "encoding='cp1252'"], id="another encoding"),
        pytest.param(lambda _: "Sita Devi", ["a text of 9 characters", "no path"], id="a name"),
        pytest.param(lambda _: {"number": "9841234501"}, ["dict"], id="a single contact"),
        pytest.param(_no_number_column, ["people.xlsx", "Ward", "Householder", "number"], id="no number column"),
        pytest.param(_missing_variable, ["{name}", "people.csv", "Householder", "variables"], id="no column for a tag"),
        pytest.param(lambda _: "people.doc", ["people.doc", ".xlsx"], id="an unknown format"),
        pytest.param(lambda _: "nowhere://bucket/people.csv", ["nowhere", "provider"], id="an unknown storage"),
        pytest.param(lambda _: "['9841234501']", ["template", "output"], id="a list that became a text"),
        pytest.param(lambda _: 9841234501, ["int", "list of numbers"], id="a single number"),
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
def test_a_mistake_in_the_contacts_is_named_and_nobody_is_sent(sandbox, campaign, tmp_path, contacts, says):
    with pytest.raises(AirflowFailException) as raised:
        execute(adding(campaign, contacts(tmp_path)))

    for part in says:
        assert part in str(raised.value)
    assert "9841234501" not in str(raised.value)
    assert "othing was sent" in str(raised.value)
    assert f"Campaign {campaign} is still empty: correct this and clear this task" in str(raised.value)
    assert writes(sandbox) == []


def test_a_campaign_that_has_contacts_is_said_to_have_them_as_before(sandbox):
    campaign = a_campaign(sandbox, message="Hello")

    with pytest.raises(AirflowFailException, match=rf"Nothing was sent. Campaign {campaign} has 4 contacts as before"):
        execute(adding(campaign, "gone.csv"))


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
        ({"concurrency": "many"}, ["concurrency", "'many'"]),
        ({"on_invalid": "ignore"}, ["on_invalid", "'ignore'"]),
        ({"variables": "name"}, ["variables"]),
        ({"number_column": "Telephone"}, ["Telephone", "number_column"]),
    ],
)
def test_a_mistake_in_an_argument_is_named_and_nobody_is_sent(sandbox, campaign, changes, says):
    people = [{"number": "9841234501", "name": "Sita"}]

    with pytest.raises(AirflowFailException) as raised:
        execute(adding(**{"campaign_id": campaign, "contacts": people, **changes}))

    for part in says:
        assert part in str(raised.value)
    assert writes(sandbox) == []


def test_an_unknown_campaign_is_named_before_the_contacts_are_read(sandbox):
    with pytest.raises(AirflowFailException, match=r"campaign 4711.*HTTP 404"):
        execute(adding(4711, "gone.csv"))

    assert writes(sandbox) == []


# -- leaving bad rows out ----------------------------------------------------------------------------------------------

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
        "total": 1,
        "created": 1,
        "skipped": 0,
        "in_campaign": 1,
        "invalid": 2,
        "duplicates": 1,
        "conflicting": 1,
        "excluded": 0,
        "filtered_out": 0,
        "rejects_path": str(rejects),
    }
    with rejects.open(encoding="utf-8-sig", newline="") as file:
        assert [(row["number"], row["name"]) for row in csv.DictReader(file)] == [("12345", "Ram"), ("", "Gita")]
    assert "2 rows were left out" in logged()


def test_without_bad_rows_there_is_no_file(campaign, tmp_path):
    rejects = tmp_path / "rejects.csv"

    result, _ = execute(adding(campaign, MIXED[:1], on_invalid="skip", rejects_path=str(rejects)))

    assert result["rejects_path"] is None
    assert not rejects.exists()


@pytest.mark.parametrize("path", ["a file/rejects.csv", "rejects.pdf", "nowhere://bucket/rejects.csv"])
def test_rejects_that_cannot_be_written_are_found_out_before_anybody_is_sent(sandbox, campaign, tmp_path, path):
    (tmp_path / "a file").touch()
    target = path if "://" in path else str(tmp_path / path)

    with pytest.raises(AirflowFailException, match=r"rejects"):
        execute(adding(campaign, MIXED, on_invalid="skip", rejects_path=target))

    assert writes(sandbox) == []


# -- everybody is in it at the end -------------------------------------------------------------------------------------

PEOPLE_OF_ALL = [{"number": number, "name": "Sita"} for number in NUMBERS]


@pytest.mark.parametrize("transport", ["json", "xlsx"])
def test_adding_the_same_people_again_adds_nobody(sandbox, campaign, transport):
    execute(adding(campaign, PEOPLE_OF_ALL, transport=transport))
    result, _ = execute(adding(campaign, PEOPLE_OF_ALL, transport=transport), try_number=2)

    assert (result["created"], result["skipped"]) == (0, 4)
    assert numbers_in(sandbox, campaign) == set(NUMBERS)


@pytest.mark.parametrize("fault", ["lose-reply", "cut-before", "503-html", "500-after-commit", "429", "truncate"])
@pytest.mark.parametrize("transport", ["json", "xlsx"])
def test_a_batch_without_an_answer_is_sent_again_and_counted_right(sandbox, campaign, fault, transport):
    value = 0 if fault == "429" else None
    sandbox.faults.add(fault, call="add_contacts" if transport == "json" else "upload_contacts", value=value)

    result, _ = execute(adding(campaign, PEOPLE_OF_ALL, transport=transport, batch_size=3))

    assert (result["created"], result["skipped"]) == (4, 0)
    assert numbers_in(sandbox, campaign) == set(NUMBERS)


@pytest.mark.parametrize("transport", ["json", "xlsx"])
@pytest.mark.parametrize("fault", ["partial", "partial-silent"])
def test_people_that_tingting_did_not_take_are_an_error_that_names_them_masked(sandbox, campaign, transport, fault):
    call = "add_contacts" if transport == "json" else "upload_contacts"
    sandbox.faults.add(fault, call=call, times="*")

    with pytest.raises(TingTingCampaignError) as raised:
        execute(adding(campaign, PEOPLE_OF_ALL, transport=transport))

    said = str(raised.value)
    assert "of 4 contacts 2 are not in it: 98******02, 98******04" in said
    assert "Nobody has been called. Run the task again" in said
    sandbox.faults.clear()
    result, _ = execute(adding(campaign, PEOPLE_OF_ALL, transport=transport), try_number=2)
    assert (result["created"], result["skipped"]) == (2, 2)


def test_a_silent_preview_of_a_workbook_is_not_taken_for_an_upload(campaign, monkeypatch, sandbox):
    monkeypatch.setattr(sandbox.world, "add_contacts", lambda *args, **kwargs: ([], 0))

    with pytest.raises(TingTingCampaignError, match="4 are not in it"):
        execute(adding(campaign, PEOPLE_OF_ALL, transport="xlsx"))


def test_who_is_excluded_only_since_an_earlier_try_added_him_is_named_masked_and_not_called(sandbox, campaign):
    people = [{"number": number, "name": "Sita"} for number in NUMBERS]
    execute(adding(campaign, people))

    with pytest.raises(TingTingCampaignError, match=r"1 of its contacts .* exclude= names: 98\*{6}01") as caught:
        execute(adding(campaign, people, exclude=[f"+977 {NUMBERS[0]}"]), try_number=2)

    assert NUMBERS[0] not in str(caught.value)


def test_an_exclusion_does_not_mind_others_in_the_campaign(sandbox, campaign):
    execute(adding(campaign, [{"number": number, "name": "Sita"} for number in NUMBERS[:2]]))

    result, _ = execute(adding(campaign, [{"number": NUMBERS[2], "name": "Hari"}], exclude=[NUMBERS[3]]))

    assert (result["created"], result["skipped"]) == (1, 0)
    assert numbers_in(sandbox, campaign) == set(NUMBERS[:3])


@pytest.mark.parametrize("status", ["Running", "Scheduled", "Completed", "Paused"])
def test_nobody_is_added_to_a_campaign_that_has_begun(sandbox, status):
    campaign = a_campaign(sandbox, NUMBERS[:3])
    sandbox.world.campaigns[campaign].status = status

    result, _ = execute(adding(campaign, PEOPLE_OF_ALL[:3]), try_number=2)
    assert (result["created"], result["skipped"]) == (0, 3)

    for others in (PEOPLE_OF_ALL, PEOPLE_OF_ALL[1:]):
        with pytest.raises(TingTingCampaignError) as raised:
            execute(adding(campaign, others), try_number=2)
        assert f"It is {status}" in str(raised.value)
        assert "Nobody has been called" not in str(raised.value)
    assert writes(sandbox) == []


@pytest.mark.parametrize(
    ("fault", "error"),
    [("rotate-token", AirflowFailException), ("cut-before", TingTingOutcomeUnknownError)],
)
def test_trouble_that_stays_is_raised_and_a_retry_goes_on(sandbox, campaign, monkeypatch, fault, error):
    people = [{"number": f"98412340{index:02}", "name": "Sita"} for index in range(30)]
    sandbox.faults.add(fault, call="add_contacts", times=None if fault == "cut-before" else 1, skip=1)

    with pytest.raises(error):
        execute(adding(campaign, people, batch_size=10, concurrency=1))
    assert len(numbers_in(sandbox, campaign)) == 10
    sandbox.faults.clear()
    monkeypatch.setenv("AIRFLOW_CONN_TINGTING_DEFAULT", sandbox.connection_json())
    result, _ = execute(adding(campaign, people, batch_size=10), try_number=2)

    assert (result["created"], result["skipped"]) == (20, 10)
    assert len(numbers_in(sandbox, campaign)) == 30


# -- a retry goes on near where the last try came to ----------------------------------------------------------------

MANY = [{"number": f"9841{index:06}", "name": "Sita"} for index in range(600)]


class Store(dict):
    """A task state store as Airflow 3.3 has it; JSON by key."""

    def set(self, key, value):
        self[key] = json.loads(json.dumps(value))

    def delete(self, key):
        self.pop(key, None)


def one_try(operator, store, try_number):
    context = context_of(operator, try_number=try_number)
    if store is not None:
        context["task_state_store"] = store
    return operator.execute(context)


@pytest.fixture
def a_try_that_broke_off(sandbox, campaign):
    """Six of twelve batches have arrived when the fault comes that stays; the store knows."""
    store = Store()
    sandbox.faults.add("cut-before", call="add_contacts", times="*", skip=6)
    with pytest.raises(TingTingOutcomeUnknownError):
        one_try(adding(campaign, MANY, batch_size=50, concurrency=1), store, 1)
    sandbox.faults.clear()
    assert len(numbers_in(sandbox, campaign)) == 300
    return store


def batches_of(sandbox, campaign):
    return writes(sandbox).count("add_contacts")


def test_a_retry_goes_on_near_where_the_last_try_came_to(sandbox, campaign, a_try_that_broke_off, logged):
    before = batches_of(sandbox, campaign)
    logged()

    result = one_try(adding(campaign, MANY, batch_size=100, concurrency=2), a_try_that_broke_off, 2)

    assert batches_of(sandbox, campaign) == before + 3
    assert len(numbers_in(sandbox, campaign)) == 600
    assert (result["total"], result["created"], result["skipped"]) == (600, 600, 0)
    said = logged()
    assert "going on after the first 300 contacts" in said
    assert "600 of 600 contacts sent" in said
    assert a_try_that_broke_off["tingting_job"] == {
        "phase": "sent",
        "campaign_id": campaign,
        "total": 600,
        "generation": 0,
    }


def test_without_a_store_a_retry_sends_everybody_again(sandbox, campaign, a_try_that_broke_off):
    before = batches_of(sandbox, campaign)

    result = one_try(adding(campaign, MANY, batch_size=100), None, 2)

    assert batches_of(sandbox, campaign) == before + 6
    assert (result["created"], result["skipped"]) == (300, 300)


@pytest.mark.parametrize(
    ("people", "batches"),
    [
        pytest.param([{"number": "9801234567", "name": "Gita"}, *MANY], 13, id="somebody new in front"),
        pytest.param(MANY[1:], 12, id="somebody taken away"),
        pytest.param([*MANY, {"number": "9801234567", "name": "Gita"}], 7, id="somebody new at the end goes on"),
    ],
)
def test_a_source_that_has_changed_is_sent_from_the_beginning(sandbox, campaign, a_try_that_broke_off, people, batches):
    before = batches_of(sandbox, campaign)

    one_try(adding(campaign, people, batch_size=50), a_try_that_broke_off, 2)

    assert batches_of(sandbox, campaign) == before + batches
    assert numbers_in(sandbox, campaign) >= {person["number"] for person in people}


def test_a_point_of_another_campaign_is_not_gone_on_from(sandbox, a_try_that_broke_off):
    other = a_campaign(sandbox, numbers=())

    result = one_try(adding(other, MANY), a_try_that_broke_off, 2)

    assert result["created"] == 600
    assert len(numbers_in(sandbox, other)) == 600


def test_who_has_vanished_since_is_sent_again_in_the_same_try(sandbox, campaign, a_try_that_broke_off, logged):
    hook = TingTingHook()
    for contact_id in list(sandbox.world.campaigns[campaign].contacts)[:5]:
        hook.delete_contact(contact_id)
    assert len(numbers_in(sandbox, campaign)) == 295

    result = one_try(adding(campaign, MANY), a_try_that_broke_off, 2)

    assert len(numbers_in(sandbox, campaign)) == 600
    assert (result["created"], result["skipped"]) == (5, 595)
    assert "lacks 5 contacts" in logged()


def test_after_people_were_missing_the_next_try_begins_at_the_beginning(sandbox, campaign):
    store = Store()
    sandbox.faults.add("partial", call="add_contacts")
    with pytest.raises(TingTingCampaignError):
        one_try(adding(campaign, MANY, batch_size=50), store, 1)
    assert "progress" not in store["tingting_job"]
    sandbox.faults.clear()

    one_try(adding(campaign, MANY, batch_size=50), store, 2)

    assert len(numbers_in(sandbox, campaign)) == 600


def test_how_far_it_came_is_kept_while_it_sends_and_names_nobody(sandbox, campaign, monkeypatch):
    monkeypatch.setattr(resume, "EVERY", 0)
    kept = []

    class Watched(Store):
        def set(self, key, value):
            super().set(key, value)
            kept.append(self[key].get("progress", {}).get("contacts"))
            assert not any(person["number"] in json.dumps(self) for person in MANY)

    one_try(adding(campaign, MANY, batch_size=50, concurrency=1), Watched(), 1)

    assert (kept[0], kept[-2], kept[-1]) == (None, 600, None)
    assert len(kept) > 3
    assert kept[1:-1] == sorted(kept[1:-1])


def test_a_store_that_is_out_of_reach_does_not_stop_a_sending(sandbox, campaign, monkeypatch, logged):
    monkeypatch.setattr(resume, "EVERY", 0)

    class Flaky(Store):
        def set(self, key, value):
            if "progress" in value:
                raise ConnectionError("no route")
            super().set(key, value)

    result = one_try(adding(campaign, MANY, batch_size=50), Flaky(), 1)

    assert result["created"] == 600
    assert "could not be kept (ConnectionError)" in logged()


# -- what is too much at once is halved -----------------------------------------------------------------------------


def test_workbooks_that_are_too_large_are_halved(sandbox, campaign, monkeypatch):
    sandbox.faults.add("413", call="upload_contacts", times=2)

    result, _ = execute(adding(campaign, MANY, transport="xlsx"))

    assert result["created"] == 600
    assert len(numbers_in(sandbox, campaign)) == 600
    assert writes(sandbox).count("upload_contacts") == 2 + 4


def test_workbooks_go_out_in_several_parts_when_one_cannot_hold_everybody(sandbox, campaign, monkeypatch):
    monkeypatch.setattr(loading, "MAX_ROWS", 251)

    result, _ = execute(adding(campaign, MANY, transport="xlsx"))

    assert result["created"] == 600
    assert writes(sandbox).count("upload_contacts") == 3
