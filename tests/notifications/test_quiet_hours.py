"""Quiet hours that begin during a delivery, with a clock of the test's own; over HTTP, both clients."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from support.both_clients import KINDS, connecting
from support.impatience import settle_fast

from airflow_provider_tingting.api.driver import run_flow
from airflow_provider_tingting.notifications import dedupe
from airflow_provider_tingting.notifications import deliver as deliver_module
from airflow_provider_tingting.notifications.deliver import ESCALATION_GRACE, deliver
from airflow_provider_tingting.notifications.notification import Notification, NotificationMarker, QuietHours, key_of
from airflow_provider_tingting.sandbox.routes import campaigns as routes

FIRST, SECOND, THIRD = "9841234501", "9801234502", "9861234503"
ESCALATE_AFTER = 300.0


class PushedClock:
    """Time that is a minute later at every read, beginning when the test does."""

    def __init__(self, at=None):
        self.began = time.time() if at is None else at
        self.now = self.began

    def __call__(self):
        self.now += 60
        return self.now


@pytest.fixture
def clock():
    return PushedClock()


@pytest.fixture(params=KINDS)
def client(request, sandbox, monkeypatch):
    settle_fast(monkeypatch)
    monkeypatch.setattr(deliver_module, "CONTACT_POLL_INTERVAL", 0.001)
    monkeypatch.setattr(dedupe, "RUN_POLL_INTERVAL", 0.001)
    with connecting(request.param) as connect:
        yield connect(sandbox)


def quiet(clock, begin, end):
    """Quiet hours from so many seconds after the test's beginning until so many."""
    here = datetime.fromtimestamp(clock.began, ZoneInfo("Asia/Kathmandu"))
    return QuietHours(*((here + timedelta(seconds=seconds)).time() for seconds in (begin, end)))


def notice(*to, **changes):
    return Notification(
        key=key_of("a dag", *to), about="a dag", to=to, text="Look.", escalate_after=ESCALATE_AFTER, **changes
    )


def dialled(sandbox):
    """Who was called or texted, in their order."""
    return [(one.channel, one.number) for one in sandbox.ledger.dialled]


@pytest.fixture
def no_phone_answered(sandbox):
    """It rings for ever, so that only the notice's clock goes on."""
    sandbox.clock.speed = 0.0
    return sandbox


def delivered(sandbox):
    """The services of the campaigns that are there, in their order."""
    return [campaign.services for campaign in sorted(sandbox.world.campaigns.values(), key=lambda one: one.id)]


def test_when_the_quiet_hours_begin_while_the_first_number_rings_the_others_get_an_sms(
    client, no_phone_answered, clock
):
    hours = quiet(clock, ESCALATE_AFTER, 8 * 3600)
    run_flow(client, deliver(notice(FIRST, SECOND, THIRD, quiet_hours=hours), clock=clock))

    assert delivered(no_phone_answered) == ["PHONE", "SMS", "SMS"]


def test_when_the_quiet_hours_end_while_the_first_has_an_sms_the_next_is_called(client, no_phone_answered, clock):
    hours = quiet(clock, -8 * 3600, ESCALATE_AFTER)
    run_flow(client, deliver(notice(FIRST, SECOND, quiet_hours=hours), clock=clock))

    assert delivered(no_phone_answered) == ["SMS", "PHONE"]


def test_when_silent_quiet_hours_begin_while_the_first_number_rings_no_other_recipient_is_notified(
    client, no_phone_answered, clock, logged
):
    hours = quiet(clock, ESCALATE_AFTER, 8 * 3600)
    both = notice(FIRST, SECOND, quiet_hours=hours, in_quiet_hours="silent")

    assert len(run_flow(client, deliver(both, clock=clock))) == 1
    assert delivered(no_phone_answered) == ["PHONE"]
    assert "no notification is sent" in logged()


def test_when_quiet_hours_that_wait_begin_while_the_first_number_rings_the_next_is_called_when_they_end(
    client, no_phone_answered, clock
):
    hours = quiet(clock, ESCALATE_AFTER, 8 * 3600)
    run_flow(client, deliver(notice(FIRST, SECOND, THIRD, quiet_hours=hours, in_quiet_hours="wait"), clock=clock))

    first, second = sorted(no_phone_answered.world.campaigns.values(), key=lambda one: one.id)
    assert (first.status, second.status) == ("Running", "Scheduled")
    no_phone_answered.clock.speed = 1.0
    no_phone_answered.play_out()
    [*_, call] = no_phone_answered.ledger.dialled
    assert call.number == SECOND
    assert -1 < call.at.timestamp() - hours.end_of(clock.now) < 10


def left_behind(sandbox, made, moment):
    """The campaign of a process that has died before it ran it."""
    mark = NotificationMarker.of(made, 0, moment)
    sandbox.world.create_campaign(
        name=made.name, services="PHONE", user_phone=[3], message="Look.", description=f"{mark} A notice."
    )


def test_when_the_quiet_hours_begin_while_another_process_is_waited_for_no_phone_rings(
    client, no_phone_answered, clock
):
    made = notice(FIRST, quiet_hours=quiet(clock, 120, 8 * 3600))
    left_behind(no_phone_answered, made, clock.began)

    assert len(run_flow(client, deliver(made, clock=clock))) == 1
    # The call that its process has not made in time is deleted.
    assert delivered(no_phone_answered) == ["SMS"]
    no_phone_answered.clock.speed = 1.0
    no_phone_answered.play_out()
    assert dialled(no_phone_answered) == [("sms", FIRST)]


def test_when_the_quiet_hours_begin_while_a_faster_process_is_waited_for_no_phone_rings(
    client, no_phone_answered, clock, monkeypatch
):
    made = notice(FIRST, quiet_hours=quiet(clock, 300, 8 * 3600))
    left_behind(no_phone_answered, made, clock.began + 150)
    real, asked = routes.select_campaigns, []

    def unseen_at_first(*arguments):
        asked.append(arguments)
        return real(*arguments) if len(asked) > 1 else []

    monkeypatch.setattr(routes, "select_campaigns", unseen_at_first)

    assert len(run_flow(client, deliver(made, clock=clock))) == 1
    # The call that its process has not made in time is deleted.
    assert delivered(no_phone_answered) == ["SMS"]


@pytest.mark.parametrize("cooldown", [1800, 7200], ids=["the same cooldown", "a longer cooldown since"])
def test_while_the_call_of_the_morning_rings_the_next_number_is_not_called(client, no_phone_answered, clock, cooldown):
    hours = quiet(clock, -8 * 3600, 3600)
    both = notice(FIRST, SECOND, quiet_hours=hours, in_quiet_hours="wait")
    run_flow(client, deliver(both, clock=clock))
    morning = hours.end_of(clock.began)
    no_phone_answered.clock.push(3602)
    by_day = replace(both, cooldown=cooldown)

    assert run_flow(client, deliver(by_day, clock=PushedClock(morning - 118))) == ()
    assert run_flow(client, deliver(by_day, clock=PushedClock(morning + ESCALATE_AFTER - 120))) == ()
    assert dialled(no_phone_answered) == [("call", FIRST)]
    assert (
        len(run_flow(client, deliver(by_day, clock=PushedClock(morning + ESCALATE_AFTER + ESCALATION_GRACE + 5)))) == 1
    )
    no_phone_answered.clock.speed = 1.0
    no_phone_answered.play_out()
    assert dialled(no_phone_answered) == [("call", FIRST), ("call", SECOND)]
