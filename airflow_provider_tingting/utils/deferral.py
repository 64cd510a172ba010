"""Computes the moment at which a wait must end; deferrals and restarts do not move it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from airflow_provider_tingting._compat import TRIGGERS_HAVE_ON_KILL
from airflow_provider_tingting.clock import wall_time
from airflow_provider_tingting.utils.arguments import campaign_id_of, seconds_of
from airflow_provider_tingting.utils.kill_check import WAIT

if TYPE_CHECKING:
    from airflow_provider_tingting._compat import BaseOperator, Context
    from airflow_provider_tingting.campaigns.watch import WaitPlan

# The triggerer ends the wait at the deadline and the worker then judges; only if the triggerer is late by this much
# does Airflow itself end the task, which skips the judging.
_BACKSTOP = timedelta(minutes=5)
# This much of an execution_timeout (or a tenth of it, if that is less) is kept for judging and stopping.
_KEPT_FOR_THE_END = 10.0


def deadline_of(
    context: Context,
    timeout: float | timedelta | None,
    execution_timeout: timedelta | None = None,
) -> float | None:
    """Return when the wait must end, in seconds since 1970, or None for never.

    Airflow does not count `execution_timeout` while a task is deferred, so it is counted here, from the task's start,
    less what the worker needs to judge, to stop and to say so.

    :param timeout: how long the task may wait, in seconds or as a timedelta; None for no limit.
    :param execution_timeout: Airflow's own limit for the task; None for no limit.
    :raises TingTingConfigError: the timeout is not a positive time.
    """
    ends = []
    if timeout is not None:
        ends.append(wall_time() + seconds_of(timeout, "timeout"))
    if execution_timeout is not None:
        started = getattr(context["ti"], "start_date", None)
        begun = started.timestamp() if isinstance(started, datetime) else wall_time()
        seconds = execution_timeout.total_seconds()
        ends.append(begun + seconds - min(_KEPT_FOR_THE_END, seconds / 10))
    return min(ends, default=None)


def wait_plan(operator: Any, context: Context) -> WaitPlan:
    """Return what the run task waits for, with the deadline as a time that no deferral moves.

    :param operator: the task's TingTingRunCampaignOperator.
    :param context: the task's context.
    :raises TingTingConfigError: an argument is wrong.
    """
    # Imported here, because it loads the models of the API, which a DAG file does not need.
    from airflow_provider_tingting.campaigns.watch import WaitPlan

    return WaitPlan(
        campaign_id=campaign_id_of(operator.campaign_id),
        poll_interval=seconds_of(operator.poll_interval, "poll_interval"),
        deadline=deadline_of(context, operator.timeout, operator.execution_timeout),
        tolerate_outage=seconds_of(operator.tolerate_outage, "tolerate_outage", zero=True),
        starts_by=wall_time() + seconds_of(operator.stall_timeout, "stall_timeout"),
    )


def defer(
    operator: BaseOperator,
    context: Context,
    trigger: Any,
    deadline: float | None,
    *,
    method_name: str = "execute_complete",
    **kwargs: Any,
) -> NoReturn:
    """Defer until the trigger fires, with a backstop of Airflow's own a little after the deadline.

    :param operator: the operator that defers.
    :param context: the task's context; the task leaves an XCom that shows for which trigger it waits.
    :param trigger: the trigger.
    :param deadline: when the wait must end, in seconds since 1970; None for never.
    :param method_name: the operator's method that goes on.
    :param kwargs: what the method is given beside the event.
    """
    if TRIGGERS_HAVE_ON_KILL:
        context["ti"].xcom_push(key=WAIT, value=trigger.deferred_at)
    left = None if deadline is None else timedelta(seconds=max(0.0, deadline - wall_time())) + _BACKSTOP
    operator.defer(trigger=trigger, method_name=method_name, kwargs=kwargs or None, timeout=left)
    raise AssertionError("defer() always raises")


def note_end_of_wait(context: Context) -> None:
    """Push an XCom that shows that the task does not wait any more; see `WAIT`.

    :param context: the task's context.
    """
    if TRIGGERS_HAVE_ON_KILL:
        context["ti"].xcom_push(key=WAIT, value=0)
