"""How RunCampaign starts, waits and judges: the same steps for the synchronous and the deferred path."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from airflow_provider_tingting._compat import TRIGGERS_HAVE_ON_KILL, AirflowFailException
from airflow_provider_tingting.api.driver import run_flow
from airflow_provider_tingting.clock import wall_time
from airflow_provider_tingting.errors import (
    TingTingAuthError,
    TingTingCampaignError,
    TingTingCampaignFailedError,
    TingTingCampaignTimeoutError,
    TingTingConfigError,
    TingTingError,
)
from airflow_provider_tingting.operators.base import TingTingBaseWriteOperator
from airflow_provider_tingting.utils.arguments import campaign_id_of, seconds_of
from airflow_provider_tingting.utils.asset_events import emit_asset_events
from airflow_provider_tingting.utils.clears import clear_count, is_first_try
from airflow_provider_tingting.utils.deferral import deadline_of, defer
from airflow_provider_tingting.utils.openlineage import TaskLineage, asset_dataset

if TYPE_CHECKING:
    from airflow_provider_tingting._compat import Context
    from airflow_provider_tingting.api.models import Campaign
    from airflow_provider_tingting.campaigns.calling_window import WindowArgument
    from airflow_provider_tingting.campaigns.observation import Observation
    from airflow_provider_tingting.campaigns.outcome import SuccessWhen
    from airflow_provider_tingting.campaigns.state import JobState
    from airflow_provider_tingting.campaigns.watch import WaitPlan

# Airflow kills a task five seconds after asking it to end: on_kill must be done before.
_SECONDS_TO_STOP = 3.0
# Without a task state store nobody knows whether the try before was killed while it asked to run the campaign, so a
# later try watches the status this long (seconds) before it asks.
_BLIND_TRY_WATCHES = 30.0
# With one, the try before may still be alive, cut off from Airflow and about to ask: so long (seconds) it may take
# from its look at the status until its request is obeyed.
_LATER_TRY_WATCHES = 5.0
# A status may come so long (seconds) after the request that it shows.
_SHOWS_WITHIN = 30.0
_NOT_AGAIN = (
    "It is not asked again, because that may call everybody twice. Look at TingTing; for another round create a new "
    "campaign."
)
_NO_RETRY = (
    "But there is no retry: TingTing has not shown yet that the campaign has begun, and this Airflow has no task state "
    "store, so another try would not know that it was asked, and would ask again. So would a clear."
)


class RunningMixin(TingTingBaseWriteOperator):
    """The steps of running a campaign; the arguments are those of the operator."""

    campaign_id: int | str
    wait_for_completion: bool
    deferrable: bool
    poll_interval: float
    timeout: float | timedelta | None
    stop_on_kill: bool
    success_when: SuccessWhen
    tolerate_outage: float
    stall_timeout: float | timedelta
    calling_window: WindowArgument
    outside_window: str
    one_at_a_time: bool
    start_timeout: float | timedelta | None
    max_age: float | timedelta | None
    on_too_old: str
    # What to say if the task is killed now and the campaign is to be left alone: it was not run, or has ended.
    on_kill_message: str | None = None
    partition_key: str | None

    def start(
        self,
        context: Context,
        *,
        was_put_off: bool = False,
        start_deadline: float | None = None,
        asked_at: float | None = None,
    ) -> Campaign:
        """Check the arguments, then run the campaign unless it has begun; wait for it if it may not start yet.

        :param was_put_off: whether this try has looked already, and has waited in the triggerer since.
        :param start_deadline: until when the start may be put off, if this try has waited for it already.
        :param asked_at: when this try has asked to run it without an answer before it waited, in seconds since 1970.
        """
        from airflow_provider_tingting.campaigns import concurrency
        from airflow_provider_tingting.campaigns.job import CampaignJob, JobState
        from airflow_provider_tingting.campaigns.outcome import check_success_when
        from airflow_provider_tingting.operators.starting import Start, StartDeferred

        if self.on_clear == "send_again":
            raise TingTingConfigError(
                "A campaign can be run only once, so on_clear of this task is reattach or fail. To call people again, "
                'give the task that creates the campaign on_clear="send_again" and clear it.'
            )
        self.on_kill_message = None
        self.apply_on_clear(context, "run the campaign")
        check_success_when(self.success_when)
        plan = self.plan(context)
        number = plan.campaign_id
        self.push_campaign(context, number)
        memory = self.memory(context)
        entry = memory.recall()
        state = JobState.from_json(entry)
        if asked_at is not None and not memory.is_kept:
            state = JobState("running", number, asked_at=asked_at)
        # An entry that is not there tells something only before the first clear: it may have been cleared away.
        is_known = memory.is_kept and (entry is not None or not clear_count(context))
        nobody_asked = is_first_try(context) or is_known

        def know(state: JobState) -> None:
            is_left_alone = nobody_asked and state.phase != "begun" and _asked_at(state) is None
            self.on_kill_message = concurrency.not_run(number) if is_left_alone else None

        def remember(state: JobState) -> None:
            memory.keep(state.to_json())
            know(state)

        job = CampaignJob(state, remember)
        job.attach_to(number)
        know(job.state)
        watch_first = 0.0
        if not is_first_try(context):
            watch_first = _LATER_TRY_WATCHES if memory.is_kept else _BLIND_TRY_WATCHES
        # Once seen un-run, a campaign that has ended since is one that a person has run meanwhile.
        is_first = is_first_try(context) and not was_put_off
        start = Start(self, context, plan, start_deadline, lambda: _asked_at(job.state))
        while True:
            try:
                run = job.run_once(watch_first=watch_first, is_first=is_first, gate=start.gate)
                return run_flow(self.hook.get_conn(), run)
            except StartDeferred as held:
                is_first = False
                start.wait(held)

    def begun(self, context: Context, campaign: Campaign) -> dict[str, Any]:
        """Return the result of a task that does not wait.

        :raises TingTingCampaignError: TingTing has taken the request, but the campaign has not begun or has failed.
        """
        from airflow_provider_tingting.api.statuses import CampaignStatus
        from airflow_provider_tingting.campaigns.job import watch_for_start

        if not campaign.status.has_begun:
            try:
                campaign = run_flow(self.hook.get_conn(), watch_for_start(campaign.id, _SHOWS_WITHIN))
            except TingTingError as error:
                self._fail(context, error, was_shown=False)
        if not campaign.status.has_begun or not campaign.status.is_known:
            said = f"it was asked to run and is {campaign.status}, so whether it has begun is not known. {_NOT_AGAIN}"
            never = TingTingCampaignError(said, campaign_id=campaign.id, status=campaign.status.value)
            self._fail(context, never, was_shown=False)
        if campaign.status is CampaignStatus.TERMINATED:
            raise TingTingCampaignFailedError(
                "it was terminated.", campaign_id=campaign.id, status=campaign.status.value
            )
        self._tell(context, campaign)
        return self._result(context, campaign)

    def plan(self, context: Context) -> WaitPlan:
        """Return what to wait for, with the deadline as a time of the day that no deferral moves.

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

    def wait_here(self, plan: WaitPlan) -> Observation:
        """Wait in this worker; read the connection again once when the token is rejected meanwhile."""
        from airflow_provider_tingting.campaigns.observation import Reason
        from airflow_provider_tingting.campaigns.watch import Progress, watch

        progress = Progress(plan.campaign_id)
        while True:
            try:
                return run_flow(self.hook.get_conn(), watch(plan, self.log, progress))
            except TingTingError as error:
                if not (isinstance(error, TingTingAuthError) and progress.may_read_connection_again()):
                    return progress.seen.ended_by(Reason.REFUSED, error)
            self.log.warning("TingTing rejects the token: reading the connection again")
            self.hook.reload_connection()

    def wait_in_triggerer(self, plan: WaitPlan, *, was_shown: bool) -> NoReturn:
        """Hand the wait over to the triggerer and free this worker.

        :param was_shown: whether TingTing has shown the campaign as begun.
        """
        if self.stop_on_kill and not TRIGGERS_HAVE_ON_KILL:
            self.log.warning(
                "Before Airflow 3.3 a deferred task cannot be told that a person has ended it: campaign %s will then "
                "go on in spite of stop_on_kill. Stop it with a TingTingStopCampaignOperator or in TingTing.",
                plan.campaign_id,
            )
        from airflow_provider_tingting.triggers.campaign import TingTingCampaignTrigger

        late: dict[str, Any] = {} if was_shown else {"was_shown": False}
        defer(
            self,
            TingTingCampaignTrigger(
                campaign_id=plan.campaign_id,
                tingting_conn_id=self.tingting_conn_id,
                poll_interval=plan.poll_interval,
                deadline=plan.deadline,
                tolerate_outage=plan.tolerate_outage,
                stop_on_kill=self.stop_on_kill,
                starts_by=plan.starts_by,
            ),
            plan.deadline,
            **late,
        )

    def finish(self, context: Context, seen: Observation, *, was_shown: bool) -> dict[str, Any]:
        """Judge how the wait has ended; the one place for both paths.

        :param was_shown: whether TingTing had shown the campaign as begun before the wait.
        """
        from airflow_provider_tingting.api.statuses import CampaignStatus
        from airflow_provider_tingting.campaigns.outcome import describe, judge, summarise, summary_figures

        try:
            self._raise_unless_ended(seen)
        except TingTingError as error:
            # Not told to Airflow as hopeless, whatever it is: a retry re-attaches to the campaign.
            shown = was_shown if seen.status is None else CampaignStatus(seen.status).has_begun
            self._fail(context, error, was_shown=shown)
        with self.fail_without_retry():
            campaign = self.hook.get_campaign(seen.campaign_id)
            if campaign.status.is_final:
                self.on_kill_message = f"Campaign {campaign.id} has ended; its figures were being fetched."
            summary = summarise(self.hook.get_conn(), campaign)
            result = self._result(context, campaign) | summary_figures(summary)
            judge(campaign, summary, self.success_when)
            self.log.info("Campaign %s: %s", campaign.id, describe(summary))
            self._tell(context, campaign, summary.to_json())
            self.on_kill_message = None
            return result

    def _fail(self, context: Context, error: TingTingError, *, was_shown: bool) -> NoReturn:
        """Raise an error; without a retry where that would ask TingTing a second time.

        :param was_shown: whether TingTing, which has taken the request, has shown the campaign as begun.
        """
        if was_shown or self.memory(context).is_kept:
            raise error
        raise AirflowFailException(f"{error} {_NO_RETRY}") from error

    def _raise_unless_ended(self, seen: Observation) -> None:
        from airflow_provider_tingting.campaigns.observation import Reason

        if seen.reason is Reason.TIMED_OUT:
            self._time_is_up(seen)
        if seen.reason is Reason.NOT_BEGUN:
            raise TingTingCampaignError(
                f"TingTing took the request to run it, and it still is {seen.status}. {_NOT_AGAIN}",
                campaign_id=seen.campaign_id,
                status=seen.status,
            )
        seen.raise_for_reason()

    def _time_is_up(self, seen: Observation) -> NoReturn:
        from airflow_provider_tingting.campaigns.reconcile import stop

        fate = (
            run_flow(self.hook.get_conn(), stop(seen.campaign_id))
            if self.stop_on_kill
            else "It goes on: stop_on_kill is off, and a retry re-attaches to it."
        )
        raise TingTingCampaignTimeoutError(
            f"it has not ended in time and is {seen.status or 'in an unknown status'} at "
            f"{seen.progress_percent or 0:.0f} %. {fate}",
            campaign_id=seen.campaign_id,
            status=seen.status,
        )

    def _tell(self, context: Context, campaign: Campaign, summary: dict[str, Any] | None = None) -> None:
        outcome: dict[str, Any] = {"campaign_id": campaign.id, "status": campaign.status.value}
        if summary is not None:
            outcome["summary"] = summary
        uri = self.campaign_uri(campaign.id)
        self._lineage = TaskLineage(outputs=(asset_dataset(uri),), figures=outcome)
        emit_asset_events(self, context, outcome, uri=uri, partition_key=self.partition_key)

    def _result(self, context: Context, campaign: Campaign) -> dict[str, Any]:
        context["ti"].xcom_push(key="status", value=campaign.status.value)
        return {
            "campaign_id": campaign.id,
            "status": campaign.status.value,
            "progress_percent": campaign.progress_percent,
            "contacts": campaign.campaign_action_count,
        }

    def on_kill(self) -> None:
        """Stop the campaign if the user chose so, as well as can be in the seconds that Airflow gives."""
        from airflow_provider_tingting import api
        from airflow_provider_tingting.campaigns.reconcile import stop

        if self.on_kill_message is not None:
            self.log.warning("%s", self.on_kill_message)
            return
        if not self.stop_on_kill:
            self.log.warning("Campaign %s goes on: stop_on_kill is off", self.campaign_id)
            return
        arguments = self.hook.settings.client_arguments() | {
            "timeout": _SECONDS_TO_STOP,
            "connect_timeout": _SECONDS_TO_STOP,
            "max_retries": 0,
        }
        with api.TingTingClient(**arguments) as client:
            self.log.warning("%s", run_flow(client, stop(campaign_id_of(self.campaign_id))))


def _asked_at(state: JobState) -> float | None:
    """Return when TingTing was asked to run the campaign without giving an answer, in seconds since 1970, or None."""
    return state.asked_at if state.phase == "running" else None
