"""What all operators share: the connection, what a retry or a clear means, and errors that Airflow understands."""

from __future__ import annotations

import inspect
import logging
import traceback
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_tingting import api
from airflow_provider_tingting._compat import AirflowFailException, AirflowSkipException, BaseOperator
from airflow_provider_tingting.assets import campaign_uri
from airflow_provider_tingting.connection import DEFAULT_CONN_ID
from airflow_provider_tingting.errors import (
    NON_RETRYABLE,
    TingTingAuthError,
    TingTingError,
    TingTingNoRetriesWarning,
    TingTingRunTooOldError,
)
from airflow_provider_tingting.links.campaign import TingTingCampaignLink, push_link
from airflow_provider_tingting.utils import argument_checks as check
from airflow_provider_tingting.utils.arguments import IDS, check_rendered
from airflow_provider_tingting.utils.clears import ON_CLEAR, ClearPolicy
from airflow_provider_tingting.utils.openlineage import TaskLineage
from airflow_provider_tingting.utils.task_state import was_created_in_this_run

if TYPE_CHECKING:
    from airflow_provider_tingting._compat import BaseOperatorLink, Context
    from airflow_provider_tingting.api.models import Campaign
    from airflow_provider_tingting.campaigns.fetch_report import FetchedReport
    from airflow_provider_tingting.hooks.tingting import TingTingHook
    from airflow_provider_tingting.utils.task_state import TaskState

log = logging.getLogger(__name__)

#: Templated arguments that may hold contacts.
_DATA = frozenset({"contacts", "exclude"})
# Packages whose frames stand between a DAG file and an operator.
_NOT_THE_USERS = frozenset({"airflow", "airflow_provider_tingting"})


class TingTingBaseOperator(BaseOperator):
    """Base of the provider's operators.

    :param tingting_conn_id: the Airflow connection.
    """

    template_fields: Sequence[str] = ("tingting_conn_id",)
    template_fields_renderers: ClassVar[dict[str, str]] = {}
    operator_extra_links: Sequence[BaseOperatorLink] = (TingTingCampaignLink(),)
    ui_color = "#f6d9cf"
    #: What each argument may be; a class adds its own, and its constructor ends with `check_literals`.
    argument_checks: ClassVar[Mapping[str, check.Check]] = {"tingting_conn_id": check.text}
    #: The errors that fail the task without further tries.
    non_retryable: ClassVar[tuple[type[TingTingError], ...]] = tuple(NON_RETRYABLE)
    #: Whether the task changes something at TingTing.
    writes: ClassVar[bool] = False
    # What the task has read and written, for OpenLineage.
    _lineage = TaskLineage()

    def __init__(self, *, tingting_conn_id: str = DEFAULT_CONN_ID, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.tingting_conn_id = tingting_conn_id
        # Airflow passes the default arguments of DAG and task group on to each `__init__`.
        if self.writes and not self.retries and "retries" not in {**(kwargs.get("default_args") or {}), **kwargs}:
            _warn_of_no_retries(self.task_id)

    @classmethod
    def partial(cls, **kwargs: Any) -> Any:
        """Return the operator to be mapped; warn if it has no retries, as for one that is not mapped."""
        made = super().partial(**kwargs)
        if cls.writes and not made.kwargs.get("retries") and "retries" not in kwargs:
            _warn_of_no_retries(kwargs["task_id"])
        return made

    @cached_property
    def hook(self) -> TingTingHook:
        """The hook with this operator's connection."""
        from airflow_provider_tingting.hooks.tingting import TingTingHook

        return TingTingHook(self.tingting_conn_id)

    @contextmanager
    def fail_without_retry(self) -> Iterator[None]:
        """Fail the task without further tries when the error is one that no retry can cure.

        The text of an error of this package says what happened and what to do, so the frames below this one, thirty
        for a refused request, go to the debug log only.
        """
        try:
            yield
        except TingTingError as error:
            if log.isEnabledFor(logging.DEBUG):
                frames = traceback.extract_tb(error.__traceback__)
                places = "; ".join(f"{one.filename}:{one.lineno} {one.name}" for one in frames)
                log.debug("Where it happened: %s", places)
            if not isinstance(error, self.non_retryable):
                # A copy, because contextlib gives the same error its traceback back.
                raise copy(error) from None
            if isinstance(error, TingTingRunTooOldError) and getattr(self, "on_too_old", None) == "skip":
                raise AirflowSkipException(str(error)) from None
            which = f" (Connection {self.tingting_conn_id!r}.)" if isinstance(error, TingTingAuthError) else ""
            raise AirflowFailException(f"{error}{which}") from None

    def check_literals(self) -> None:
        """Check what the DAG file says itself, when it is parsed; templates and XComs are left to `check_templates`.

        :raises TingTingConfigError: an argument has a wrong kind or value.
        """
        check.check_literals(self, self.argument_checks, self.template_fields)

    def check_templates(self) -> None:
        """Check the arguments after rendering, before the first request.

        Ids have readers of their own. Contacts are data, so only a path in their place is checked.

        :raises TingTingConfigError: an argument is the text `None`, still contains a template, or has a wrong kind or
            value.
        """
        rendered = {name: getattr(self, name, None) for name in self.template_fields if name not in IDS}
        check_rendered({name: value for name, value in rendered.items() if name not in _DATA or isinstance(value, str)})
        check.check_all(self, self.argument_checks)

    def get_openlineage_facets_on_complete(self, task_instance: object) -> Any:
        """Return what the task has read and written, for OpenLineage; nothing for a task that failed before.

        :param task_instance: the task instance; not used.
        """
        return self._lineage.to_openlineage()

    def read_campaign(self, context: Context, campaign_id: int) -> Campaign:
        """Return a campaign; read it again for a while when a task of this run has created it and TingTing says 404.

        :param context: the task's context.
        :param campaign_id: the campaign.
        :raises TingTingNotFoundError: TingTing has no such campaign.
        """
        # Imported here, because it loads the models of the API, which a DAG file does not need.
        from airflow_provider_tingting.api.stale_reads import read_existing

        exists = partial(was_created_in_this_run, context, campaign_id)
        return api.run_flow(self.hook.get_conn(), read_existing(campaign_id, exists))

    def record_contacts(self, campaign: Campaign, fetched: FetchedReport) -> None:
        """Record the contacts of a campaign that has ended in the connection's contact log, if it names one.

        :param campaign: the campaign.
        :param fetched: its report, complete.
        :raises TingTingConfigError: the log cannot be used as the connection describes it.
        :raises TingTingReportError: the log's database refuses or cannot be reached; a retry records again.
        """
        from airflow_provider_tingting.utils.connection_contact_log import ConnectionContactLog

        ConnectionContactLog(self.hook.settings, self.tingting_conn_id).record(campaign, fetched, self.log)

    def campaign_uri(self, campaign_id: int) -> str:
        """Return the URI of the campaign's asset."""
        return campaign_uri(self.hook.settings.base_url, campaign_id)

    @staticmethod
    def push_values(context: Context, values: Mapping[str, Any]) -> None:
        """Push each value as an XCom of its own, except None, which Airflow 3.0 cannot store; a missing key reads as
        None.

        :param values: XCom key → value.
        """
        for key, value in values.items():
            if value is not None:
                context["ti"].xcom_push(key=key, value=value)

    def push_campaign(self, context: Context, campaign_id: int) -> None:
        """Push the campaign's id and link as XComs at once, so that a failed task has them too."""
        context["ti"].xcom_push(key="campaign_id", value=campaign_id)
        push_link(context, self.hook.settings.campaign_link(campaign_id))


class TingTingBaseWriteOperator(TingTingBaseOperator):
    """Base of those operators that change something at TingTing.

    :param on_clear: what a task does that a person has cleared: `reattach` (come to the same result and repeat nothing
        that may not be repeated), `send_again` (do it again) or `fail`.
    """

    writes: ClassVar[bool] = True

    argument_checks: ClassVar[Mapping[str, check.Check]] = {
        **TingTingBaseOperator.argument_checks,
        "on_clear": check.choice(*ON_CLEAR),
    }

    def __init__(self, *, on_clear: str = "reattach", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.on_clear = on_clear

    def apply_on_clear(self, context: Context, what: str) -> None:
        """Refuse a cleared task if `on_clear` is `fail`; otherwise log what the cleared task does.

        :param context: the task's context.
        :param what: what the task does, such as `create a campaign`.
        :raises TingTingConfigError: `on_clear` is unknown, or it is `fail` and the task was cleared.
        """
        ClearPolicy(self.on_clear).apply(context, what, self.log)

    def task_state(self, context: Context) -> TaskState:
        """Return the state that earlier tries of this task have saved; empty after a clear with `send_again`."""
        return ClearPolicy(self.on_clear).task_state(context)


def _warn_of_no_retries(task_id: str) -> None:
    """Warn at the line of the DAG file that makes the task."""
    level, frame = 1, inspect.currentframe()
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] in _NOT_THE_USERS:
        level, frame = level + 1, frame.f_back
    warnings.warn(
        f"Task {task_id!r} has no retries: when its worker dies, the task fails, and no task watches its campaign any "
        "more. Set retries=3 and a retry_delay in the DAG's default_args, or retries=0 on the task if that is meant.",
        TingTingNoRetriesWarning,
        stacklevel=level - 1,
    )
