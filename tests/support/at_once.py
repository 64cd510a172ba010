"""Several threads that begin in the same moment and share a virtual time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from support.airflow_home import AIRFLOW_VERSION
from support.virtual_time import SharedTime, use_time

from airflow_provider_tingting.sandbox import Sandbox


def at_once(sandbox: Sandbox, *attempts: Callable[[], Any]) -> list[Any]:
    """Begin them in the same moment, each in a thread; return what they return.

    Time passes only while all of them sleep: how fast the machine runs a thread decides nothing.
    """
    clock = SharedTime(len(attempts), at=time.time())
    barrier = threading.Barrier(len(attempts))

    def begin(attempt: Callable[[], Any]) -> Any:
        if AIRFLOW_VERSION < (3, 0):
            # Airflow 2 lets an operator execute only in the thread that imported it, as each worker process does.
            from airflow.models.baseoperator import ExecutorSafeguard

            ExecutorSafeguard._sentinel.callers = {}
        barrier.wait(120)
        try:
            return attempt()
        finally:
            clock.leave()

    with use_time(clock), ThreadPoolExecutor(len(attempts)) as pool:
        sandbox.clock.resume(clock.time(), speed=1.0)
        return [future.result(170) for future in [pool.submit(begin, attempt) for attempt in attempts]]
