"""How the run task waits for the end of its campaign, and what it raises or returns then."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn

from airflow_provider_tingting import api
from airflow_provider_tingting._compat import AirflowFailException
from airflow_provider_tingting.api.driver import run_flow
from airflow_provider_tingting.api.stale_reads import read_existing_until
from airflow_provider_tingting.api.statuses import CampaignStatus
from airflow_provider_tingting.campaigns import concurrency, reconcile
from airflow_provider_tingting.campaigns.fetch_report import spooled
from airflow_provider_tingting.campaigns.kept_report import keep_report
from airflow_provider_tingting.campaigns.observation import Reason
from airflow_provider_tingting.campaigns.outcome import describe, fetch_complete, judge, spent_text, summary_figures
from airflow_provider_tingting.campaigns.state import RunRequest
from airflow_provider_tingting.campaigns.watch import Progress, watch
from airflow_provider_tingting.errors import (
    TingTingAuthError,
    TingTingCampaignError,
    TingTingCampaignFailedError,
    TingTingCampaignTimeoutError,
    TingTingError,
)
from airflow_provider_tingting.operators.campaign.start import place_to_keep
from airflow_provider_tingting.operators.campaign.window_close import end_stopped
from airflow_provider_tingting.utils.arguments import campaign_id_of
from airflow_provider_tingting.utils.kill_check import reason_not_to_stop
from airflow_provider_tingting.utils.task_state import checked_estimate

if TYPE_CHECKING:
    from airflow_provider_tingting._compat import Context
    from airflow_provider_tingting.api.models import Campaign
    from airflow_provider_tingting.campaigns.fetch_report import FetchedReport
    from airflow_provider_tingting.campaigns.observation import Observation
    from airflow_provider_tingting.campaigns.run import CampaignJob, Started
    from airflow_provider_tingting.campaigns.watch import WaitPlan
    from airflow_provider_tingting.hooks.tingting import TingTingHook

#: How many seconds after the accepted request a task that does not wait for the end reads the status.
SHOWS_WITHIN = 30.0
# Airflow kills a task five seconds after it has asked it to end: `end_killed` reads the task's state and stops the
# campaign in less.
_SECONDS_TO_STOP = 3.0
_NOT_AGAIN = (
    "It is not requested again, because that may call all contacts twice. Check its status in TingTing; for another "
    "round create a new campaign."
)

_NO_RETRY = (
    "But there is no retry: TingTing has not shown yet that the campaign has begun, and this Airflow has no task state "
    "store, so another try would not know of the request, and would send it again. So would a clear."
)


def begun_campaign(hook: TingTingHook, campaign_id: int, started: Started) -> Campaign:
    """Return the campaign once TingTing shows it as begun.

    :param hook: the task's hook.
    :param campaign_id: the campaign.
    :param started: the result of the request.
    :raises TingTingCampaignFailedError: it was terminated.
    :raises TingTingCampaignError: TingTing has accepted the request, and does not show the campaign as begun.
    :raises TingTingAPIError: it cannot be read.
    """
    campaign = started.campaign
    if campaign is None or not campaign.status.has_begun:
        campaign = _read_until(hook, campaign_id, lambda status: status.has_begun, SHOWS_WITHIN)
    if not campaign.status.has_begun or not campaign.status.is_known:
        raise TingTingCampaignError(
            f"it was requested to run and is {campaign.status}: whether it has begun is unknown. {_NOT_AGAIN}",
            campaign_id=campaign.id,
            status=campaign.status.value,
        )
    if campaign.status is CampaignStatus.TERMINATED:
        raise TingTingCampaignFailedError("it was terminated.", campaign_id=campaign.id, status=campaign.status.value)
    return campaign


def return_begun(operator: Any, context: Context, started: Started) -> dict[str, Any]:
    """Return the result of a task that does not wait for the end of the campaign.

    :param operator: the task's TingTingRunCampaignOperator.
    :param context: the task's context.
    :param started: the result of the request.
    """
    try:
        campaign = begun_campaign(operator.hook, campaign_id_of(operator.campaign_id), started)
    except TingTingCampaignFailedError:
        raise
    except TingTingError as error:
        fail(operator, context, error, was_shown=False)
    operator.emit_outcome(context, campaign)
    return result_of(context, campaign)


def wait_in_worker(
    hook: TingTingHook, plan: WaitPlan, log: Any, just_read: Campaign | None
) -> tuple[Observation, Campaign | None]:
    """Wait for a campaign in the worker; read the connection again once when TingTing rejects the token meanwhile.

    :param hook: the task's hook.
    :param plan: what to wait for.
    :param log: where log lines go.
    :param just_read: the campaign as it was read right before, or None.
    :returns: how the wait has ended, and the campaign as it was read last.
    """
    progress = Progress(plan.campaign_id)
    while True:
        try:
            seen = run_flow(hook.get_conn(), watch(plan, log, progress, just_read=just_read))
            return seen, progress.campaign
        except TingTingError as error:
            if not (isinstance(error, TingTingAuthError) and progress.may_read_connection_again()):
                return progress.seen.ended_by(Reason.REFUSED, error), progress.campaign
        just_read = None
        log.warning("TingTing rejects the token: reading the connection again")
        hook.reload_connection()


def raise_unless_ended(seen: Observation, hook: TingTingHook, *, stop: bool) -> None:
    """Raise when the wait is over and the campaign is not.

    :param seen: how the wait has ended.
    :param hook: the task's hook.
    :param stop: whether to stop the campaign when the time is up.
    :raises TingTingCampaignTimeoutError: the time is up.
    :raises TingTingCampaignError: TingTing has accepted the request, and the campaign has not begun in time.
    :raises TingTingAPIError: TingTing did not answer for too long, or refuses.
    """
    if seen.reason is Reason.TIMED_OUT and not (stop and _has_ended(hook, seen.campaign_id)):
        fate = "It goes on: stop_on_kill is off, and a retry re-attaches to it."
        raise TingTingCampaignTimeoutError(
            f"it has not ended in time and is {seen.status or 'in an unknown status'} at "
            f"{seen.progress_percent or 0:.0f} %. {_stopped(hook, seen.campaign_id) if stop else fate}",
            campaign_id=seen.campaign_id,
            status=seen.status,
        )
    if seen.reason is Reason.NOT_BEGUN:
        raise TingTingCampaignError(
            f"TingTing accepted the request to run it, and it still is {seen.status}. {_NOT_AGAIN}",
            campaign_id=seen.campaign_id,
            status=seen.status,
        )
    seen.raise_for_reason()


def _has_ended(hook: TingTingHook, campaign_id: int) -> bool:
    """Read once more right before the campaign is stopped; one that cannot be read has not ended as far as is known."""
    try:
        return hook.get_campaign(campaign_id).status.is_final
    except TingTingError:
        return False


def _stopped(hook: TingTingHook, campaign_id: int) -> str:
    return run_flow(hook.get_conn(), reconcile.stop(campaign_id))


def ended_campaign(hook: TingTingHook, seen: Observation, last_read: Campaign | None = None) -> Campaign:
    """Return the campaign that the wait has seen at its end.

    It is read again when this process has not read its end. A server may answer with an older status than before, so
    it is read for a while.

    :param hook: the task's hook.
    :param seen: how the wait has ended.
    :param last_read: the campaign as this process has read it last, or None.
    :raises TingTingCampaignError: TingTing goes on to show an older status. A retry may see the end.
    """
    if last_read is not None and last_read.status.is_final:
        return last_read
    campaign = _read_until(hook, seen.campaign_id, lambda status: status.is_final)
    if not campaign.status.is_final:
        raise TingTingCampaignError(
            f"the wait has seen it as {seen.status}, and TingTing shows it as {campaign.status} now. A retry "
            "re-attaches to it and calls no contact.",
            campaign_id=campaign.id,
            status=campaign.status.value,
        )
    return campaign


def _read_until(
    hook: TingTingHook, campaign_id: int, reached: Callable[[CampaignStatus], bool], within: float | None = None
) -> Campaign:
    """Read a campaign until it has the status that another response has shown, or the time is up; return it."""
    flow = read_existing_until(campaign_id, lambda campaign: reached(campaign.status), within)
    return run_flow(hook.get_conn(), flow)


def judged(operator: Any, context: Context, job: CampaignJob, campaign: Campaign) -> dict[str, Any]:
    """Return the result of a task whose campaign has ended, once its contacts' outcomes are judged.

    :param operator: the task's TingTingRunCampaignOperator.
    :param context: the task's context.
    :param job: the job of the campaign.
    :param campaign: the campaign, as it was read at its end.
    :raises TingTingError: the outcomes cannot be read, or are no success; see `judge`.
    """
    with spooled() as spool:
        fetched = fetch_complete(operator.hook.get_conn(), campaign, spool)
        operator.record_contacts(campaign, fetched)
        summary = fetched.read.summary
        estimate = checked_estimate(context, campaign.id)
        result = result_of(context, campaign) | summary_figures(summary) | {"estimate": estimate}
        if not end_stopped(operator, context, job, campaign, summary, result):
            judge(campaign, summary, operator.success_when)
        operator.log.info("Campaign %s: %s%s", campaign.id, describe(summary), spent_text(summary.credits, estimate))
        if (place := place_to_keep(operator)) is not None:
            result["kept_report"] = kept = _keep(operator, place, campaign, fetched, spool)
            context["ti"].xcom_push(key="kept_report", value=kept)
    operator.emit_outcome(context, campaign, summary.to_json())
    return result


def _keep(operator: Any, place: Any, campaign: Campaign, fetched: FetchedReport, spool: BinaryIO) -> str:
    """Leave the report at a place; return the place, or an empty text when the report was not kept.

    The campaign has run, so a report that is not kept, which another task can download, fails nothing.
    """
    try:
        keep_report(place, campaign, fetched, spool, server=operator.hook.settings.base_url)
    except TingTingError as error:
        operator.log.warning("Campaign %s: its report is not kept: %s", campaign.id, error)
        return ""
    operator.log.info("Campaign %s: its report is kept in %s", campaign.id, place)
    return str(place)


def result_of(context: Context, campaign: Campaign) -> dict[str, Any]:
    """Push the campaign's status, and return what the task's XCom shows of the campaign.

    :param context: the task's context.
    :param campaign: the campaign.
    """
    context["ti"].xcom_push(key="status", value=campaign.status.value)
    return {
        "campaign_id": campaign.id,
        "status": campaign.status.value,
        "progress_percent": campaign.progress_percent,
        "contacts": campaign.campaign_action_count,
    }


def fail(operator: Any, context: Context, error: TingTingError, *, was_shown: bool) -> NoReturn:
    """Raise an error; without a retry where that would send a second request.

    :param operator: the task's TingTingRunCampaignOperator.
    :param context: the task's context.
    :param error: the error.
    :param was_shown: whether TingTing, which has accepted the request, has shown the campaign as begun.
    """
    if was_shown or operator.task_state(context).is_available:
        raise error
    raise AirflowFailException(f"{error} {_NO_RETRY}") from None


def end_killed(
    operator: Any,
    ti: Any,
    requested: RunRequest | None,
    knows_earlier_tries: bool,
    *,
    has_ended: bool,
) -> None:
    """Log what goes on after a kill; stop the campaign when `stop_on_kill` says so and the task has ended for Airflow.

    :param operator: the task's TingTingRunCampaignOperator.
    :param ti: the task instance of this try, or None.
    :param requested: what is known of the requests to run the campaign; None when nothing is.
    :param knows_earlier_tries: whether that includes the requests of earlier tries.
    :param has_ended: whether the campaign has ended.
    """
    number = operator.campaign_id
    if has_ended:
        operator.log.warning("Campaign %s has ended; the task has ended while it read the campaign's figures", number)
    elif requested is RunRequest.NEVER and knows_earlier_tries:
        operator.log.warning("%s", concurrency.not_run(campaign_id_of(number)))
    elif not operator.stop_on_kill and requested is RunRequest.MAYBE:
        operator.log.warning("%s", concurrency.not_known(campaign_id_of(number)))
    elif not operator.stop_on_kill:
        operator.log.warning("Campaign %s goes on: stop_on_kill is off", number)
    elif (why := reason_not_to_stop(ti)) is not None:
        operator.log.warning(
            "Campaign %s is not stopped in spite of stop_on_kill: %s, so a try may follow", number, why
        )
    else:
        arguments = operator.hook.settings.client_arguments() | {
            "timeout": _SECONDS_TO_STOP,
            "connect_timeout": _SECONDS_TO_STOP,
            "max_retries": 0,
        }
        with api.TingTingClient(**arguments) as client:
            operator.log.warning("%s", run_flow(client, reconcile.stop(campaign_id_of(number))))
