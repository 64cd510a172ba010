"""Lists are read to their end whatever the server says about it, and no list is read for ever."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.both_clients import Client, Connect
from support.recording_server import Received, RecordingServer, Reply

from airflow_provider_tingting.api import calls
from airflow_provider_tingting.api.driver import run_flow
from airflow_provider_tingting.api.models import CallerNumber, Contact, Page
from airflow_provider_tingting.api.pagination import MAX_STALE_PAGES, Paginator
from airflow_provider_tingting.api.protocol import Call, Request
from airflow_provider_tingting.errors import TingTingNotFoundError, TingTingUnreadableReplyError
from airflow_provider_tingting.sandbox import Sandbox

# A busy machine is not a failure.
NO_DEADLINE = settings(deadline=None)
NUMBERS = [f"98412345{digits:02}" for digits in range(34)]


def fill(client: Client) -> int:
    """A campaign with 34 contacts."""
    campaign = client.send(calls.create_campaign(name="Dashain", services="PHONE", user_phone=[3], message="m"))
    client.send(calls.add_contacts(campaign.id, [{"number": number} for number in NUMBERS]))
    return campaign.id  # type: ignore[no-any-return]


# -- over the wire -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page_cap", [10, 7, 1, None])
def test_a_list_is_whole_however_small_the_servers_pages_are(
    connect: Connect, speaking: Any, page_cap: int | None
) -> None:
    sandbox = speaking(page_cap=page_cap)
    client = connect(sandbox)
    campaign_id = fill(client)

    contacts = client.rows(calls.list_contacts(campaign_id))

    assert [contact.number for contact in contacts] == NUMBERS[::-1]
    assert sandbox.ledger.times_called("list_contacts") == -(-34 // (page_cap or 100))


@pytest.mark.parametrize("limit", [1, 5, 100])
def test_a_list_is_whole_however_small_the_requested_pages_are(connect: Connect, sandbox: Sandbox, limit: int) -> None:
    client = connect(sandbox)
    campaign_id = fill(client)

    assert len(client.rows(calls.list_contacts(campaign_id, limit=limit))) == 34


def test_campaigns_are_listed_newest_first_and_filtered_by_the_server(connect: Connect, sandbox: Sandbox) -> None:
    client = connect(sandbox)
    for name in [*["Dashain"] * 12, "Tihar", "Holi"]:
        client.send(calls.create_campaign(name=name, services="PHONE", user_phone=[3], message="m"))

    assert [campaign.id for campaign in client.rows(calls.list_campaigns())] == list(range(14, 0, -1))
    assert len(client.rows(calls.list_campaigns(search="dash"))) == 12
    assert [campaign.name for campaign in client.rows(calls.list_campaigns(search="iha"))] == ["Tihar"]
    assert client.rows(calls.list_campaigns(status="Running")) == []
    assert client.rows(calls.list_campaigns(draft=True, status="Not Started", limit=3)) != []


def test_an_empty_list_is_one_request(connect: Connect, sandbox: Sandbox) -> None:
    assert connect(sandbox).rows(calls.list_campaigns()) == []
    assert len(sandbox.requests) == 1


def test_the_token_does_not_follow_a_next_that_names_another_host(
    connect: Connect, speaking: Any, other_server: RecordingServer
) -> None:
    sandbox = speaking(next_host=f"http://127.0.0.1:{other_server.port}")
    client = connect(sandbox)
    campaign_id = fill(client)

    assert len(client.rows(calls.list_contacts(campaign_id))) == 34
    assert sandbox.ledger.times_called("list_contacts") == 4
    assert other_server.received == []


def test_the_query_of_next_is_sent(connect: Connect, server: RecordingServer) -> None:
    def reply(received: Received) -> Reply:
        turned = received.query.get("cursor") == "b"
        following = None if turned else "https://elsewhere.example/api/v1/campaign-detail/79/?cursor=b&limit=2"
        return Reply({"next": following, "results": [{"id": 2 if turned else 1, "number": "x"}]})

    server.reply = reply
    assert [row.id for row in connect(server).rows(calls.list_contacts(79))] == [1, 2]
    assert server.received[1].query == {"cursor": "b", "limit": "100", "offset": "1"}


def test_a_page_that_fails_for_a_moment_is_requested_again(connect: Connect, sandbox: Sandbox) -> None:
    client = connect(sandbox)
    campaign_id = fill(client)
    sandbox.faults.add("503-html", call="list_contacts", skip=2)

    assert len(client.rows(calls.list_contacts(campaign_id))) == 34


def test_pages_are_read_as_they_are_needed(connect: Connect, sandbox: Sandbox) -> None:
    client = connect(sandbox)
    campaign_id = fill(client)

    assert len(client.rows(calls.list_contacts(campaign_id), most=10)) == 10
    assert sandbox.ledger.times_called("list_contacts") == 1


@pytest.mark.parametrize("rows", [[{"id": 1, "number": "x"}], [{"number": "x", "status": "failed"}]])
def test_a_server_that_never_turns_the_page_is_an_error_and_not_an_endless_loop(
    connect: Connect, server: RecordingServer, rows: list[dict[str, Any]]
) -> None:
    server.always({"next": "?offset=1", "count": 5000, "results": rows})

    with pytest.raises(TingTingUnreadableReplyError, match="pages in a row contain only rows of earlier pages"):
        connect(server).rows(calls.list_contacts(79))
    assert len(server.received) == 1 + MAX_STALE_PAGES


def test_caller_numbers_are_those_of_both_lists(connect: Connect, sandbox: Sandbox) -> None:
    from airflow_provider_tingting.api.lookups import list_caller_numbers

    numbers = run_flow(connect(sandbox), list_caller_numbers())

    assert [(type(number), number.id) for number in numbers] == [(CallerNumber, 3), (CallerNumber, 12)]
    assert numbers[1].phone_number == "+9779801000012"


@pytest.mark.parametrize("there", ["active-broker-phone/", "phone-number/active/"])
def test_one_list_of_caller_numbers_is_enough(connect: Connect, server: RecordingServer, there: str) -> None:
    from airflow_provider_tingting.api.lookups import list_caller_numbers

    rows = [{"id": 3, "phone_number": "+9779801000003"}]
    server.reply = lambda received: Reply(rows) if received.path.endswith(there) else Reply(status=404)

    assert [number.id for number in run_flow(connect(server), list_caller_numbers())] == [3]


def test_a_server_without_lists_of_caller_numbers_is_an_error(connect: Connect, server: RecordingServer) -> None:
    from airflow_provider_tingting.api.lookups import list_caller_numbers

    with pytest.raises(TingTingNotFoundError) as caught:
        run_flow(connect(server), list_caller_numbers())
    assert caught.value.call == "list_broker_numbers"
    assert len(server.received) == 2


# -- the walk itself ---------------------------------------------------------------------------------------------------


def walk(first: Call[Page[Any]], answer: Any, *, most: int = 10_000) -> list[Any]:
    """Walk through a list that `answer(offset, limit)` plays; fail rather than hang."""
    paginator, rows = Paginator(first), []
    for turns, call in enumerate(paginator):
        assert turns < most, "the walk has no end"
        query = call.request.query
        rows += paginator.new_rows(answer(int(query["offset"]), int(query["limit"])))
    return rows


FIRST: Call[Page[Any]] = calls.list_contacts(79, limit=10)


def a_contact(number: int) -> Contact:
    return Contact(id=number)


@NO_DEADLINE
@given(total=st.integers(0, 120), cap=st.integers(1, 30), limit=st.integers(1, 200))
def test_any_page_size_gives_every_row_once(total: int, cap: int, limit: int) -> None:
    def answer(offset: int, asked: int) -> Page[Any]:
        end = offset + min(asked, cap)
        following = f"http://x/?limit={cap}&offset={end}" if end < total else None
        return Page(results=tuple(map(a_contact, range(offset, min(end, total)))), next=following)

    rows = walk(calls.list_contacts(79, limit=limit), answer)
    assert [row.id for row in rows] == list(range(total))


@NO_DEADLINE
@given(
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=30),
    count=st.none() | st.integers(-5, 10**6),
)
def test_a_wrong_count_and_pages_of_changing_sizes_change_nothing(sizes: list[int], count: int | None) -> None:
    total, left = sum(sizes), list(sizes)

    def answer(offset: int, _: int) -> Page[Any]:
        size = left.pop(0) if left else 0
        following = "http://x/?offset=7" if left else None
        return Page(results=tuple(map(a_contact, range(offset, offset + size))), next=following, count=count)

    assert [row.id for row in walk(FIRST, answer)] == list(range(total))


@NO_DEADLINE
@given(
    total=st.integers(0, 60),
    arrivals=st.lists(st.integers(0, 9), max_size=12),
)
def test_rows_that_are_pushed_down_are_neither_lost_nor_returned_twice(total: int, arrivals: list[int]) -> None:
    """New campaigns come to the top of a list while it is read; each earlier row must be returned once."""
    listed, coming = list(range(total)), list(arrivals)
    newest = total

    def answer(offset: int, limit: int) -> Page[Any]:
        nonlocal newest
        rows = listed[offset : offset + limit]
        following = "http://x/?limit=10" if offset + limit < len(listed) else None
        for _ in range(coming.pop(0) if coming else 0):
            listed.insert(0, newest)
            newest += 1
        return Page(results=tuple(map(a_contact, rows)), next=following)

    read = [row.id for row in walk(FIRST, answer)]
    assert len(read) == len(set(read))
    assert set(range(total)) <= set(read)


@NO_DEADLINE
@given(total=st.integers(0, 60), arrivals=st.lists(st.integers(0, 40), max_size=12))
def test_a_list_with_a_count_and_without_next_is_read_to_its_end(total: int, arrivals: list[int]) -> None:
    """New rows may push a whole page down, so that the next page has no new row though the list goes on."""
    listed, coming = list(range(total)), list(arrivals)

    def answer(offset: int, limit: int) -> Page[Any]:
        page: Page[Any] = Page(results=tuple(map(a_contact, listed[offset : offset + limit])), count=len(listed))
        for _ in range(coming.pop(0) if coming else 0):
            listed.insert(0, len(listed))
        return page

    read = [row.id for row in walk(FIRST, answer)]
    assert len(read) == len(set(read))
    assert set(range(total)) <= set(read)


def test_a_page_without_a_new_row_does_not_end_a_list_that_has_a_count() -> None:
    """25 rows stayed unread: ten new ones came while the first page was read, and the server sends no `next`."""
    first_page = tuple(map(a_contact, range(10)))
    pages = [Page(results=first_page, count=35), Page(results=first_page, count=45)]

    def answer(offset: int, limit: int) -> Page[Any]:
        if pages:
            return pages.pop(0)
        rows = range(offset - 10, min(offset - 10 + limit, 35))
        return Page(results=tuple(map(a_contact, rows)), count=45)

    assert [row.id for row in walk(FIRST, answer)] == list(range(35))


@NO_DEADLINE
@given(total=st.integers(0, 60), deletions=st.lists(st.lists(st.integers(0, 59), max_size=5), max_size=6))
def test_rows_that_move_up_because_others_were_deleted_are_not_lost(total: int, deletions: list[list[int]]) -> None:
    """Each row that was there all the time must be returned once."""
    listed, going = list(range(total)), list(deletions)

    def answer(offset: int, limit: int) -> Page[Any]:
        rows, count = listed[offset : offset + limit], len(listed)
        following = "http://x/" if offset + limit < count else None
        for gone in going.pop(0) if going else []:
            if gone in listed:
                listed.remove(gone)
        return Page(results=tuple(map(a_contact, rows)), next=following, count=count)

    read = [row.id for row in walk(FIRST, answer)]
    assert len(read) == len(set(read))
    assert set(listed) <= set(read)


def test_a_list_without_next_is_read_up_to_its_count() -> None:
    def answer(offset: int, limit: int) -> Page[Any]:
        return Page(results=tuple(map(a_contact, range(offset, min(offset + limit, 25)))), next=None, count=25)

    assert len(walk(FIRST, answer)) == 25


def test_the_limit_in_next_does_not_replace_the_requested_one() -> None:
    asked: list[int] = []

    def answer(offset: int, limit: int) -> Page[Any]:
        asked.append(limit)
        return Page(results=(a_contact(offset),), next="http://x/?limit=1&offset=1" if offset < 3 else None)

    assert len(walk(FIRST, answer)) == 4
    assert asked == [10] * 4


@NO_DEADLINE
@given(
    rows=st.lists(st.integers(0, 3) | st.none(), min_size=1, max_size=4),
    shuffled=st.booleans(),
)
def test_repeated_pages_end_with_an_error(rows: list[int | None], shuffled: bool) -> None:
    pages = [tuple(Contact(id=number) for number in rows), tuple(Contact(id=number) for number in rows[::-1])]
    turns = 0

    def answer(*_: int) -> Page[Any]:
        nonlocal turns
        turns += 1
        return Page(results=pages[turns % 2 if shuffled else 0], next="http://x/?offset=10")

    with pytest.raises(TingTingUnreadableReplyError):
        walk(FIRST, answer, most=2 + MAX_STALE_PAGES)


@NO_DEADLINE
@given(st.lists(st.lists(st.integers(0, 30), max_size=5), max_size=40), st.booleans())
def test_whatever_a_server_shows_the_walk_ends_and_returns_no_row_twice(pages: list[list[int]], endless: bool) -> None:
    shown = iter(pages)

    def answer(*_: int) -> Page[Any]:
        numbers = next(shown, [0] if endless else [])
        return Page(results=tuple(map(a_contact, numbers)), next="http://x/")

    read: list[int] = []
    with suppress(TingTingUnreadableReplyError):
        read = [row.id for row in walk(FIRST, answer, most=200)]
    assert len(read) == len(set(read))


def test_an_empty_page_ends_the_list_whatever_next_is() -> None:
    assert walk(FIRST, lambda *_: Page(results=(), next="http://x/?offset=10", count=99), most=2) == []


@pytest.mark.parametrize("following", ["", "no address at all", "http://[", "?", "http://x/?offset=&limit=10", "\x00"])
def test_a_next_that_is_no_address_means_only_that_there_is_more(following: str) -> None:
    turned: list[int] = []

    def answer(offset: int, _: int) -> Page[Any]:
        turned.append(offset)
        return Page(results=(a_contact(offset),), next=following if offset < 2 else None)

    rows = walk(FIRST, answer)
    assert len(rows) == (3 if following else 1)


def test_rows_of_a_plain_list_without_ids_are_kept_even_when_they_are_alike_in_part() -> None:
    call = Call("rows", Request("GET", "rows/", {"limit": 2, "offset": 0}), Page[Any].model_validate)
    rows = walk(
        call, lambda offset, _: Page(results=({"a": offset}, {"a": offset + 1}), next="?" if offset < 4 else None)
    )

    assert rows == [{"a": number} for number in range(6)]
