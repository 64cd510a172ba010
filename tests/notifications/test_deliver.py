"""What a notice does when time passes and processes die, in virtual time; over HTTP, both clients."""

from __future__ import annotations

import pytest
from pytest import MonkeyPatch
from support.both_clients import KINDS, connecting
from support.campaigns import meanwhile, reads

from airflow_provider_tingting.api import TingTingClient, calls
from airflow_provider_tingting.api.driver import run_flow
from airflow_provider_tingting.clock import wall_time
from airflow_provider_tingting.notifications import dedupe
from airflow_provider_tingting.notifications.deliver import ESCALATION_GRACE, deliver
from airflow_provider_tingting.notifications.notification import (
    LEASE,
    LEASE_MARGIN,
    Notification,
    NotificationMarker,
    key_of,
)
from airflow_provider_tingting.sandbox.routes import campaigns as routes

FIRST, SECOND = "9841234501", "9801234502"


@pytest.fixture(autouse=True)
def time_passes(monkeypatch, virtual_time):
    """Fewer reads of a wait of minutes."""
    monkeypatch.setattr(dedupe, "RUN_POLL_INTERVAL", 10.0)


@pytest.fixture(params=KINDS)
def client(request, sandbox):
    with connecting(request.param) as connect:
        yield connect(sandbox)


def notice(*to, **changes):
    return Notification(key=key_of("a dag", *to), about="a dag", to=to or (FIRST,), text="Look.", **changes)


def numbers(sandbox):
    sandbox.play_out()
    return [one.number for one in sandbox.ledger.dialled]


def test_after_the_cooldown_the_recipient_is_notified_again(client, sandbox, virtual_time):
    began = virtual_time.time()
    run_flow(client, deliver(notice(cooldown=6000)))
    virtual_time.push(began + 5990 - virtual_time.time())
    assert run_flow(client, deliver(notice(cooldown=6000))) == ()
    virtual_time.push(began + 6001 - virtual_time.time())
    assert len(run_flow(client, deliver(notice(cooldown=6000)))) == 1

    assert numbers(sandbox) == [FIRST, FIRST]


def left_behind(sandbox, made, *, ahead=0):
    """The campaign of a process that has died before it ran it."""
    mark = NotificationMarker.of(made, 0, wall_time() + ahead)
    return sandbox.world.create_campaign(
        name=made.name, services="PHONE", user_phone=[3], message="Look.", description=f"{mark} A notice."
    )


def test_when_the_maker_gives_up_and_deletes_its_campaign_another_task_calls_at_once(client, sandbox):
    campaign = left_behind(sandbox, notice())
    with meanwhile(lambda: reads(sandbox) >= 2, lambda: sandbox.world.delete_campaign(campaign.id)):
        assert len(run_flow(client, deliver(notice()))) == 1
    assert numbers(sandbox) == [FIRST]


def test_while_the_maker_is_about_to_call_others_wait_and_then_are_silent(client, sandbox):
    campaign = left_behind(sandbox, notice())
    with meanwhile(lambda: reads(sandbox) >= 2, lambda: run_it(sandbox, campaign.id)):
        assert run_flow(client, deliver(notice())) == ()
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


def test_when_the_one_who_watched_has_died_the_next_notice_tries_the_next_number(client, sandbox, virtual_time):
    sandbox.world.script_outcome(FIRST, "unanswered")
    both = notice(FIRST, SECOND, escalate_after=60)
    run_flow(client, first_step_only(deliver(both)))
    sandbox.play_out()

    virtual_time.push(60)
    assert run_flow(client, deliver(both)) == ()
    virtual_time.push(ESCALATION_GRACE + 5)
    assert len(run_flow(client, deliver(both))) == 1
    assert numbers(sandbox) == [FIRST, SECOND]


def test_when_the_first_has_picked_up_no_later_notice_calls_the_next(client, sandbox, virtual_time):
    sandbox.world.script_outcome(FIRST, "completed")
    both = notice(FIRST, SECOND, escalate_after=60)
    run_flow(client, first_step_only(deliver(both)))
    sandbox.play_out()

    virtual_time.push(60 + ESCALATION_GRACE + 5)
    assert run_flow(client, deliver(both)) == ()
    assert numbers(sandbox) == [FIRST]


@pytest.fixture
def lists(monkeypatch):
    """Make the sandbox's list of campaigns another one."""
    real = routes.select_campaigns

    def become(change):
        monkeypatch.setattr(routes, "select_campaigns", lambda *asked: change(list(real(*asked))))

    return become


def test_a_server_that_lists_the_oldest_first_does_not_hide_a_delivery_in_progress(client, sandbox, lists):
    lists(lambda campaigns: campaigns[::-1])
    made = notice(cooldown=60)
    for ago in range(120):
        mark = NotificationMarker.of(made, 0, wall_time() - 10_000 - ago)
        sandbox.world.create_campaign(
            name=made.name, services="PHONE", user_phone=[3], message="Look.", description=f"{mark} A notice."
        )

    run_flow(client, deliver(made))
    run_flow(client, deliver(made))

    assert numbers(sandbox) == [FIRST]


def test_a_list_that_still_shows_a_deleted_campaign_is_not_asked_without_end(client, sandbox, lists):
    ghost = left_behind(sandbox, notice())
    sandbox.world.delete_campaign(ghost.id)
    lists(lambda campaigns: [*campaigns, ghost])

    assert len(run_flow(client, deliver(notice()))) == 1
    assert reads(sandbox, "list_campaigns") < 5
    assert numbers(sandbox) == [FIRST]


def test_a_description_is_read_back_as_the_mark_that_was_written():
    mark = NotificationMarker.of(notice(), 2, 1_795_400_000.5)

    assert NotificationMarker.read(f"{mark} A notice.") == mark
    assert NotificationMarker.read("[airflow:abc/def] a campaign of an operator") is None
    assert FIRST not in str(mark)
    assert FIRST not in repr(notice())


# -- the claim is a lease ----------------------------------------------------------------------------------------------


def send_over(sandbox):
    return TingTingClient(sandbox.token, base_url=sandbox.base_url, max_retries=0, timeout=60)


def test_a_holder_whose_lease_is_over_never_runs_its_campaign(sandbox, virtual_time, logged):
    sandbox.faults.add("cut-before", call="run_campaign", times=2)
    began, seen, real = virtual_time.time(), [], calls.run_campaign

    with send_over(sandbox) as client, MonkeyPatch.context() as patch:
        patch.setattr(calls, "run_campaign", lambda campaign: (seen.append((campaign, wall_time())), real(campaign))[1])
        ran = run_flow(client, deliver(notice()))

    first = [at - began for campaign, at in seen if campaign == 1]
    assert max(first) < LEASE - LEASE_MARGIN
    assert ran == (2,)
    assert numbers(sandbox) == [FIRST]
    assert "lease was over. The notification is claimed again" in logged()


def test_two_notifiers_never_ring_twice_when_the_first_watches_a_lost_request(sandbox, virtual_time):
    sandbox.faults.add("cut-before", call="run_campaign", times=2)
    second = []

    def next_failure():
        with send_over(sandbox) as client:
            second.append(run_flow(client, deliver(notice())))

    # The second failure comes late in the first one's lease, waits for it and takes over.
    virtual_time.after(150.0, next_failure)
    with send_over(sandbox) as client:
        first = run_flow(client, deliver(notice()))

    assert numbers(sandbox) == [FIRST]
    assert len([*first, *second[0]]) == 1


@pytest.mark.parametrize("ahead", [0, -100, 100, 3600], ids=["right", "behind", "ahead", "an hour ahead"])
def test_a_claim_whose_notifier_has_died_is_taken_over_after_its_lease_whatever_the_clocks_show(
    sandbox, virtual_time, ahead
):
    campaign = left_behind(sandbox, notice(), ahead=ahead)
    taken_over, began = [], virtual_time.time()
    virtual_time.after(170.0, lambda: taken_over.append(campaign.id not in sandbox.world.campaigns))

    with send_over(sandbox) as client:
        run_flow(client, deliver(notice()))

    assert taken_over == [False]
    assert virtual_time.time() - began < LEASE + 200
    assert campaign.id not in sandbox.world.campaigns
    assert numbers(sandbox) == [FIRST]
