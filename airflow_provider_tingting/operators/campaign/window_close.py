"""What the run task does when the calling window closes and `at_window_close` is `stop`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_tingting._compat import AirflowFailException, AirflowSkipException
from airflow_provider_tingting.api.driver import run_flow
from airflow_provider_tingting.campaigns import window_close
from airflow_provider_tingting.campaigns.calling_window import CallingWindow
from airflow_provider_tingting.campaigns.outcome import describe
from airflow_provider_tingting.clock import wall_time

if TYPE_CHECKING:
    from airflow_provider_tingting._compat import Context
    from airflow_provider_tingting.api.models import Campaign
    from airflow_provider_tingting.campaigns.run import CampaignJob
    from airflow_provider_tingting.reports.summary import CampaignSummary

#: The XCom key, and the key of the result, that say that the campaign was stopped.
STOPPED = "stopped_at_window_close"


def window_closes(operator: Any, campaign: Campaign | None) -> float | None:
    """Return when the campaign is to be stopped, in seconds since 1970; None for never.

    :param operator: the task's TingTingRunCampaignOperator.
    :param campaign: the campaign as it was read last, or None.
    """
    if operator.at_window_close != "stop":
        return None
    stops = window_close.stops_at(_window(operator), campaign)
    return None if stops is None else max(wall_time(), stops)


def stop_outside_window(operator: Any, job: CampaignJob, *, tolerate_outage: float) -> Campaign:
    """Stop the campaign if it runs outside its calling window, and return it; it goes on if the window is open.

    :param operator: the task's TingTingRunCampaignOperator.
    :param job: the job of the campaign.
    :param tolerate_outage: seconds for which TingTing may fail to respond.
    :raises TingTingError: see `campaigns.window_close.stop_at_close`.
    """
    flow = window_close.stop_at_close(job, _window(operator), tolerate_outage=tolerate_outage)
    return run_flow(operator.hook.get_conn(), flow)


def end_stopped(
    operator: Any,
    context: Context,
    job: CampaignJob,
    campaign: Campaign,
    summary: CampaignSummary,
    result: dict[str, Any],
) -> bool:
    """Return whether the campaign was stopped because its window had closed, and add that to the result.

    :param operator: the task's TingTingRunCampaignOperator.
    :param context: the task's context.
    :param job: the job of the campaign.
    :param campaign: the campaign, which has ended.
    :param summary: the figures of the campaign's contacts.
    :param result: what the task returns.
    :raises AirflowFailException: the campaign was stopped, and `on_stopped` is `fail`; the result is pushed first.
    :raises AirflowSkipException: the campaign was stopped, and `on_stopped` is `skip`; the result is pushed first.
    """
    if operator.at_window_close != "stop":
        return False
    is_saved = operator.task_state(context).is_available
    result[STOPPED] = window_close.was_stopped_at_close(job, _window(operator), campaign, is_saved=is_saved)
    context["ti"].xcom_push(key=STOPPED, value=result[STOPPED])
    if not result[STOPPED]:
        return False
    text = (
        f"Campaign {result['campaign_id']} was stopped at {result['progress_percent'] or 0:.0f} %, because its calling "
        f'window, {_window(operator)}, had closed and at_window_close="stop". {describe(summary)} '
        "TingTingUnreachedContactsOperator writes the contacts that are left to a file, for the next campaign."
    )
    if operator.on_stopped == "succeed":
        operator.log.warning("%s", text)
        return True
    # Airflow does not keep the return value of a task that fails or is skipped.
    context["ti"].xcom_push(key="return_value", value=result)
    if operator.on_stopped == "skip":
        raise AirflowSkipException(text)
    raise AirflowFailException(text)


def _window(operator: Any) -> CallingWindow:
    window = CallingWindow.read(operator.calling_window)
    assert window is not None
    return window
