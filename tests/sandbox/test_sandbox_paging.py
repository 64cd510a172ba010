"""Lists: the cap on a page, the addresses of its neighbours, filters and order."""

from __future__ import annotations

import pytest
import requests

from airflow_provider_tingting.sandbox import Sandbox


def walk(api, path):
    """Follow `next` to the end; the pages."""
    pages, address = [], api.sandbox.base_url + path
    while address:
        response = requests.get(address, headers={"Authorization": f"Bearer {api.sandbox.token}"}, timeout=60)
        pages.append(response.json())
        address = pages[-1]["next"]
    return pages


def test_a_page_is_capped_at_ten_whatever_is_asked_and_next_leads_to_all(api):
    campaign_id = api.create(25)
    pages = walk(api, f"campaign-detail/{campaign_id}/?limit=100")

    assert [len(page["results"]) for page in pages] == [10, 10, 5]
    assert {page["count"] for page in pages} == {25}
    assert {page["total_pages"] for page in pages} == {3}
    numbers = [row["number"] for page in pages for row in page["results"]]
    assert numbers == [str(9841000000 + position) for position in reversed(range(25))]


def test_previous_leads_back(api):
    campaign_id = api.create(12)
    second = requests.get(
        walk(api, f"campaign-detail/{campaign_id}/?limit=5")[0]["next"],
        headers={"Authorization": f"Bearer {api.sandbox.token}"},
        timeout=60,
    ).json()

    assert second["previous"].startswith(api.sandbox.base_url)
    first = walk(api, second["previous"].removeprefix(api.sandbox.base_url))[0]
    assert (first["previous"], len(first["results"])) == (None, 5)


@pytest.mark.parametrize(("page_cap", "limit", "rows"), [(None, 1000, 25), (20, 1000, 20), (20, 7, 7), (1, 10, 1)])
def test_the_cap_can_be_another_or_off(api_of, page_cap, limit, rows):
    with Sandbox(speed=0, page_cap=page_cap) as sandbox:
        api = api_of(sandbox)
        campaign_id = api.create(25)
        assert len(api.get(f"campaign-detail/{campaign_id}/?limit={limit}").json()["results"]) == rows


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=-1", "limit=x", "limit=", "limit=१०", "offset=-1", "offset=x", "limit=1e3"]
)
def test_numbers_that_are_none_count_as_not_given(api, query):
    campaign_id = api.create(12)
    assert len(api.get(f"campaign-detail/{campaign_id}/?{query}").json()["results"]) == 10


def test_beyond_the_end_a_page_is_empty(api):
    campaign_id = api.create(3)
    page = api.get(f"campaign-detail/{campaign_id}/?offset=999999999999").json()
    assert (page["results"], page["next"], page["count"]) == ([], None, 3)


def names(api, query):
    return [row["name"] for row in api.get(f"campaign/?{query}").json()["results"]]


def test_campaigns_are_listed_newest_first_with_the_voice_as_an_object(api):
    first, second = api.create(name="one"), api.create(name="two", voice=None)
    rows = api.get("campaign/").json()["results"]

    assert [row["id"] for row in rows] == [second, first]
    assert rows[0]["voice"] is None
    assert rows[1]["voice"]["voice_display_name"] == "Prashanna"
    assert api.campaign(first)["voice"] == 3


def test_filters_of_the_campaign_list(box, api):
    api.create(name="Vaccination Kathmandu")
    box.clock.push(100)
    middle = box.clock.now().timestamp()
    running = api.create(1, name="vaccination Pokhara")
    api.run(running)
    box.clock.push(100)
    draft = api.create(name="draft")
    api.patch(f"campaign/create/{draft}/message/", json={"voice": 3, "category": "Text", "draft": True})
    box.play_out()

    assert names(api, "search=VACC") == ["vaccination Pokhara", "Vaccination Kathmandu"]
    assert names(api, "status=Completed") == ["vaccination Pokhara"]
    assert names(api, "status=completed") == []
    assert names(api, "") == ["vaccination Pokhara", "Vaccination Kathmandu"]
    assert names(api, "draft=true") == ["draft", "vaccination Pokhara", "Vaccination Kathmandu"]
    assert names(api, f"from_date={int(middle)}") == ["vaccination Pokhara"]
    assert names(api, f"to_date={int(middle) - 10}") == ["Vaccination Kathmandu"]
    assert names(api, "sort_by=asc") == ["Vaccination Kathmandu", "vaccination Pokhara"]
    assert names(api, "sort_by=des") == ["vaccination Pokhara", "Vaccination Kathmandu"]


def test_the_filters_are_kept_in_next(api):
    for _ in range(3):
        api.create(name="केही")
    pages = walk(api, "campaign/?limit=2&search=केही")
    assert [len(page["results"]) for page in pages] == [2, 1]
