"""A campaign's contacts beside an audience: which listing is believed, and what is refused with which words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.audiences import check
from support.scripted_server import BEGINS, ScriptedServer

from airflow_provider_tingting.api import calls, stale_reads
from airflow_provider_tingting.api.models import Campaign, Contact
from airflow_provider_tingting.clock import use_clock
from airflow_provider_tingting.contacts.exclusion import Exclusion
from airflow_provider_tingting.contacts.membership import ContactsRemovedError, Membership, raise_if_missing
from airflow_provider_tingting.contacts.sources import read_rows
from airflow_provider_tingting.contacts.validated_audience import ValidatedAudience
from airflow_provider_tingting.errors import TingTingCampaignError, TingTingNotFoundError

SITA, HARI, GITA = "9841234501", "9841234502", "9841234503"
GONE = TingTingNotFoundError("list_contacts", "not found.", status_code=404)


class Listing(ScriptedServer):
    """A TingTing whose list of contacts shows these numbers, one listing after another."""

    #: Seconds for each contact.
    takes = 0.0

    def __init__(self, *listings: Any) -> None:
        super().__init__(list_contacts=list(listings))

    def iterate(self, call: Any) -> Iterator[Contact]:
        for index, number in enumerate(self.send(call)):
            self.sleep(self.takes)
            yield Contact(id=index, number=number)

    def members(self, *forbidden: Exclusion, campaign: Campaign | None = None, **known: int) -> Membership:
        with use_clock(self):
            return Membership(self, campaign or a_campaign(), forbidden, **known)  # type: ignore[arg-type]


def a_campaign(contacts: int | None = None, status: str = "Not Started") -> Campaign:
    return Campaign(id=7, status=status, campaign_action_count=contacts)


def people(*numbers: str) -> ValidatedAudience:
    return check(list(numbers))


def listed_in(name: str, *numbers: str) -> Exclusion:
    exclusion = Exclusion(name=name)
    exclusion.add(read_rows(list(numbers)))
    return exclusion


# -- which listing is believed -----------------------------------------------------------------------------------------


def test_a_listing_with_fewer_contacts_than_the_campaign_had_is_read_again_from_nothing() -> None:
    forbidden = listed_in("exclude", SITA)
    listing = Listing([SITA], GONE, [SITA, HARI])

    members = listing.members(forbidden, campaign=a_campaign(contacts=2))

    assert (members.counts, members.excluded) == ({SITA: 1, HARI: 1}, [SITA])
    assert len(listing.calls) == 3
    assert listing.calls[0].request == calls.list_contacts(7).request


def test_a_listing_with_fewer_contacts_than_were_sent_is_read_again_beside_an_old_count() -> None:
    listing = Listing([], [SITA, HARI])

    assert listing.members(campaign=a_campaign(contacts=0), at_least=2).total == 2


def test_a_listing_that_keeps_lacking_contacts_is_taken_as_it_is_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stale_reads, "STALE_WITHIN", 10.0)
    listing = Listing([SITA])

    assert listing.members(campaign=a_campaign(contacts=2)).total == 1
    assert listing.now == BEGINS + 10


@pytest.mark.parametrize(
    ("contacts", "shown"),
    [(None, [SITA]), (None, []), (0, []), (1, [SITA, HARI]), (2, [SITA, HARI])],
    ids=["an unknown count", "an unknown count and none shown", "none", "fewer before", "as many"],
)
def test_a_listing_that_shows_as_many_as_the_campaign_had_is_read_once(
    contacts: int | None, shown: list[str], logged: Callable[[], str]
) -> None:
    listing = Listing(shown)

    assert listing.members(campaign=a_campaign(contacts)).total == len(shown)
    assert len(listing.calls) == 1
    assert "older" not in logged()


def test_the_log_says_why_a_listing_is_read_again(logged: Callable[[], str]) -> None:
    Listing([SITA], [SITA, HARI]).members(campaign=a_campaign(contacts=2))

    assert "Campaign 7 has 2 contacts, and the list of its contacts shows 1, so the list may be" in logged()


def test_the_log_says_how_far_a_long_listing_has_been_read(logged: Callable[[], str]) -> None:
    listing = Listing([f"984123{index:04}" for index in range(1500)])
    listing.takes = 0.02

    listing.members(campaign=a_campaign(contacts=1500))

    assert "Campaign 7: 1,000 of 1,500 contacts read" in logged()


# -- what is compared --------------------------------------------------------------------------------------------------


def test_numbers_are_compared_by_their_last_ten_digits() -> None:
    members = Listing([f"977{SITA}", HARI, HARI]).members()

    with people(SITA, HARI, GITA) as audience:
        assert members.missing(audience) == [GITA]
    assert members.total == 3
    with check([f"977{SITA}", f"977{HARI}"], number_policy="as_is") as audience:
        assert members.missing(audience) == []
        with pytest.raises(TingTingCampaignError, match="it has 1 of 2 contacts more than once"):
            members.raise_if_repeated(audience)


def test_a_campaign_with_contacts_more_than_once_is_refused_when_they_are_of_the_audience() -> None:
    with people(SITA, HARI) as audience:
        Listing([SITA, HARI]).members().raise_if_repeated(audience)
        Listing([SITA, HARI, GITA, GITA]).members().raise_if_repeated(audience)
        with pytest.raises(
            TingTingCampaignError, match=r"it has 1 of 2 contacts more than once.*: 98\*{6}02\."
        ) as raised:
            Listing([SITA, HARI, HARI]).members().raise_if_repeated(audience)
    assert (raised.value.campaign_id, raised.value.status) == (7, "Not Started")


@pytest.mark.parametrize("status", ["Not Started", "Running"])
def test_a_campaign_that_has_lost_contacts_is_refused_and_says_whether_a_contact_was_called(status: str) -> None:
    before = Listing([SITA, HARI, GITA]).members()
    Listing([SITA, HARI, GITA, "9841234504"]).members().raise_if_lost(before)

    with pytest.raises(ContactsRemovedError, match="it has lost 2 contacts") as raised:
        Listing([SITA, "9841234504"]).members(campaign=a_campaign(status=status)).raise_if_lost(before)
    assert ("No contact has been called" in str(raised.value)) is (status == "Not Started")
    assert (raised.value.campaign_id, raised.value.status) == (7, status)


@pytest.mark.parametrize("status", ["Not Started", "Running"])
def test_a_campaign_with_excluded_contacts_is_refused_with_the_names_of_the_lists(status: str) -> None:
    lists = listed_in("exclude", SITA), listed_in("do_not_call", HARI)
    Listing([GITA]).members(*lists).raise_if_excluded(a_campaign(status=status))

    with pytest.raises(TingTingCampaignError) as raised:
        Listing([f"977{SITA}", HARI, GITA]).members(*lists).raise_if_excluded(a_campaign(status=status))
    assert "2 of its contacts are numbers that exclude or do_not_call names: " in str(raised.value)
    assert ("It is Running and may call them." in str(raised.value)) is (status == "Running")
    assert (raised.value.campaign_id, raised.value.status) == (7, status)


# -- what is said of missing contacts ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("status", "advice"), [("Not Started", "No contact has been called"), ("Running", "own")])
def test_a_campaign_that_lacks_contacts_is_refused_with_the_first_ten_and_three_complaints(
    status: str, advice: str
) -> None:
    numbers = [f"98412345{index:02}" for index in range(12)]

    with people(*numbers) as audience, pytest.raises(TingTingCampaignError, match=advice) as raised:
        raise_if_missing(numbers[:11], a_campaign(status=status), audience, ("one", "two", "three", "four"))
    said = str(raised.value)
    assert "it lacks 11 of 12 contacts: 98******00, " in said
    assert "98******09 and 1 more. TingTing says: one; two; three. " in said
    assert (raised.value.campaign_id, raised.value.status) == (7, status)


def test_ten_missing_contacts_are_all_named_and_no_complaint_is_quoted_without_one() -> None:
    numbers = [f"98412345{index:02}" for index in range(10)]

    with people(*numbers) as audience:
        raise_if_missing([], a_campaign(), audience)
        with pytest.raises(TingTingCampaignError, match=r"98\*{6}08, 98\*{6}09\. No contact") as raised:
            raise_if_missing(numbers, a_campaign(), audience)
    assert "more" not in str(raised.value)
