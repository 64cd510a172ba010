"""Which campaigns keep a notifier from sending a notification, and how far the list is read for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from support.scripted_server import BEGINS, ScriptedServer, a_page, pages_of

from airflow_provider_tingting.api import stale_reads
from airflow_provider_tingting.api.models import Campaign
from airflow_provider_tingting.errors import TingTingNotFoundError
from airflow_provider_tingting.notifications import dedupe
from airflow_provider_tingting.notifications.dedupe import find_claims, find_earlier_claim, is_run_by_its_holder
from airflow_provider_tingting.notifications.notification import LEASE, Claim, Notification, NotificationMarker

NOTICE = Notification(key="0123456789abcdef", about="a dag", to=("9841234501",), text="Look.", cooldown=1800.0)
OTHER = Notification(key="fedcba9876543210", about="a dag", to=("9841234501",), text="Look.", cooldown=1800.0)
GONE = TingTingNotFoundError("get_campaign", "not found.", status_code=404)


def claim(
    campaign_id: int, *, ago: float = 10.0, status: str = "Running", step: int = 0, notice: Notification = NOTICE
) -> Campaign:
    """Make a campaign that was created for a notification some seconds ago."""
    marker = NotificationMarker.of(notice, step, BEGINS - ago)
    return Campaign(id=campaign_id, status=status, description=f"{marker} A notification.")


def unrelated(*ids: int) -> list[Campaign]:
    return [Campaign(id=one, status="Completed") for one in ids]


def claims_on(
    campaigns: list[Campaign] | Callable[[Any], Any], *, size: int = 10, without: Sequence[int] = ()
) -> tuple[list[int], int]:
    """Return the campaigns whose claims are found, and how many pages were read for that."""
    server = ScriptedServer(list_campaigns=campaigns if callable(campaigns) else pages_of(campaigns, size))
    found = server.run(find_claims(NOTICE, BEGINS, without=without))
    assert all(call.request.query["search"] == NOTICE.search for call in server.calls)
    return [one.campaign.id for one in found], len(server.calls)


def test_claims_of_the_same_notification_on_all_pages_are_found() -> None:
    campaigns = [claim(9), *unrelated(8), claim(7, notice=OTHER), claim(6), *unrelated(5), claim(4, step=1)]

    assert claims_on(campaigns, size=2) == ([9, 6, 4], 3)


@pytest.mark.parametrize(
    ("campaign", "without", "holds"),
    [
        (claim(7), (), True),
        (claim(7, ago=1799), (), True),
        (claim(7, ago=1800), (), False),
        (claim(7, status="Not Started"), (), True),
        (claim(7, status="Not Started"), (7,), False),
        (claim(7, status="Not Started"), (8,), True),
        (claim(7), (7,), True),
        (claim(7, ago=1800), (8,), False),
    ],
    ids=[
        "it has begun",
        "near the end of its cooldown",
        "after its cooldown",
        "it is about to be run",
        "it is known not to be run any more",
        "another is known not to be run any more",
        "it was run although its holder was given up",
        "after its cooldown, another is known not to be run",
    ],
)
def test_a_claim_holds_within_its_cooldown_unless_its_campaign_is_known_not_to_be_run(
    campaign: Campaign, without: Sequence[int], holds: bool
) -> None:
    assert claims_on([campaign], without=without)[0] == ([7] if holds else [])


def test_behind_a_page_of_old_claims_the_list_is_not_read_on() -> None:
    campaigns = [claim(9), claim(8, ago=1800), claim(7, ago=1800), claim(6, ago=9000), claim(5, ago=9000)]

    # The first page has a claim that holds, so the second one is read, and the third is not.
    assert claims_on(campaigns, size=2) == ([9], 2)


@pytest.mark.parametrize(
    "first",
    [unrelated(20, 18, 2), unrelated(20, 30, 40)],
    ids=["the next page shows newer ones", "the page itself shows older ones first"],
)
def test_a_list_in_another_order_is_read_to_its_end(first: list[Campaign]) -> None:
    campaigns = [*first, claim(3, ago=9000), *unrelated(1), claim(0, ago=9000), claim(50)]

    assert claims_on(campaigns, size=3) == ([50], 3)


def test_a_page_of_repeated_rows_does_not_hide_the_next_page() -> None:
    first = unrelated(9, 8)
    pages = [
        a_page(*first, count=5, following="?a"),
        a_page(*first, count=5, following="?b"),
        a_page(claim(7), count=5),
    ]

    assert claims_on(lambda _: pages.pop(0)) == ([7], 3)


@pytest.mark.parametrize("most", [11, 20], ids=["a row more than a page", "two pages"])
def test_the_newest_campaigns_are_searched_as_far_as_the_limit(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    monkeypatch.setattr(dedupe, "MAX_SEARCHED", most)

    assert claims_on(unrelated(*range(60, 20, -1))) == ([], 2)


@pytest.mark.parametrize(
    ("campaigns", "earlier"),
    [
        ([claim(9), claim(7), claim(6), claim(5, step=1)], 6),
        ([claim(9, status="Not Started"), claim(8)], None),
        ([claim(9), claim(8)], 9),
        ([claim(9), claim(8), claim(7, status="Not Started")], 9),
        ([claim(7, status="Not Started"), claim(6, status="Not Started")], 7),
    ],
    ids=[
        "the lowest of this step",
        "its own and a later one",
        "a later one that was run",
        "a later one that was run and an earlier one that was not",
        "another one is known not to be run",
    ],
)
def test_the_lowest_campaign_of_a_step_comes_first(campaigns: list[Campaign], earlier: int | None) -> None:
    server = ScriptedServer(list_campaigns=pages_of(campaigns))
    found = server.run(find_earlier_claim(NOTICE, 0, 8, BEGINS, without=(6,)))

    assert (found and found.campaign.id) == earlier


def test_a_list_that_shows_the_own_campaign_on_any_of_its_pages_is_not_read_again() -> None:
    server = ScriptedServer(list_campaigns=pages_of([claim(9), claim(8), claim(7)], 2))

    found = server.run(find_earlier_claim(NOTICE, 0, 8, BEGINS))

    assert (found and found.campaign.id, len(server.calls)) == (7, 2)


@pytest.mark.parametrize(("lists_after", "earlier"), [(5.0, 7), (61.0, None)], ids=["for 5 s", "for a minute"])
def test_a_list_without_the_campaign_that_was_just_created_is_an_older_one(
    monkeypatch: pytest.MonkeyPatch, lists_after: float, earlier: int | None
) -> None:
    monkeypatch.setattr(stale_reads, "STALE_WITHIN", 60.0)
    monkeypatch.setattr(stale_reads, "READ_INTERVAL", 3.0)
    server = ScriptedServer()
    shown = [claim(8), claim(7)]
    server.script["list_campaigns"] = [lambda call: a_page(*shown if server.now >= BEGINS + lists_after else [])]

    found = server.run(find_earlier_claim(NOTICE, 0, 8, BEGINS))

    assert (found and found.campaign.id) == earlier


def wait_for(
    monkeypatch: pytest.MonkeyPatch, answers: Any, *, ago: float = 10.0, cooldown: float = 1800.0
) -> tuple[bool, float]:
    """Wait for another notifier; return whether it has run its campaign, and after how many seconds."""
    monkeypatch.setattr(dedupe, "RUN_POLL_INTERVAL", 1.0)
    notice = Notification(key=NOTICE.key, about="a dag", to=NOTICE.to, text="Look.", cooldown=cooldown)
    marker = NotificationMarker.of(notice, 0, BEGINS - ago)
    server = ScriptedServer(get_campaign=answers)
    is_run = server.run(is_run_by_its_holder(Claim(Campaign(id=7, status="Not Started"), marker)))
    return is_run, server.now - BEGINS


UNRUN, RUN = Campaign(id=7, status="Not Started"), Campaign(id=7, status="Running")


def test_a_notifier_that_runs_its_campaign_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert wait_for(monkeypatch, [UNRUN, UNRUN, RUN]) == (True, 2.0)


def test_a_notifier_that_deletes_its_campaign_is_waited_for_as_long_as_the_404_may_be_old(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stale_reads, "STALE_WITHIN", 60.0)
    assert wait_for(monkeypatch, [UNRUN, GONE]) == (False, 61.0)


def test_a_404_of_a_campaign_that_the_list_has_shown_may_be_an_older_response(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stale_reads, "STALE_WITHIN", 60.0)
    monkeypatch.setattr(stale_reads, "READ_INTERVAL", 3.0)
    assert wait_for(monkeypatch, [GONE, GONE, RUN]) == (True, 6.0)


@pytest.mark.parametrize("ago", [10.0, -3600.0], ids=["the same clock", "a clock that is an hour ahead"])
def test_a_notifier_is_waited_for_as_long_as_a_lease_lasts(monkeypatch: pytest.MonkeyPatch, ago: float) -> None:
    assert wait_for(monkeypatch, UNRUN, ago=ago) == (False, LEASE)


def test_a_claim_whose_cooldown_ends_is_not_waited_for_any_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    assert wait_for(monkeypatch, UNRUN, ago=0.0, cooldown=5.0) == (False, 5.0)
