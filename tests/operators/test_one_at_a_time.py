"""One campaign at a time: who runs is waited for, the lowest id goes first, and no task waits for ever."""

from __future__ import annotations

import random
from functools import partial

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred
from support.at_once import at_once
from support.campaigns import NUMBERS, a_campaign, meanwhile, reads, writes
from support.run_task import run_task
from support.task_context import context_of, execute, execute_through, fired_by

from airflow_provider_tingting._compat import AirflowFailException
from airflow_provider_tingting.api.protocol import Pause
from airflow_provider_tingting.campaigns import concurrency
from airflow_provider_tingting.errors import TingTingCampaignTimeoutError, TingTingServerError
from airflow_provider_tingting.hooks.tingting import TingTingHook
from airflow_provider_tingting.sandbox import Sandbox

pytestmark = pytest.mark.usefixtures("tingting_conn", "still_world")

MARK = "[airflow:0123456789abcdef0123/01234567]"
FAST = 5000

running = partial(run_task, one_at_a_time=True)


def one_that_runs(sandbox):
    campaign = a_campaign(sandbox, ["9841239999"])
    sandbox.world.run_campaign(campaign)
    return campaign


def ran_at_the_same_time(sandbox):
    """Whether calls of several campaigns overlapped, by the order in which they were dialled."""
    order = [entry.campaign_id for entry in sandbox.ledger.dialled]
    return len([n for n, each in enumerate(order) if n == 0 or order[n - 1] != each]) > len(set(order))


def test_it_waits_for_the_one_that_runs_then_calls_each_contact_once(sandbox, deferrable, logged):
    other = one_that_runs(sandbox)
    campaign = a_campaign(sandbox)
    operator = running(campaign, deferrable=deferrable)

    def ends():
        assert writes(sandbox) == []
        sandbox.clock.speed = FAST

    with meanwhile(lambda: reads(sandbox, "list_campaigns") > 4, ends):
        result, deferred_to = execute_through(lambda: operator, context_of(operator))

    assert result["status"] == "Completed"
    assert set(sandbox.ledger.times_dialled().values()) == {1}
    assert ("TingTingStartTrigger" in deferred_to) is deferrable
    said = logged()
    assert f"Campaign {campaign} is not requested to run while others run on this account (now: {other})" in said
    # Logged once, however often it was read; Airflow 2 shows each line twice.
    logged_waits = said.count(f"Campaign {campaign} waits for its turn: running now: {other}")
    assert logged_waits == said.count("is not requested to run while others run")


def test_when_nothing_runs_it_starts_at_once(sandbox, deferrable):
    sandbox.clock.speed = FAST
    operator = running(a_campaign(sandbox), deferrable=deferrable)

    _, deferred_to = execute_through(lambda: operator, context_of(operator))

    assert "TingTingStartTrigger" not in deferred_to


def test_its_own_campaign_is_not_waited_for(sandbox):
    campaign = one_that_runs(sandbox)
    sandbox.clock.speed = FAST

    result, _ = execute(running(campaign), try_number=2)

    assert result["status"] == "Completed"
    assert reads(sandbox, "list_campaigns") == 0


def test_one_that_is_stopped_only_scheduled_or_has_ended_is_not_waited_for(sandbox):
    sandbox.world.stop_campaign(one_that_runs(sandbox))
    later = a_campaign(sandbox, schedule=sandbox.clock.time() + 3600)
    sandbox.world.run_campaign(later)

    result, _ = execute(running(a_campaign(sandbox), wait_for_completion=False))

    assert result["status"] == "Running"


def test_on_a_server_that_does_not_filter_one_that_runs_is_found_all_the_same(sandbox, monkeypatch):
    from airflow_provider_tingting.api import calls

    unfiltered = calls.list_campaigns
    monkeypatch.setattr(calls, "list_campaigns", lambda *, status: unfiltered(limit=10))
    other = one_that_runs(sandbox)
    for _ in range(25):
        a_campaign(sandbox, [])

    with pytest.raises(TingTingCampaignTimeoutError, match=rf"\(now: {other}\)"):
        execute(running(a_campaign(sandbox), start_timeout=0.1))


def test_several_tasks_that_race_run_one_after_the_other_lowest_id_first(sandbox, deferrable, monkeypatch):
    # All that wait read again in the same moment.
    monkeypatch.setattr(random, "uniform", lambda low, _: low)
    campaigns = [a_campaign(sandbox, [f"98412345{n}{m}" for m in range(3)], description=MARK) for n in range(4)]
    other = one_that_runs(sandbox)

    def work(campaign):
        operator = running(campaign, deferrable=deferrable, poll_interval=10, wait_for_completion=True)
        return execute_through(lambda: operator, context_of(operator), begin="execute_start")[0]

    results = at_once(sandbox, *(partial(work, campaign) for campaign in reversed(campaigns)))

    assert [(result["campaign_id"], result["status"]) for result in results] == [
        (campaign, "Completed") for campaign in reversed(campaigns)
    ]
    assert set(sandbox.ledger.times_dialled().values()) == {1}
    assert not ran_at_the_same_time(sandbox)
    order = list(dict.fromkeys(entry.campaign_id for entry in sandbox.ledger.dialled))
    assert order[:2] == [other, campaigns[0]]


def test_two_that_read_in_the_same_moment_do_not_both_start(sandbox):
    first, second = (a_campaign(sandbox, [NUMBERS[n]], description=MARK) for n in range(2))

    def work(campaign):
        operator = running(campaign, wait_for_completion=False, poll_interval=2, start_timeout=8)
        try:
            return operator.execute_start(context_of(operator))["status"]
        except TingTingCampaignTimeoutError as error:
            return str(error)

    began, refused = at_once(sandbox, *(partial(work, campaign) for campaign in (first, second)))

    assert began == "Running"
    assert (
        f"it was not run, and no contact was called: it may not start while others run on this account (now: {first})"
        in refused
    )


def test_one_that_starts_between_two_reads_is_seen(sandbox, tingting_conn):
    first, second = (a_campaign(sandbox, description=MARK) for _ in range(2))
    client = TingTingHook(tingting_conn).get_conn()
    checking = concurrency.blocking_campaigns(second)
    answer = client.send(checking.send(None))
    sandbox.world.run_campaign(first)

    with pytest.raises(StopIteration) as found:
        while True:
            step = checking.send(answer)
            answer = None if isinstance(step, Pause) else client.send(step)

    assert [each.id for each in found.value.value] == [first]


def test_one_that_never_starts_holds_the_others_up_for_a_moment_only(sandbox):
    a_campaign(sandbox, description=MARK)

    result, _ = execute(running(a_campaign(sandbox), wait_for_completion=False))

    assert result["status"] == "Running"


def test_a_wait_for_ones_turn_ends_with_its_time(sandbox, deferrable):
    one_that_runs(sandbox)
    campaign = a_campaign(sandbox)
    operator = running(campaign, deferrable=deferrable, start_timeout=0.3)

    with pytest.raises(TingTingCampaignTimeoutError, match="no contact was called"):
        execute_through(lambda: operator, context_of(operator))

    assert writes(sandbox) == []


def test_errors_during_the_wait_are_sat_out(sandbox, deferrable):
    one_that_runs(sandbox)
    operator = running(a_campaign(sandbox), deferrable=deferrable)

    def trouble():
        for kind in ("500", "503-html", "garbage", "cut-before"):
            sandbox.faults.add(kind, call="list_campaigns")
        sandbox.clock.speed = FAST

    with meanwhile(lambda: reads(sandbox, "list_campaigns") > 2, trouble):
        result, _ = execute_through(lambda: operator, context_of(operator))

    assert result["status"] == "Completed"


def test_an_outage_for_longer_than_tolerated_ends_the_wait_and_calls_no_contact(sandbox, deferrable):
    one_that_runs(sandbox)
    operator = running(a_campaign(sandbox), deferrable=deferrable, tolerate_outage=0.05)

    def trouble():
        sandbox.faults.add("500", call="list_campaigns", times="*")

    with meanwhile(lambda: reads(sandbox, "list_campaigns") > 2, trouble), pytest.raises(TingTingServerError):
        execute_through(lambda: operator, context_of(operator))

    assert writes(sandbox) == []


def test_a_token_that_is_refused_during_the_wait_fails_the_task(sandbox, deferrable):
    one_that_runs(sandbox)
    operator = running(a_campaign(sandbox), deferrable=deferrable)

    with (
        meanwhile(
            lambda: reads(sandbox, "list_campaigns") > 2, lambda: sandbox.world.rotate_token("a-token-of-others")
        ),
        pytest.raises(AirflowFailException, match="401"),
    ):
        execute_through(lambda: operator, context_of(operator))

    assert writes(sandbox) == []


def test_the_trigger_only_reads(sandbox):
    one_that_runs(sandbox)
    operator = running(a_campaign(sandbox), deferrable=True)
    with pytest.raises(TaskDeferred) as waiting:
        operator.execute(context_of(operator))
    before = len(sandbox.requests)

    with meanwhile(lambda: len(sandbox.requests) > before + 3, sandbox.play_out):
        fired_by(waiting.value.trigger)

    assert {(each.method, each.call) for each in list(sandbox.requests)[before:]} == {("GET", "list_campaigns")}


def test_a_campaign_with_a_schedule_of_its_own_is_not_held_back(sandbox, logged):
    one_that_runs(sandbox)
    campaign = a_campaign(sandbox, schedule=sandbox.clock.time() + 7200)

    result, _ = execute(running(campaign, wait_for_completion=False))

    assert result["status"] == "Scheduled"
    assert "one_at_a_time cannot defer it" in logged()


def test_another_account_does_not_count(sandbox):
    with Sandbox() as other:
        one_that_runs(other)

        result, _ = execute(running(a_campaign(sandbox), wait_for_completion=False))

    assert result["status"] == "Running"
