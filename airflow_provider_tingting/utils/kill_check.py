"""Whether Airflow itself says that a task is not to run any more, asked before an act that cannot be undone.

Airflow calls `on_kill` when a person ends a task, and also when a worker shuts down, when heartbeats fail and when a
triggerer has lost a trigger to another one. Only the state of the task instance distinguishes these.
"""

from __future__ import annotations

import sys
import threading
from contextlib import suppress

from airflow_provider_tingting._compat import AirflowTaskTimeout, get_task_state

#: Seconds for which the state is waited for. Airflow ends a process five seconds after it has asked it to end.
STATE_WITHIN = 1.5

#: The states of a task that does not run again. Every other state, and a later one that this provider does not know,
#: belongs to a task that waits, runs or will run.
REMOVED = "removed"
ENDED = frozenset({"success", "failed", "skipped", "upstream_failed", REMOVED})
#: The XCom key that shows for which trigger a task waits: its `deferred_at`, and 0 once the task goes on in a worker.
#: So a trigger can distinguish a task that a person has ended during the wait from one that has ended by itself after.
WAIT = "tingting_wait"


def reason_not_to_stop(ti: object) -> str | None:
    """Return why a kill of this process does not justify stopping the campaign, or None when it does.

    A task that has reached its `execution_timeout` is to be stopped. Otherwise Airflow's own state of the task
    instance decides. It is read in another thread, since the process may have been interrupted in the middle of an
    exchange with Airflow.

    :param ti: the task instance of the context.
    """
    if isinstance(sys.exc_info()[1], AirflowTaskTimeout):
        return None
    found: list[str | None] = []

    def read() -> None:
        with suppress(Exception):
            found.append(get_task_state(ti))

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    reader.join(STATE_WITHIN)
    if not found:
        return "Airflow's state of this task cannot be read"
    return None if found[0] in ENDED else f"Airflow has this task as {found[0] or 'cleared'}"
