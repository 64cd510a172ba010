"""What is read of the list: never more than reading one by one would cost, once it is known where campaigns are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_tingting.api.models import Campaign, Page
from airflow_provider_tingting.campaigns.observation import Snapshot
from airflow_provider_tingting.polling.due_queue import DueQueue
from airflow_provider_tingting.polling.list_strategy import (
    ENDS_CHECKED_FIRST,
    ENDS_CHECKED_LATER,
    FORGET_UNLISTED_AFTER,
    LIST_REST,
    ListStrategy,
)


def server(ids, cap):
    """A server's answers to a walk, newest first."""

    def answer(call):
        start = int(call.request.query["offset"])
        rows = [Campaign(id=one, status="Running") for one in ids[start : start + cap]]
        return Page[Campaign](results=rows, count=len(ids), next="?offset=9" if start + cap < len(ids) else None)

    return answer


def walked(strategy, ids, cap, wanted, now=0.0):
    """Read what the strategy wants to read; return the pages read and the campaigns left to be read singly."""
    left, answer = set(wanted), server(ids, cap)
    pages = strategy.pages_for(left, now)
    if not pages:
        return 0, left
    walk, read = strategy.walk(left, pages), 0
    for call in walk:
        left -= {campaign.id for campaign in walk.accept(answer(call))}
        read += 1
    walk.finish()
    return read, left


ACCOUNTS = st.integers(1, 400).flatmap(
    lambda size: st.tuples(st.just(range(size, 0, -1)), st.sets(st.integers(1, size + 20), min_size=1, max_size=60))
)


@given(ACCOUNTS, st.sampled_from([1, 3, 10, 100]))
def test_once_it_knows_the_list_it_never_takes_more_requests_than_single_reads(account, cap):
    ids, wanted = account
    strategy = ListStrategy()
    walked(strategy, ids, cap, wanted)

    read, left = walked(strategy, ids, cap, wanted)

    assert read + len(left) <= len(wanted)


@given(ACCOUNTS, st.sampled_from([3, 10, 100]))
def test_finding_out_costs_no_more_than_half_as_much_again(account, cap):
    ids, wanted = account

    read, left = walked(ListStrategy(), ids, cap, wanted)

    assert read + len(left) <= len(wanted) * 1.5 + 2


@pytest.mark.parametrize(("cap", "requests"), [(10, 100), (100, 10)])
def test_a_thousand_newest_campaigns_take_the_pages_that_hold_them(cap, requests):
    strategy, ids = ListStrategy(), range(5000, 0, -1)
    wanted = set(ids[:1000])

    assert walked(strategy, ids, cap, wanted) == (requests, set())
    assert walked(strategy, ids, cap, wanted) == (requests, set())
    assert strategy.page_size == cap


def test_campaigns_far_down_an_old_list_are_read_one_by_one():
    strategy, ids = ListStrategy(), range(5000, 0, -1)
    wanted = {7, 19, 23}

    walked(strategy, ids, 10, wanted)

    assert walked(strategy, ids, 10, wanted) == (0, wanted)


def test_newer_campaigns_of_others_are_read_past():
    strategy, ids = ListStrategy(), range(5000, 0, -1)
    wanted = set(ids[120:320])

    assert walked(strategy, ids, 10, wanted)[1] == set()


def test_a_list_that_rests_is_not_read():
    strategy = ListStrategy()
    strategy.rest(100.0)

    assert strategy.pages_for({1, 2, 3}, 100.0 + LIST_REST - 1) == 0
    assert strategy.pages_for({1, 2, 3}, 100.0 + LIST_REST) == 1


def test_one_campaign_alone_is_read_on_its_own_page():
    assert ListStrategy().pages_for({7}, 0.0) == 0
    assert ListStrategy().pages_for({7, 8}, 0.0) == 1


def test_campaigns_that_no_page_has_shown_are_looked_for_again_after_an_hour():
    strategy = ListStrategy()
    assert walked(strategy, range(20, 0, -1), 10, {100, 101}, now=50.0) == (1, {100, 101})

    assert strategy.pages_for({100, 101}, 50.0 + FORGET_UNLISTED_AFTER - 1) == 0
    assert strategy.pages_for({100, 101}, 50.0 + FORGET_UNLISTED_AFTER) == 1


def test_a_campaign_that_is_waited_for_again_is_looked_for_again():
    strategy = ListStrategy()
    walked(strategy, range(20, 0, -1), 10, {100, 101})
    for one in (100, 101, 102):
        strategy.forget(one)

    assert strategy.pages_for({100, 101}, 1.0) == 1


def test_a_campaign_that_has_left_the_list_is_not_looked_for_on_it():
    strategy = ListStrategy()
    walked(strategy, range(20, 0, -1), 10, {19, 20})
    walked(strategy, range(18, 0, -1), 10, {19, 20})

    assert strategy.pages_for({19, 20}, 1.0) == 0


def test_a_last_page_says_nothing_about_how_many_rows_a_page_has():
    strategy = ListStrategy()
    walked(strategy, range(20, 0, -1), 10, {19, 20})
    walked(strategy, range(4, 0, -1), 10, {3, 4})

    assert strategy.page_size == 10


@pytest.mark.parametrize(
    ("wanted", "pages"),
    [({100, 99}, 1), ({100, 85}, 0), ({100, 99, 85}, 1), ({100, 99, 85, 84}, 2), ({70, 69, 68}, 0)],
    ids=["two on a page", "one on each of two", "one on the second", "two on each of two", "three far down"],
)
def test_so_many_pages_are_read_that_pages_and_single_reads_are_the_fewest(wanted, pages):
    strategy, ids = ListStrategy(), range(100, 0, -1)
    walked(strategy, ids, 10, set(ids))

    assert strategy.pages_for(wanted, 1.0) == pages


def test_a_page_that_is_expected_to_save_requests_is_read_by_the_first_walk():
    assert walked(ListStrategy(), range(100, 0, -1), 10, {100, 99, 85, 84, 83}) == (2, set())


@pytest.mark.parametrize(
    ("wanted", "pages"),
    [
        ({3, 55}, 1),
        ({3, 4, 95}, 2),
        ({3, 4, 95, 96}, 3),
        ({3, 4, 95, 96, 97, 98}, 4),
        ({3, 4, *range(1001, 1061)}, 21),
    ],
    ids=[
        "after a page with one",
        "after a page with none, for one more",
        "after as many in vain as half of four",
        "after as many in vain as half of six",
        "after twenty in vain",
    ],
)
def test_a_list_that_is_not_sorted_by_falling_ids_is_given_up(wanted, pages):
    assert walked(ListStrategy(), range(1, 400), 10, wanted)[0] == pages


def snapshot(**changes):
    shown = {"status": "Completed", "progress_percent": 100.0, "contacts": 4, "starts_at": None, "updated_at": "2026"}
    return Snapshot(7, **{**shown, **changes})


@pytest.fixture
def proven():
    """A strategy that has proved right."""
    strategy = ListStrategy()
    for _ in range(ENDS_CHECKED_FIRST):
        assert not strategy.may_end(snapshot(), None)
        strategy.compare(snapshot(), snapshot(), 0.0)
    return strategy


def test_ends_are_accepted_when_the_list_has_been_right_and_some_are_still_checked(proven):
    believed = [proven.may_end(snapshot(), None) for _ in range(2 * ENDS_CHECKED_LATER)]

    assert [at for at, one in enumerate(believed, 1) if not one] == [ENDS_CHECKED_LATER, 2 * ENDS_CHECKED_LATER]


def test_rows_of_campaigns_that_run_prove_nothing_about_ends():
    strategy, running = ListStrategy(), snapshot(status="Running")
    for _ in range(ENDS_CHECKED_FIRST):
        strategy.compare(running, running, 0.0)

    assert not strategy.may_end(snapshot(), None)


def test_an_end_that_the_list_shows_late_leaves_later_ends_credible(proven):
    proven.compare(snapshot(status="Running", progress_percent=90.0), snapshot(), 0.0)

    assert proven.may_end(snapshot(), None)


def test_a_list_that_disagrees_three_times_in_a_row_rests_and_then_has_three_again():
    strategy, now = ListStrategy(), 1000.0

    def disagree(times):
        for _ in range(times):
            strategy.compare(snapshot(status="Running", progress_percent=90.0), snapshot(), now)

    for _ in range(2):
        disagree(2)
        strategy.compare(snapshot(), snapshot(), now)
        disagree(2)
        assert strategy.pages_for({1, 2}, now) == 1
        disagree(1)
        assert strategy.pages_for({1, 2}, now) == 0
        now += LIST_REST


@pytest.mark.parametrize(
    ("shown", "before"),
    [
        ({"progress_percent": None}, None),
        ({"contacts": None}, None),
        ({"progress_percent": 60.0}, None),
        ({"status": "Terminated", "progress_percent": 40.0}, {"progress_percent": 60.0}),
        ({"updated_at": "2025"}, {}),
    ],
)
def test_a_row_that_lacks_something_contradicts_itself_or_is_older_ends_nothing(proven, shown, before):
    assert not proven.may_end(
        snapshot(**shown), None if before is None else snapshot(**{"status": "Running", **before})
    )


def test_after_one_wrong_end_no_end_of_the_list_is_accepted(proven):
    proven.compare(snapshot(), snapshot(status="Running", progress_percent=10.0), 0.0)
    for _ in range(10):
        proven.compare(snapshot(), snapshot(), 0.0)

    assert not any(proven.may_end(snapshot(), None) for _ in range(10))


@given(st.lists(st.tuples(st.integers(1, 30), st.floats(0, 100))), st.floats(0, 100))
def test_the_queue_gives_each_campaign_once_when_its_last_entry_is_due(entries, now):
    queue = DueQueue()
    for campaign, due in entries:
        queue.put(campaign, due)
    last = dict(entries)

    taken = queue.take(now)

    assert sorted(taken) == sorted(campaign for campaign, due in last.items() if due <= now)
    assert queue.first() == min((due for due in last.values() if due > now), default=None)


# -- how far one walk goes ---------------------------------------------------------------------------------------------


def first_page_only(strategy, ids, cap, wanted):
    """Read the first page and no further, as when a later page cannot be read."""
    strategy.pages_for(wanted, 0.0)
    walk = strategy.walk(set(wanted), 1)
    walk.accept(server(ids, cap)(next(walk)))
    walk.finish()


HUNDRED = range(100, 0, -1)


@pytest.mark.parametrize(
    ("rows", "pages", "left"),
    [((12, 13), 2, set()), (range(40, 46), 5, set()), (range(62, 70), 7, set()), (range(63, 71), 7, {30})],
    ids=["two on the second page", "six on the fifth", "eight on the seventh", "one of eight on the eighth"],
)
def test_a_walk_reads_on_to_the_page_that_saves_requests(rows, pages, left):
    assert walked(ListStrategy(), HUNDRED, 10, {HUNDRED[row] for row in rows}) == (pages, left)


@pytest.mark.parametrize(("first", "pages"), [(60, 7), (62, 7), (63, 0)], ids=["first rows", "last rows", "beyond"])
def test_where_campaigns_must_be_is_known_from_the_first_page(first, pages):
    strategy, wanted = ListStrategy(), {HUNDRED[row] for row in range(first, first + 8)}

    first_page_only(strategy, HUNDRED, 10, wanted)

    assert strategy.pages_for(wanted, 0.0) == pages


def test_where_campaigns_must_be_is_known_from_a_list_with_gaps():
    ids = range(1000, 0, -10)
    strategy, wanted = ListStrategy(), set(ids[32:37])

    first_page_only(strategy, ids, 10, wanted)

    assert strategy.pages_for(wanted, 0.0) == 4


def test_in_another_order_only_what_was_seen_is_known():
    strategy, ids = ListStrategy(), range(1, 101)
    first_page_only(strategy, ids, 10, {90, 91, 92})
    assert strategy.pages_for({90, 91, 92}, 0.0) == 0

    walked(strategy, ids, 10, {9, 10, 11, 12})
    assert strategy.pages_for({11, 12, 13}, 0.0) == 2
    # The row right behind the last one that was read is as good as before, ...
    first_page_only(strategy, ids, 10, {11, 12, 13})
    assert strategy.pages_for({11, 12, 13}, 0.0) == 2
    # ... and a row that was read and shows another campaign is forgotten.
    first_page_only(strategy, range(21, 121), 10, {2, 3, 4})
    assert strategy.pages_for({2, 3, 4}, 0.0) == 0


def test_the_size_of_a_page_follows_the_server():
    strategy = ListStrategy()
    for cap, size in ((100, 100), (10, 10), (1, 1)):
        first_page_only(strategy, range(300, 0, -1), cap, {1, 2})
        assert strategy.page_size == size
    # A list that ends on its first page may be shorter than a page.
    first_page_only(strategy, range(300, 0, -1), 50, {1, 2})
    first_page_only(strategy, range(3, 0, -1), 50, {1, 2})
    assert strategy.page_size == 50

    empty = ListStrategy()
    first_page_only(empty, range(0), 50, {1, 2})
    assert empty.page_size == 1


@pytest.mark.parametrize(
    ("cap", "rows", "pages", "left"),
    [(2, range(100, 110), 1, 10), (2, (2, 3), 2, 0), (1, (1, 2), 2, 1)],
    ids=["two rows, far away", "two rows, on the next page", "one row"],
)
def test_two_rows_show_where_the_others_must_be(cap, rows, pages, left):
    ids = range(300, 0, -1)

    read, not_found = walked(ListStrategy(), ids, cap, {ids[row] for row in rows})
    assert (read, len(not_found)) == (pages, left)
