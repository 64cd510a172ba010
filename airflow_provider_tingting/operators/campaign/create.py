"""The task that creates a campaign."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_tingting import api
from airflow_provider_tingting.errors import (
    NON_RETRYABLE,
    TingTingCampaignError,
    TingTingConfigError,
    TingTingValidationError,
)
from airflow_provider_tingting.operators.base import TingTingBaseOperator, TingTingBaseWriteOperator
from airflow_provider_tingting.utils import argument_checks as check
from airflow_provider_tingting.utils.arguments import (
    credit_limit_of,
    flag_of,
    ids_of,
    length_factor_of,
    message_of,
    occasion_text,
)
from airflow_provider_tingting.utils.clears import is_first_try, was_cleared
from airflow_provider_tingting.utils.run_age import started_at
from airflow_provider_tingting.utils.task_state import OCCASION, generation_of

if TYPE_CHECKING:
    from airflow_provider_tingting._compat import Context
    from airflow_provider_tingting.api.models import Campaign
    from airflow_provider_tingting.campaigns.marker import CampaignSpec, Marker


class TingTingCreateCampaignOperator(TingTingBaseWriteOperator):
    """Create a campaign, ready to take contacts.

    The operator checks the arguments and the schedule, and looks up a voice that is given by its name, before it sends
    anything. TingTing itself checks a voice that is given by its id, once the campaign exists.

    Retry: a retry creates no second campaign. The campaign carries a marker of the DAG, run, task and map index in its
    description, and a try that finds it uses it again. If the campaign has not begun, the operator sets the voice and
    the schedule that the task has now; TingTing does not let a credit limit change, so the operator only logs it.

    Clear: see `on_clear`. Kill: a later try finds what was created.

    Occasion: by default each DAG run has a campaign of its own, so a manual run beside a scheduled one calls the same
    contacts again. With `occasion` all tasks of the DAG that have the same occasion use one campaign, whichever run
    they belong to: the first run calls, each later one reports the outcome. A task with the same occasion and another
    name, message or caller number is refused.

    XCom: `return_value` and `campaign_id` hold the campaign's id; with `occasion` the key `tingting_occasion` holds
    `{campaign_id, occasion, is_own}`.

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
    :param voice: the voice's id, or its display name, which is looked up when the task runs. Without one no voice is
        set.
    :param length_factor: speed of the speech, such as `1.00`; this and `draft` are set together with the voice.
    :param failover_target: the outcomes of a call after which the contact gets `sms_message`: some of `not started`,
        `hungup`, `unanswered`, `failed` and `completed`. Not on TingTing's API page; None to leave it off.
    :param credit_limit: most credits that the campaign may spend.
    :param draft: whether to leave the campaign as a draft, which cannot be run.
    :param occasion: what the campaign is for, as a text that is the same for each run of the occasion, such as
        `"{{ data_interval_end | ds }}"` or `"2026-W48 ward 7"`. In a run without a logical date `data_interval_end` is
        not defined: `"{{ data_interval_end | default(dag_run.run_after, true) | ds }}"` renders there, too. A list of
        texts is joined. Each instance of a mapped task needs an occasion of its own. None for a campaign per DAG run.
    :param purpose: what kind of campaign it is, such as `"reminder"`: `frequency_cap` can count the campaigns of one
        purpose, and the contact log has a column for it. TingTing shows it in the description. None for no purpose.
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
        "length_factor",
        "credit_limit",
        "occasion",
        "purpose",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {
        "message": "text",
        "sms_message": "text",
        "description": "text",
    }
    argument_checks: ClassVar[Mapping[str, check.Check]] = {
        **TingTingBaseWriteOperator.argument_checks,
        "name": check.text,
        "services": check.is_services,
        "user_phone": lambda value, _: ids_of(value),
        "message": check.text,
        "sms_message": check.optional(check.text),
        "description": check.optional(check.text),
        "schedule": check.schedule,
        "on_past_schedule": check.choice("fail", "run_now"),
        "voice": check.optional(check.text_or_id),
        "length_factor": lambda value, _: length_factor_of(value),
        "failover_target": check.optional(check.failover_target),
        "credit_limit": lambda value, _: credit_limit_of(value),
        "occasion": check.optional(check.an_occasion),
        "purpose": check.optional(check.text_or_number),
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
        length_factor: str | float | None = None,
        failover_target: Sequence[str] | None = None,
        credit_limit: float | None = None,
        draft: bool | None = None,
        occasion: str | Sequence[str] | None = None,
        purpose: str | None = None,
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
        self.length_factor = length_factor
        self.failover_target = failover_target
        self.credit_limit = credit_limit
        self.draft = None if draft is None else flag_of(draft, "draft")
        self.occasion = occasion
        self.purpose = purpose
        self.check_literals()
        if not check.is_filled_later([services, sms_message, voice, length_factor]):
            self._check_together()

    def execute(self, context: Context) -> int:
        """Create the campaign, or return the one that an earlier try or another run of the occasion created."""
        from airflow_provider_tingting.campaigns.create import attach_or_create
        from airflow_provider_tingting.campaigns.run import CampaignJob, JobState

        with self.fail_without_retry():
            self.check_templates()
            self.apply_on_clear(context, "create a campaign")
            spec, state = self._spec(), self.task_state(context)
            job = CampaignJob(JobState.from_json(state.load()), lambda new: state.save(new.to_json()))
            # Each clear has a generation of its own. Of an occasion also another run may have created the campaign, and
            # only a task that was cleared creates another one.
            exact = self.on_clear == "send_again" and (self.occasion is None or was_cleared(context))
            marker = self._marker(spec, context)
            # Another run may have created the campaign of the occasion long ago, and a person may have renamed it.
            thorough = self.occasion is not None or not is_first_try(context)
            # The campaign of an occasion may be older than this run.
            since = started_at(context) if self.occasion is None else None
            creation = attach_or_create(job, spec, marker, thorough=thorough, exact=exact, since=since)
            try:
                campaign = api.run_flow(self.hook.get_conn(), creation)
            except TingTingValidationError as error:
                if "voice" in error.fields:
                    # Names the account's voices, unless the voice exists.
                    self.hook.find_voice(str(self.voice))
                if "user_phone" not in error.fields:
                    raise
                known = ", ".join(str(caller.id) for caller in self.hook.list_caller_numbers()) or "none"
                raise TingTingConfigError(
                    f"{error} user_phone takes the ids of caller numbers, not phone numbers. This account has: {known}."
                ) from error
            self.push_campaign(context, campaign.id)
            self._push_occasion(context, campaign, is_own=marker.is_in(campaign.description))
            return campaign.id

    def _marker(self, spec: CampaignSpec, context: Context) -> Marker:
        from airflow_provider_tingting.campaigns.marker import BY, Marker

        ti, generation = context["ti"], generation_of(context)
        if self.occasion is None:
            return Marker.of(spec, ti.dag_id, ti.run_id, ti.task_id, ti.map_index, generation=generation)
        # The tasks of all runs of the DAG share the key; the generation shows which of them has created the campaign.
        own = Marker.of(spec, ti.dag_id, ti.run_id, ti.task_id, ti.map_index).key[:8]
        rank = generation + 1 if self.on_clear == "send_again" and was_cleared(context) else 0
        return Marker.of(spec, ti.dag_id, OCCASION, occasion_text(self.occasion), generation=f"{rank}{BY}{own}")

    def _push_occasion(self, context: Context, campaign: Campaign, *, is_own: bool) -> None:
        """Push which campaign is the one of the occasion, and whether this task has created it."""
        if self.occasion is None:
            return
        context["ti"].xcom_push(
            key=OCCASION, value={"campaign_id": campaign.id, "occasion": occasion_text(self.occasion), "is_own": is_own}
        )
        if campaign.status.has_begun:
            self.log.warning(
                "Campaign %s is the campaign of the occasion %r and is %s: another task has created and run it. This "
                "run calls no contact; the task that runs campaigns reports the outcome of campaign %s",
                campaign.id,
                occasion_text(self.occasion),
                campaign.status,
                campaign.id,
            )

    def _spec(self) -> CampaignSpec:
        from airflow_provider_tingting.campaigns.marker import CampaignSpec
        from airflow_provider_tingting.campaigns.schedule import read_schedule, wire_format

        self._check_together()
        moment = read_schedule(self.schedule)
        return CampaignSpec(
            name=str(self.name).strip(),
            services=check.services_of(self.services),
            user_phone=ids_of(self.user_phone),
            message=message_of(self.message),
            sms_message=message_of(self.sms_message),
            description=self.description,
            schedule=None if moment is None else wire_format(moment),
            run_if_late=self.on_past_schedule == "run_now",
            failover_target=None if self.failover_target is None else tuple(self.failover_target),
            credit_limit=credit_limit_of(self.credit_limit),
            voice=None if self.voice in (None, "") else self._voice_id(),
            length_factor=length_factor_of(self.length_factor),
            draft=self.draft,
            purpose=None if self.purpose is None else " ".join(str(self.purpose).split()) or None,
            occasion=None if self.occasion is None else occasion_text(self.occasion),
        )

    def _voice_id(self) -> int:
        text = str(self.voice).strip()
        return int(text) if text.isascii() and text.isdecimal() else self.hook.find_voice(text).id

    def _check_together(self) -> None:
        """Check the arguments that need one another."""
        services = check.services_of(self.services)
        if "SMS" in services and not str(self.sms_message or "").strip():
            raise TingTingConfigError(f"sms_message is empty. TingTing requires it when services is {services!r}.")
        if self.failover_target and not str(self.sms_message or "").strip():
            raise TingTingConfigError("failover_target sends the campaign's SMS, and sms_message is empty.")
        if self.voice in (None, "") and (self.length_factor not in (None, "") or self.draft is not None):
            raise TingTingConfigError(
                "length_factor and draft are set together with the voice: give a voice, or leave them off."
            )
