"""The task that runs a campaign and waits for its end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from airflow_provider_tingting import api
from airflow_provider_tingting._compat import TRIGGERS_HAVE_ON_KILL, AirflowFailException, conf
from airflow_provider_tingting.clock import wall_time
from airflow_provider_tingting.errors import (
    TingTingCampaignFailedError,
    TingTingConfigError,
    TingTingError,
)
from airflow_provider_tingting.operators.base import TingTingBaseOperator, TingTingBaseWriteOperator
from airflow_provider_tingting.utils.arguments import OUTSIDE_WINDOW, campaign_id_of, one_of, seconds_of
from airflow_provider_tingting.utils.asset_events import emit_asset_events
from airflow_provider_tingting.utils.clears import is_first_try, was_cleared
from airflow_provider_tingting.utils.deferral import deadline_of, defer
from airflow_provider_tingting.utils.openlineage import TaskLineage, asset_dataset
from airflow_provider_tingting.utils.run_age import check_max_age, check_may_call
from airflow_provider_tingting.utils.task_end import why_kill_is_unverified
from airflow_provider_tingting.utils.task_state import was_created_in_this_run

if TYPE_CHECKING:
    from airflow_provider_tingting._compat import Context
    from airflow_provider_tingting.api.models import Campaign
    from airflow_provider_tingting.campaigns.calling_window import WindowArgument
    from airflow_provider_tingting.campaigns.job import CampaignJob, Started
    from airflow_provider_tingting.campaigns.observation import Observation
    from airflow_provider_tingting.campaigns.outcome import SuccessWhen
    from airflow_provider_tingting.campaigns.watch import WaitPlan

# Airflow kills a task five seconds after it has asked it to end: on_kill reads the task's state and stops the campaign
# in less.
_SECONDS_TO_STOP = 3.0
# Without a task state store a later try does not know whether the try before was killed while it sent its request, so
# it reads the status for so many seconds first.
READ_FIRST_WITHOUT_STORE = 30.0
# With one, the try before may still be alive, cut off from Airflow and about to send its request.
READ_FIRST_WITH_STORE = 5.0
_NO_RETRY = (
    "But there is no retry: TingTing has not shown yet that the campaign has begun, and this Airflow has no task state "
    "store, so another try would not know of the request, and would send it again. So would a clear."
)


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
    reach_rate, credits}` (the figures only after waiting); `campaign_id` and `status` are keys of their own, too. An
    outlet of the task gets `{campaign_id, status, summary}` in its event's `extra`.

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
    :param tolerate_outage: seconds for which TingTing may fail to answer during the wait.
    :param stall_timeout: how long TingTing, once it has taken the request, may leave the campaign `Not Started`, in
        seconds or as a timedelta.
    :param calling_window: the hours in which the campaign may be started, such as `("08:00", "20:00")` in Nepal, or a
        `CallingWindow` with days and a time zone; None for any hour. A campaign that has begun is never held up.
    :param outside_window: what to do at another hour: `wait` until the window opens, or `fail`.
    :param one_at_a_time: whether to wait until no other campaign of the account runs.
    :param start_timeout: how long the start may be put off by these, in seconds or as a timedelta; None for as long as
        it takes. `timeout` begins with the campaign, `execution_timeout` with the task.
    :param max_age: how old the DAG run may be to call contacts, in seconds or as a timedelta, counted from the end of
        its data interval, or from when a person or an asset triggered it; None for any age.
    :param on_too_old: what to do when it is older: `fail` or `skip`.
    :param partition_key: the partition of the outlets' events, on Airflow 3.3 and later; None for that of the DAG run.
    :param on_clear: what a cleared task does: `reattach` (report the campaign's outcome) or `fail`. To call
        contacts again, clear the task that creates the campaign with `on_clear="send_again"`.
    :param tingting_conn_id: the Airflow connection.
    :raises TingTingCampaignFailedError: the campaign was terminated, or is not a success.
    :raises TingTingCampaignTimeoutError: it has not ended in time, or could not start in time.
    :raises AirflowFailException: an argument, the token, the campaign, the hour or the run's age is refused; no retry
        would help.
    :raises AirflowSkipException: the run is too old, and `on_too_old` is `skip`.
    :raises TingTingAPIError: TingTing did not answer for longer than `tolerate_outage`; a retry re-attaches.
    """

    template_fields: Sequence[str] = (*TingTingBaseOperator.template_fields, "campaign_id", "partition_key")

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
        one_at_a_time: bool = False,
        start_timeout: float | timedelta | None = None,
        max_age: float | timedelta | None = None,
        on_too_old: str = "fail",
        partition_key: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.campaign_id = campaign_id
        self.wait_for_completion = wait_for_completion
        self.deferrable = deferrable
        self.poll_interval = poll_interval
        self.timeout = timeout
        self.stop_on_kill = stop_on_kill
        self.success_when = success_when
        self.tolerate_outage = tolerate_outage
        self.stall_timeout = stall_timeout
        self.calling_window = calling_window
        self.outside_window = outside_window
        self.one_at_a_time = one_at_a_time
        self.start_timeout = start_timeout
        self.max_age = max_age
        self.on_too_old = on_too_old
        self.partition_key = partition_key
        check_may_call(calling_window, max_age, on_too_old)
        one_of(outside_window, "outside_window", OUTSIDE_WINDOW)
        if start_timeout is not None:
            seconds_of(start_timeout, "start_timeout")
        # What `on_kill` needs to know.
        self._ti: Any = None
        self._job: CampaignJob | None = None
        self._knows_earlier_tries = False
        self._has_ended = False

    def execute(self, context: Context) -> dict[str, Any]:
        """Run the campaign unless it has begun, and wait for its end, in the worker or in the triggerer."""
        return self._start_and_wait(context)

    def execute_start(
        self,
        context: Context,
        event: Any = None,
        start_deadline: float | None = None,
        requested_at: float | None = None,
    ) -> dict[str, Any]:
        """Start after a wait for the calling window or for other campaigns; everything is checked again.

        :param start_deadline: until when the start may be deferred, in seconds since 1970.
        :param requested_at: when this try has sent a request without a usable response, in seconds since 1970.
        """
        return self._start_and_wait(
            context, was_deferred=True, start_deadline=start_deadline, requested_at=requested_at
        )

    def execute_complete(self, context: Context, event: Any = None, was_shown: bool = True) -> dict[str, Any]:
        """Judge what the trigger has seen.

        :param was_shown: whether TingTing had shown the campaign as begun before the wait.
        """
        from airflow_provider_tingting.campaigns.observation import Observation

        with self.fail_without_retry():
            number = campaign_id_of(self.campaign_id)
        return self._finish(context, Observation.from_event(event, campaign_id=number), was_shown=was_shown)

    def _start_and_wait(self, context: Context, **deferred: Any) -> dict[str, Any]:
        with self.fail_without_retry():
            started = self._start(context, **deferred)
            if not self.wait_for_completion:
                return self._return_begun(context, started)
            plan = self._plan(context)
        from airflow_provider_tingting.operators.campaign.ending import wait_in_worker

        ended = started.campaign is not None and started.campaign.status.is_final
        if self.deferrable and not ended:
            self._defer_wait(plan, was_shown=started.has_begun)
        return self._finish(context, wait_in_worker(self.hook, plan, self.log), was_shown=started.has_begun)

    def _start(
        self,
        context: Context,
        *,
        was_deferred: bool = False,
        start_deadline: float | None = None,
        requested_at: float | None = None,
    ) -> Started:
        """Check the arguments, and request the run unless it has begun; wait while it may not start yet."""
        from airflow_provider_tingting.campaigns import calling_window
        from airflow_provider_tingting.campaigns.job import CampaignJob, JobState, RunRequest
        from airflow_provider_tingting.campaigns.outcome import check_success_when
        from airflow_provider_tingting.campaigns.start_gate import StartDeferred, StartGate
        from airflow_provider_tingting.operators.campaign.start import is_run_by_another, is_run_for, wait_to_start

        if self.on_clear == "send_again":
            raise TingTingConfigError(
                "A campaign can be run only once, so on_clear of this task is reattach or fail. To call contacts "
                'again, give the task that creates the campaign on_clear="send_again" and clear it.'
            )
        self._ti, self._job, self._has_ended = context["ti"], None, False
        self.check_templates()
        self.apply_on_clear(context, "run the campaign")
        check_success_when(self.success_when)
        plan = self._plan(context)
        number = plan.campaign_id
        self.push_campaign(context, number)
        state, first = self.task_state(context), is_first_try(context)
        entry = state.load()
        saved = JobState.from_json(entry)
        if requested_at is not None and not state.is_available:
            saved = JobState(number, run=RunRequest.MAYBE, run_requested_at=requested_at)
        # An entry that is missing shows something only before the first clear: it may have been deleted.
        self._knows_earlier_tries = first or (state.is_available and (entry is not None or not was_cleared(context)))
        job = CampaignJob(saved, lambda new: state.save(new.to_json()), lambda: JobState.from_json(state.load()))
        job.attach_to(number)
        if was_deferred:
            # The start is deferred only after the campaign was seen.
            job.update(seen_not_started=True)
        self._job = job
        if start_deadline is None:
            start_deadline = deadline_of(context, self.start_timeout, self.execution_timeout, calling_window.now)
        gate = StartGate(
            window=calling_window.CallingWindow.read(self.calling_window),
            wait_for_window=self.outside_window == "wait",
            one_at_a_time=self.one_at_a_time,
            deadline=start_deadline,
            check_age=partial(check_max_age, context, self.max_age),
        )
        read_first = 0.0 if first else READ_FIRST_WITH_STORE if state.is_available else READ_FIRST_WITHOUT_STORE
        stall_timeout = seconds_of(self.stall_timeout, "stall_timeout")

        def read_first_for(campaign: Campaign) -> float:
            return stall_timeout if is_run_by_another(context, campaign) else read_first

        while True:
            client = self.hook.get_conn()
            run = job.run_once(
                gate=gate.check,
                is_ours=partial(is_run_for, context),
                read_first_for=read_first_for,
                exists=partial(was_created_in_this_run, context, number),
            )
            try:
                return api.run_flow(client, run)
            except StartDeferred as deferred:
                start_plan = replace(plan, deadline=start_deadline)
                wait_to_start(self, deferred, start_plan, job.state, deferrable=self.deferrable)

    def _return_begun(self, context: Context, started: Started) -> dict[str, Any]:
        """Return the result of a task that does not wait for the end of the campaign."""
        from airflow_provider_tingting.operators.campaign.ending import begun_campaign, result_of

        try:
            campaign = begun_campaign(self.hook, campaign_id_of(self.campaign_id), started)
        except TingTingCampaignFailedError:
            raise
        except TingTingError as error:
            self._fail(context, error, was_shown=False)
        self._emit(context, campaign)
        return result_of(context, campaign)

    def _plan(self, context: Context) -> WaitPlan:
        """Return what to wait for, with the deadline as a time that no deferral moves.

        :raises TingTingConfigError: an argument is wrong.
        """
        from airflow_provider_tingting.campaigns.watch import WaitPlan

        return WaitPlan(
            campaign_id=campaign_id_of(self.campaign_id),
            poll_interval=seconds_of(self.poll_interval, "poll_interval"),
            deadline=deadline_of(context, self.timeout, self.execution_timeout),
            tolerate_outage=seconds_of(self.tolerate_outage, "tolerate_outage", zero=True),
            starts_by=wall_time() + seconds_of(self.stall_timeout, "stall_timeout"),
        )

    def _defer_wait(self, plan: WaitPlan, *, was_shown: bool) -> NoReturn:
        """Hand the wait over to the triggerer and free this worker."""
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
        not_shown: dict[str, Any] = {} if was_shown else {"was_shown": False}
        defer(self, trigger, plan.deadline, **not_shown)

    def _finish(self, context: Context, seen: Observation, *, was_shown: bool) -> dict[str, Any]:
        """Judge how the wait has ended, in either mode.

        :param was_shown: whether TingTing had shown the campaign as begun before the wait.
        """
        from airflow_provider_tingting.api.statuses import CampaignStatus
        from airflow_provider_tingting.campaigns.outcome import describe, judge, summarise, summary_figures
        from airflow_provider_tingting.operators.campaign.ending import (
            ended_campaign,
            raise_unless_ended,
            result_of,
        )

        try:
            raise_unless_ended(seen, self.hook, stop=self.stop_on_kill)
        except TingTingError as error:
            # Raised as it is, since a retry re-attaches to the campaign.
            shown = was_shown if seen.status is None else CampaignStatus(seen.status).has_begun
            self._fail(context, error, was_shown=shown)
        with self.fail_without_retry():
            campaign = ended_campaign(self.hook, seen)
            self._has_ended = True
            summary = summarise(self.hook.get_conn(), campaign)
            result = result_of(context, campaign) | summary_figures(summary)
            judge(campaign, summary, self.success_when)
            self.log.info("Campaign %s: %s", campaign.id, describe(summary))
            self._emit(context, campaign, summary.to_json())
            return result

    def _fail(self, context: Context, error: TingTingError, *, was_shown: bool) -> NoReturn:
        """Raise an error; without a retry where that would send a second request.

        :param was_shown: whether TingTing, which has accepted the request, has shown the campaign as begun.
        """
        if was_shown or self.task_state(context).is_available:
            raise error
        raise AirflowFailException(f"{error} {_NO_RETRY}") from error

    def _emit(self, context: Context, campaign: Campaign, summary: dict[str, Any] | None = None) -> None:
        outcome: dict[str, Any] = {"campaign_id": campaign.id, "status": campaign.status.value}
        if summary is not None:
            outcome["summary"] = summary
        uri = self.campaign_uri(campaign.id)
        self._lineage = TaskLineage(outputs=(asset_dataset(uri),), figures=outcome)
        emit_asset_events(self, context, outcome, uri=uri, partition_key=self.partition_key)

    def on_kill(self) -> None:
        """Stop the campaign when `stop_on_kill` says so and the task has ended for Airflow, within seconds."""
        from airflow_provider_tingting.campaigns.concurrency import not_known, not_run
        from airflow_provider_tingting.campaigns.job import RunRequest
        from airflow_provider_tingting.campaigns.reconcile import stop

        number, requested = self.campaign_id, self._job.state.run if self._job else None
        if self._has_ended:
            self.log.warning("Campaign %s has ended; the task has ended while it read the campaign's figures", number)
        elif requested is RunRequest.NEVER and self._knows_earlier_tries:
            self.log.warning("%s", not_run(campaign_id_of(number)))
        elif not self.stop_on_kill and requested is RunRequest.MAYBE:
            self.log.warning("%s", not_known(campaign_id_of(number)))
        elif not self.stop_on_kill:
            self.log.warning("Campaign %s goes on: stop_on_kill is off", number)
        elif (why := why_kill_is_unverified(self._ti)) is not None:
            self.log.warning(
                "Campaign %s is not stopped in spite of stop_on_kill: %s, so a try may follow", number, why
            )
        else:
            arguments = self.hook.settings.client_arguments() | {
                "timeout": _SECONDS_TO_STOP,
                "connect_timeout": _SECONDS_TO_STOP,
                "max_retries": 0,
            }
            with api.TingTingClient(**arguments) as client:
                self.log.warning("%s", api.run_flow(client, stop(campaign_id_of(number))))
