"""What the provider's triggers share: their arguments, the client of their connection, and what a kill means."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_tingting._compat import BaseTrigger, TriggerEvent, get_task_state_async, get_xcom_async
from airflow_provider_tingting.campaigns import observation
from airflow_provider_tingting.clock import wall_time
from airflow_provider_tingting.utils import argument_checks as check
from airflow_provider_tingting.utils.arguments import moment_of
from airflow_provider_tingting.utils.kill_check import ENDED, REMOVED, WAIT

if TYPE_CHECKING:
    from airflow_provider_tingting.api import AsyncTingTingClient
    from airflow_provider_tingting.hooks.tingting import TingTingHook

# Of the 30 seconds that Airflow gives `on_kill` by default, reading the task's state may take this many.
_STATE_TIMEOUT = 8.0


def _hook(tingting_conn_id: str) -> TingTingHook:
    """Return the hook; called in a thread, since the first import of the HTTP clients would block the event loop."""
    from airflow_provider_tingting.hooks.tingting import TingTingHook

    return TingTingHook(tingting_conn_id)


class TingTingBaseTrigger(BaseTrigger):
    """Base of the provider's triggers.

    A trigger may move to another triggerer at any time: everything that it knows is in its arguments, which are plain
    JSON.

    :param tingting_conn_id: the Airflow connection.
    :param later: arguments of a later version of the provider, for a triggerer that is updated after the workers. They
        are passed on unread.
    """

    #: The names of the arguments; each is an attribute too.
    arguments: ClassVar[tuple[str, ...]] = ()

    def __init__(self, tingting_conn_id: str, **later: Any) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.tingting_conn_id = tingting_conn_id
        self.later = later

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class's path and the arguments, from which a triggerer makes the trigger again."""
        path = f"{type(self).__module__}.{type(self).__qualname__}"
        return path, {name: getattr(self, name) for name in self.arguments} | self.later

    async def open_client(self) -> AsyncTingTingClient:
        """Read the connection and return a new client.

        :raises TingTingConfigError: the connection cannot be used.
        """
        hook = await asyncio.to_thread(_hook, self.tingting_conn_id)
        return await hook.get_async_conn()


class TingTingBaseDeferralTrigger(TingTingBaseTrigger):
    """Base of the triggers that a deferred task waits with.

    :param tingting_conn_id: the Airflow connection.
    :param deferred_at: when the task was deferred, in seconds since 1970; None for now.
    :param later: see `TingTingBaseTrigger`.
    """

    #: What each argument may be; a class adds its own.
    argument_checks: ClassVar[Mapping[str, check.Check]] = {
        "campaign_id": check.an_id,
        "tingting_conn_id": check.text,
        "poll_interval": check.seconds,
        "deadline": moment_of,
        "tolerate_outage": check.seconds_or_zero,
        "deferred_at": moment_of,
    }

    def __init__(self, tingting_conn_id: str, deferred_at: float | None = None, **later: Any) -> None:
        super().__init__(tingting_conn_id, **later)
        # The worker creates the trigger right before it defers the task. The time travels with the arguments, so that
        # a trigger which moves to another triggerer does not start the delay again.
        self.deferred_at = wall_time() if deferred_at is None else deferred_at

    def check_arguments(self) -> None:
        """Check all arguments, which come from the database.

        :raises TingTingConfigError: naming the first wrong argument.
        """
        check.check_all(self, self.argument_checks)

    async def event(self, payload: dict[str, Any]) -> TriggerEvent:
        """Return the event that ends the wait, not earlier than Airflow can take it.

        An event that arrives before the scheduler has processed the executor's report of the deferral fails the task
        in Airflow ("finished with state success, but the task instance's state attribute is queued").

        :param payload: plain JSON.
        """
        # By a clock that never jumps, and never for longer than the whole time, whatever the worker's clock says.
        quiet = min(observation.EVENT_DELAY, self.deferred_at + observation.EVENT_DELAY - wall_time())
        if quiet > 0:
            await asyncio.sleep(quiet)
        return TriggerEvent(payload)

    async def task_has_ended(self, what_goes_on: str) -> bool:
        """Return whether the task has ended during this wait; otherwise log why nothing is done.

        Airflow calls `on_kill` when a person ends or clears the task, and also when a triggerer wakes up that has
        lost its triggers to another one. So the call alone proves nothing, and what Airflow has stored decides: the
        task's state, and the XCom that shows for which trigger the task waits. A task that was cleared has not ended:
        it runs again. A task that ended by itself, after its wait, was not ended by a person.

        :param what_goes_on: what the log says goes on when the task has not ended, as a whole sentence.
        """
        try:
            state, waits_here = await asyncio.wait_for(self._read_task(), _STATE_TIMEOUT)
        except Exception as error:
            # The error's text is omitted, because it may quote anything.
            self.log.warning(
                "Airflow has cancelled this wait, and the task's state cannot be read (%s), so whether a person has "
                "ended the task is not known. %s",
                type(error).__name__,
                what_goes_on,
            )
            return False
        if state not in ENDED:
            self.log.info(
                "Airflow has cancelled the wait here; the task is %s, so it waits elsewhere or runs again. %s",
                state or "cleared",
                what_goes_on,
            )
        elif not waits_here:
            self.log.info(
                "Airflow has cancelled the wait here; the task went on after this wait and is %s now. %s",
                state,
                what_goes_on,
            )
        return state in ENDED and waits_here

    async def _read_task(self) -> tuple[str | None, bool]:
        """Return the task's stored state, and whether it waits for this trigger, or has ended during this wait."""
        state = await get_task_state_async(self.task_instance)
        if state not in ENDED or state == REMOVED:
            # A task instance that was deleted has no XCom.
            return state, state == REMOVED
        return state, await get_xcom_async(self.task_instance, WAIT) == self.deferred_at
