"""The sensor that waits for a campaign which something else runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from airflow_provider_tingting import api
from airflow_provider_tingting._compat import (
    AirflowSensorTimeout,
    AirflowSkipException,
    BaseSensorOperator,
    PokeReturnValue,
    conf,
)
from airflow_provider_tingting.api.statuses import CampaignStatus
from airflow_provider_tingting.clock import wall_time
from airflow_provider_tingting.connection import DEFAULT_CONN_ID
from airflow_provider_tingting.errors import (
    TingTingAuthError,
    TingTingCampaignFailedError,
    TingTingConfigError,
    TingTingError,
)
from airflow_provider_tingting.links.campaign import TingTingCampaignLink, push_link
from airflow_provider_tingting.utils import argument_checks as check
from airflow_provider_tingting.utils.arguments import campaign_id_of, flag_of, seconds_of, shown
from airflow_provider_tingting.utils.deferral import deadline_of, defer

if TYPE_CHECKING:
    from airflow_provider_tingting._compat import Context
    from airflow_provider_tingting.campaigns.observation import Observation
    from airflow_provider_tingting.campaigns.watch import WaitPlan


def _statuses_of(value: object, argument: str, *, may_be_empty: bool = True) -> list[CampaignStatus]:
    """Read statuses, which a template may have turned into text.

    :raises TingTingConfigError: one of them is none that TingTing has, or there is none.
    """
    if isinstance(value, str):
        value = [part.strip(" '\"") for part in value.strip("[]() ").split(",") if part.strip()]
    if not isinstance(value, list | tuple | set | frozenset):
        raise TingTingConfigError(f"{argument} must be a list of statuses; it is {shown(value)}.")
    try:
        statuses = [CampaignStatus.from_text(text) for text in value]
    except ValueError as error:
        raise TingTingConfigError(f"{argument}: {error}.") from None
    if not statuses and not may_be_empty:
        raise TingTingConfigError(f"{argument} is empty: give the statuses to wait for.")
    return statuses


class TingTingCampaignSensor(BaseSensorOperator):
    """Wait until a campaign is in one of the wanted statuses.

    The sensor only reads, so a retry and a clear read again, and a kill leaves the campaign as it is. Poke, reschedule
    and deferrable mode behave alike: the task succeeds in a target status. It fails in a failed status, in a final
    status that is not a target, for a campaign that does not exist, and when TingTing rejects the token. With
    `soft_fail` only the time-out skips the task; everything else still fails it. A status that this provider does not
    know ends nothing.

    XCom: `return_value` is `{campaign_id, status, progress_percent, contacts}`.

    Source: API page, Get campaign details.

    :param campaign_id: the campaign.
    :param target_statuses: statuses to wait for, in any case. Default: `Completed`.
    :param failed_statuses: statuses that fail the task, in any case. Default: `Terminated`.
    :param deferrable: whether to wait in the triggerer, without holding a worker. Default: Airflow's
        `[operators] default_deferrable`.
    :param poke_interval: seconds between two reads. Default: Airflow's.
    :param timeout: seconds after which the wait has failed. Default: Airflow's.
    :param tolerate_outage: seconds for which TingTing may fail to respond, from the first read on. Default: 600.
    :param tingting_conn_id: the Airflow connection.
    :raises TingTingCampaignFailedError: the campaign is in a failed status, or can reach no target any more.
    :raises AirflowSensorTimeout: the time is up.
    :raises TingTingAPIError: there is no such campaign, or TingTing does not respond.
    """

    template_fields: Sequence[str] = ("tingting_conn_id", "campaign_id", "target_statuses", "failed_statuses")
    argument_checks: ClassVar[Mapping[str, check.Check]] = {
        "campaign_id": check.an_id,
        "target_statuses": partial(_statuses_of, may_be_empty=False),
        "failed_statuses": _statuses_of,
        "tolerate_outage": check.seconds_or_zero,
        "tingting_conn_id": check.text,
    }
    operator_extra_links = (TingTingCampaignLink(),)
    ui_color = "#f6e8cf"

    def __init__(
        self,
        *,
        campaign_id: int | str,
        target_statuses: Sequence[str] = ("Completed",),
        failed_statuses: Sequence[str] = ("Terminated",),
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        tolerate_outage: float = 600.0,
        tingting_conn_id: str = DEFAULT_CONN_ID,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.campaign_id = campaign_id
        self.target_statuses = target_statuses
        self.failed_statuses = failed_statuses
        self.deferrable = flag_of(deferrable, "deferrable")
        self.tolerate_outage = tolerate_outage
        self.tingting_conn_id = tingting_conn_id
        self._give_up_at: float | None = None
        check.check_literals(self, self.argument_checks, self.template_fields)

    def execute(self, context: Context) -> Any:
        """Wait in this worker; or read the status once, and wait in the triggerer if the wait goes on.

        :param context: the task's context.
        """
        if not self.deferrable:
            self._give_up_at = wall_time() + self.timeout
            return super().execute(context)
        from airflow_provider_tingting.campaigns.observation import Reason

        with self._skipping_if_never_fail():
            plan = self._plan(context)
            # An outage is waited out in the triggerer too, not in this worker.
            seen = self._read(context, replace(plan, tolerate_outage=0.0))
            if seen.reason is not Reason.OUTAGE and (state := self._judge(seen)) is not None:
                return state
        return self._wait_in_triggerer(context, plan)

    def poke(self, context: Context) -> Any:
        """Read the status once, or until TingTing responds, for at most `tolerate_outage`.

        :param context: the task's context.
        """
        plan = replace(self._plan(context), deadline=self._give_up_at)
        state = self._judge(self._read(context, plan))
        return PokeReturnValue(is_done=state is not None, xcom_value=state)

    def execute_complete(self, context: Context, event: object = None) -> dict[str, Any]:
        """Return the result that the trigger's event stands for, or raise.

        :param context: the task's context.
        :param event: the event's payload.
        """
        from airflow_provider_tingting.campaigns.observation import Observation

        with self._skipping_if_never_fail():
            seen = Observation.from_event(event, campaign_id=campaign_id_of(self.campaign_id))
            state = self._judge(seen)
            if state is None:
                raise TingTingCampaignFailedError(
                    f"the wait ended while it was {seen.status}.", campaign_id=seen.campaign_id, status=seen.status
                )
            return state

    def _plan(self, context: Context) -> WaitPlan:
        from airflow_provider_tingting.campaigns.watch import WaitPlan

        check.check_all(self, self.argument_checks)
        targets, failures = self._wanted()
        return WaitPlan(
            campaign_id=campaign_id_of(self.campaign_id),
            until=tuple(status.value for status in (*targets, *failures)),
            poll_interval=seconds_of(self.poke_interval, "poke_interval"),
            deadline=deadline_of(context, self.timeout, self.execution_timeout),
            tolerate_outage=seconds_of(self.tolerate_outage, "tolerate_outage", zero=True),
        )

    def _read(self, context: Context, plan: WaitPlan) -> Observation:
        """Read the status with the connection as it is now, since its token may have been replaced meanwhile."""
        from airflow_provider_tingting.campaigns.observation import Reason
        from airflow_provider_tingting.campaigns.watch import Progress, read_status
        from airflow_provider_tingting.hooks.tingting import TingTingHook

        hook = TingTingHook(self.tingting_conn_id)
        push_link(context, hook.settings.campaign_link(plan.campaign_id))
        progress = Progress(plan.campaign_id)
        with hook.get_conn() as client:
            try:
                seen = api.run_flow(client, read_status(plan, self.log, progress))
            except TingTingAuthError as error:
                return progress.seen.ended_by(Reason.REFUSED, error)
        if seen.reason is Reason.REACHED:
            self.log.info("Campaign %s is %s, %.0f %% done", seen.campaign_id, seen.status, seen.progress_percent or 0)
        return seen

    def _judge(self, seen: Observation) -> dict[str, Any] | None:
        """Return the task's result, None to wait on, or raise."""
        from airflow_provider_tingting.campaigns.observation import Reason

        if seen.reason is Reason.TIMED_OUT:
            self._time_is_up(seen)
        seen.raise_for_reason()
        targets, failures = self._wanted()
        status = CampaignStatus(seen.status or "")
        if status in targets:
            return {
                "campaign_id": seen.campaign_id,
                "status": seen.status,
                "progress_percent": seen.progress_percent,
                "contacts": seen.contacts,
            }
        if status in failures or status.is_final:
            also = "" if status in failures else f" and can no longer become {' or '.join(map(str, targets))}"
            raise TingTingCampaignFailedError(
                f"it is {status}{also}, at {seen.progress_percent or 0:.0f} %.",
                campaign_id=seen.campaign_id,
                status=seen.status,
            )
        return None

    def _wanted(self) -> tuple[list[CampaignStatus], list[CampaignStatus]]:
        targets = _statuses_of(self.target_statuses, "target_statuses", may_be_empty=False)
        return targets, _statuses_of(self.failed_statuses, "failed_statuses")

    def _wait_in_triggerer(self, context: Context, plan: WaitPlan) -> NoReturn:
        from airflow_provider_tingting.triggers.campaign import TingTingCampaignTrigger

        trigger = TingTingCampaignTrigger(
            campaign_id=plan.campaign_id,
            tingting_conn_id=self.tingting_conn_id,
            until=list(plan.until),
            poll_interval=plan.poll_interval,
            deadline=plan.deadline,
            tolerate_outage=plan.tolerate_outage,
        )
        defer(self, context, trigger, plan.deadline)

    def _time_is_up(self, seen: Observation) -> NoReturn:
        wanted = " or ".join(map(str, self._wanted()[0]))
        text = (
            f"Campaign {seen.campaign_id} is {seen.status or 'in an unknown status'} and has not become {wanted} in "
            f"time (timeout={self.timeout:.0f} s)."
        )
        if self.soft_fail:
            raise AirflowSkipException(text)
        raise AirflowSensorTimeout(text)

    @contextmanager
    def _skipping_if_never_fail(self) -> Iterator[None]:
        """Skip the task on errors if `never_fail` is set, as Airflow does for a sensor that is not deferred."""
        try:
            yield
        except TingTingError as error:
            if self.never_fail:
                raise AirflowSkipException(f"Skipped because never_fail is set: {error}") from None
            raise
