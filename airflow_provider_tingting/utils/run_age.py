"""Whether a DAG run may phone anybody now: how old it is, and what the hour is."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from airflow_provider_tingting._compat import AirflowSkipException
from airflow_provider_tingting.campaigns import calling_window
from airflow_provider_tingting.campaigns.calling_window import CallingWindow
from airflow_provider_tingting.errors import TingTingConfigError
from airflow_provider_tingting.utils.arguments import ON_TOO_OLD, one_of, seconds_of

if TYPE_CHECKING:
    from airflow_provider_tingting._compat import Context
    from airflow_provider_tingting.campaigns.calling_window import WindowArgument

# Runs that a timetable has made: their data interval says what they are about. That of a run started by hand or by an
# asset is one of the past, or none at all.
_BY_TIMETABLE = ("scheduled", "backfill")


def check_may_call(calling_window: WindowArgument, max_age: float | timedelta | None, on_too_old: str) -> None:
    """Refuse wrong arguments with the DAG file: no template fills these.

    :raises TingTingConfigError: one of them is wrong.
    """
    CallingWindow.read(calling_window)
    one_of(on_too_old, "on_too_old", ON_TOO_OLD)
    if max_age is not None:
        seconds_of(max_age, "max_age")


def check_max_age(context: Context, max_age: float | timedelta | None, on_too_old: str) -> None:
    """Refuse to phone anybody for a run that is too old.

    :raises TingTingConfigError: it is, or nothing tells how old it is.
    :raises AirflowSkipException: it is, and `on_too_old` is `skip`.
    """
    if max_age is None:
        return
    limit = timedelta(seconds=seconds_of(max_age, "max_age"))
    meant_for = due_at(context)
    if meant_for is None:
        raise TingTingConfigError(
            "max_age is set, and Airflow does not tell for when this run is: it has neither a data interval nor a "
            "logical date nor a start. Nobody was called."
        )
    age = datetime.fromtimestamp(calling_window.now(), timezone.utc) - meant_for
    if age <= limit:
        return
    text = (
        f"This run is for {meant_for.astimezone(timezone.utc):%Y-%m-%d %H:%M} UTC, which is {_in_words(age)} ago, and "
        f"max_age is {_in_words(limit)}. Nobody was called. To call people now, start a new run."
    )
    if on_too_old == "skip":
        raise AirflowSkipException(text)
    raise TingTingConfigError(text)


def check_calling_window(window: WindowArgument, remedy: str) -> None:
    """Refuse to call anybody outside the hours for it.

    :param remedy: what to do once the window is open.
    :raises TingTingConfigError: it is another hour.
    """
    hours = CallingWindow.read(window)
    moment = datetime.fromtimestamp(calling_window.now(), timezone.utc)
    if hours is not None and not hours.is_open(moment):
        raise TingTingConfigError(
            f"It is outside the calling window, {hours}, which opens at {hours.opens_at(moment):%Y-%m-%d %H:%M}. "
            f"Nobody was called. {remedy}"
        )


def due_at(context: Context) -> datetime | None:
    """Return for when a run is: the end of its data interval, or when it was asked for by hand or by an asset."""
    run = context.get("dag_run")
    kind = getattr(run, "run_type", None)
    names = ["logical_date", "run_after", "start_date"]
    if str(getattr(kind, "value", kind)) in _BY_TIMETABLE:
        names.insert(0, "data_interval_end")
    for name in names:
        moment = getattr(run, name, None)
        if isinstance(moment, datetime):
            return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
    return None


def _in_words(length: timedelta) -> str:
    import pendulum

    # The two largest units tell enough.
    return " ".join(pendulum.duration(seconds=length.total_seconds() // 1).in_words(locale="en").split()[:4])
