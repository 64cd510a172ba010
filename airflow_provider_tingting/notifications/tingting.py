"""Tells the person on call, by phone or SMS, what has become of a DAG."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Generator, Sequence
from copy import copy
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_tingting._compat import AirflowException, BaseNotifier, redact
from airflow_provider_tingting.api.driver import run_flow, run_flow_async
from airflow_provider_tingting.connection import DEFAULT_CONN_ID
from airflow_provider_tingting.errors import TingTingConfigError, TingTingError
from airflow_provider_tingting.masking import mask_text

if TYPE_CHECKING:
    import jinja2

    from airflow_provider_tingting._compat import Context
    from airflow_provider_tingting.api.protocol import Flow
    from airflow_provider_tingting.notifications.notice import Notice

log = logging.getLogger(__name__)

SERVICES = ("PHONE", "SMS", "SMS & PHONE")
IN_QUIET_HOURS = ("sms", "wait", "silent")
# Without these a notice is as good: somebody is told the usual sentence by the account's first voice.
_SPARED = ("message", "voice", "user_phone", "cooldown_key")


class TingTingNotifier(BaseNotifier):
    """Phone the person on call, or send an SMS, through a campaign with one contact.

    For `on_failure_callback` and the other callbacks of a DAG or a task, and for a `DeadlineAlert` (Airflow 3.1 and
    later), in an `AsyncCallback` as well as in a `SyncCallback`.

    A notifier never fails a DAG: whatever goes wrong is logged in a sentence. A template that cannot be filled in costs
    its own number or argument, not the call. Within the cooldown the same news about the same DAG is told once, however
    often and from however many processes the notifier is called: TingTing keeps that, in the campaign's description.
    When the process dies while it waits for an answer, the next notice tries the next number.

    Source: API page, Create a campaign, Add a single contact, Run campaign, List contacts.

    :param to: the number of the person on call, or several in the order in which they are tried; a text may hold
        several, with commas between.
    :param message: what is said; None for a sentence that names the DAG, the task and what has happened. Numbers and
        secrets in it are masked, and it is cut after 500 characters.
    :param language: of the sentence that is said when there is no `message`: `ne` or `en`.
    :param services: `PHONE`, `SMS` or `SMS & PHONE`.
    :param voice: who speaks: an id or a display name; None for the account's first voice.
    :param user_phone: id of the caller number to call from; None for the account's first.
    :param escalate_after: seconds, or a timedelta, after which the next number is tried when nobody has picked up. The
        notifier waits in its process meanwhile.
    :param quiet_hours: two times of day in Nepal, such as `("22:00", "06:00")`, between which no phone is to ring;
        None for none.
    :param in_quiet_hours: what is done instead: `sms` (send an SMS), `wait` (TingTing calls when they end) or `silent`.
    :param cooldown: seconds, or a timedelta, for which the same news is not told again; 0 to tell it each time.
    :param cooldown_key: what counts as the same news; None for the DAG and what has happened to it. The same text in
        several DAGs makes them share one cooldown. Other people and other services are other news always.
    :param tingting_conn_id: the Airflow connection.
    :param context: given by Airflow.
    :raises TingTingConfigError: `language`, `services`, a time or the quiet hours cannot be used; when the DAG is
        parsed, not when it fails.
    """

    template_fields: Sequence[str] = (
        "tingting_conn_id",
        "to",
        "message",
        "voice",
        "user_phone",
        "cooldown_key",
    )

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
        self._check()

    def __call__(self, *args: Any) -> None:
        """Tell; for the callbacks of DAGs and tasks."""
        # Rendering replaces the templates, and one notifier may serve many runs in one process.
        fresh = copy(self)
        try:
            super(TingTingNotifier, fresh).__call__(*args)
        except Exception as error:
            _tell_failure(error)

    def __await__(self) -> Generator[Any, None, None]:
        """Tell, in the triggerer; for the deadlines of DAGs."""
        return self._awaited().__await__()

    async def _awaited(self) -> None:
        fresh = copy(self)
        try:
            context = fresh.context
            fresh._update_context(context)
            fresh.render_template_fields(context)
        except Exception as error:
            _tell_failure(error)
            return
        await fresh.async_notify(context)

    def render_template_fields(self, context: Context, jinja_env: jinja2.Environment | None = None) -> None:
        """Fill in the templates; what cannot be filled in is named in the log, and its default is used.

        Airflow's own gives up at the first that fails, and logs it with the numbers in it.

        :raises Exception: which connection is to be used cannot be filled in.
        """
        from airflow_provider_tingting.notifications.recipients import fill_in

        # Airflow 2 asks for it, and a deadline's small context has none.
        context.setdefault("dag", None)  # type: ignore[typeddict-item]
        env = jinja_env or self.get_template_env(dag=context["dag"])

        def render(value: Any) -> Any:
            if callable(value):
                return value(context=context, jinja_env=env)
            return self.render_template(value, context, env)

        self.to = fill_in(self.to, render)
        for name in self.template_fields:
            try:
                if name != "to":
                    setattr(self, name, render(getattr(self, name)))
            except Exception as error:
                if name not in _SPARED:
                    raise
                setattr(self, name, None)
                shown = mask_text(str(error))
                log.error("`%s` cannot be filled in, its default is used: %s: %s", name, type(error).__name__, shown)

    def notify(self, context: Context) -> None:
        """Tell, and wait meanwhile; never raises."""
        try:
            told = self._conversation(context)
            with self._hook().get_conn() as client:
                run_flow(client, told)
        except Exception as error:
            _tell_failure(error)

    async def async_notify(self, context: Context) -> None:
        """Tell without blocking the event loop; never raises."""
        try:
            told = self._conversation(context)
            async with await self._hook().get_async_conn() as client:
                await run_flow_async(client, told)
        except Exception as error:
            _tell_failure(error)

    def _hook(self) -> Any:
        from airflow_provider_tingting.hooks.tingting import TingTingHook

        return TingTingHook(self.tingting_conn_id)

    def _conversation(self, context: Context) -> Flow[tuple[int, ...]]:
        from airflow_provider_tingting.notifications.deliver import tell

        return tell(self._notice(context))

    def _notice(self, context: Context) -> Notice:
        from airflow_provider_tingting.notifications.callback_event import CallbackEvent
        from airflow_provider_tingting.notifications.notice import Notice, key_of
        from airflow_provider_tingting.notifications.quiet_hours import QuietHours
        from airflow_provider_tingting.notifications.recipients import numbers_of
        from airflow_provider_tingting.notifications.texts import default_text, fit_to_speak, without_credentials
        from airflow_provider_tingting.utils.arguments import ids_of, seconds_of

        happening = CallbackEvent.read(context)
        text = self.message or default_text(
            happening.event, self.language, dag_id=happening.dag_id, task_id=happening.task_id
        )
        numbers = numbers_of(self.to)
        about = self.cooldown_key or f"{happening.dag_id or 'a DAG'} {happening.event}"
        return Notice(
            # As it is asked for: in quiet hours it stays the same news.
            key=key_of(about, self.services, *numbers),
            about=mask_text(without_credentials(about)),
            to=numbers,
            text=fit_to_speak(str(redact(text))),
            services=self.services,
            user_phone=ids_of(self.user_phone) if self.user_phone not in (None, "", [], ()) else (),
            voice=self.voice,
            cooldown=seconds_of(self.cooldown, "cooldown", zero=True),
            escalate_after=seconds_of(self.escalate_after, "escalate_after"),
            quiet_hours=QuietHours.read(self.quiet_hours) if self.quiet_hours else None,
            in_quiet_hours=self.in_quiet_hours,
        )

    def _check(self) -> None:
        """Refuse what is written wrongly in the DAG file at once, not on the night when it is needed.

        :raises TingTingConfigError: an argument that no template fills cannot be used.
        """
        from airflow_provider_tingting.notifications.quiet_hours import QuietHours
        from airflow_provider_tingting.notifications.texts import LANGUAGES
        from airflow_provider_tingting.utils.arguments import seconds_of

        for argument, allowed in (
            ("language", LANGUAGES),
            ("services", SERVICES),
            ("in_quiet_hours", IN_QUIET_HOURS),
        ):
            if (value := getattr(self, argument)) not in allowed:
                raise TingTingConfigError(f"{argument} must be one of {', '.join(allowed)}; it is {value!r}.")
        if self.quiet_hours is not None:
            QuietHours.read(self.quiet_hours)
        seconds_of(self.cooldown, "cooldown", zero=True)
        seconds_of(self.escalate_after, "escalate_after")


def _tell_failure(error: Exception) -> None:
    if isinstance(error, (TingTingError, AirflowException)):
        log.error("Nobody was told, or not everybody. %s", mask_text(str(error)))
    else:
        log.error("Nobody was told, or not everybody. %s: %s", type(error).__name__, mask_text(str(error)))
        # Without the traceback's own text, which may quote a person.
        log.debug("Where it happened: %s", "".join(traceback.format_tb(error.__traceback__)))
