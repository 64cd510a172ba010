"""What a notice does when time passes and processes die, with a clock of the test's own; over HTTP, both clients."""

from __future__ import annotations

import time

import pytest
from support.both_clients import KINDS, connecting
from support.campaigns import meanwhile, reads
from support.impatience import settle_fast

from airflow_provider_tingting.api.driver import run_flow
from airflow_provider_tingting.notifications import dedupe, deliver
from airflow_provider_tingting.notifications import notice as notice_module
from airflow_provider_tingting.notifications.deliver import GRACE, tell
from airflow_provider_tingting.notifications.notice import Notice, NoticeMark, key_of
from airflow_provider_tingting.sandbox.routes import campaigns as routes

FIRST, SECOND = "9841234501", "9801234502"


@pytest.fixture(params=KINDS)
def client(request, sandbox, monkeypatch):
    settle_fast(monkeypatch)
    monkeypatch.setattr(deliver, "LOOKS_EVERY", 0.02)
    monkeypatch.setattr(dedupe, "RUN_LOOKS_EVERY", 0.02)
    with connecting(request.param) as connect:
        yield connect(sandbox)


def notice(*to, **changes):
    return Notice(key=key_of("a dag", *to), about="a dag", to=to or (FIRST,), text="Look.", **changes)


def later(seconds):
    return lambda: time.time() + seconds


def numbers(sandbox):
    sandbox.play_out()
    return [one.number for one in sandbox.ledger.dialled]


def test_after_the_cooldown_the_person_is_told_again(client, sandbox):
    run_flow(client, tell(notice(cooldown=600)))
    assert run_flow(client, tell(notice(cooldown=600), clock=later(590))) == ()
    assert len(run_flow(client, tell(notice(cooldown=600), clock=later(610)))) == 1

    assert numbers(sandbox) == [FIRST, FIRST]


def left_behind(sandbox, made, *, ahead=0):
    """The campaign of a process that has died before it ran it."""
    mark = NoticeMark.of(made, 0, time.time() + ahead)
    return sandbox.world.create_campaign(
        name=made.name, services="PHONE", user_phone=[3], message="Look.", description=f"{mark} A notice."
    )


def test_when_the_maker_of_a_campaign_dies_before_it_runs_it_somebody_else_calls(client, sandbox, monkeypatch):
    monkeypatch.setattr(notice_module, "GIVEN_UP_AFTER", 2.0)
    left_behind(sandbox, notice())
    began = time.monotonic()

    assert len(run_flow(client, tell(notice()))) == 1
    assert time.monotonic() - began > 0.5
    assert run_flow(client, tell(notice())) == ()
    assert numbers(sandbox) == [FIRST]


def test_when_the_maker_gives_up_and_deletes_its_campaign_somebody_else_calls_at_once(client, sandbox):
    campaign = left_behind(sandbox, notice())
    with meanwhile(lambda: reads(sandbox) >= 2, lambda: sandbox.world.delete_campaign(campaign.id)):
        assert len(run_flow(client, tell(notice()))) == 1
    assert numbers(sandbox) == [FIRST]


def test_while_the_maker_is_about_to_call_others_wait_and_then_are_silent(client, sandbox):
    campaign = left_behind(sandbox, notice())
    with meanwhile(lambda: reads(sandbox) >= 2, lambda: run_it(sandbox, campaign.id)):
        assert run_flow(client, tell(notice())) == ()
    assert numbers(sandbox) == [FIRST]


def run_it(sandbox, campaign_id):
    sandbox.world.update_campaign(campaign_id, voice=1)
    sandbox.world.add_contacts(campaign_id, [(FIRST, {})])
    sandbox.world.run_campaign(campaign_id)


async def first_step_only(delivery):
    """A delivery whose process is killed as soon as it begins to watch the campaign."""
    step = delivery.send(None)
    ran = False
    while True:
        result = await step
        if ran:
            delivery.close()
            return
        ran = getattr(step, "name", "") == "run_campaign"
        step = delivery.send(result)


def test_when_the_one_who_watched_has_died_the_next_notice_tries_the_next_number(client, sandbox):
    sandbox.world.script_outcome(FIRST, "unanswered")
    both = notice(FIRST, SECOND, escalate_after=60)
    run_flow(client, first_step_only(tell(both)))
    sandbox.play_out()

    assert run_flow(client, tell(both, clock=later(60))) == ()
    assert len(run_flow(client, tell(both, clock=later(60 + GRACE + 5)))) == 1
    assert numbers(sandbox) == [FIRST, SECOND]


def test_when_the_first_has_picked_up_no_later_notice_calls_the_next(client, sandbox):
    sandbox.world.script_outcome(FIRST, "completed")
    both = notice(FIRST, SECOND, escalate_after=60)
    run_flow(client, first_step_only(tell(both)))
    sandbox.play_out()

    assert run_flow(client, tell(both, clock=later(60 + GRACE + 5))) == ()
    assert numbers(sandbox) == [FIRST]


@pytest.fixture
def lists(monkeypatch):
    """Make the sandbox's list of campaigns another one."""
    real = routes.select_campaigns

    def become(change):
        monkeypatch.setattr(routes, "select_campaigns", lambda *asked: change(list(real(*asked))))

    return become


def test_a_server_that_lists_the_oldest_first_does_not_hide_that_somebody_is_told(client, sandbox, lists):
    lists(lambda campaigns: campaigns[::-1])
    made = notice(cooldown=60)
    for ago in range(120):
        mark = NoticeMark.of(made, 0, time.time() - 10_000 - ago)
        sandbox.world.create_campaign(
            name=made.name, services="PHONE", user_phone=[3], message="Look.", description=f"{mark} A notice."
        )

    run_flow(client, tell(made))
    run_flow(client, tell(made))

    assert numbers(sandbox) == [FIRST]


def test_a_list_that_still_shows_a_deleted_campaign_is_not_asked_without_end(client, sandbox, lists):
    ghost = left_behind(sandbox, notice())
    sandbox.world.delete_campaign(ghost.id)
    lists(lambda campaigns: [*campaigns, ghost])

    assert len(run_flow(client, tell(notice()))) == 1
    assert reads(sandbox, "list_campaigns") < 5
    assert numbers(sandbox) == [FIRST]


def test_a_dead_maker_whose_clock_was_an_hour_ahead_keeps_nobody_waiting_for_an_hour(client, sandbox, monkeypatch):
    monkeypatch.setattr(dedupe, "GIVEN_UP_AFTER", 0.2)
    left_behind(sandbox, notice(), ahead=3600)

    assert len(run_flow(client, tell(notice()))) == 1
    assert numbers(sandbox) == [FIRST]


def test_a_description_is_read_back_as_the_mark_that_was_written():
    mark = NoticeMark.of(notice(), 2, 1_795_400_000.5)

    assert NoticeMark.read(f"{mark} A notice.") == mark
    assert NoticeMark.read("[airflow:abc/def] a campaign of an operator") is None
    assert FIRST not in str(mark)
    assert FIRST not in repr(notice())
