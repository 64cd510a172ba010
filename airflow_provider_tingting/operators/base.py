"""What all operators share: the connection, what a retry or a clear means, and errors that Airflow understands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_tingting._compat import AirflowFailException, BaseOperator
from airflow_provider_tingting.assets import campaign_uri
from airflow_provider_tingting.connection import DEFAULT_CONN_ID
from airflow_provider_tingting.errors import (
    NON_RETRYABLE,
    TingTingAuthError,
    TingTingConfigError,
    TingTingError,
)
from airflow_provider_tingting.links.campaign import TingTingCampaignLink, push_link
from airflow_provider_tingting.utils.arguments import check_rendered
from airflow_provider_tingting.utils.task_state import TaskState

if TYPE_CHECKING:
    from airflow_provider_tingting._compat import BaseOperatorLink, Context
    from airflow_provider_tingting.hooks.tingting import TingTingHook

#: Templated arguments that `check_templates` leaves to their own readers.
_IDS = frozenset({"campaign_id", "contact_id", "survey_id"})
#: Templated arguments that may hold contacts.
_DATA = frozenset({"contacts", "exclude"})

ON_CLEAR = ("reattach", "send_again", "fail")


class TingTingBaseOperator(BaseOperator):
    """Base of the provider's operators.

    :param tingting_conn_id: the Airflow connection.
    """

    template_fields: Sequence[str] = ("tingting_conn_id",)
    template_fields_renderers: ClassVar[dict[str, str]] = {}
    operator_extra_links: Sequence[BaseOperatorLink] = (TingTingCampaignLink(),)
    ui_color = "#f6d9cf"
    #: The errors that fail the task without further tries.
    non_retryable: ClassVar[tuple[type[TingTingError], ...]] = tuple(NON_RETRYABLE)
    # What OpenLineage asks for after the task.
    _outcome: Any = None

    def __init__(self, *, tingting_conn_id: str = DEFAULT_CONN_ID, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.tingting_conn_id = tingting_conn_id

    @cached_property
    def hook(self) -> TingTingHook:
        """The hook with this operator's connection."""
        from airflow_provider_tingting.hooks.tingting import TingTingHook

        return TingTingHook(self.tingting_conn_id)

    @contextmanager
    def fail_without_retry(self) -> Iterator[None]:
        """Fail the task without further tries when the error is one that no retry can cure."""
        try:
            yield
        except self.non_retryable as error:
            which = f" (Connection {self.tingting_conn_id!r}.)" if isinstance(error, TingTingAuthError) else ""
            raise AirflowFailException(f"{error}{which}") from error

    def check_templates(self) -> None:
        """Refuse templated arguments that rendered to nothing, before the first request.

        Ids have readers of their own. Contacts are data, so only a path in their place is checked.

        :raises TingTingConfigError: an argument is the text `None` or still contains a template.
        """
        rendered = {name: getattr(self, name, None) for name in self.template_fields if name not in _IDS}
        check_rendered({name: value for name, value in rendered.items() if name not in _DATA or isinstance(value, str)})

    def campaign_uri(self, campaign_id: int) -> str:
        """Return the URI of the campaign's asset."""
        return campaign_uri(self.hook.settings.base_url, campaign_id)

    @staticmethod
    def push_values(context: Context, values: Mapping[str, Any]) -> None:
        """Leave each value as an XCom of its own; not None, which Airflow 3.0 cannot store: no key reads the same."""
        for key, value in values.items():
            if value is not None:
                context["ti"].xcom_push(key=key, value=value)

    def push_campaign(self, context: Context, campaign_id: int) -> None:
        """Leave the campaign's id and link as XComs at once, so that a failed task has them too."""
        context["ti"].xcom_push(key="campaign_id", value=campaign_id)
        push_link(context, self.hook.settings.campaign_link(campaign_id))


class TingTingBaseWriteOperator(TingTingBaseOperator):
    """Base of those operators that change something at TingTing.

    :param on_clear: what a task does that a person has cleared: `reattach` (come to the same result and repeat nothing
        that may not be repeated), `send_again` (do it anew) or `fail`.
    """

    def __init__(self, *, on_clear: str = "reattach", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.on_clear = on_clear

    def apply_on_clear(self, context: Context, what: str) -> None:
        """Obey `on_clear="fail"`, and say loudly in the log what a cleared task does.

        :raises TingTingConfigError: `on_clear` is unknown, or the task was cleared and is not to run again.
        """
        if self.on_clear not in ON_CLEAR:
            raise TingTingConfigError(f"on_clear must be one of {', '.join(ON_CLEAR)}; it is {self.on_clear!r}.")
        if clear_count(context) == 0:
            return
        if self.on_clear == "fail":
            raise TingTingConfigError(
                f'This task was cleared and on_clear="fail" forbids it to {what} again. Nothing was sent. To come to '
                'the same result without repeating it use on_clear="reattach", to do it anew "send_again".'
            )
        if self.on_clear == "reattach":
            self.log.warning(
                "This task was cleared. on_clear='reattach': it does not %s again, and nobody is called twice. To do "
                "it anew, set on_clear='send_again' and clear it once more.",
                what,
            )
        else:
            self.log.warning("This task was cleared. on_clear='send_again': it will %s again", what)

    def memory(self, context: Context) -> TaskState:
        """Return what this task remembers between its tries; doing it anew begins without memory."""
        return TaskState(context, clear_count(context) if self.on_clear == "send_again" else None)


def clear_count(context: Context) -> int:
    """Return how many tries the task had used when a person last cleared it; 0 if nobody has."""
    ti = context["ti"]
    retries = getattr(getattr(ti, "task", None), "retries", None)
    if retries is None:
        retries = context["task"].retries
    used = int(getattr(ti, "max_tries", 0) or 0) - int(retries or 0)
    # Each try after a clear has a higher number; without one the DAG's `retries` were lowered meanwhile.
    return used if 0 < used < int(ti.try_number or 1) else 0


def is_first_try(context: Context) -> bool:
    """Whether nothing can have happened yet: the first try of a task that nobody has cleared."""
    return int(context["ti"].try_number or 1) <= 1 and clear_count(context) == 0
