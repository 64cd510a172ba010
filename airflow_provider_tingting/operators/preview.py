"""Tasks that try a campaign before it is run: a voice preview as an mp3, and a real call to one contact."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_tingting import api
from airflow_provider_tingting._compat import AirflowFailException
from airflow_provider_tingting.errors import (
    TingTingConfigError,
    TingTingContactsError,
    TingTingNeverSentError,
    TingTingOutcomeUnknownError,
    TingTingRefusedError,
    TingTingSourceError,
    TingTingStartRefusedError,
)
from airflow_provider_tingting.masking import mask_text
from airflow_provider_tingting.operators.base import TingTingBaseOperator, TingTingBaseWriteOperator
from airflow_provider_tingting.utils import argument_checks as check
from airflow_provider_tingting.utils.arguments import campaign_id_of, message_of
from airflow_provider_tingting.utils.clears import tries_before_clear
from airflow_provider_tingting.utils.run_age import START_CHECKS, check_calling_window, check_max_age

if TYPE_CHECKING:
    from datetime import timedelta

    from airflow_provider_tingting._compat import Context
    from airflow_provider_tingting.api.models import MessageResponse
    from airflow_provider_tingting.campaigns.calling_window import WindowArgument
    from airflow_provider_tingting.utils.task_state import TaskState

# What a try saves that has certainly not called the contact. It is never renamed, since entries outlive an upgrade.
_NOT_CALLED = "not_called"
_CERTAINLY_NOT_CALLED = (
    TingTingNeverSentError,
    TingTingRefusedError,
    TingTingConfigError,
    TingTingStartRefusedError,
    # The do-not-call list cannot be read.
    TingTingContactsError,
    TingTingSourceError,
)
# Seconds before a request that certainly was not carried out is sent again.
_SEND_AGAIN_AFTER = 3.0


class TingTingPreviewVoiceOperator(TingTingBaseOperator):
    """Let a voice speak a message into an mp3 to listen to. It calls no contact, so a retry simply does it again.

    XCom: `return_value` is `{campaign_id, voice_id, url}`; `url` is a key of its own too.

    Source: API page, Test voice.

    :param campaign_id: the campaign whose message it is.
    :param voice: the voice's id or display name; None for the campaign's own.
    :param message: what to speak; None for the campaign's own message, tags unfilled.
    :param tingting_conn_id: the Airflow connection.
    :raises AirflowFailException: there is no such campaign or voice.
    """

    template_fields: Sequence[str] = (*TingTingBaseOperator.template_fields, "campaign_id", "voice", "message")
    template_fields_renderers: ClassVar[dict[str, str]] = {"message": "text"}
    argument_checks: ClassVar[Mapping[str, check.Check]] = {
        **TingTingBaseOperator.argument_checks,
        "campaign_id": check.an_id,
        "voice": check.optional(check.text_or_id),
        "message": check.optional(check.text),
    }

    def __init__(
        self, *, campaign_id: int | str, voice: str | int | None = None, message: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.campaign_id = campaign_id
        self.voice = voice
        self.message = message
        self.check_literals()

    def execute(self, context: Context) -> dict[str, Any]:
        """Make the preview."""
        from airflow_provider_tingting.api.idempotent_writes import retry_idempotent

        with self.fail_without_retry():
            self.check_templates()
            number = campaign_id_of(self.campaign_id)
            campaign = self.hook.get_campaign(number)
            voice = campaign.voice_id if self.voice in (None, "") else self.hook.find_voice(self.voice).id
            if voice is None:
                raise TingTingConfigError(f"Campaign {number} has no voice yet: give one to preview it with.")
            message = message_of(self.message) or campaign.message
            url = api.run_flow(
                self.hook.get_conn(), retry_idempotent(api.calls.preview_voice(number, voice=voice, message=message))
            )
            self.push_campaign(context, number)
            context["ti"].xcom_push(key="url", value=url)
            return {"campaign_id": number, "voice_id": voice, "url": url}


class TingTingDemoCallOperator(TingTingBaseWriteOperator):
    """Call one contact of a campaign now, so that a person hears the message. The phone rings.

    The call is requested at most once: when it is unknown whether TingTing took it, or whether an earlier try that was
    killed had asked, the task fails without further tries. After a try that has certainly called no contact (a refusal,
    another hour, a connection that cannot be read) a retry or a cleared task calls. Before Airflow 3.3 no later try
    knows of it: the task fails at once and says so, and only `send_again` calls after a clear.

    A contact on the do-not-call list of the connection is not called: the operator reads the list right before the
    request. TingTing does not return the number of a contact alone, so `campaign_id` is required then.

    XCom: `return_value` is `{contact_id, called, message}` with TingTing's message; `called` is false after a clear
    that does not call again.

    Source: API page, Demo call and List contacts.

    :param contact_id: the contact's id, as `iter_contacts` of the hook gives it.
    :param campaign_id: the campaign that has the contact; required when the connection has a do-not-call list.
    :param calling_window: the hours in which the contact may be called, such as `("08:00", "20:00")` in Nepal, or a
        `CallingWindow` with days and a time zone; None for any hour. At another hour the task fails: the person
        who is to hear the call waits for it now.
    :param max_age: how old the DAG run may be to call the contact, in seconds or as a timedelta, counted from the end
        of its data interval, or from when a person or an asset requested it; None for any age.
    :param on_too_old: what to do when it is older: `fail` or `skip`.
    :param on_clear: what a cleared task does: `reattach` (succeed without a call, unless certainly no contact
        was called), `send_again` (call again) or `fail`.
    :param tingting_conn_id: the Airflow connection.
    :raises AirflowFailException: there is no such contact, it is on the do-not-call list, the list cannot be used, the
        hour or the run's age is refused, or the outcome is unknown.
    :raises TingTingSourceError: the database or the storage of the do-not-call list fails; no contact was called.
    :raises AirflowSkipException: the run is too old, and `on_too_old` is `skip`.
    """

    template_fields: Sequence[str] = (*TingTingBaseOperator.template_fields, "contact_id", "campaign_id")
    operator_extra_links = ()
    argument_checks: ClassVar[Mapping[str, check.Check]] = {
        **TingTingBaseWriteOperator.argument_checks,
        **START_CHECKS,
        "contact_id": check.an_id,
        "campaign_id": check.optional(check.an_id),
    }

    def __init__(
        self,
        *,
        contact_id: int | str,
        campaign_id: int | str | None = None,
        calling_window: WindowArgument = None,
        max_age: float | timedelta | None = None,
        on_too_old: str = "fail",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.contact_id = contact_id
        self.campaign_id = campaign_id
        self.calling_window = calling_window
        self.max_age = max_age
        self.on_too_old = on_too_old
        self.check_literals()

    def execute(self, context: Context) -> dict[str, Any]:
        """Request the call, at most once."""
        with self.fail_without_retry():
            self.check_templates()
            self.apply_on_clear(context, "call the contact")
            state = self.task_state(context)
            entry, before_clear = state.load(), tries_before_clear(context)
            # Only an entry shows it: a missing one may have been deleted after a call.
            not_called = entry is not None and entry.get("phase") == _NOT_CALLED
            requested = entry is not None if state.is_available else context["ti"].try_number > before_clear + 1
            number = campaign_id_of(self.contact_id, "contact_id")
            if not_called:
                self.log.info("An earlier try of this task has not called the contact, so this one may")
            elif before_clear and self.on_clear == "reattach":
                return {"contact_id": number, "called": False, "message": ""}
            elif requested:
                raise AirflowFailException(
                    f"An earlier try of this task may have called contact {number}, so it is not called again. To call "
                    'it again set on_clear="send_again" and clear the task.'
                )
            state.save({"phase": _NOT_CALLED})
            check_max_age(context, self.max_age)
            with self._last_try_without_a_store(number, state, Exception):
                client = self.hook.get_conn()
            with self._last_try_without_a_store(number, state, *_CERTAINLY_NOT_CALLED):
                try:
                    response = api.run_flow(client, self._call(number, state))
                except TingTingOutcomeUnknownError as error:
                    raise AirflowFailException(
                        f"Whether contact {number} was called is unknown, so it is not called again. {error}"
                    ) from None
            self.log.info("TingTing has accepted the request to call contact %s", number)
            return {"contact_id": number, "called": True, "message": mask_text(response.message)}

    async def _call(self, number: int, state: TaskState) -> MessageResponse:
        """Request the call; a request that certainly was not carried out is sent again, a few times."""
        from airflow_provider_tingting.campaigns.reconcile import reconcile

        async def prepare() -> None:
            await self._check_do_not_call(number)
            check_calling_window(self.calling_window, "Clear this task after that time." if state.is_available else "")
            state.save({"phase": "calling"})

        async def send() -> MessageResponse:
            return await api.calls.demo_call(number)

        async def check(error: TingTingOutcomeUnknownError) -> MessageResponse | None:
            # TingTing shows nothing of a demo call, so an unknown outcome is final.
            raise error

        try:
            return await reconcile(send, check=check, prepare=prepare, pause=_SEND_AGAIN_AFTER)
        except _CERTAINLY_NOT_CALLED:
            # Saved after the last request: while this try may still send one, another try must not.
            state.save({"phase": _NOT_CALLED})
            raise

    async def _check_do_not_call(self, number: int) -> None:
        """Refuse to call a contact that is on the do-not-call list of the connection.

        :raises TingTingStartRefusedError: it is on the list.
        :raises TingTingConfigError: the list cannot be used, or the contact's number cannot be found.
        """
        from airflow_provider_tingting.contacts import numbers
        from airflow_provider_tingting.utils.do_not_call import read_do_not_call

        read = partial(read_do_not_call, self.hook.settings.do_not_call, self.tingting_conn_id, self.log)
        do_not_call = read()
        if do_not_call is None:
            return
        if self.campaign_id in (None, ""):
            raise TingTingConfigError(
                f"Connection {self.tingting_conn_id!r} has a do-not-call list, and TingTing returns the number of a "
                "contact with its campaign only. Give campaign_id, too. No contact was called."
            )
        campaign_id = campaign_id_of(self.campaign_id)
        pages = api.pagination.Paginator(api.calls.list_contacts(campaign_id))
        for call in pages:
            for contact in pages.new_rows(await call):
                if contact.id != number:
                    continue
                policy = numbers.policy_for(contact.number)
                if policy is None:
                    continue
                # Landlines and numbers of other countries count only for an account that reaches them.
                listed = do_not_call if policy == do_not_call.number_policy else read(number_policy=policy)
                if listed is not None and listed.matches(contact.number):
                    raise TingTingStartRefusedError(
                        f"Contact {number} of campaign {campaign_id} is on the do-not-call list of connection "
                        f"{self.tingting_conn_id!r}, so it was not called."
                    )
                return
        raise TingTingConfigError(
            f"Campaign {campaign_id} has no contact {number} with a number, so whether the contact is on the "
            "do-not-call list is unknown. Correct contact_id or campaign_id. No contact was called."
        )

    @contextmanager
    def _last_try_without_a_store(self, number: int, state: TaskState, *errors: type[Exception]) -> Iterator[None]:
        """Fail without retries where a later try could not know that this one has not called the contact."""
        try:
            yield
        except AirflowFailException:
            raise
        except errors as error:
            if state.is_available:
                raise
            raise AirflowFailException(
                f"{error} Contact {number} was not called. This Airflow (before 3.3) saves nothing between tries, so "
                'there is no retry: to call the contact set on_clear="send_again" and clear the task.'
            ) from None
