"""What counts as the same event, and is delivered once."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from airflow_provider_tingting.clock import wall_time
from airflow_provider_tingting.notifications.tingting import TingTingNotifier

FIRST = "9841234501"


def dialled(sandbox):
    """Return the channels in the order in which they were used."""
    sandbox.play_out()
    return [one.channel for one in sandbox.ledger.dialled]


@pytest.mark.parametrize("cooldown_key", [None, "warehouse down"])
def test_of_two_notifiers_in_one_callback_one_phones_and_the_other_texts(cooldown_key, quick, failure):
    for _ in range(2):
        for services in ("PHONE", "SMS"):
            TingTingNotifier(to=FIRST, services=services, cooldown_key=cooldown_key)(failure())

    assert dialled(quick) == ["call", "sms"]


def test_what_was_texted_in_quiet_hours_is_not_phoned_after_them(quick, failure):
    now = datetime.fromtimestamp(wall_time(), ZoneInfo("Asia/Kathmandu"))
    quiet_now = tuple((now + timedelta(hours=hours)).strftime("%H:%M") for hours in (-2, 2))
    TingTingNotifier(to=FIRST, quiet_hours=quiet_now)(failure())
    TingTingNotifier(to=FIRST)(failure())

    assert dialled(quick) == ["sms"]
