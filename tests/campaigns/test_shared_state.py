"""What several tries of one task know together, and since when a request counts as unanswered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from support.virtual_time import VirtualTime

from airflow_provider_tingting.campaigns.state import (
    RUN_SETTLES_WITHIN,
    JobState,
    RunRequest,
    SharedState,
)
from airflow_provider_tingting.clock import MAX_CLOCK_SKEW, monotonic, sleep, use_clock, wall_time

NEVER, MAYBE, ACCEPTED = RunRequest.NEVER, RunRequest.MAYBE, RunRequest.ACCEPTED


def state(run: RunRequest = NEVER, at: float | None = None, **more: Any) -> JobState:
    return JobState(7, run=run, run_requested_at=at, **more)


@pytest.mark.parametrize("first", RunRequest, ids=lambda known: known.value)
@pytest.mark.parametrize("second", RunRequest, ids=lambda known: known.value)
def test_of_two_states_the_stronger_counts(first: RunRequest, second: RunRequest) -> None:
    strength = [NEVER, MAYBE, ACCEPTED]

    merged = state(first).merged(state(second))

    assert merged.run is max(first, second, key=strength.index)


@pytest.mark.parametrize(
    ("first", "second", "latest"),
    [(None, None, None), (1.0, None, 1.0), (None, 2.0, 2.0), (1.0, 2.0, 2.0), (3.0, 2.0, 3.0)],
)
def test_of_two_requests_the_later_counts(first: float | None, second: float | None, latest: float | None) -> None:
    assert state(MAYBE, first).merged(state(MAYBE, second)).run_requested_at == latest


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("second", [True, False])
def test_what_one_try_has_seen_all_have_seen(first: bool, second: bool) -> None:
    merged = state(seen_not_started=first).merged(state(seen_not_started=second))

    assert merged.seen_not_started is (first or second)


def test_a_state_of_another_campaign_changes_nothing() -> None:
    assert state().merged(JobState(8, run=ACCEPTED)) == state()


@pytest.fixture(autouse=True)
def virtual_time() -> Iterator[None]:
    with use_clock(VirtualTime(1_000_000.0)):
        yield


class Shared:
    """A shared state with a store that can be seen into."""

    def __init__(self, saved: JobState | None = None) -> None:
        self.saved = saved
        self.saves = 0
        self.made = SharedState(saved, self.save, lambda: self.saved)

    def save(self, new: JobState) -> None:
        self.saves += 1
        self.saved = new


def test_a_new_state_is_empty_and_nothing_is_unanswered() -> None:
    shared = Shared()

    assert shared.made.state == JobState()
    assert shared.made.unanswered_since is None
    assert shared.made.settles_in == 0.0


def test_a_change_is_saved_once_and_only_when_it_is_one() -> None:
    shared = Shared()

    shared.made.update(campaign_id=7)
    shared.made.update(campaign_id=7)

    assert shared.saved == state() == shared.made.state
    assert shared.saves == 1


def test_a_change_that_cannot_be_saved_does_not_count() -> None:
    def fails(_: JobState) -> None:
        raise OSError

    made = SharedState(None, fails)
    with pytest.raises(OSError):
        made.update(campaign_id=7)

    assert made.state == JobState()


def test_the_time_of_a_request_is_counted_from_when_this_try_learns_of_it() -> None:
    shared = Shared(state())
    sleep(1000)
    shared.saved = state(MAYBE, wall_time())
    shared.made.reload()

    assert shared.made.unanswered_since == monotonic()
    sleep(25)
    assert shared.made.settles_in == RUN_SETTLES_WITHIN - 25
    # What it knows already does not begin again.
    shared.made.reload()
    assert shared.made.settles_in == RUN_SETTLES_WITHIN - 25
    sleep(1000)
    assert shared.made.settles_in == 0.0


def test_a_later_request_begins_the_time_again_and_other_changes_do_not() -> None:
    shared = Shared(state(MAYBE, 1_000_000.0))
    sleep(25)
    shared.made.update(seen_not_started=True)
    assert shared.made.settles_in == RUN_SETTLES_WITHIN - 25

    shared.made.update(run_requested_at=1_000_025.0)
    assert shared.made.settles_in == RUN_SETTLES_WITHIN

    sleep(25)
    shared.made.count_from_now()
    assert shared.made.settles_in == RUN_SETTLES_WITHIN


def test_a_campaign_that_was_never_requested_has_nothing_to_settle() -> None:
    shared = Shared(state(NEVER, 1_000_000.0))
    shared.made.update(seen_not_started=True)
    assert shared.made.unanswered_since is None

    shared = Shared(state(ACCEPTED, 1_000_000.0))
    assert shared.made.unanswered_since is None


@pytest.mark.parametrize(("more", "is_settled"), [(0.0, False), (1.0, True)], ids=["at the limit", "beyond it"])
def test_a_request_of_long_ago_is_settled_whatever_the_clocks_differ(more: float, is_settled: bool) -> None:
    shared = Shared(state(MAYBE, 1_000_000.0 - RUN_SETTLES_WITHIN - MAX_CLOCK_SKEW - more))

    assert (shared.made.settles_in == 0.0) is is_settled


def test_a_forgotten_request_leaves_the_one_before_it_and_its_time() -> None:
    shared = Shared(state(MAYBE, 1_000_000.0))
    before, since = shared.made.state, shared.made.unanswered_since
    sleep(60)
    shared.made.update(run_requested_at=1_000_060.0)
    shared.made.forget_request(before, since)

    assert shared.saved == before == shared.made.state
    assert shared.made.settles_in == RUN_SETTLES_WITHIN - 60


def test_a_forgotten_request_keeps_what_another_try_has_saved_meanwhile() -> None:
    shared = Shared(state())
    before = shared.made.state
    shared.made.update(run=MAYBE, run_requested_at=1_000_000.0)
    shared.saved = state(MAYBE, 1_000_030.0)
    sleep(30)
    shared.made.forget_request(before, None)

    assert shared.saved == state(MAYBE, 1_000_030.0)
    assert shared.made.settles_in == RUN_SETTLES_WITHIN


def test_a_forgotten_request_without_a_store_leaves_nothing() -> None:
    made = SharedState(state())
    made.update(run=MAYBE, run_requested_at=1.0)
    made.forget_request(state(), None)

    assert made.state == state()
    assert made.unanswered_since is None
