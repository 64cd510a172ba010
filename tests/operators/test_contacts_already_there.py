"""Adding contacts to a campaign that has some already: none twice in it, none removed from it, none too late."""

from __future__ import annotations

import pytest
from support.campaigns import NUMBERS, a_campaign, connection, reads, writes
from support.task_context import context_of

from airflow_provider_tingting._compat import AirflowFailException
from airflow_provider_tingting.errors import TingTingCampaignError
from airflow_provider_tingting.operators.contacts import TingTingAddContactsOperator
from airflow_provider_tingting.sandbox import Sandbox
from airflow_provider_tingting.sandbox.routes import campaigns as campaign_routes

pytestmark = pytest.mark.usefixtures("virtual_time")

PEOPLE = [{"number": number, "name": "Sita"} for number in NUMBERS]
OTHERS = [{"number": f"98412346{index:02}", "name": "Hari"} for index in range(4)]


@pytest.fixture
def speaking(monkeypatch):
    """`speaking(upload=…)` gives a sandbox that treats workbooks in this way, and the connection to it."""
    running = []

    def start(**dialect):
        running.append(Sandbox(dialect=dialect).start())
        monkeypatch.setenv("AIRFLOW_CONN_TINGTING_DEFAULT", connection(running[-1], max_retries=0))
        return running[-1]

    yield start
    for box in running:
        box.stop()


def add(campaign_id, contacts, *, store=None, try_number=1, cleared_after=0, **changes):
    operator = TingTingAddContactsOperator(task_id="add", campaign_id=campaign_id, contacts=contacts, **changes)
    context = context_of(operator, try_number=try_number, cleared_after=cleared_after)
    if store is not None:
        context["task_state_store"] = store
    return operator.execute(context)


@pytest.fixture
def without_counts(monkeypatch):
    """TingTing does not say how many contacts a campaign has."""
    whole = campaign_routes.campaign_json
    monkeypatch.setattr(
        campaign_routes, "campaign_json", lambda *args, **how: {**whole(*args, **how), "campaign_action_count": None}
    )


def numbers_in(sandbox, campaign_id):
    return sorted(contact.number for contact in sandbox.world.campaigns[campaign_id].contacts.values())


# -- a server that does not skip what a campaign has -------------------------------------------------------------------


def test_a_contact_that_is_in_a_campaign_twice_after_an_upload_without_an_answer_is_named_masked(speaking):
    sandbox = speaking(upload="repeat")
    campaign = a_campaign(sandbox, numbers=())
    sandbox.faults.add("lose-reply", call="upload_contacts")

    for try_number in (1, 2):
        with pytest.raises(TingTingCampaignError) as raised:
            add(campaign, PEOPLE, transport="xlsx", try_number=try_number)

        said = str(raised.value)
        assert "it has 4 of 4 contacts more than once, and would call them as often: 98******01, 98******02" in said
        assert 'No contact has been called. Start over, with transport="json"' in said
        assert NUMBERS[0] not in said
    assert len(numbers_in(sandbox, campaign)) == 8, "the second try has uploaded nothing"


def test_a_retry_uploads_nothing_when_the_campaign_has_all_contacts(speaking):
    sandbox = speaking(upload="repeat")
    campaign = a_campaign(sandbox, numbers=())

    first = add(campaign, PEOPLE, transport="xlsx")
    second = add(campaign, PEOPLE, transport="xlsx", try_number=2)

    assert (first["created"], first["skipped"]) == (4, 0)
    assert (second["created"], second["skipped"]) == (0, 4)
    assert numbers_in(sandbox, campaign) == sorted(NUMBERS)


def test_contacts_that_would_be_repeated_by_an_upload_of_a_second_task_are_found_out(speaking):
    sandbox = speaking(upload="repeat")
    campaign = a_campaign(sandbox, NUMBERS[:1])

    with pytest.raises(TingTingCampaignError, match=r"it has 1 of 4 contacts more than once.*98\*{6}01"):
        add(campaign, PEOPLE, transport="xlsx")


# -- a server whose upload replaces ------------------------------------------------------------------------------------


@pytest.mark.parametrize("second", [OTHERS, [*PEOPLE[:1], *OTHERS]], ids=["as many others", "more, one of them known"])
def test_a_second_workbook_that_removes_the_contacts_of_the_first_is_found_out_for_good(speaking, second):
    sandbox = speaking(upload="replace")
    campaign = a_campaign(sandbox, numbers=())
    add(campaign, PEOPLE, transport="xlsx")

    with pytest.raises(AirflowFailException, match=r"it has lost [34] contacts while these were added"):
        add(campaign, second, transport="xlsx")


@pytest.mark.parametrize("upload", ["add", "replace"])
def test_a_second_workbook_with_all_contacts_of_the_first_is_fine_whatever_an_upload_does(speaking, upload):
    sandbox = speaking(upload=upload)
    campaign = a_campaign(sandbox, numbers=())
    add(campaign, PEOPLE, transport="xlsx")

    result = add(campaign, [*PEOPLE, *OTHERS], transport="xlsx")

    assert len(set(numbers_in(sandbox, campaign))) == len(numbers_in(sandbox, campaign)) == 8
    assert (result["created"], result["skipped"]) == (4, 4)


def test_two_workbooks_of_different_contacts_come_into_one_campaign(speaking):
    sandbox = speaking()
    campaign = a_campaign(sandbox, numbers=())

    for people in (PEOPLE, OTHERS):
        result = add(campaign, people, transport="xlsx")
        assert (result["created"], result["skipped"]) == (4, 0)
    assert len(numbers_in(sandbox, campaign)) == 8


# -- another contact is removed meanwhile ------------------------------------------------------------------------------


@pytest.mark.parametrize("transport", ["json", "xlsx"])
def test_another_contact_that_is_removed_while_all_contacts_are_in_the_campaign_is_no_reason_to_fail(
    sandbox, tingting_conn, monkeypatch, transport
):
    campaign = a_campaign(sandbox, (*NUMBERS, "9841999999"))
    whole, reads = campaign_routes.campaign_json, []

    def taken_out_before_the_last_read(*args, **how):
        reads.append(campaign)
        if len(reads) == 2:
            [stranger] = [one.id for one in args[0].contacts.values() if one.number == "9841999999"]
            sandbox.world.delete_contact(stranger)
        return whole(*args, **how)

    monkeypatch.setattr(campaign_routes, "campaign_json", taken_out_before_the_last_read)

    result = add(campaign, PEOPLE, transport=transport, try_number=2)

    assert (result["created"], result["skipped"], result["in_campaign"]) == (0, 4, 4)
    assert len(reads) == 2


# -- a server that does not count --------------------------------------------------------------------------------------


@pytest.mark.parametrize("transport", ["json", "xlsx"])
def test_without_the_campaigns_count_no_contact_is_added_twice_and_new_contacts_are_counted(
    speaking, without_counts, transport
):
    sandbox = speaking(upload="repeat")
    campaign = a_campaign(sandbox, numbers=())

    first = add(campaign, PEOPLE, transport=transport)
    second = add(campaign, PEOPLE, transport=transport, try_number=2, cleared_after=1)

    assert (first["created"], first["skipped"], first["in_campaign"]) == (4, 0, None)
    assert (second["created"], second["skipped"]) == (0, 4)
    assert numbers_in(sandbox, campaign) == sorted(NUMBERS)


def test_without_the_campaigns_count_contacts_that_an_upload_removes_are_missed(speaking, without_counts):
    sandbox = speaking(upload="replace")
    campaign = a_campaign(sandbox)

    with pytest.raises(AirflowFailException, match="it has lost 4 contacts while these were added"):
        add(campaign, OTHERS, transport="xlsx")


# -- a campaign that is sent no more contacts --------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["Scheduled", "Running", "Paused"])
def test_a_contact_that_is_excluded_by_now_and_may_still_be_called_is_named_masked(sandbox, tingting_conn, status):
    campaign = a_campaign(sandbox)
    sandbox.world.campaigns[campaign].status = status

    with pytest.raises(
        TingTingCampaignError, match=rf"1 of its contacts .* 98\*{{6}}01\..* It is {status} and may call"
    ):
        add(campaign, PEOPLE, exclude=[f"+977 {NUMBERS[0]}"], try_number=2, cleared_after=1)


def test_a_list_that_has_grown_since_the_campaign_ended_is_only_reported(sandbox, tingting_conn, logged):
    campaign = a_campaign(sandbox)
    sandbox.world.campaigns[campaign].status = "Completed"

    assert add(campaign, PEOPLE, exclude=[NUMBERS[0]], try_number=2, cleared_after=1)["skipped"] == 3
    assert f"Campaign {campaign} has ended; 1 of its contacts are excluded now" in logged()


def test_others_in_a_campaign_that_waits_for_its_hour_are_reported(sandbox, tingting_conn, logged):
    campaign = a_campaign(sandbox)
    sandbox.world.campaigns[campaign].status = "Scheduled"

    add(campaign, PEOPLE[:3], try_number=2, cleared_after=1)

    assert f"Campaign {campaign} is Scheduled and holds 4 contacts, 1 more than this audience" in logged()


# -- how often all contacts are read ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("transport", "contacts"), [("json", 1), ("xlsx", 1), ("xlsx", 3)])
def test_one_reading_of_the_campaign_reports_which_contact_is_missing_and_a_contact_that_is_excluded(
    sandbox, tingting_conn, transport, contacts
):
    campaign = a_campaign(sandbox, NUMBERS[:3])

    add(campaign, PEOPLE[:contacts], transport=transport, exclude=[NUMBERS[3]], try_number=2)

    assert reads(sandbox, "list_contacts") == 1


# -- a campaign that begins meanwhile ----------------------------------------------------------------------------------


def test_a_campaign_that_is_run_while_many_contacts_are_read_is_sent_no_contact(sandbox, tingting_conn, virtual_time):
    campaign = a_campaign(sandbox)

    def run_it(row):
        if not sandbox.world.campaigns[campaign].runs:
            # Reading takes so long that the campaign is read once more before contacts are sent.
            virtual_time.push(10)
            sandbox.clock.speed = 0
            sandbox.world.run_campaign(campaign)
        return True

    with pytest.raises(TingTingCampaignError, match=r"it lacks 1 of \d contacts.*It is Running, so they are not"):
        add(campaign, [{"number": "9841234599", "name": "Ram"}], where=run_it)

    assert writes(sandbox) == []
    assert numbers_in(sandbox, campaign) == sorted(NUMBERS)


# -- what a corrected source does not undo -----------------------------------------------------------------------------


def test_a_contact_that_was_removed_of_the_source_is_counted_and_reported(sandbox, tingting_conn, logged):
    campaign = a_campaign(sandbox, numbers=())
    assert add(campaign, PEOPLE)["in_campaign"] == 4
    assert "more than this audience" not in logged()

    result = add(campaign, PEOPLE[:2], try_number=2, cleared_after=1)

    assert (result["total"], result["skipped"], result["in_campaign"]) == (2, 2, 4)
    said = logged()
    assert f"Campaign {campaign} holds 4 contacts, 2 more than this audience: they are called too" in said
    assert "clear the task that creates the campaign with on_clear='send_again'" in said


@pytest.mark.parametrize("transport", ["json", "xlsx"])
def test_variables_that_were_corrected_too_late_are_reported(sandbox, tingting_conn, logged, transport):
    campaign = a_campaign(sandbox, numbers=())
    add(campaign, PEOPLE[:3], transport=transport)
    assert "variables stay" not in logged()

    add(campaign, [{**person, "name": "Gita"} for person in PEOPLE], transport=transport, try_number=2, cleared_after=1)

    said = logged()
    assert f"Campaign {campaign} had 3 of the 4 contacts already. TingTing skips them: their variables stay" in said
    assert "more than this audience" not in said
    heard = [contact.variables["name"] for contact in sandbox.world.campaigns[campaign].contacts.values()]
    assert heard == ["Sita"] * 3 + ["Gita"]


def test_two_tasks_may_add_to_one_campaign_and_each_reports_the_whole_count(sandbox, tingting_conn):
    campaign = a_campaign(sandbox, numbers=())

    assert [add(campaign, people)["in_campaign"] for people in (PEOPLE, OTHERS)] == [4, 8]


def test_a_campaign_that_has_begun_is_counted_too(sandbox, tingting_conn):
    sandbox.clock.speed = 0
    campaign = a_campaign(sandbox)
    sandbox.world.run_campaign(campaign)

    assert add(campaign, PEOPLE[:1], try_number=2)["in_campaign"] == 4
