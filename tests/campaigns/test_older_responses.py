"""Responses that show an older state: how long they are read again, and the flows that wait by reading only."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import pytest
from support.scripted_server import BEGINS, ScriptedServer
from support.virtual_time import VirtualTime

from airflow_provider_tingting.api import calls, stale_reads
from airflow_provider_tingting.api.models import Campaign
from airflow_provider_tingting.api.stale_reads import (
    READ_INTERVAL,
    STALE_WITHIN,
    StalePeriod,
    list_existing,
    read_existing,
    read_existing_until,
    read_until,
)
from airflow_provider_tingting.campaigns.observation import Observation, Reason
from airflow_provider_tingting.campaigns.watch import Progress, WaitPlan, read_status, watch
from airflow_provider_tingting.clock import sleep, use_clock
from airflow_provider_tingting.errors import TingTingAuthError, TingTingNotFoundError, TingTingServerError

GONE = TingTingNotFoundError("get_campaign", "not found.", status_code=404)
DOWN = TingTingServerError("get_campaign", "down.", status_code=503)
REFUSED = TingTingAuthError("get_campaign", "no.", status_code=401)
log = logging.getLogger("watching")


def shown(status: str, percent: float | None = None) -> Campaign:
    return Campaign(id=7, status=status, progress_percent=percent)


def test_the_period_begins_with_the_first_older_response_and_ends_with_a_current_one() -> None:
    with use_clock(VirtualTime(0.0)):
        period = StalePeriod()
        assert not period.is_running
        assert period.left() == STALE_WITHIN
        assert period.is_running
        sleep(20)
        assert period.left() == STALE_WITHIN - 20
        sleep(1000)
        assert period.left() == 0
        period.end()
        assert not period.is_running
        assert period.left() == STALE_WITHIN


def test_a_period_may_be_shorter() -> None:
    with use_clock(VirtualTime(0.0)):
        assert StalePeriod(30.0).left() == 30
        assert StalePeriod(0.0).left() == 0


async def read_until_status(until: str, within: float | None = None) -> Campaign:
    return await read_until(lambda: calls.get_campaign(7), lambda one: one.status.value == until, within)


def test_an_older_status_is_read_again_until_it_is_current() -> None:
    server = ScriptedServer(get_campaign=[shown("Running"), shown("Running"), shown("Completed"), shown("Terminated")])

    assert server.run(read_until_status("Completed")).status == "Completed"
    assert server.pauses("get_campaign") == [READ_INTERVAL, READ_INTERVAL]


@pytest.mark.parametrize(("within", "seconds"), [(None, STALE_WITHIN), (10.0, 10.0), (0.0, 0.0)])
def test_an_older_status_that_stays_is_returned_in_the_end(within: float | None, seconds: float) -> None:
    server = ScriptedServer(get_campaign=shown("Running"))

    assert server.run(read_until_status("Completed", within)).status == "Running"
    assert server.now == BEGINS + seconds


def test_a_404_of_a_campaign_that_exists_is_read_again_and_of_another_is_not() -> None:
    server = ScriptedServer(get_campaign=[GONE, GONE, shown("Not Started")])
    assert server.run(read_existing(7, lambda: True)).id == 7
    assert server.now == BEGINS + 2 * READ_INTERVAL

    server = ScriptedServer(get_campaign=GONE)
    with pytest.raises(TingTingNotFoundError):
        server.run(read_existing(7, lambda: False))
    assert server.now == BEGINS

    with pytest.raises(TingTingNotFoundError):
        server.run(read_existing(7, lambda: True))
    assert server.now == BEGINS + STALE_WITHIN


def test_a_404_while_a_campaign_is_read_until_it_is_current_is_an_older_response() -> None:
    server = ScriptedServer(get_campaign=[shown("Running"), GONE, shown("Running"), shown("Completed")])

    assert server.run(read_existing_until(7, lambda one: one.status.is_final)).status == "Completed"
    assert server.pauses("get_campaign") == [READ_INTERVAL] * 3


def test_a_list_of_a_campaign_that_exists_is_read_again_from_its_beginning() -> None:
    server = ScriptedServer()
    answers: list[Any] = [GONE, GONE, ["a contact"]]

    def listing() -> list[str]:
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer  # type: ignore[no-any-return]

    with use_clock(server):
        assert list_existing(listing) == ["a contact"]
        assert server.now == BEGINS + 2 * READ_INTERVAL
        answers[:] = [GONE]
        with pytest.raises(TingTingNotFoundError):
            list_existing(listing)
    assert server.now == BEGINS + 2 * READ_INTERVAL + STALE_WITHIN


def test_a_list_that_is_older_than_what_is_known_is_read_again_in_growing_pauses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stale_reads, "GROWING_PAUSES", (3.0, 7.0, 20.0, 30.0))
    server = ScriptedServer()
    times: list[float] = []
    takes = 0.0

    def listing() -> int:
        times.append(server.now - BEGINS)
        server.sleep(takes)
        return len(times)

    with use_clock(server):
        assert list_existing(listing, lambda contacts: contacts == 3) == 3
        assert times == [0, 3, 10]
        times.clear()
        server.now = BEGINS
        assert list_existing(listing, lambda contacts: False) == 5
        assert times == [0, 3, 10, 30, 60]
        times.clear()
        server.now, takes = BEGINS, 100.0
        assert list_existing(listing, lambda contacts: False) == 2
        assert times == [0, 103], "a list that takes minutes is read once more"
        monkeypatch.setattr(stale_reads, "GROWING_PAUSES", (3.0,))
        times.clear()
        server.now, takes = BEGINS, 0.0
        assert list_existing(listing, lambda contacts: contacts == 4) == 4
        assert times == [0, 3, 3 + READ_INTERVAL, 3 + 2 * READ_INTERVAL]


# -- waiting by reading ------------------------------------------------------------------------------------------------

PLAN = WaitPlan(7, poll_interval=30.0, tolerate_outage=100.0)


def test_a_watch_ends_with_the_campaign_and_keeps_what_it_has_seen() -> None:
    server = ScriptedServer(get_campaign=[shown("Running", 10), DOWN, shown("Running", 50), shown("Completed", 100)])
    progress = Progress(7)

    assert server.run(watch(PLAN, log, progress)) == Observation(Reason.REACHED, 7, "Completed", 100)
    assert progress.seen.status == "Completed"


def test_a_404_does_not_end_the_wait_for_a_campaign_that_was_shown() -> None:
    server = ScriptedServer(get_campaign=[shown("Running", 10), GONE, GONE, shown("Completed", 100)])

    assert server.run(watch(PLAN, log)) == Observation(Reason.REACHED, 7, "Completed", 100)
    assert all(pause < 2 * READ_INTERVAL for pause in server.pauses("get_campaign")[1:])


def test_a_404_for_a_minute_ends_it() -> None:
    server = ScriptedServer(get_campaign=[shown("Running", 10), GONE, shown("Running", 20), GONE])

    assert server.run(watch(PLAN, log)).reason is Reason.REFUSED
    assert STALE_WITHIN <= server.now - server.times[3] < STALE_WITHIN + 2 * READ_INTERVAL


@pytest.mark.parametrize(("starts_by", "reads"), [(None, 1), (BEGINS + 900, 2)], ids=["of unknown id", "was requested"])
def test_a_404_at_the_first_read_ends_the_wait_unless_the_task_has_requested_the_run(
    starts_by: float | None, reads: int
) -> None:
    server = ScriptedServer(get_campaign=[GONE, shown("Completed", 100)])
    plan = replace(PLAN, starts_by=starts_by)

    assert server.run(watch(plan, log)).reason is (Reason.REFUSED if reads == 1 else Reason.REACHED)
    assert len(server.calls) == reads


def test_a_watch_ends_at_its_deadline_with_what_was_seen_last() -> None:
    server = ScriptedServer(get_campaign=shown("Running", 10))
    plan = WaitPlan(7, poll_interval=30.0, deadline=BEGINS + 100)

    assert server.run(watch(plan, log)) == Observation(Reason.TIMED_OUT, 7, "Running", 10)
    assert server.now == BEGINS + 100


def test_a_watch_ends_with_an_outage_and_with_a_refusal() -> None:
    assert ScriptedServer(get_campaign=DOWN).run(watch(PLAN, log)).reason is Reason.OUTAGE
    assert ScriptedServer(get_campaign=GONE).run(watch(PLAN, log)).reason is Reason.REFUSED
    with pytest.raises(TingTingAuthError):
        ScriptedServer(get_campaign=REFUSED).run(watch(PLAN, log))


def test_a_status_is_read_once_unless_tingting_does_not_respond() -> None:
    server = ScriptedServer(get_campaign=shown("Running", 10))
    assert server.run(read_status(PLAN, log)) == Observation(Reason.REACHED, 7, "Running", 10)
    assert len(server.calls) == 1

    server = ScriptedServer(get_campaign=[DOWN, DOWN, shown("Running", 10)])
    assert server.run(read_status(PLAN, log)).status == "Running"
    assert len(server.calls) == 3

    assert ScriptedServer(get_campaign=DOWN).run(read_status(PLAN, log)).reason is Reason.OUTAGE
    late = WaitPlan(7, deadline=BEGINS + 5, tolerate_outage=100.0)
    assert ScriptedServer(get_campaign=DOWN).run(read_status(late, log)).reason is Reason.TIMED_OUT
