"""Quiet hours that begin during a delivery, in virtual time; over HTTP, both clients."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from support.both_clients import KINDS, connecting

from airflow_provider_tingting.api.driver import run_flow
from airflow_provider_tingting.clock import wall_time
from airflow_provider_tingting.notifications import dedupe
from airflow_provider_tingting.notifications import deliver as deliver_module
from airflow_provider_tingting.notifications.deliver import ESCALATION_GRACE, deliver
from airflow_provider_tingting.notifications.notification import Notification, NotificationMarker, QuietHours, key_of
from airflow_provider_tingting.sandbox.routes import campaigns as routes

FIRST, SECOND, THIRD = "9841234501", "9801234502", "9861234503"
ESCALATE_AFTER = 300.0


@pytest.fixture(autouse=True)
def time_passes(monkeypatch, virtual_time):
    """Few reads of a wait of minutes."""
    monkeypatch.setattr(deliver_module, "CONTACT_POLL_INTERVAL", 60.0)
    monkeypatch.setattr(dedupe, "RUN_POLL_INTERVAL", 30.0)


@pytest.fixture(params=KINDS)
def client(request, sandbox):
    with connecting(request.param) as connect:
        yield connect(sandbox)


def quiet(begin, end):
    """Quiet hours from so many seconds from now until so many."""
    here = datetime.fromtimestamp(wall_time(), ZoneInfo("Asia/Kathmandu"))
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
    """It rings for ever, so that only the package's clock goes on."""
    sandbox.clock.speed = 0.0
    return sandbox


def delivered(sandbox):
    """The services of the campaigns that are there, in their order."""
    return [campaign.services for campaign in sorted(sandbox.world.campaigns.values(), key=lambda one: one.id)]


def test_when_the_quiet_hours_begin_while_the_first_number_rings_the_others_get_an_sms(
    client, no_phone_answered, logged
):
    hours = quiet(60, 8 * 3600)
    run_flow(client, deliver(notice(FIRST, SECOND, THIRD, quiet_hours=hours)))

    assert delivered(no_phone_answered) == ["PHONE", "SMS", "SMS"]
    first, later = logged().split("(PHONE)", 1)
    assert "quiet hours" not in first
    assert f"It is between {hours}: in these quiet hours an SMS is sent and no call is placed" in later


def test_when_the_quiet_hours_end_while_the_first_has_an_sms_the_next_is_called(client, no_phone_answered):
    # Quiet hours of which less than a minute is left count as over.
    hours = quiet(-8 * 3600, 120)
    run_flow(client, deliver(notice(FIRST, SECOND, quiet_hours=hours)))

    assert delivered(no_phone_answered) == ["SMS", "PHONE"]


def test_when_silent_quiet_hours_begin_while_the_first_number_rings_no_other_recipient_is_notified(
    client, no_phone_answered, logged
):
    hours = quiet(60, 8 * 3600)
    both = notice(FIRST, SECOND, quiet_hours=hours, in_quiet_hours="silent")

    assert len(run_flow(client, deliver(both))) == 1
    assert delivered(no_phone_answered) == ["PHONE"]
    assert "no notification is sent" in logged()


def test_when_quiet_hours_that_wait_begin_while_the_first_number_rings_the_next_is_called_when_they_end(
    client, no_phone_answered, logged
):
    hours = quiet(60, 8 * 3600)
    run_flow(client, deliver(notice(FIRST, SECOND, THIRD, quiet_hours=hours, in_quiet_hours="wait")))

    first, second = sorted(no_phone_answered.world.campaigns.values(), key=lambda one: one.id)
    assert (first.status, second.status) == ("Running", "Scheduled")
    assert f"It is between {hours}: the call is scheduled for the end of these quiet hours" in logged()
    no_phone_answered.clock.speed = 1.0
    no_phone_answered.play_out()
    [*_, call] = no_phone_answered.ledger.dialled
    assert call.number == SECOND
    assert -1 < call.at.timestamp() - hours.end_of(wall_time()) < 10


def left_behind(sandbox, made, moment):
    """The campaign of a process that has died before it ran it."""
    mark = NotificationMarker.of(made, 0, moment)
    sandbox.world.create_campaign(
        name=made.name, services="PHONE", user_phone=[3], message="Look.", description=f"{mark} A notice."
    )


def test_when_the_quiet_hours_begin_while_another_process_is_waited_for_no_phone_rings(client, no_phone_answered):
    made = notice(FIRST, quiet_hours=quiet(120, 8 * 3600))
    left_behind(no_phone_answered, made, wall_time())

    assert len(run_flow(client, deliver(made))) == 1
    # The call that its process has not made in time is deleted.
    assert delivered(no_phone_answered) == ["SMS"]
    no_phone_answered.clock.speed = 1.0
    no_phone_answered.play_out()
    assert dialled(no_phone_answered) == [("sms", FIRST)]


def test_when_the_quiet_hours_begin_while_a_faster_process_is_waited_for_no_phone_rings(
    client, no_phone_answered, monkeypatch
):
    made = notice(FIRST, quiet_hours=quiet(120, 8 * 3600))
    left_behind(no_phone_answered, made, wall_time())
    real, asked = routes.select_campaigns, []

    def unseen_at_first(*arguments):
        asked.append(arguments)
        return real(*arguments) if len(asked) > 1 else []

    monkeypatch.setattr(routes, "select_campaigns", unseen_at_first)

    assert len(run_flow(client, deliver(made))) == 1
    # The call that its process has not made in time is deleted.
    assert delivered(no_phone_answered) == ["SMS"]


@pytest.mark.parametrize("cooldown", [1800, 7200], ids=["the same cooldown", "a longer cooldown since"])
def test_while_the_call_of_the_morning_rings_the_next_number_is_not_called(
    client, no_phone_answered, virtual_time, cooldown
):
    hours = quiet(-8 * 3600, 3600)
    both = notice(FIRST, SECOND, quiet_hours=hours, in_quiet_hours="wait")
    run_flow(client, deliver(both))
    morning = hours.end_of(wall_time())
    no_phone_answered.clock.push(3602)
    by_day = replace(both, cooldown=cooldown)

    for seconds in (-58, ESCALATE_AFTER, ESCALATE_AFTER + ESCALATION_GRACE - 2):
        virtual_time.push(morning + seconds - wall_time())
        assert run_flow(client, deliver(by_day)) == ()
    assert dialled(no_phone_answered) == [("call", FIRST)]
    virtual_time.push(5)
    assert len(run_flow(client, deliver(by_day))) == 1
    no_phone_answered.clock.speed = 1.0
    no_phone_answered.play_out()
    assert dialled(no_phone_answered) == [("call", FIRST), ("call", SECOND)]
