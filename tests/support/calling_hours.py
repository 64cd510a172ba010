"""Days and nights of the sandbox's clock, and the task that runs a campaign in the daytime only."""

from __future__ import annotations

from datetime import datetime
from functools import partial

from support.run_task import run_task

from airflow_provider_tingting.campaigns.calling_window import CallingWindow
from airflow_provider_tingting.sandbox import Sandbox
from airflow_provider_tingting.timezones import NEPAL

AT_THREE = datetime(2026, 11, 24, 3, tzinfo=NEPAL)
AT_EIGHT = datetime(2026, 11, 24, 8, tzinfo=NEPAL)
DAYTIME = ("08:00", "20:00")
FAST = 60.0
# Whether nights pass at once, and whether a process sleeps.
NIGHTS = {"pass": True, "asleep": False}

running = partial(run_task, calling_window=DAYTIME)


def it_is(sandbox: Sandbox, moment: datetime, speed: float | None = None) -> None:
    """Set the world's clock: days pass fast, and nights at once where the task sleeps; or all at a speed of its own."""
    NIGHTS["pass"] = speed is None
    if speed is None:
        speed = FAST if CallingWindow.read(DAYTIME).is_open(moment) else 0
    sandbox.clock.resume(moment.timestamp(), speed=speed)


def first_call(sandbox: Sandbox) -> datetime:
    """When the first phone rang."""
    return min(entry.at for entry in sandbox.ledger.dialled)
