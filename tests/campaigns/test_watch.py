"""How often a wait looks while TingTing does not answer: often enough that an outage is one."""

from __future__ import annotations

import itertools
import logging

import pytest

from airflow_provider_tingting.campaigns.observation import Reason
from airflow_provider_tingting.campaigns.watch import Wait, WaitPlan
from airflow_provider_tingting.errors import TingTingServerError

log = logging.getLogger("waiting")
AWAY = TingTingServerError("get_campaign", "502", status_code=502)


def looks_in_an_outage(**patience):
    """The times of the looks at a TingTing that never answers, from the first one to the end of the wait."""
    now = [0.0]
    wait = Wait(WaitPlan(79, **patience), log, ticks=lambda: now[0])
    times = []
    while True:
        times.append(now[0])
        ended = wait.unanswered(AWAY)
        if ended is not None:
            assert ended.reason is Reason.OUTAGE
            return times
        now[0] += wait.next_look()


def test_rare_looks_become_more_frequent_so_that_two_bad_moments_are_no_outage():
    times = looks_in_an_outage(poll_interval=1800, tolerate_outage=600)

    assert len(times) == 11
    assert times[-1] == 600


@pytest.mark.parametrize(("poll_interval", "apart"), [(30, 30), (60, 60), (3600, 60)])
def test_no_look_comes_sooner_than_the_interval_or_a_tenth_of_the_patience(poll_interval, apart):
    times = looks_in_an_outage(poll_interval=poll_interval, tolerate_outage=600)

    assert {later - earlier for earlier, later in itertools.pairwise(times)} == {apart}


def test_a_short_patience_does_not_hammer_a_server_that_is_in_trouble():
    times = looks_in_an_outage(poll_interval=60, tolerate_outage=10)

    assert times == [0, 5, 10]
