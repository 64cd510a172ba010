"""Days and nights of virtual time, and the task that runs a campaign in the daytime only."""

from __future__ import annotations

from datetime import datetime
from functools import partial

from support.run_task import run_task
from support.virtual_time import running_virtual_time

from airflow_provider_tingting.sandbox import Sandbox
from airflow_provider_tingting.timezones import NEPAL

AT_THREE = datetime(2026, 11, 24, 3, tzinfo=NEPAL)
AT_EIGHT = datetime(2026, 11, 24, 8, tzinfo=NEPAL)
DAYTIME = ("08:00", "20:00")

running = partial(run_task, calling_window=DAYTIME, poll_interval=10)


def it_is(sandbox: Sandbox, moment: datetime) -> None:
    """Set the wall clock and the world's clock, which pass together from then on."""
    clock = running_virtual_time()
    assert clock is not None
    clock.set_wall_clock(moment.timestamp())
    sandbox.clock.resume(moment.timestamp(), speed=1.0)


def first_call(sandbox: Sandbox) -> datetime:
    """When the first phone rang."""
    return min(entry.at for entry in sandbox.ledger.dialled)
