"""Tasks that make a campaign and run it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_tingting._compat import conf
from airflow_provider_tingting.api.driver import run_flow
from airflow_provider_tingting.errors import (
    NON_RETRYABLE,
    TingTingCampaignError,
    TingTingConfigError,
    TingTingValidationError,
)
from airflow_provider_tingting.operators.base import TingTingBaseOperator, TingTingBaseWriteOperator
from airflow_provider_tingting.operators.running import RunningMixin
from airflow_provider_tingting.utils.arguments import (
    OUTSIDE_WINDOW,
    campaign_id_of,
    credit_limit_of,
    ids_of,
    length_factor_of,
    message_of,
    one_of,
    seconds_of,
)
from airflow_provider_tingting.utils.clears import clear_count, is_first_try
from airflow_provider_tingting.utils.run_age import check_may_call

if TYPE_CHECKING:
    from airflow_provider_tingting._compat import Context
    from airflow_provider_tingting.campaigns.calling_window import WindowArgument
    from airflow_provider_tingting.campaigns.job import CampaignSpec, Marker
    from airflow_provider_tingting.campaigns.outcome import SuccessWhen

SERVICES = ("PHONE", "SMS", "SMS & PHONE")


class TingTingCreateCampaignOperator(TingTingBaseWriteOperator):
    """Create a campaign, ready to take contacts.

    A retry never creates a second campaign: the campaign carries a mark of the DAG, run, task and map index in its
    description, and an attempt that finds it uses it again. If it has not begun, it gets the voice and the schedule
    that the task has now; a warning tells of an edited credit limit, which TingTing does not let change. Before
    anything is sent the voice, the schedule and the arguments are checked.

    XCom: `return_value` and `campaign_id` hold the campaign's id.

    Source: API page, Create a campaign and Set voice and category.

    :param name: what people see in TingTing.
    :param services: `PHONE`, `SMS` or `SMS & PHONE`.
    :param user_phone: ids of the caller numbers to call from, as `list_caller_numbers` gives them.
    :param message: what is spoken; `{tags}` are filled for each contact.
    :param sms_message: what is sent as SMS; required for SMS.
    :param description: for your own reference; the task's mark is added to it.
    :param schedule: when to start, as a datetime or a text in ISO 8601. Without an offset it is Nepal time; a bare
        date is midnight there. None starts the campaign when it is run.
    :param on_past_schedule: what to do when the schedule has passed, as for a DAG that is late: `fail`, or `run_now`
        to leave the schedule off. A campaign that an earlier attempt created in time is used whatever the hour.
    :param voice: the voice's id or display name, looked up when the task runs. Without one no voice is set.
    :param category: `Text` or `Audio`; this, `length_factor` and `draft` are set together with the voice.
    :param length_factor: speed of the speech, such as `1.00`.
    :param credit_limit: most credits that the campaign may spend.
    :param draft: whether to leave the campaign as a draft, which cannot be run.
    :param on_clear: what a cleared task does: `reattach` (use the same campaign), `send_again` (a new campaign) or
        `fail`.
    :param tingting_conn_id: the Airflow connection.
    :raises AirflowFailException: an argument, the token or the content is refused, or the campaign of an earlier
        attempt keeps another schedule than the task has now; no retry would help.
    :raises TingTingAPIError: TingTing cannot be reached, or it stays unknown whether the campaign exists.
    """

    template_fields: Sequence[str] = (
        *TingTingBaseOperator.template_fields,
        "name",
        "services",
        "user_phone",
        "message",
        "sms_message",
        "description",
        "schedule",
        "voice",
        "category",
        "length_factor",
        "credit_limit",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {
        "message": "text",
        "sms_message": "text",
        "description": "text",
    }
    # Its only error of this kind: an earlier attempt created a campaign with other content.
    non_retryable = (*NON_RETRYABLE, TingTingCampaignError)

    def __init__(
        self,
        *,
        name: str,
        services: str = "PHONE",
        user_phone: Sequence[int],
        message: str,
        sms_message: str | None = None,
        description: str | None = None,
        schedule: str | datetime | None = None,
        on_past_schedule: str = "fail",
        voice: str | int | None = None,
        category: str = "Text",
        length_factor: str | float | None = None,
        credit_limit: float | None = None,
        draft: bool | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.name = name
        self.services = services
        self.user_phone = user_phone
        self.message = message
        self.sms_message = sms_message
        self.description = description
        self.schedule = schedule
        self.on_past_schedule = on_past_schedule
        self.voice = voice
        self.category = category
        self.length_factor = length_factor
        self.credit_limit = credit_limit
        self.draft = draft

    def execute(self, context: Context) -> int:
        """Create the campaign, or find the one that an earlier attempt created."""
        from airflow_provider_tingting.campaigns.job import CampaignJob, JobState
        from airflow_provider_tingting.campaigns.reconcile import latest_of

        with self.fail_without_retry():
            self.check_templates()
            self.apply_on_clear(context, "create a campaign")
            spec = self._spec()
            memory, marks = self.memory(context), self._marks(spec, context)
            entry = memory.recall()
            if entry is None and len(marks) > 1:
                # Nothing is remembered, and after `send_again` there may be several campaigns: the last one counts.
                latest = run_flow(self.hook.get_conn(), latest_of(spec.name, marks.values()))
                memory.generation = next((each for each, mark in marks.items() if mark == latest), 0)
            job = CampaignJob(JobState.from_json(entry), lambda state: memory.keep(state.to_json()))
            marker = self._mark(spec, context, memory.generation)
            conversation = job.attach_or_create(spec, marker, thorough=not is_first_try(context))
            try:
                campaign = run_flow(self.hook.get_conn(), conversation)
            except TingTingValidationError as error:
                if "user_phone" not in error.fields:
                    raise
                known = ", ".join(str(caller.id) for caller in self.hook.list_caller_numbers()) or "none"
                raise TingTingConfigError(
                    f"{error} user_phone takes the ids of caller numbers, not phone numbers. This account has: {known}."
                ) from error
            self.push_campaign(context, campaign.id)
            return campaign.id

    def _marks(self, spec: CampaignSpec, context: Context) -> dict[int, Marker]:
        """Return the marks of the campaigns that may be this task's, by generation, the last one first."""
        last = clear_count(context)
        first = last if self.on_clear == "send_again" else 0
        return {generation: self._mark(spec, context, generation) for generation in range(last, first - 1, -1)}

    @staticmethod
    def _mark(spec: CampaignSpec, context: Context, generation: int) -> Marker:
        from airflow_provider_tingting.campaigns.job import Marker

        ti = context["ti"]
        return Marker.of(spec, ti.dag_id, ti.run_id, ti.task_id, ti.map_index, generation)

    def _spec(self) -> CampaignSpec:
        from airflow_provider_tingting.campaigns.job import CampaignSpec

        services = " ".join(str(self.services).upper().replace("&", " & ").split())
        if services not in SERVICES:
            raise TingTingConfigError(f"services must be one of {', '.join(SERVICES)}; it is {self.services!r}.")
        for argument, value in (("name", self.name), ("message", self.message)):
            if not str(value or "").strip():
                raise TingTingConfigError(f"{argument} is empty. TingTing requires it for each campaign.")
        if "SMS" in services and not str(self.sms_message or "").strip():
            raise TingTingConfigError(f"sms_message is empty. TingTing requires it when services is {services!r}.")
        if self.category not in ("Text", "Audio"):
            raise TingTingConfigError(f"category must be Text or Audio; it is {self.category!r}.")
        if self.on_past_schedule not in ("fail", "run_now"):
            raise TingTingConfigError(f"on_past_schedule must be fail or run_now; it is {self.on_past_schedule!r}.")
        length_factor = length_factor_of(self.length_factor)
        voiceless = self.voice in (None, "")
        if voiceless and (length_factor is not None or self.draft is not None or self.category != "Text"):
            raise TingTingConfigError(
                "category, length_factor and draft are set together with the voice: give a voice, or leave them off."
            )
        return CampaignSpec(
            name=str(self.name).strip(),
            services=services,
            user_phone=ids_of(self.user_phone),
            message=message_of(self.message),
            sms_message=message_of(self.sms_message),
            description=self.description,
            schedule=self._schedule(),
            run_if_late=self.on_past_schedule == "run_now",
            credit_limit=credit_limit_of(self.credit_limit),
            voice=None if voiceless else self.hook.find_voice(str(self.voice)).id,
            category=self.category,
            length_factor=length_factor,
            draft=self.draft,
        )

    def _schedule(self) -> str | None:
        from airflow_provider_tingting.campaigns.schedule import read_schedule, wire_format

        moment = read_schedule(self.schedule)
        return None if moment is None else wire_format(moment)


class TingTingRunCampaignOperator(RunningMixin):
    """Run a campaign and wait for its end.

    TingTing dials everybody each time it is asked to run, so only a campaign that is `Not Started` is ever run, after
    a fresh look. A retry, and a task that was cleared, re-attach to the campaign and report its real outcome: red
    stays red, and nobody is called again. When the outcome of the run call is unknown, the status is watched for two
    minutes before it is asked again.

    `calling_window`, `max_age` and `one_at_a_time` guard the start and nothing else: they are asked right before each
    request to run. A task that is killed while it waits to start has called nobody, and stops nothing.

    XCom: `return_value` is `{campaign_id, status, progress_percent, contacts, reached, not_reached, pending,
    reach_rate, credits}` (the figures only after waiting); `campaign_id` and `status` are keys of their own too. An
    outlet of the task gets `{campaign_id, status, summary}` in its event's `extra`.

    Source: API page, Run campaign, Get campaign details, Campaign report.

    :param campaign_id: the campaign.
    :param wait_for_completion: whether to wait for the campaign's end; without it the task succeeds once the campaign
        has begun or is scheduled.
    :param deferrable: whether to wait in the triggerer, without holding a worker. Default: Airflow's
        `[operators] default_deferrable`.
    :param poll_interval: the seconds that two looks at the campaign are apart at least.
    :param timeout: how long to wait, in seconds or as a timedelta; None for as long as it takes. The task's
        `execution_timeout` counts too, in both modes.
    :param stop_on_kill: whether to stop the campaign when the task is killed or its time is up. A stopped campaign
        cannot go on, so the default is to let it go on and say so.
    :param success_when: what counts as a success of a `Completed` campaign: the least share of contacts reached, from
        0 to 1, or a function from the campaign's summary to a bool. By default somebody must have been reached.
    :param tolerate_outage: seconds for which TingTing may fail to answer during the wait.
    :param stall_timeout: how long TingTing, once it has taken the request, may leave the campaign `Not Started`, in
        seconds or as a timedelta.
    :param calling_window: the hours in which the campaign may be started, such as `("08:00", "20:00")` in Nepal, or a
        `CallingWindow` with days and a time zone; None for any hour. A campaign that has begun is never held up.
    :param outside_window: what to do at another hour: `wait` until the window opens, or `fail`.
    :param one_at_a_time: whether to wait until no other campaign of the account runs.
    :param start_timeout: how long the start may be put off by these, in seconds or as a timedelta; None for as long as
        it takes. `timeout` begins with the campaign, `execution_timeout` with the task.
    :param max_age: how old the DAG run may be to phone anybody, in seconds or as a timedelta, counted from the end of
        its data interval, or from when it was asked for by hand or by an asset; None for any age.
    :param on_too_old: what to do when it is older: `fail` or `skip`.
    :param partition_key: the partition of the outlets' events, on Airflow 3.3 and later; None for that of the DAG run.
    :param on_clear: what a cleared task does: `reattach` (report the campaign's outcome) or `fail`. To call people
        again, clear the task that creates the campaign with `on_clear="send_again"`.
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

    def execute(self, context: Context) -> dict[str, Any]:
        """Run the campaign unless it has begun, and wait for its end, here or in the triggerer."""
        return self._start_and_wait(context, in_triggerer=self.deferrable)

    def execute_start(
        self,
        context: Context,
        event: Any = None,
        start_deadline: float | None = None,
        asked_at: float | None = None,
    ) -> dict[str, Any]:
        """Start after a wait for the hour or the turn: look at everything anew, whatever the trigger has seen."""
        return self._start_and_wait(
            context,
            in_triggerer=self.deferrable,
            was_put_off=True,
            start_deadline=start_deadline,
            asked_at=asked_at,
        )

    def _start_and_wait(
        self,
        context: Context,
        *,
        in_triggerer: bool,
        **put_off: Any,
    ) -> dict[str, Any]:
        with self.fail_without_retry():
            self.check_templates()
            campaign = self.start(context, **put_off)
            if not self.wait_for_completion:
                return self.begun(context, campaign)
            plan = self.plan(context)
        was_shown = campaign.status.has_begun
        if in_triggerer and not campaign.status.is_final:
            self.wait_in_triggerer(plan, was_shown=was_shown)
        return self.finish(context, self.wait_here(plan), was_shown=was_shown)

    def execute_complete(self, context: Context, event: Any = None, was_shown: bool = True) -> dict[str, Any]:
        """Judge what the trigger has seen."""
        from airflow_provider_tingting.campaigns.observation import Observation

        with self.fail_without_retry():
            number = campaign_id_of(self.campaign_id)
        return self.finish(context, Observation.from_event(event, campaign_id=number), was_shown=was_shown)
