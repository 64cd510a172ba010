"""Whether a DAG run may call contacts now: how old it is, and whether the calling window is open."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from airflow_provider_tingting.campaigns.calling_window import CallingWindow
from airflow_provider_tingting.clock import MAX_CLOCK_SKEW, wall_time
from airflow_provider_tingting.errors import TingTingConfigError, TingTingRunTooOldError, TingTingStartRefusedError
from airflow_provider_tingting.utils import argument_checks as check
from airflow_provider_tingting.utils.arguments import ON_TOO_OLD, seconds_of

if TYPE_CHECKING:
    from airflow_provider_tingting._compat import Context
    from airflow_provider_tingting.campaigns.calling_window import WindowArgument

# Runs that a timetable has created: their data interval is the period that they are for. A manual or an asset-triggered
# run has the interval of an earlier period, or none.
_BY_TIMETABLE = ("scheduled", "backfill")

#: The checks of the arguments that say whether a task may call contacts.
START_CHECKS: dict[str, check.Check] = {
    "calling_window": lambda value, _: CallingWindow.read(value),
    "max_age": check.optional(check.seconds, may_be_empty=False),
    "on_too_old": check.choice(*ON_TOO_OLD),
}


def check_window_arguments(
    at_window_close: str, fits_window: str, calling_window: WindowArgument, *, waits: bool
) -> None:
    """Refuse arguments about the end of the calling window that contradict each other.

    :param at_window_close: what happens to a campaign that runs when its calling window closes.
    :param fits_window: what happens to a campaign that does not fit into its calling window.
    :param calling_window: the calling window; None for none.
    :param waits: whether the task waits for the campaign's end.
    :raises TingTingConfigError: the arguments contradict each other.
    """
    if at_window_close == "stop" and (calling_window is None or not waits):
        raise TingTingConfigError(
            'at_window_close="stop" stops the campaign when its calling window closes, so it needs a calling_window, '
            "and a task that waits for the end (wait_for_completion=True)."
        )
    if fits_window != "warn" and calling_window is None:
        raise TingTingConfigError(
            f'fits_window="{fits_window}" is about the end of the calling window, so it needs a calling_window.'
        )


def check_max_age(context: Context, max_age: float | timedelta | None) -> None:
    """Refuse to call contacts for a run that is too old.

    :param context: the task's context.
    :param max_age: in seconds or as a timedelta; None for any age.
    :raises TingTingRunTooOldError: the run is older, or nothing shows how old it is.
    """
    if max_age is None:
        return
    limit = timedelta(seconds=seconds_of(max_age, "max_age"))
    due = due_at(context)
    if due is None:
        raise TingTingRunTooOldError(
            "max_age is set, and Airflow does not show what time this run is for: it has neither a data interval nor a "
            "logical date nor a start. No contact was called."
        )
    age = datetime.fromtimestamp(wall_time(), timezone.utc) - due
    if age > limit:
        raise TingTingRunTooOldError(
            f"This run is for {due.astimezone(timezone.utc):%Y-%m-%d %H:%M} UTC, which is {_in_words(age)} ago, and "
            f"max_age is {_in_words(limit)}. No contact was called. To call contacts now, start a new run."
        )


def check_calling_window(window: WindowArgument, remedy: str) -> None:
    """Refuse to call a contact outside the calling window.

    :param window: as the operators take it; None for any hour.
    :param remedy: what to do once the window is open.
    :raises TingTingStartRefusedError: it is another hour.
    """
    hours = CallingWindow.read(window)
    moment = datetime.fromtimestamp(wall_time(), timezone.utc)
    if hours is not None and not hours.is_open(moment):
        raise TingTingStartRefusedError(
            f"The present time is outside the calling window, {hours}, which opens at "
            f"{hours.opens_at(moment):%Y-%m-%d %H:%M}. No contact was called. {remedy}".rstrip()
        )


def due_at(context: Context) -> datetime | None:
    """Return the time that a run is for: the end of its data interval, or when a person or an asset triggered it."""
    run = context.get("dag_run")
    kind = getattr(run, "run_type", None)
    names = ["logical_date", "run_after", "start_date"]
    if str(getattr(kind, "value", kind)) in _BY_TIMETABLE:
        names.insert(0, "data_interval_end")
    for name in names:
        moment = getattr(run, name, None)
        if isinstance(moment, datetime):
            return _with_zone(moment)
    return None


def started_at(context: Context, *, may_be_reset: bool = True) -> datetime | None:
    """Return a lower bound for the start of the first try of any task of the run, less the allowed clock skew.

    :param context: the task's context.
    :param may_be_reset: whether a person may have cleared a task of the run, so that its start says nothing.
    :returns: None when Airflow shows no such time.
    """
    run = context.get("dag_run")
    # Airflow sets the start of a run again when a person clears one of its tasks, and does not always show that a task
    # was cleared. A run never starts before its `run_after`; its logical date may be any, also a later one.
    times = [getattr(run, "start_date", None), getattr(run, "run_after", None) or due_at(context)]
    moments = [_with_zone(moment) for moment in times if isinstance(moment, datetime)]
    if not moments:
        return None
    return (min(moments) if may_be_reset else moments[0]) - timedelta(seconds=MAX_CLOCK_SKEW)


def _with_zone(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


def _in_words(length: timedelta) -> str:
    import pendulum

    # The two largest units are enough.
    return " ".join(pendulum.duration(seconds=length.total_seconds() // 1).in_words(locale="en").split()[:4])
