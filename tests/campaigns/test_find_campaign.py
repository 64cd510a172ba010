"""How far the lists of campaigns are read in search of the campaign of a task."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from airflow_provider_tingting.api.driver import drive
from airflow_provider_tingting.api.models import Campaign, Page
from airflow_provider_tingting.campaigns.marker import Marker
from airflow_provider_tingting.campaigns.reconcile import find_campaign

BEGAN = datetime(2026, 11, 23, 12, tzinfo=timezone.utc)
MARKER = Marker("0123456789abcdef0123", "0", "01234567")


class Account:
    """An account's lists of campaigns, so many on a page; it notes which pages are read."""

    def __init__(self, rows: list[Campaign], size: int = 10) -> None:
        self.rows = rows
        self.size = size
        self.calls: list[str] = []

    def send(self, call):
        query = call.request.query
        drafts = query.get("draft") == "true"
        self.calls.append("search" if query.get("search") and not drafts else "drafts" if drafts else "newest")
        rows = [row for row in self.rows if bool(row.draft) == drafts and query.get("search", "") in row.name]
        offset = int(query["offset"])
        more = "http://x/?" if offset + self.size < len(rows) else None
        return Page[Campaign](count=len(rows), next=more, results=rows[offset : offset + self.size])

    def find(self, **how_far):
        return drive(find_campaign("Water notice", MARKER, **how_far), self.send)


def campaign(number: int, changed: str | datetime | None, *, ours: bool = False, **fields) -> Campaign:
    changed = changed.isoformat() if isinstance(changed, datetime) else changed
    description = f"{MARKER}" if ours else ""
    return Campaign.model_validate(
        {"id": number, "status": "Not Started", "name": "Water notice", "updated_at": changed}
        | {"description": description, **fields}
    )


def older(count: int, newest: int = 1000) -> list[Campaign]:
    """Campaigns of other runs, the newest first, an hour apart, all from before the run."""
    return [campaign(newest - index, BEGAN - timedelta(hours=index + 1)) for index in range(count)]


@pytest.mark.parametrize("thorough", [False, True], ids=["first try", "retry"])
def test_a_list_is_read_no_further_than_to_campaigns_from_before_the_run(thorough):
    account = Account(older(500))

    assert account.find(thorough=thorough, since=BEGAN) is None
    assert account.calls == (["newest", "search", "drafts"] if thorough else ["search"])


def test_campaigns_that_were_changed_at_the_same_time_end_a_list_too():
    account = Account([campaign(1000 - index, BEGAN - timedelta(hours=1)) for index in range(100)])

    assert account.find(since=BEGAN) is None
    assert account.calls == ["search"]


@pytest.mark.parametrize(("size", "pages"), [(2, 1), (1, 2)], ids=["two on a page", "one on a page"])
def test_two_campaigns_show_the_order_of_a_list_and_one_does_not(size, pages):
    account = Account(older(100), size)

    assert account.find(since=BEGAN) is None
    assert account.calls == ["search"] * pages


def test_of_no_campaign_no_generation_is_found():
    assert drive(find_campaign("Water notice", MARKER.any_generation()), Account([]).send) is None


def test_a_retry_finds_a_renamed_campaign_without_reading_the_account():
    account = Account([campaign(1001, BEGAN + timedelta(minutes=1), ours=True, name="Renamed"), *older(500)])

    assert account.find(thorough=True, since=BEGAN).id == 1001
    assert account.calls == ["newest"]


def test_a_campaign_behind_more_newer_ones_than_are_read_is_found_by_its_name():
    busy = [campaign(5000 - index, BEGAN + timedelta(hours=1), name="Other") for index in range(300)]
    account = Account([*busy, campaign(1001, BEGAN + timedelta(minutes=1), ours=True), *older(500)])

    assert account.find(thorough=True, since=BEGAN).id == 1001
    assert account.calls == ["newest"] * 20 + ["search"]


def test_the_oldest_of_two_campaigns_is_found_when_the_second_is_among_the_newest():
    busy = [campaign(5000 - index, BEGAN + timedelta(hours=1), name="Other") for index in range(300)]
    twice = [campaign(number, BEGAN + timedelta(minutes=1), ours=True) for number in (6000, 1001)]
    account = Account([twice[0], *busy, twice[1], *older(50)])

    assert account.find(thorough=True, since=BEGAN).id == 1001


def test_a_campaign_of_the_name_is_found_besides_one_that_was_created_and_renamed():
    busy = [campaign(5000 - index, BEGAN + timedelta(hours=1), name="Other") for index in range(300)]
    renamed = campaign(9000, BEGAN + timedelta(minutes=2), ours=True, name="Renamed")
    account = Account([renamed, *busy, campaign(1001, BEGAN + timedelta(minutes=1), ours=True)])

    assert account.find(since=BEGAN, created=9000).id == 1001


@pytest.mark.parametrize(
    "others",
    [
        pytest.param(list(reversed(older(100))), id="the oldest first"),
        pytest.param(
            [campaign(1000 - index, BEGAN - timedelta(hours=10 if index < 9 else -1)) for index in range(10)],
            id="a page whose last time is the latest",
        ),
        pytest.param(
            [campaign(1000 - index, BEGAN - timedelta(hours=hours)) for index, hours in enumerate([3, *[-1] * 8, 2])],
            id="a page whose first time is the earliest",
        ),
        pytest.param([campaign(1000 - index, None) for index in range(100)], id="no times"),
        pytest.param(
            [campaign(900 + index, BEGAN - timedelta(hours=index + 1)) for index in range(100)], id="rising ids"
        ),
        pytest.param(
            [campaign(1000 - index, BEGAN - timedelta(hours=200 - index)) for index in range(100)], id="rising times"
        ),
        pytest.param(
            [
                campaign(1000 - index, (BEGAN + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S"))
                for index in range(100)
            ],
            id="times that may be of another zone",
        ),
    ],
)
def test_a_list_in_another_order_or_without_clear_times_is_read_on(others):
    account = Account([*others, campaign(899, BEGAN + timedelta(minutes=1), ours=True)])

    assert account.find(since=BEGAN).id == 899
    assert account.find(thorough=True, since=BEGAN).id == 899


def test_a_campaign_of_any_age_is_looked_for_to_the_end_of_its_name():
    account = Account([*older(300), campaign(5, BEGAN - timedelta(days=400), ours=True)])

    assert account.find(thorough=True).id == 5


def test_a_marker_that_the_server_has_shortened_shows_no_generation() -> None:
    shortened = str(MARKER)[:-4]
    any_generation = MARKER.any_generation()

    assert any_generation.is_in(shortened)
    assert any_generation.generation_in(shortened) == ""
    assert any_generation.rank_in(shortened) == ""
    assert MARKER.as_found(shortened) == MARKER


def test_a_renamed_campaign_counts_where_the_newest_ones_were_not_all_read() -> None:
    later = BEGAN + timedelta(days=1)
    account = Account([campaign(number, later, name="another", ours=number == 950) for number in range(1000, 500, -1)])

    found = account.find(thorough=True, since=BEGAN)

    assert found is not None
    assert found.id == 950


def test_where_the_newest_were_read_as_far_as_needed_200_of_the_same_name_are() -> None:
    later = BEGAN + timedelta(days=1)
    newest = [campaign(number, later, name="another") for number in range(2009, 2000, -1)]
    older = campaign(2000, BEGAN - timedelta(days=1), name="another")
    account = Account([*newest, older, *(campaign(number, later) for number in range(1, 1000))])

    assert account.find(thorough=True, since=BEGAN) is None
    assert account.calls == ["newest", *["search"] * 20, "drafts"]
