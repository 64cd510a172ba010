"""All contacts are in the campaign at the end, once, or the error names those that are missing."""

from __future__ import annotations

import pytest
from support.adding_contacts import MANY, PEOPLE_OF_ALL, adding, numbers_in
from support.campaigns import NUMBERS, a_campaign, writes
from support.task_context import execute

from airflow_provider_tingting._compat import AirflowFailException
from airflow_provider_tingting.contacts import add
from airflow_provider_tingting.errors import TingTingCampaignError, TingTingOutcomeUnknownError

pytestmark = pytest.mark.usefixtures("tingting_conn")


@pytest.mark.parametrize("transport", ["json", "xlsx"])
def test_adding_the_same_contacts_again_adds_no_contact(sandbox, campaign, transport):
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
def test_contacts_that_tingting_did_not_take_are_an_error_that_names_them_masked(sandbox, campaign, transport, fault):
    call = "add_contacts" if transport == "json" else "upload_contacts"
    sandbox.faults.add(fault, call=call, times="*")

    with pytest.raises(TingTingCampaignError) as raised:
        execute(adding(campaign, PEOPLE_OF_ALL, transport=transport))

    said = str(raised.value)
    assert "it lacks 2 of 4 contacts: 98******02, 98******04" in said
    assert "No contact has been called. Run the task again" in said
    sandbox.faults.clear()
    result, _ = execute(adding(campaign, PEOPLE_OF_ALL, transport=transport), try_number=2)
    assert (result["created"], result["skipped"]) == (2, 2)


def test_a_silent_preview_of_a_workbook_is_not_taken_for_an_upload(campaign, monkeypatch, sandbox):
    monkeypatch.setattr(sandbox.world, "add_contacts", lambda *args, **kwargs: ([], 0))

    with pytest.raises(TingTingCampaignError, match="it lacks 4 of 4 contacts"):
        execute(adding(campaign, PEOPLE_OF_ALL, transport="xlsx"))


def test_a_contact_that_is_excluded_since_an_earlier_try_added_it_is_named_masked_and_not_called(sandbox, campaign):
    people = [{"number": number, "name": "Sita"} for number in NUMBERS]
    execute(adding(campaign, people))

    with pytest.raises(TingTingCampaignError, match=r"1 of its contacts .* exclude names: 98\*{6}01") as caught:
        execute(adding(campaign, people, exclude=[f"+977 {NUMBERS[0]}"]), try_number=2)

    assert NUMBERS[0] not in str(caught.value)


def test_an_exclusion_does_not_mind_others_in_the_campaign(sandbox, campaign):
    execute(adding(campaign, [{"number": number, "name": "Sita"} for number in NUMBERS[:2]]))

    result, _ = execute(adding(campaign, [{"number": NUMBERS[2], "name": "Hari"}], exclude=[NUMBERS[3]]))

    assert (result["created"], result["skipped"]) == (1, 0)
    assert numbers_in(sandbox, campaign) == set(NUMBERS[:3])


@pytest.mark.parametrize("status", ["Running", "Scheduled", "Completed", "Paused"])
def test_no_contact_is_added_to_a_campaign_that_has_begun(sandbox, status):
    campaign = a_campaign(sandbox, NUMBERS[:3])
    sandbox.world.campaigns[campaign].status = status

    result, _ = execute(adding(campaign, PEOPLE_OF_ALL[:3]), try_number=2)
    assert (result["created"], result["skipped"]) == (0, 3)

    for others in (PEOPLE_OF_ALL, PEOPLE_OF_ALL[1:]):
        with pytest.raises(TingTingCampaignError) as raised:
            execute(adding(campaign, others), try_number=2)
        assert f"It is {status}" in str(raised.value)
        assert "No contact has been called" not in str(raised.value)
    assert writes(sandbox) == []


@pytest.mark.parametrize(
    ("fault", "error"),
    [("rotate-token", AirflowFailException), ("cut-before", TingTingOutcomeUnknownError)],
)
def test_trouble_that_stays_is_raised_and_a_retry_continues(sandbox, campaign, monkeypatch, fault, error):
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


# -- what is too much at once is halved --------------------------------------------------------------------------------


def test_workbooks_that_are_too_large_are_halved(sandbox, campaign, monkeypatch):
    sandbox.faults.add("413", call="upload_contacts", times=2)

    result, _ = execute(adding(campaign, MANY, transport="xlsx"))

    assert result["created"] == 600
    assert len(numbers_in(sandbox, campaign)) == 600
    assert writes(sandbox).count("upload_contacts") == 2 + 4


def test_workbooks_go_out_in_several_parts_when_one_cannot_hold_all_contacts(sandbox, campaign, monkeypatch):
    monkeypatch.setattr(add, "MAX_ROWS", 251)

    result, _ = execute(adding(campaign, MANY, transport="xlsx"))

    assert result["created"] == 600
    assert writes(sandbox).count("upload_contacts") == 3
