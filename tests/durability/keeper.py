"""Ends what is left of an Airflow when the tests that started it are over, however they ended. Imports no Airflow.

Run as a process of its own, it reads ids of sessions, one a line. When its input ends, because the tests are done or
because another process killed them, it kills every process of these sessions and of no other.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time

import psutil

_TIMES = 20


def processes_of(*sessions: int) -> list[psutil.Process]:
    """The processes that were started in these sessions and live."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(ProcessLookupError, PermissionError, psutil.Error):
            if os.getsid(process.pid) in sessions and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def kill(process: psutil.Process) -> None:
    """SIGKILL a process, if it is still the same one."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(signal.SIGKILL)


def main() -> None:
    """Keep watch."""
    sessions = tuple(int(line) for line in sys.stdin)
    # Again and again, for a process may be starting another one.
    for _ in range(_TIMES):
        left = processes_of(*sessions)
        if not left:
            return
        for process in left:
            kill(process)
        time.sleep(0.1)


if __name__ == "__main__":
    main()
