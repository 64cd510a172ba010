"""The notifier: phones the person on call, or sends an SMS, when a DAG has failed."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Generator, Mapping, Sequence
from copy import copy
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_tingting._compat import AirflowException, BaseNotifier, redact
from airflow_provider_tingting.api.driver import run_flow, run_flow_async
from airflow_provider_tingting.connection import DEFAULT_CONN_ID
from airflow_provider_tingting.errors import TingTingError
from airflow_provider_tingting.masking import mask_text
from airflow_provider_tingting.utils import argument_checks as check
from airflow_provider_tingting.utils.arguments import ids_of, seconds_of

if TYPE_CHECKING:
    import jinja2

    from airflow_provider_tingting._compat import Context
    from airflow_provider_tingting.api.protocol import Flow
    from airflow_provider_tingting.notifications.notification import Notification

log = logging.getLogger(__name__)

IN_QUIET_HOURS = ("sms", "wait", "silent")
# A template of these that fails costs only the argument: the default is used.
_OPTIONAL = ("message", "voice", "user_phone", "cooldown_key")


class TingTingNotifier(BaseNotifier):
    """Phone the person on call, or send an SMS, through a campaign with one contact.

    For `on_failure_callback` and the other callbacks of a DAG or a task, and for a `DeadlineAlert` (Airflow 3.1 and
    later), in an `AsyncCallback` as well as in a `SyncCallback`.

    A number on the do-not-call list of the connection is passed over, and a list that cannot be read lets no phone
    ring. A notifier never fails a DAG: it logs any error. A template that cannot be rendered costs its own number or
    argument, not the call. Within the cooldown the same notification is sent once, however often and from however many
    processes the notifier is called: TingTing holds the state, in the campaign's description. The notifier waits in its
    process until the contact has answered, for `escalate_after` at most, and logs how the call ended. When the process
    dies meanwhile, the next notification tries the next number.

    Source: API page, Create a campaign, Add multiple contacts, Run campaign, List contacts.

    :param to: the number of the person on call, or several in the order in which they are tried; a text may hold
        several, separated by commas.
    :param message: what is said; None for a sentence that names the DAG, the task and what has happened. Numbers and
        secrets in it are masked, and it is cut after 500 characters.
    :param language: of the sentence that is said when there is no `message`: `ne` or `en`.
    :param services: `PHONE`, `SMS` or `SMS & PHONE`.
    :param voice: who speaks: an id or a display name; None for the account's first voice.
    :param user_phone: id of the caller number to call from; None for the account's first.
    :param escalate_after: seconds, or a timedelta, after which the next number is tried when the contact has not
        answered.
    :param quiet_hours: two times of day in Nepal, such as `("22:00", "06:00")`, between which no phone is to ring;
        None for none.
    :param in_quiet_hours: what happens instead: `sms` (send an SMS), `wait` (TingTing calls when they end) or `silent`.
    :param cooldown: seconds, or a timedelta, for which the same notification is not sent again; 0 to send each.
    :param cooldown_key: what counts as the same notification; None for the DAG and what has happened to it. The same
        text in several DAGs makes them share one cooldown. Other recipients and other services always make another
        notification.
    :param tingting_conn_id: the Airflow connection.
    :param context: given by Airflow.
    :raises TingTingConfigError: an argument that no template fills cannot be used; raised when the DAG is parsed.
    """

    template_fields: Sequence[str] = (
        "tingting_conn_id",
        "to",
        "message",
        "voice",
        "user_phone",
        "cooldown_key",
    )
    argument_checks: ClassVar[Mapping[str, check.Check]] = {
        "to": lambda value, _: _check_recipients(value),
        "message": check.optional(check.text),
        "language": check.choice("ne", "en"),
        "services": check.choice(*check.SERVICES),
        "voice": check.optional(check.text_or_id),
        "user_phone": check.optional(lambda value, _: ids_of(value)),
        "escalate_after": check.seconds,
        "quiet_hours": check.optional(lambda value, _: _check_quiet_hours(value)),
        "in_quiet_hours": check.choice(*IN_QUIET_HOURS),
        "cooldown": check.seconds_or_zero,
        "cooldown_key": check.optional(check.text),
        "tingting_conn_id": check.text,
    }

    def __init__(
        self,
        *,
        to: str | Sequence[str],
        message: str | None = None,
        language: str = "ne",
        services: str = "PHONE",
        voice: str | int | None = None,
        user_phone: int | str | Sequence[int] | None = None,
        escalate_after: float | timedelta = 120.0,
        quiet_hours: Sequence[str] | None = None,
        in_quiet_hours: str = "sms",
        cooldown: float | timedelta = 1800.0,
        cooldown_key: str | None = None,
        tingting_conn_id: str = DEFAULT_CONN_ID,
        context: Context | None = None,
    ) -> None:
        # Airflow 2's takes no context.
        super().__init__()
        self.context = context if context is not None else {}
        self.to = to
        self.message = message
        self.language = language
        self.services = services
        self.voice = voice
        self.user_phone = user_phone
        self.escalate_after = escalate_after
        self.quiet_hours = quiet_hours
        self.in_quiet_hours = in_quiet_hours
        self.cooldown = cooldown
        self.cooldown_key = cooldown_key
        self.tingting_conn_id = tingting_conn_id
        check.check_literals(self, self.argument_checks, self.template_fields)

    def __call__(self, *args: Any) -> None:
        """Notify; Airflow calls this for the callbacks of DAGs and tasks."""
        # Rendering replaces the templates, and one notifier may serve many runs in one process, so a copy is rendered.
        fresh = copy(self)
        try:
            super(TingTingNotifier, fresh).__call__(*args)
        except Exception as error:
            _log_failure(error)

    def __await__(self) -> Generator[Any, None, None]:
        """Notify in the triggerer; Airflow awaits this for the deadlines of DAGs."""
        return self._awaited().__await__()

    async def _awaited(self) -> None:
        fresh = copy(self)
        try:
            context = fresh.context
            fresh._update_context(context)
            fresh.render_template_fields(context)
        except Exception as error:
            _log_failure(error)
            return
        await fresh.async_notify(context)

    def render_template_fields(self, context: Context, jinja_env: jinja2.Environment | None = None) -> None:
        """Render the templates; one that fails is logged, and the argument's default is used.

        Airflow's own method stops at the first that fails, and logs it with the numbers in it.

        :param context: the callback's context.
        :param jinja_env: renders the templates; None for the DAG's.
        :raises Exception: the template of `tingting_conn_id` fails.
        """
        from airflow_provider_tingting.notifications.recipients import fill_in

        # Airflow 2 reads `dag`, which the small context of a deadline lacks.
        context.setdefault("dag", None)  # type: ignore[typeddict-item]
        env = jinja_env or self.get_template_env(dag=context["dag"])

        def render(value: object) -> Any:
            if callable(value):
                return value(context=context, jinja_env=env)
            return self.render_template(value, context, env)

        self.to = fill_in(self.to, render)
        for name in self.template_fields:
            try:
                if name != "to":
                    setattr(self, name, render(getattr(self, name)))
            except Exception as error:
                if name not in _OPTIONAL:
                    raise
                setattr(self, name, None)
                shown = mask_text(str(error))
                log.error("`%s` cannot be rendered, its default is used: %s: %s", name, type(error).__name__, shown)

    def notify(self, context: Context) -> None:
        """Deliver the notification in this process; never raises.

        :param context: the callback's context.
        """
        try:
            hook = self._hook()
            notification = self._allowed(self._notification(context), hook.settings.do_not_call)
            with hook.get_conn() as client:
                run_flow(client, self._delivery(notification))
        except Exception as error:
            _log_failure(error)

    async def async_notify(self, context: Context) -> None:
        """Deliver the notification without blocking the event loop; never raises.

        :param context: the callback's context.
        """
        try:
            hook = self._hook()
            source = (await hook.get_async_settings()).do_not_call
            notification = self._notification(context)
            if source is not None:
                from asgiref.sync import sync_to_async

                # Reading a file or a database blocks, and Airflow's own reads of connections need such a thread.
                notification = await sync_to_async(self._allowed, thread_sensitive=False)(notification, source)
            async with await hook.get_async_conn() as client:
                await run_flow_async(client, self._delivery(notification))
        except Exception as error:
            _log_failure(error)

    def _allowed(self, notification: Notification, source: object) -> Notification:
        """Return the notification with those of its numbers marked that the do-not-call list of the connection names.

        :raises TingTingError: the list cannot be used.
        """
        if source is None:
            return notification
        from airflow_provider_tingting.utils.do_not_call import read_do_not_call

        listed = read_do_not_call(source, self.tingting_conn_id, log)
        found = frozenset(number for number in notification.to if listed is not None and number in listed)
        return replace(notification, do_not_call=found)

    def _hook(self) -> Any:
        from airflow_provider_tingting.hooks.tingting import TingTingHook

        return TingTingHook(self.tingting_conn_id)

    @staticmethod
    def _delivery(notification: Notification) -> Flow[tuple[int, ...]]:
        # Imported here, because a DAG file with a notifier does not need it.
        from airflow_provider_tingting.notifications.deliver import deliver

        return deliver(notification)

    def _notification(self, context: Context) -> Notification:
        from airflow_provider_tingting.notifications.callback_event import (
            CallbackEvent,
            fit_to_speak,
            without_credentials,
        )
        from airflow_provider_tingting.notifications.notification import Notification, QuietHours, key_of
        from airflow_provider_tingting.notifications.recipients import numbers_of

        event = CallbackEvent.read(context)
        numbers = numbers_of(self.to)
        about = self.cooldown_key or f"{event.dag_id or 'a DAG'} {event.event}"
        return Notification(
            # The services as they were asked for: in quiet hours it stays the same notification.
            key=key_of(about, self.services, *numbers),
            about=mask_text(without_credentials(about)),
            to=numbers,
            text=fit_to_speak(str(redact(self.message or event.sentence(self.language)))),
            services=self.services,
            user_phone=ids_of(self.user_phone) if self.user_phone not in (None, "", [], ()) else (),
            voice=self.voice,
            cooldown=seconds_of(self.cooldown, "cooldown", zero=True),
            escalate_after=seconds_of(self.escalate_after, "escalate_after"),
            quiet_hours=QuietHours.read(self.quiet_hours) if self.quiet_hours else None,
            in_quiet_hours=self.in_quiet_hours,
        )


def _check_recipients(value: object) -> None:
    # Imported here, so that only a DAG file with a notifier loads the rules for numbers.
    from airflow_provider_tingting.notifications.recipients import check_recipients

    check_recipients(value)


def _check_quiet_hours(value: Any) -> None:
    from airflow_provider_tingting.notifications.notification import QuietHours

    QuietHours.read(value)


def _log_failure(error: Exception) -> None:
    if isinstance(error, (TingTingError, AirflowException)):
        log.error("The notification was not sent, or not to all recipients. %s", mask_text(str(error)))
    else:
        log.error(
            "The notification was not sent, or not to all recipients. %s: %s",
            type(error).__name__,
            mask_text(str(error)),
        )
        # The frames without the traceback's last line, which may quote a person.
        log.debug("Where it happened: %s", "".join(traceback.format_tb(error.__traceback__)))
