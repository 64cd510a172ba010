"""What all operators share: the connection, what a retry or a clear means, and errors that Airflow understands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_tingting._compat import AirflowFailException, BaseOperator
from airflow_provider_tingting.connection import DEFAULT_CONN_ID
from airflow_provider_tingting.errors import (
    TingTingAuthError,
    TingTingConfigError,
    TingTingContactsError,
    TingTingError,
    TingTingNotFoundError,
    TingTingRedirectError,
    TingTingValidationError,
)
from airflow_provider_tingting.links.campaign import TingTingCampaignLink, leave_link

if TYPE_CHECKING:
    from airflow_provider_tingting._compat import BaseOperatorLink, Context
    from airflow_provider_tingting.hooks.tingting import TingTingHook

ON_CLEAR = ("reattach", "send_again", "fail")

# What the same task with the same arguments can never get past: trying again only delays the news.
HOPELESS: tuple[type[TingTingError], ...] = (
    TingTingAuthError,
    TingTingConfigError,
    TingTingContactsError,
    TingTingNotFoundError,
    TingTingRedirectError,
    TingTingValidationError,
)


class TingTingBaseOperator(BaseOperator):
    """Base of the provider's operators.

    :param tingting_conn_id: the Airflow connection.
    """

    template_fields: Sequence[str] = ("tingting_conn_id",)
    template_fields_renderers: ClassVar[dict[str, str]] = {}
    operator_extra_links: Sequence[BaseOperatorLink] = (TingTingCampaignLink(),)
    ui_color = "#f6d9cf"
    #: The errors that fail the task without further tries.
    hopeless: ClassVar[tuple[type[TingTingError], ...]] = HOPELESS

    def __init__(self, *, tingting_conn_id: str = DEFAULT_CONN_ID, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.tingting_conn_id = tingting_conn_id

    @cached_property
    def hook(self) -> TingTingHook:
        """The hook with this operator's connection."""
        from airflow_provider_tingting.hooks.tingting import TingTingHook

        return TingTingHook(self.tingting_conn_id)

    @contextmanager
    def told_to_airflow(self) -> Iterator[None]:
        """Fail the task without further tries when the error is one that no retry can cure."""
        try:
            yield
        except self.hopeless as error:
            raise AirflowFailException(str(error)) from error

    def leave_campaign(self, context: Context, campaign_id: int) -> None:
        """Leave the campaign's id and link as XComs at once, so that a failed task has them too."""
        context["ti"].xcom_push(key="campaign_id", value=campaign_id)
        leave_link(context, self.hook.settings.campaign_link(campaign_id))

    def heed_clear(self, context: Context, on_clear: str, what: str) -> None:
        """Obey `on_clear="fail"`, and say loudly in the log what a cleared task does.

        :raises TingTingConfigError: `on_clear` is unknown, or the task was cleared and is not to run again.
        """
        if on_clear not in ON_CLEAR:
            raise TingTingConfigError(f"on_clear must be one of {', '.join(ON_CLEAR)}; it is {on_clear!r}.")
        if generation_of(context) == 0:
            return
        if on_clear == "fail":
            raise TingTingConfigError(
                f'This task was cleared and on_clear="fail" forbids it to {what} again. Nothing was sent. For the same '
                'campaign use on_clear="reattach", for a new one on_clear="send_again".'
            )
        fate = "its campaign is used again and nobody is called twice"
        self.log.warning(
            "This task was cleared. on_clear=%r: %s",
            on_clear,
            fate if on_clear == "reattach" else f"it will {what} again",
        )


def generation_of(context: Context) -> int:
    """Return how many tries the task had used when a person last cleared it; 0 if nobody has."""
    ti = context["ti"]
    retries = getattr(getattr(ti, "task", None), "retries", None)
    if retries is None:
        retries = context["task"].retries
    return max(0, int(getattr(ti, "max_tries", 0) or 0) - int(retries or 0))
