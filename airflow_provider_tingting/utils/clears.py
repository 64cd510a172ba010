"""What a task does after a person has cleared it: the argument `on_clear`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_tingting.errors import TingTingConfigError
from airflow_provider_tingting.utils.argument_checks import choice
from airflow_provider_tingting.utils.task_state import TaskState, generation_of

if TYPE_CHECKING:
    from airflow_provider_tingting._compat import Context

ON_CLEAR = ("reattach", "send_again", "fail")


@dataclass(frozen=True)
class ClearPolicy:
    """The behaviour of one task after a clear.

    :param on_clear: `reattach` comes to the same result and repeats nothing that must happen once, `send_again` repeats
        the work, `fail` refuses.
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
        if not was_cleared(context):
            return
        if self.on_clear == "fail":
            raise TingTingConfigError(
                f'This task was cleared and on_clear="fail" forbids it to {action} again. Nothing was sent. To come to '
                'the same result without repeating it use on_clear="reattach", to repeat it "send_again".'
            )
        if self.on_clear == "reattach":
            log.warning(
                "This task was cleared. on_clear='reattach': it does not %s again, and no contact is called twice. To "
                "repeat it, set on_clear='send_again' and clear it once more.",
                action,
            )
        else:
            log.warning("This task was cleared. on_clear='send_again': it will %s again", action)

    def task_state(self, context: Context) -> TaskState:
        """Return the state that earlier tries of this task have saved; empty after a clear with `send_again`.

        :param context: the task's context.
        """
        return TaskState(context, this_generation_only=self.on_clear == "send_again")


def check_run_on_clear(value: object, argument: str) -> None:
    """Refuse a value that `on_clear` of a task that runs a campaign does not take.

    :param value: the argument.
    :param argument: its name, for the error.
    :raises TingTingConfigError: it is `send_again`, or no word for what a clear does.
    """
    if value == "send_again":
        raise TingTingConfigError(
            "A campaign can be run only once, so on_clear of this task is reattach or fail. To call contacts again, "
            'give the task that creates the campaign on_clear="send_again" and clear it.'
        )
    choice("reattach", "fail")(value, argument)


def tries_before_clear(context: Context) -> int:
    """Return how many tries the task had used when a person cleared it last; 0 when it was not cleared.

    Where the task state store has an entry, the entry decides. Airflow 2 counts the clears of the DAG run. Otherwise
    the number follows from `max_tries` and `retries`, and is wrong after an edit of `retries`: a task may count as
    cleared that was not. Its callers are safe then: such a task sends nothing that an earlier try may have sent.
    """
    ti = context["ti"]
    used = generation_of(context) - int(context["task"].retries or 0)
    tries = int(ti.try_number or 1)
    entry = TaskState(context).load()
    if entry is not None and isinstance(entry.get("generation"), int):
        if entry["generation"] == generation_of(context):
            return 0
        return used if 0 < used < tries else max(tries - 1, 1)
    if getattr(context.get("dag_run"), "clear_number", None) == 0:
        return 0
    return used if 0 < used < tries else 0


def was_cleared(context: Context) -> bool:
    """Return whether a person has cleared the task since a try of it saved its state; see `tries_before_clear`."""
    return tries_before_clear(context) > 0


def earlier_tries(context: Context) -> int:
    """Return how many tries of the task were before this one, those before a clear included."""
    return max(0, int(context["ti"].try_number or 1) - 1)


def is_first_try(context: Context) -> bool:
    """Return whether no earlier try of the task exists."""
    return earlier_tries(context) == 0
