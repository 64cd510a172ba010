"""What a task does after a person has cleared it: the argument `on_clear`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_tingting.errors import TingTingConfigError
from airflow_provider_tingting.utils.task_state import TaskState

if TYPE_CHECKING:
    from airflow_provider_tingting._compat import Context

ON_CLEAR = ("reattach", "send_again", "fail")


@dataclass(frozen=True)
class ClearPolicy:
    """The behaviour of one task after a clear.

    :param on_clear: `reattach` comes to the same result and repeats nothing that must happen once, `send_again` does
        the work anew, `fail` refuses.
    """

    on_clear: str

    def apply(self, context: Context, action: str, log: Any) -> None:
        """Refuse a cleared task if `on_clear` is `fail`; otherwise log what the cleared task does.

        :param context: the task's context.
        :param action: what the task does, such as `create a campaign`.
        :param log: the task's logger.
        :raises TingTingConfigError: `on_clear` is unknown, or it is `fail` and the task was cleared.
        """
        if self.on_clear not in ON_CLEAR:
            raise TingTingConfigError(f"on_clear must be one of {', '.join(ON_CLEAR)}; it is {self.on_clear!r}.")
        if clear_count(context) == 0:
            return
        if self.on_clear == "fail":
            raise TingTingConfigError(
                f'This task was cleared and on_clear="fail" forbids it to {action} again. Nothing was sent. To come to '
                'the same result without repeating it use on_clear="reattach", to do it anew "send_again".'
            )
        if self.on_clear == "reattach":
            log.warning(
                "This task was cleared. on_clear='reattach': it does not %s again, and no contact is called twice. To "
                "do it anew, set on_clear='send_again' and clear it once more.",
                action,
            )
        else:
            log.warning("This task was cleared. on_clear='send_again': it will %s again", action)

    def task_state(self, context: Context) -> TaskState:
        """Return the state that earlier tries of this task have saved; empty after a clear with `send_again`.

        :param context: the task's context.
        """
        return TaskState(context, clear_count(context) if self.on_clear == "send_again" else None)


def clear_count(context: Context) -> int:
    """Return how many tries the task had used when a person last cleared it; 0 if it was never cleared.

    :param context: the task's context.
    """
    ti = context["ti"]
    retries = getattr(getattr(ti, "task", None), "retries", None)
    if retries is None:
        retries = context["task"].retries
    used = int(getattr(ti, "max_tries", 0) or 0) - int(retries or 0)
    # Each try after a clear has a higher number; without one the DAG's `retries` were lowered meanwhile.
    return used if 0 < used < int(ti.try_number or 1) else 0


def is_first_try(context: Context) -> bool:
    """Return whether this is the first try of a task that was never cleared, so that nothing can have happened yet.

    :param context: the task's context.
    """
    return int(context["ti"].try_number or 1) <= 1 and clear_count(context) == 0
