"""The task that runs a campaign and waits for its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from airflow_provider_tingting._compat import TRIGGERS_HAVE_ON_KILL, conf
from airflow_provider_tingting.errors import TingTingConfigError, TingTingError
from airflow_provider_tingting.operators.base import TingTingBaseOperator, TingTingBaseWriteOperator
from airflow_provider_tingting.utils import argument_checks as check
from airflow_provider_tingting.utils.arguments import campaign_id_of, flag_of
from airflow_provider_tingting.utils.asset_events import emit_asset_events
from airflow_provider_tingting.utils.clears import check_run_on_clear, is_first_try, was_cleared
from airflow_provider_tingting.utils.deferral import defer, note_end_of_wait, wait_plan
from airflow_provider_tingting.utils.openlineage import TaskLineage, asset_dataset
from airflow_provider_tingting.utils.run_age import START_CHECKS, check_window_arguments

if TYPE_CHECKING:
    from airflow_provider_tingting._compat import Context
    from airflow_provider_tingting.api.models import Campaign
    from airflow_provider_tingting.campaigns.calling_window import WindowArgument
    from airflow_provider_tingting.campaigns.observation import Observation
    from airflow_provider_tingting.campaigns.outcome import SuccessWhen
    from airflow_provider_tingting.campaigns.run import CampaignJob, Started
    from airflow_provider_tingting.campaigns.watch import WaitPlan


class TingTingRunCampaignOperator(TingTingBaseWriteOperator):
    """Run a campaign and wait for its end.

    TingTing calls every contact each time it carries out a request to run a campaign, so the operator requests only a
    campaign that is `Not Started`, after a fresh read. After a request without a usable response it reads the status
    for two minutes before it sends another one. `calling_window`, `max_age` and `one_at_a_time` guard the start only:
    the operator checks them right before each request.

    Retry and clear: the task re-attaches to the campaign and reports its real outcome: a failed campaign fails the task
    again, and no contact is called twice. A campaign that ended before this task could see it `Not Started` belongs to
    another run and is refused, unless the task that created it has found it by its `occasion`.

    Kill: `stop_on_kill` decides. A task that ends while it waits to start has called no contact and stops nothing.

    XCom: `return_value` is `{campaign_id, status, progress_percent, contacts, reached, not_reached, pending,
    reach_rate, credits, estimate}` (the figures only after waiting; `estimate` is the credits that a check in this run
    has estimated, `credits` those that were spent); with `at_window_close="stop"` also
    `stopped_at_window_close`, true or false; with `keep_report` also `kept_report`, the file, or an empty text when
    the report was not kept. `campaign_id`, `status` and `kept_report` are keys of their own, too. An outlet of the
    task gets `{campaign_id, status, summary}` in its event's `extra`.

    Source: API page, Run campaign, Get campaign details, Campaign report.

    :param campaign_id: the campaign.
    :param wait_for_completion: whether to wait for the campaign's end; without it the task succeeds once the campaign
        has begun or is scheduled.
    :param deferrable: whether to wait in the triggerer, without holding a worker. Default: Airflow's
        `[operators] default_deferrable`.
    :param poll_interval: the usual seconds between two reads of the status. Default: 30. The first reads come earlier,
        after about 2, 4, 8 and 16 seconds; a long campaign is read less often while it is far from its end.
    :param timeout: how long to wait, in seconds or as a timedelta; None for as long as it takes. The task's
        `execution_timeout` counts too, in both modes.
    :param stop_on_kill: whether to stop the campaign when a person marks the task failed or its time is up. The
        operator stops it only when Airflow itself shows that the task does not run any more: a worker that shuts down,
        or a cleared task, stops nothing. A stopped campaign cannot continue, so the default is to let it go on.
    :param success_when: what counts as a success of a `Completed` campaign: the least share of contacts reached, from
        0 to 1, or a function from the campaign's summary to a bool. By default at least one contact must have been
        reached.
    :param tolerate_outage: seconds for which TingTing may fail to answer, before the request and during the wait.
    :param stall_timeout: how long TingTing, once it has taken the request, may leave the campaign `Not Started`, in
        seconds or as a timedelta.
    :param calling_window: the hours in which the campaign may be started, such as `("08:00", "20:00")` in Nepal, or a
        `CallingWindow` with days and a time zone; None for any hour. A campaign that has begun is never held up.
    :param outside_window: what to do at another hour: `wait` until the window opens, or `fail`.
    :param at_window_close: what to do with a campaign that runs when the window closes: `finish` lets it go on, `stop`
        stops it for good, so that no contact is called outside the window. The contacts that are left have the status
        `terminated`; `TingTingUnreachedContactsOperator` writes them to a file.
    :param on_stopped: how the task ends then: `fail` without a retry, `succeed` or `skip`.
    :param fits_window: what to do with a campaign that would not end before its window closes: `warn` in the log,
        `wait` for a window in which it does, or `fail`.
    :param expected_pace: how many contacts TingTing calls in a minute, to forecast that; None for the pace of the
        account's last campaigns with the same services, which is read for campaigns of 100 contacts or more.
    :param not_before: when the campaign may be started at the earliest, as a datetime or a text in ISO 8601; without an
        offset it is Nepal time. None for at once.
    :param one_at_a_time: whether to wait until no other campaign of the account runs.
    :param over_daily_limit: what to do when the campaign would pass the connection's `daily_credit_limit`: `fail`, or
        `wait` for the next day in Nepal.
    :param start_timeout: how long the start may be put off by these, in seconds or as a timedelta; None for as long as
        it takes. `timeout` begins with the campaign, `execution_timeout` with the task.
    :param max_age: how old the DAG run may be to call contacts, in seconds or as a timedelta, counted from the end of
        its data interval, or from when a person or an asset triggered it; None for any age.
    :param on_too_old: what to do when it is older: `fail` or `skip`.
    :param keep_report: a path or URI where the task leaves the report that it has judged the campaign by, with the
        contacts' numbers, for the `kept_report` of `TingTingDownloadReportOperator`, which then sends no request. A
        template such as `{{ run_id }}` keeps runs apart. None to leave nothing.
    :param partition_key: the partition of the outlets' events, on Airflow 3.3 and later; None for that of the DAG run.
    :param on_clear: what a cleared task does: `reattach` (report the campaign's outcome) or `fail`. To call
        contacts again, clear the task that creates the campaign with `on_clear="send_again"`.
    :param tingting_conn_id: the Airflow connection.
    :raises TingTingCampaignFailedError: the campaign was terminated, or is not a success.
    :raises TingTingCampaignTimeoutError: it has not ended in time, or could not start in time.
    :raises AirflowFailException: an argument, the token, the campaign, the hour or the run's age is refused; no retry
        would help.
    :raises AirflowSkipException: the run is too old and `on_too_old` is `skip`, or the campaign was stopped at the end
        of its window and `on_stopped` is `skip`.
    :raises TingTingAPIError: TingTing did not answer for longer than `tolerate_outage`; a retry re-attaches.
    """

    template_fields: Sequence[str] = (
        *TingTingBaseOperator.template_fields,
        "campaign_id",
        "not_before",
        "keep_report",
        "partition_key",
    )
    argument_checks: ClassVar[Mapping[str, check.Check]] = {
        **TingTingBaseWriteOperator.argument_checks,
        **START_CHECKS,
        "campaign_id": check.an_id,
        "poll_interval": check.seconds,
        "timeout": check.optional(check.seconds, may_be_empty=False),
        "success_when": check.optional(check.share_or_function, may_be_empty=False),
        "tolerate_outage": check.seconds_or_zero,
        "stall_timeout": check.seconds,
        "outside_window": check.choice("wait", "fail"),
        "over_daily_limit": check.choice("fail", "wait"),
        "at_window_close": check.choice("finish", "stop"),
        "on_stopped": check.choice("fail", "succeed", "skip"),
        "fits_window": check.choice("warn", "wait", "fail"),
        "expected_pace": check.optional(check.pace, may_be_empty=False),
        "not_before": check.schedule,
        "start_timeout": check.optional(check.seconds, may_be_empty=False),
        "keep_report": check.optional(check.storage_path),
        "partition_key": check.optional(check.text),
        "on_clear": check_run_on_clear,
    }

    def __init__(
        self,
        *,
        campaign_id: int | str,
        wait_for_completion: bool = True,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poll_interval: float = 30.0,
        timeout: float | timedelta | None = None,
        stop_on_kill: bool = False,
        success_when: SuccessWhen = None,
        tolerate_outage: float = 600.0,
        stall_timeout: float | timedelta = 900.0,
        calling_window: WindowArgument = None,
        outside_window: str = "wait",
        at_window_close: str = "finish",
        on_stopped: str = "fail",
        fits_window: str = "warn",
        expected_pace: float | None = None,
        not_before: str | datetime | None = None,
        one_at_a_time: bool = False,
        over_daily_limit: str = "fail",
        start_timeout: float | timedelta | None = None,
        max_age: float | timedelta | None = None,
        on_too_old: str = "fail",
        keep_report: str | None = None,
        partition_key: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.campaign_id = campaign_id
        self.wait_for_completion = flag_of(wait_for_completion, "wait_for_completion")
        self.deferrable = flag_of(deferrable, "deferrable")
        self.poll_interval = poll_interval
        self.timeout = timeout
        self.stop_on_kill = flag_of(stop_on_kill, "stop_on_kill")
        self.success_when = success_when
        self.tolerate_outage = tolerate_outage
        self.stall_timeout = stall_timeout
        self.calling_window = calling_window
        self.outside_window = outside_window
        self.at_window_close = at_window_close
        self.on_stopped = on_stopped
        self.fits_window = fits_window
        self.expected_pace = expected_pace
        self.not_before = not_before
        self.one_at_a_time = flag_of(one_at_a_time, "one_at_a_time")
        self.over_daily_limit = over_daily_limit
        self.start_timeout = start_timeout
        self.max_age = max_age
        self.on_too_old = on_too_old
        self.keep_report = keep_report
        self.partition_key = partition_key
        self.check_literals()
        check_window_arguments(at_window_close, fits_window, calling_window, waits=self.wait_for_completion)
        if keep_report is not None and not self.wait_for_completion:
            raise TingTingConfigError("keep_report is for a task that waits for the end: wait_for_completion=True.")
        # What `on_kill` needs to know.
        self._ti: Any = None
        self._job: CampaignJob | None = None
        self._knows_earlier_tries = False
        self._has_ended = False

    def execute(self, context: Context) -> dict[str, Any]:
        """Run the campaign unless it has begun, and wait for its end, in the worker or in the triggerer."""
        return self._start_and_wait(context)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Go on after a wait in the triggerer; called by Airflow, also when the wait has failed.

        :param next_method: the method that goes on.
        :param next_kwargs: its arguments.
        """
        note_end_of_wait(context)
        return super().resume_execution(next_method, next_kwargs, context)

    def execute_start(
        self,
        context: Context,
        event: object = None,
        start_deadline: float | None = None,
        requested_at: float | None = None,
    ) -> dict[str, Any]:
        """Start after a wait for the calling window or for other campaigns; everything is checked again.

        :param event: the payload of the trigger's event.
        :param start_deadline: until when the start may be deferred, in seconds since 1970.
        :param requested_at: when this try has sent a request without a usable response, in seconds since 1970.
        """
        return self._start_and_wait(
            context, was_deferred=True, start_deadline=start_deadline, requested_at=requested_at
        )

    def execute_complete(
        self,
        context: Context,
        event: object = None,
        was_shown: bool = True,
        until_close: bool = False,
        gives_up_at: float | None = None,
    ) -> dict[str, Any]:
        """Judge what the trigger has seen.

        :param event: the payload of the trigger's event.
        :param was_shown: whether TingTing had shown the campaign as begun before the wait.
        :param until_close: whether the wait ended when the calling window closed.
        :param gives_up_at: the deadline of the whole wait then, in seconds since 1970.
        """
        from airflow_provider_tingting.campaigns.observation import Observation

        with self.fail_without_retry():
            number = campaign_id_of(self.campaign_id)
            plan = replace(wait_plan(self, context), deadline=gives_up_at)
        seen = Observation.from_event(event, campaign_id=number)
        return self._finish(context, plan, seen, was_shown=was_shown, until_close=until_close)

    def _start_and_wait(self, context: Context, **deferred: Any) -> dict[str, Any]:
        from airflow_provider_tingting.operators.campaign.ending import return_begun

        with self.fail_without_retry():
            started = self._start(context, **deferred)
            if not self.wait_for_completion:
                return return_begun(self, context, started)
            plan = wait_plan(self, context)
        return self._wait(context, plan, started.campaign)

    def _wait(self, context: Context, plan: WaitPlan, campaign: Campaign | None) -> dict[str, Any]:
        """Wait for the end of the campaign, or until its calling window closes if it is to be stopped then.

        :param campaign: the campaign as it was read last, or None.
        """
        from airflow_provider_tingting.operators.campaign.ending import wait_in_worker
        from airflow_provider_tingting.operators.campaign.window_close import window_closes

        was_shown = campaign is not None and campaign.status.has_begun
        closes = window_closes(self, campaign)
        until_close = closes is not None and (plan.deadline is None or closes < plan.deadline)
        wait = replace(plan, deadline=closes) if until_close else plan
        if self.deferrable and not (campaign is not None and campaign.status.is_final):
            gives_up: dict[str, Any] = {"gives_up_at": plan.deadline} if until_close else {}
            self._defer_wait(context, wait, was_shown=was_shown, **gives_up)
        seen, last_read = wait_in_worker(self.hook, wait, self.log, campaign if was_shown else None)
        return self._finish(context, plan, seen, was_shown=was_shown, until_close=until_close, last_read=last_read)

    def _start(
        self,
        context: Context,
        *,
        was_deferred: bool = False,
        start_deadline: float | None = None,
        requested_at: float | None = None,
    ) -> Started:
        """Check the arguments, and request the run unless it has begun; wait while it may not start yet."""
        from airflow_provider_tingting.campaigns.run import RunRequest
        from airflow_provider_tingting.operators.campaign.start import load_job, request_run

        self._ti, self._job, self._has_ended = context["ti"], None, False
        self.check_templates()
        self.apply_on_clear(context, "run the campaign")
        plan = wait_plan(self, context)
        number = plan.campaign_id
        self.push_campaign(context, number)
        state, first = self.task_state(context), is_first_try(context)
        # A missing entry proves that no try has saved one only before the first clear, since entries may be deleted.
        is_saved = state.load() is not None
        self._knows_earlier_tries = first or (state.is_available and (is_saved or not was_cleared(context)))
        job = load_job(self, context, number)
        if requested_at is not None and not state.is_available:
            job.update(run=RunRequest.MAYBE, run_requested_at=requested_at)
        if was_deferred:
            # The start is deferred only after the campaign was read as `Not Started`.
            job.update(seen_not_started=True)
        self._job = job
        return request_run(self, context, job, plan, start_deadline)

    def _defer_wait(self, context: Context, plan: WaitPlan, *, was_shown: bool, **until_close: Any) -> NoReturn:
        """Hand the wait over to the triggerer and free this worker.

        :param until_close: `gives_up_at` of the whole wait, when this one ends as the calling window closes.
        """
        if self.stop_on_kill and not TRIGGERS_HAVE_ON_KILL:
            self.log.warning(
                "Before Airflow 3.3 a deferred task is not notified when a person ends it: campaign %s will then go on "
                "in spite of stop_on_kill. Stop it with a TingTingStopCampaignOperator or in TingTing.",
                plan.campaign_id,
            )
        from airflow_provider_tingting.triggers.campaign import TingTingCampaignTrigger

        trigger = TingTingCampaignTrigger(
            campaign_id=plan.campaign_id,
            tingting_conn_id=self.tingting_conn_id,
            poll_interval=plan.poll_interval,
            deadline=plan.deadline,
            tolerate_outage=plan.tolerate_outage,
            stop_on_kill=self.stop_on_kill,
            starts_by=plan.starts_by,
        )
        known: dict[str, Any] = {} if was_shown else {"was_shown": False}
        if until_close:
            known |= {"until_close": True, **until_close}
        defer(self, context, trigger, plan.deadline, **known)

    def _finish(
        self,
        context: Context,
        plan: WaitPlan,
        seen: Observation,
        *,
        was_shown: bool,
        until_close: bool,
        last_read: Campaign | None = None,
    ) -> dict[str, Any]:
        """Judge how the wait has ended, in either mode.

        :param was_shown: whether TingTing had shown the campaign as begun before the wait.
        :param until_close: whether the time was up when the calling window closed.
        :param last_read: the campaign as this process has read it last, or None.
        """
        from airflow_provider_tingting.api.statuses import CampaignStatus
        from airflow_provider_tingting.campaigns.observation import Reason, Snapshot
        from airflow_provider_tingting.operators.campaign import ending
        from airflow_provider_tingting.operators.campaign.start import load_job
        from airflow_provider_tingting.operators.campaign.window_close import stop_outside_window

        job = load_job(self, context, plan.campaign_id)
        if until_close and seen.reason is Reason.TIMED_OUT:
            with self.fail_without_retry():
                campaign = stop_outside_window(self, job, tolerate_outage=plan.tolerate_outage)
            if not campaign.status.is_final:
                return self._wait(context, plan, campaign)
            seen = Snapshot.of(campaign).observe()
        try:
            ending.raise_unless_ended(seen, self.hook, stop=self.stop_on_kill)
        except TingTingError as error:
            # Raised as it is, since a retry re-attaches to the campaign.
            shown = was_shown if seen.status is None else CampaignStatus(seen.status).has_begun
            ending.fail(self, context, error, was_shown=shown)
        with self.fail_without_retry():
            campaign = ending.ended_campaign(self.hook, seen, last_read)
            self._has_ended = True
            return ending.judged(self, context, job, campaign)

    def emit_outcome(self, context: Context, campaign: Campaign, summary: dict[str, Any] | None = None) -> None:
        """Emit the events of the outlets, and keep the lineage.

        :param context: the task's context.
        :param campaign: the campaign.
        :param summary: the figures of its contacts, if it has ended.
        """
        outcome: dict[str, Any] = {"campaign_id": campaign.id, "status": campaign.status.value}
        if summary is not None:
            outcome["summary"] = summary
        uri = self.campaign_uri(campaign.id)
        self._lineage = TaskLineage(outputs=(asset_dataset(uri),), figures=outcome)
        emit_asset_events(self, context, outcome, uri=uri, partition_key=self.partition_key)

    def on_kill(self) -> None:
        """Stop the campaign when `stop_on_kill` says so and the task has ended for Airflow, within seconds."""
        from airflow_provider_tingting.operators.campaign.ending import end_killed

        state = self._job.state.run if self._job else None
        end_killed(self, self._ti, state, self._knows_earlier_tries, has_ended=self._has_ended)
