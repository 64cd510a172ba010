"""Cores that are broken on purpose: the simulator must notice each of them.

Each is one wrong cell of the tables of `campaigns/run.py`, or one step left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from unittest.mock import patch

import pytest
from simulation.adversary import Decision
from simulation.lives import LIVES
from simulation.simulate import replay
from simulation.tasks import Store
from simulation.world import Stage

from airflow_provider_tingting.campaigns import concurrency, create, state, window_close
from airflow_provider_tingting.campaigns import run as run_module
from airflow_provider_tingting.campaigns.run import DECISIONS, KNOWN_AFTER, CampaignJob, Response, Seen
from airflow_provider_tingting.campaigns.state import RunRequest
from airflow_provider_tingting.clock import wall_time
from airflow_provider_tingting.utils import audience_reader

Breaks = Callable[[], AbstractContextManager[object]]


def decides(known: RunRequest, seen: Seen, decision: run_module.Decision) -> Breaks:
    """Put another decision into a cell of the first table."""
    return lambda: patch.dict(DECISIONS, {(known, seen): decision})


def knows(known: RunRequest, response: Response, after: RunRequest) -> Breaks:
    """Put something else into a cell of the second table."""
    return lambda: patch.dict(KNOWN_AFTER, {(known, response): after})


@contextmanager
def asks_after_yes() -> Iterator[None]:
    """Request the run of a campaign that TingTing has accepted and does not show yet."""
    accepted = {(RunRequest.ACCEPTED, response): RunRequest.ACCEPTED for response in Response}
    again = {(RunRequest.ACCEPTED, Seen.NOT_STARTED): run_module.Decision.REQUEST}
    with patch.dict(DECISIONS, again), patch.dict(KNOWN_AFTER, accepted):
        yield


@contextmanager
def trusts_try_number() -> Iterator[None]:
    """Forget between two tries what was saved, and go by the number of the try alone."""

    def get(store: Store, key: str, default: object = None) -> object:
        return default

    with patch.object(Store, "get", get):
        yield


@contextmanager
def never_settles() -> Iterator[None]:
    """Send a request again as soon as it has no usable response."""
    with patch.object(state, "RUN_SETTLES_WITHIN", 0.0):
        yield


@contextmanager
def creates_without_a_search() -> Iterator[None]:
    """Send a create again without searching for the campaign of the first one."""

    async def nothing(*_: object, **__: object) -> None:
        return None

    with patch.object(create, "find_after_unknown", nothing), patch.object(create, "find_campaign", nothing):
        yield


@contextmanager
def reads_state_once() -> Iterator[None]:
    """Use what was saved when the try began, whatever another try has saved since."""
    with patch.object(CampaignJob, "reload", lambda _: None):
        yield


@contextmanager
def ignores_the_do_not_call_list() -> Iterator[None]:
    """Add contacts whatever the do-not-call list of the connection names."""
    with patch.object(audience_reader, "read_do_not_call", lambda *_, **__: None):
        yield


@contextmanager
def reads_the_do_not_call_list_once() -> Iterator[None]:
    """Use the do-not-call list as the first task of the life has read it."""
    read, kept = audience_reader.read_do_not_call, []

    def read_once(*arguments: object, **options: object) -> object:
        if not kept:
            kept.append(read(*arguments, **options))
        return kept[0]

    with patch.object(audience_reader, "read_do_not_call", read_once):
        yield


@contextmanager
def starts_beside_a_running_campaign() -> Iterator[None]:
    """Request a run whatever else runs on the account."""

    async def none_runs(_: int) -> list[object]:
        return []

    with patch.object(concurrency, "blocking_campaigns", none_runs):
        yield


@contextmanager
def lets_no_campaign_go_first() -> Iterator[None]:
    """Read the running campaigns once, also beside a task that is about to start its own."""
    with patch.object(concurrency, "MAX_EARLIER_CAMPAIGNS", 0):
        yield


@contextmanager
def stops_in_the_next_moment() -> Iterator[None]:
    """Find, whenever it is asked, that the time to stop a campaign has not quite come."""
    with patch.object(window_close, "stops_at", lambda *_: wall_time() + 1e-6):
        yield


LISTED = "no contact on the do-not-call list is called"
ONCE = "a campaign is run once"
ALONE = "one campaign runs at a time"
TRUE = "the log is true of who was called"
#: A request is carried out after a minute, and its try is killed right after it has lost the response.
KILLED_AFTER_A_LATE_REQUEST = ("run.1 run_campaign 1: late 60", "run.1 get_campaign 2: killed")

BROKEN: dict[str, tuple[Breaks, str, tuple[str, ...], str]] = {
    "asks again after yes": (
        asks_after_yes,
        "run that shows late",
        ("run.1 get_campaign 2: killed",),
        ONCE,
    ),
    "asks again at once after an unanswered request": (
        decides(RunRequest.MAYBE, Seen.NOT_STARTED, run_module.Decision.REQUEST),
        "run",
        KILLED_AFTER_A_LATE_REQUEST,
        ONCE,
    ),
    "does not note that a request is unanswered": (
        knows(RunRequest.NEVER, Response.UNKNOWN, RunRequest.NEVER),
        "run",
        KILLED_AFTER_A_LATE_REQUEST,
        ONCE,
    ),
    "forgets an unanswered request when a later one is refused": (
        knows(RunRequest.MAYBE, Response.NOT_DONE, RunRequest.NEVER),
        "run",
        (
            "run.1 run_campaign 1: late 600",
            "run.1 run_campaign 2: 429",
            "run.1 get_campaign 44: person marks failed",
        ),
        TRUE,
    ),
    "never waits for an unanswered request": (never_settles, "run", ("run.1 run_campaign 1: late 60",), ONCE),
    "trusts the number of the try": (trusts_try_number, "run", KILLED_AFTER_A_LATE_REQUEST, ONCE),
    "reads the saved state once": (
        reads_state_once,
        "run",
        ("run.1 get_campaign 1: doubled", "run.1 get_campaign 1: stalls 9", "run.1 run_campaign 1: late 60"),
        ONCE,
    ),
    "ignores the do-not-call list": (ignores_the_do_not_call_list, "do-not-call list", (), LISTED),
    "reads the do-not-call list once": (reads_the_do_not_call_list_once, "do-not-call list", (), LISTED),
    "starts beside a running campaign": (
        starts_beside_a_running_campaign,
        "run, one at a time",
        ("second.1 get_campaign 1: stalls 40",),
        ALONE,
    ),
    "lets no campaign go first": (lets_no_campaign_go_first, "run, one at a time", (), ALONE),
    "stops in the next moment": (
        stops_in_the_next_moment,
        "run until the window closes",
        (),
        "a campaign that runs when its window closes is stopped",
    ),
    "creates again without a search": (
        creates_without_a_search,
        "create",
        ("create.1 create_campaign 1: lost after",),
        "a campaign is created once",
    ),
}


def broken_promises(stage: Stage, life: str, schedule: tuple[str, ...]) -> set[str]:
    """Return the promises that a life has broken and should have kept."""
    outcome = replay(stage, LIVES[life], map(Decision.read, schedule))
    return {one.promise for one in outcome.broken if one.unpromised is None}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_a_core_that_is_broken_on_purpose_is_noticed_and_the_real_one_keeps_the_promise(
    stage: Stage, broken: tuple[Breaks, str, tuple[str, ...], str]
) -> None:
    breaks, life, schedule, promise = broken

    with breaks():
        assert promise in broken_promises(stage, life, schedule)
    assert broken_promises(stage, life, schedule) == set()
