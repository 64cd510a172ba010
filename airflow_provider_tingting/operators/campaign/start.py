"""What the run task does when its campaign has begun already, or may not start yet."""

from __future__ import annotations

import random
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from airflow_provider_tingting.api.driver import run_flow
from airflow_provider_tingting.campaigns import calling_window, concurrency
from airflow_provider_tingting.campaigns.calling_window import CallingWindow
from airflow_provider_tingting.campaigns.daily_credits import DailyCredits
from airflow_provider_tingting.campaigns.run import CampaignJob
from airflow_provider_tingting.campaigns.schedule import read_schedule
from airflow_provider_tingting.campaigns.start_gate import StartDeferred, StartGate
from airflow_provider_tingting.campaigns.state import JobState, RunRequest
from airflow_provider_tingting.campaigns.watch import JITTER, Wait
from airflow_provider_tingting.clock import sleep, wall_time
from airflow_provider_tingting.contacts.message import sms_size
from airflow_provider_tingting.errors import TingTingAPIError, TingTingNotFoundError, TingTingStartRefusedError
from airflow_provider_tingting.formatting import duration
from airflow_provider_tingting.triggers.start import TingTingStartTrigger
from airflow_provider_tingting.utils.arguments import seconds_of, storage_path_of
from airflow_provider_tingting.utils.clears import earlier_tries, is_first_try, was_cleared
from airflow_provider_tingting.utils.connection_contact_log import ConnectionContactLog
from airflow_provider_tingting.utils.deferral import deadline_of, defer
from airflow_provider_tingting.utils.run_age import check_max_age, started_at
from airflow_provider_tingting.utils.task_state import checked_summary, occasion_of, was_created_in_this_run

if TYPE_CHECKING:
    from airflow_provider_tingting._compat import Context
    from airflow_provider_tingting.api.models import Campaign
    from airflow_provider_tingting.campaigns.run import Started
    from airflow_provider_tingting.campaigns.watch import WaitPlan
    from airflow_provider_tingting.operators.base import TingTingBaseOperator

# Without a task state store a later try does not know whether the try before was killed while it sent its request, so
# it reads the status for this many seconds first, for each try before it. Two tries that wait for the same moment, such
# as the beginning of the calling window, thus do not send their requests together.
READ_FIRST_WITHOUT_STORE = 30.0
# After so many tries more of them do not prolong it.
_MAX_TRIES_APART = 4
# With one, the try before may still be alive, cut off from Airflow and about to send its request.
READ_FIRST_WITH_STORE = 5.0
# A wait in a worker that is longer than this (seconds) logs a line about deferrable=True.
_LONG_FOR_A_WORKER = 600.0


def start_gate_for(operator: Any, context: Context, deadline: float | None) -> StartGate:
    """Return what decides whether the operator's campaign may be run now; the connection is read when it is made.

    :param operator: the `TingTingRunCampaignOperator` of the task.
    :param context: the task's context.
    :param deadline: until when the start may be deferred, in seconds since 1970; None for as long as it takes.
    """
    log = ConnectionContactLog(operator.hook.settings, operator.tingting_conn_id)
    limit = operator.hook.settings.daily_credit_limit
    credits = None if limit is None else DailyCredits(limit, partial(estimate_of, context), log.credits_since)
    return StartGate(
        window=CallingWindow.read(operator.calling_window),
        wait_for_window=operator.outside_window == "wait",
        one_at_a_time=operator.one_at_a_time,
        deadline=deadline,
        fits_window=operator.fits_window,
        expected_pace=None if operator.expected_pace is None else float(operator.expected_pace),
        not_before=_earliest(operator.not_before),
        check_age=partial(check_max_age, context, operator.max_age),
        credits=credits,
        wait_for_credits=operator.over_daily_limit == "wait",
        prepare=log.prepare,
    )


def estimate_of(context: Context, campaign: Campaign) -> float:
    """Return the credits that a campaign is estimated to spend.

    The price of a contact is that of the task before this one that has checked the campaign's contacts; without one it
    is 1 credit for a call and 1 for each part of an SMS. The campaign's own credit limit bounds the estimate.

    :param context: the task's context.
    :param campaign: the campaign.
    :raises TingTingStartRefusedError: TingTing does not say how many contacts the campaign has.
    """
    if campaign.campaign_action_count is None:
        raise TingTingStartRefusedError(
            f"Campaign {campaign.id} was not run: daily_credit_limit is set, and TingTing does not say how many "
            "contacts the campaign has, so its credits cannot be estimated. No contact was called."
        )
    price = float("PHONE" in campaign.services.upper())
    if "SMS" in campaign.services.upper():
        price += sms_size(campaign.sms_message).parts
    summary = checked_summary(context, campaign.id)
    if summary is not None and summary["valid"]:
        price = summary["credits"]["estimate"] / summary["valid"]
    estimate = price * campaign.campaign_action_count
    return min(estimate, campaign.credit_limit) if campaign.credit_limit else estimate


def is_run_for(context: Context, campaign: Campaign) -> bool:
    """Return whether a campaign that has begun, and that no try has seen `Not Started`, was run for this task.

    :param context: the task's context.
    :param campaign: the campaign.
    """
    if not campaign.status.is_final:
        # A campaign that a person has started, and that runs now, is waited for.
        return True
    if occasion_of(context, campaign.id) is not None:
        return True
    if is_first_try(context):
        return False
    # An earlier try may have run it and been killed, or may have failed to read it: only the time shows which. Without
    # a clear the run's own start counts: a catch-up run is for a day that lies far back.
    is_cleared = was_cleared(context) or bool(getattr(context.get("dag_run"), "clear_number", 0))
    began, changed = started_at(context, may_be_reset=is_cleared), campaign.changed_at
    return began is None or changed is None or changed >= began


def is_run_by_another(context: Context, campaign: Campaign) -> bool:
    """Return whether the run task of another DAG run is to run a campaign, and this one waits for it.

    :param context: the task's context.
    :param campaign: the campaign, which has not begun.
    """
    # Not by the marker: a person may have edited the campaign's description.
    occasion = occasion_of(context, campaign.id)
    return occasion is not None and not occasion.get("is_own")


def place_to_keep(operator: Any) -> Any:
    """Return where the report of the campaign is to be left, or None.

    :param operator: the task's TingTingRunCampaignOperator.
    :raises TingTingConfigError: Airflow knows no storage of its kind.
    """
    if not operator.keep_report:
        return None
    return storage_path_of(operator.keep_report, "keep_report", "kept/{{ run_id }}.report")


def load_job(operator: Any, context: Context, campaign_id: int) -> CampaignJob:
    """Return the job of a campaign, with what earlier tries have saved.

    :param operator: the task's operator.
    :param context: the task's context.
    :param campaign_id: the campaign.
    """
    state = operator.task_state(context)

    def load() -> JobState:
        return JobState.from_json(state.load())

    job = CampaignJob(load(), lambda new: state.save(new.to_json()), load)
    job.attach_to(campaign_id)
    return job


def request_run(
    operator: Any,
    context: Context,
    job: CampaignJob,
    plan: WaitPlan,
    start_deadline: float | None,
) -> Started:
    """Request the run of a campaign unless it has begun; wait while it may not start yet, or TingTing does not respond.

    :param operator: the task's operator.
    :param context: the task's context.
    :param job: the job of the campaign.
    :param plan: the campaign, and how to wait.
    :param start_deadline: until when the start may be deferred, in seconds since 1970; None to count it from now.
    :raises TingTingError: see `CampaignJob.run_once` and `StartGate.check`; an error that may pass is raised after
        `tolerate_outage`.
    """
    # A place that cannot be used is a mistake to name before a contact is called.
    place_to_keep(operator)
    if start_deadline is None:
        start_deadline = deadline_of(context, operator.start_timeout, operator.execution_timeout)
    tries_before = earlier_tries(context)
    if operator.task_state(context).is_available:
        read_first = READ_FIRST_WITH_STORE * bool(tries_before)
    else:
        read_first = READ_FIRST_WITHOUT_STORE * min(tries_before, _MAX_TRIES_APART)
    stall_timeout = seconds_of(operator.stall_timeout, "stall_timeout")

    def read_first_for(campaign: Campaign) -> float:
        if not is_run_by_another(context, campaign):
            return read_first
        operator.log.info(
            "Campaign %s was created by another DAG run of this occasion, which is to run it: its status is read in "
            "this worker for up to %s (stall_timeout) before this task requests to run it",
            campaign.id,
            duration(stall_timeout),
        )
        return stall_timeout

    wait = Wait(plan, operator.log)
    while True:
        client = operator.hook.get_conn()
        gate = start_gate_for(operator, context, start_deadline)
        run = job.run_once(
            gate=gate.check,
            is_ours=partial(is_run_for, context),
            read_first_for=read_first_for,
            exists=partial(was_created_in_this_run, context, plan.campaign_id),
        )
        try:
            return run_flow(client, run)
        except StartDeferred as deferred:
            start_plan = replace(plan, deadline=start_deadline)
            wait_to_start(operator, context, deferred, start_plan, job.state, deferrable=operator.deferrable)
        except TingTingAPIError as error:
            # This wait does not cover a request that may have been carried out, since the job has read its effect for
            # minutes. It does not cover a long pause that TingTing asks for either: before a retry, Airflow waits
            # without a worker slot.
            is_for_a_retry = job.state.run is not RunRequest.NEVER or (error.retry_after or 0.0) >= plan.tolerate_outage
            is_missing = isinstance(error, TingTingNotFoundError)
            if is_for_a_retry or is_missing or wait.unanswered(error) is not None or wait.time_is_up:
                raise
            sleep(wait.next_read(random.uniform(0.0, JITTER)))


def _earliest(not_before: Any) -> float | None:
    moment = read_schedule(not_before, "not_before")
    return None if moment is None else moment.timestamp()


def wait_to_start(
    operator: TingTingBaseOperator,
    context: Context,
    deferred: StartDeferred,
    plan: WaitPlan,
    state: JobState,
    *,
    deferrable: bool,
) -> None:
    """Wait in this worker until a campaign may start, or hand the wait over to the triggerer.

    :param operator: the task's operator.
    :param context: the task's context.
    :param deferred: why the campaign may not start yet.
    :param plan: the campaign, and until when its start may be deferred.
    :param state: what is known of the requests to run it.
    :param deferrable: whether to wait in the triggerer.
    """
    where = "in the triggerer" if deferrable else "in this worker"
    if state.run is RunRequest.NEVER:
        operator.log.info(
            "Campaign %s is not requested to run %s: waiting %s",
            plan.campaign_id,
            deferred.why,
            where,
        )
    else:
        operator.log.warning(
            "Campaign %s is not requested to run again %s: waiting %s. An earlier request has had no usable response, "
            "so TingTing may still run the campaign meanwhile",
            plan.campaign_id,
            deferred.why,
            where,
        )
    if deferrable:
        _defer_start(operator, context, deferred, plan, state)
    if deferred.until is None:
        run_flow(operator.hook.get_conn(), concurrency.wait_for_slot(plan, operator.log))
    else:
        if deferred.until - wall_time() > _LONG_FOR_A_WORKER:
            operator.log.warning("This wait occupies a worker slot all the time; deferrable=True would free it")
        for nap in calling_window.sleeps_until(deferred.until):
            sleep(nap)
    # The token may have been replaced during the wait.
    operator.hook.reload_connection()


def _defer_start(
    operator: TingTingBaseOperator, context: Context, deferred: StartDeferred, plan: WaitPlan, state: JobState
) -> NoReturn:
    requested_at = state.run_requested_at if state.run is RunRequest.MAYBE else None
    trigger = TingTingStartTrigger(
        campaign_id=plan.campaign_id,
        tingting_conn_id=operator.tingting_conn_id,
        not_before=deferred.until,
        poll_interval=plan.poll_interval,
        deadline=plan.deadline,
        tolerate_outage=plan.tolerate_outage,
        run_requested=requested_at is not None,
    )
    # Before Airflow 3.3 nothing else carries this to the rest of the try.
    known: dict[str, Any] = {} if requested_at is None else {"requested_at": requested_at}
    defer(
        operator,
        context,
        trigger,
        plan.deadline,
        method_name="execute_start",
        start_deadline=plan.deadline,
        **known,
    )
