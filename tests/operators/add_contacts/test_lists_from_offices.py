"""Lists as offices have them: what is not certain is refused before a contact is sent, or decided by the user."""

from __future__ import annotations

import pytest
from openpyxl import Workbook
from support.adding_contacts import adding, numbers_in, write_csv
from support.campaigns import a_campaign, writes
from support.task_context import execute

from airflow_provider_tingting._compat import AirflowFailException
from airflow_provider_tingting.operators.campaign import TingTingCreateCampaignOperator

pytestmark = pytest.mark.usefixtures("tingting_conn")

CONTACTS = [{"number": f"98412345{row:02}", "name": "Sita"} for row in (1, 2, 3)]


@pytest.fixture
def refused_list(tmp_path):
    path = tmp_path / "do_not_call.csv"
    write_csv(path, [{"name": "Ram", "phone": "9841234501"}, {"name": "Hari", "phone": "9.84E+09"}])
    return str(path)


def test_an_exclusion_list_that_cannot_be_read_sends_no_contact(sandbox, campaign, refused_list):
    with pytest.raises(AirflowFailException, match=r"exclude: do_not_call.csv, row 3.*on_invalid_exclude='skip'"):
        execute(adding(campaign, CONTACTS, exclude=refused_list))

    assert writes(sandbox) == []


def test_an_exclusion_list_that_cannot_be_read_may_be_used_all_the_same(sandbox, campaign, refused_list, logged):
    result, _ = execute(adding(campaign, CONTACTS, exclude=refused_list, on_invalid_exclude="skip"))

    assert (result["created"], result["excluded"]) == (2, 1)
    assert "Entries of exclude without a number that can be called: lost_digits 1" in logged()


@pytest.mark.parametrize(("choice", "last"), [("ask", None), ("skip", {"01", "03"}), ("include", {"01", "02", "03"})])
def test_rows_that_a_filter_hides_are_a_question(sandbox, campaign, tmp_path, choice, last):
    book = Workbook()
    book.active.append(["number", "name"])
    for contact in CONTACTS:
        book.active.append(list(contact.values()))
    book.active.row_dimensions[3].hidden = True
    book.save(tmp_path / "people.xlsx")
    add = adding(campaign, str(tmp_path / "people.xlsx"), hidden_rows=choice)

    if last is None:
        with pytest.raises(AirflowFailException, match="hides 1 row with values"):
            execute(add)
        assert writes(sandbox) == []
    else:
        execute(add)
        assert {number[-2:] for number in numbers_in(sandbox, campaign)} == last


def test_a_cell_with_several_numbers_gives_what_is_chosen(sandbox, campaign):
    execute(adding(campaign, [{"number": "9841234501, 9801234502", "name": "Sita"}], several_numbers="all"))

    assert numbers_in(sandbox, campaign) == {"9841234501", "9801234502"}


def test_a_tag_with_spaces_in_a_campaigns_message_is_refused(sandbox):
    campaign = a_campaign(sandbox, (), message="Namaste { name }")

    with pytest.raises(AirflowFailException, match=r"uses \{ name \} with spaces, which TingTing does not fill"):
        execute(adding(campaign, CONTACTS))

    assert writes(sandbox) == []


def test_a_tag_with_spaces_is_sent_without_them(sandbox):
    execute(
        TingTingCreateCampaignOperator(
            task_id="create", name="Water", user_phone=[3], message="Namaste { name }", voice="Rija"
        )
    )

    (campaign,) = sandbox.world.campaigns.values()
    assert campaign.message == "Namaste {name}"


def test_text_of_a_legacy_font_is_logged_without_the_text(sandbox, campaign, logged):
    execute(adding(campaign, [{"number": "9841234501", "name": "/fd axfb'/"}]))

    said = logged()
    assert "1 value of the variable 'name' probably in a legacy Nepali font" in said
    assert "axfb" not in said
