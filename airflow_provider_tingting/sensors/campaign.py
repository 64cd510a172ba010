"""Waits for a campaign that something else runs. Only ever reads."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from airflow_provider_tingting._compat import (
    AirflowSensorTimeout,
    AirflowSkipException,
    BaseSensorOperator,
    PokeReturnValue,
    conf,
)
from airflow_provider_tingting.connection import DEFAULT_CONN_ID
from airflow_provider_tingting.errors import (
    TingTingCampaignFailedError,
    TingTingConfigError,
)
from airflow_provider_tingting.links.campaign import TingTingCampaignLink, leave_link
from airflow_provider_tingting.operators.arguments import campaign_id_of
from airflow_provider_tingting.operators.running import defer

if TYPE_CHECKING:
    from airflow_provider_tingting._compat import Context
    from airflow_provider_tingting.api.statuses import CampaignStatus
    from airflow_provider_tingting.waiting import Observation


class TingTingCampaignSensor(BaseSensorOperator):
    """Wait until a campaign is in one of the wanted statuses. It never writes, so a retry only looks again.

    In poke, reschedule and deferrable mode alike: the task succeeds in a target status; it fails in a failed status,
    in any final status that can no longer become a target, for a campaign that does not exist, and when TingTing
    refuses the token. With `soft_fail` only the time-out skips the task; everything else still fails it. A status
    this provider does not know is waited through.

    XCom: `return_value` is `{campaign_id, status, progress_percent, contacts}`.

    Source: API page, Get campaign details.

    :param campaign_id: the campaign.
    :param target_statuses: statuses that are waited for, whatever the case.
    :param failed_statuses: statuses that fail the task.
    :param deferrable: whether to wait in the triggerer, without holding a worker. Default: Airflow's
        `[operators] default_deferrable`.
    :param poke_interval: seconds between two looks.
    :param timeout: seconds after which the wait has failed.
    :param tolerate_outage: seconds for which TingTing may fail to answer, when deferrable.
    :param tingting_conn_id: the Airflow connection.
    :raises TingTingCampaignFailedError: the campaign is in a failed status, or can reach no target any more.
    :raises AirflowSensorTimeout: the time is up.
    :raises TingTingAPIError: there is no such campaign, or TingTing does not answer.
    """

    template_fields: Sequence[str] = ("tingting_conn_id", "campaign_id", "target_statuses", "failed_statuses")
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
        self.deferrable = deferrable
        self.tolerate_outage = tolerate_outage
        self.tingting_conn_id = tingting_conn_id

    def execute(self, context: Context) -> Any:
        """Wait here, or look once and wait in the triggerer."""
        if not self.deferrable:
            return super().execute(context)
        state = self._look(context)
        if state is not None:
            return state
        return self._wait_in_triggerer()

    def poke(self, context: Context) -> Any:
        """Look once."""
        state = self._look(context)
        return PokeReturnValue(is_done=state is not None, xcom_value=state)

    def execute_complete(self, context: Context, event: Any = None) -> dict[str, Any]:
        """Judge what the trigger has seen."""
        from airflow_provider_tingting.waiting import Observation, Reason

        seen = Observation.from_event(event)
        if seen.reason is Reason.TIMED_OUT:
            return self._time_is_up(seen)
        seen.raise_trouble()
        state = self._judge(seen)
        if state is None:
            raise TingTingCampaignFailedError(
                f"the wait ended while it was {seen.status}.", campaign_id=seen.campaign_id, status=seen.status
            )
        return state

    def _look(self, context: Context) -> dict[str, Any] | None:
        from airflow_provider_tingting.hooks.tingting import TingTingHook
        from airflow_provider_tingting.waiting import observe

        number = campaign_id_of(self.campaign_id)
        self._wanted()
        hook = TingTingHook(self.tingting_conn_id)
        leave_link(context, hook.settings.campaign_link(number))
        seen = observe(hook.get_campaign(number))
        self.log.info("Campaign %s is %s, %.0f %% done", number, seen.status, seen.progress_percent or 0)
        return self._judge(seen)

    def _judge(self, seen: Observation) -> dict[str, Any] | None:
        """Return the task's result, None to wait on, or raise."""
        from airflow_provider_tingting.api.statuses import CampaignStatus

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
        from airflow_provider_tingting.api.statuses import CampaignStatus

        def read(argument: str) -> list[CampaignStatus]:
            given = getattr(self, argument)
            try:
                return [CampaignStatus.named(text) for text in ([given] if isinstance(given, str) else given)]
            except ValueError as error:
                raise TingTingConfigError(f"{argument}: {error}.") from None

        targets, failures = read("target_statuses"), read("failed_statuses")
        if not targets:
            raise TingTingConfigError("target_statuses is empty: give the statuses to wait for.")
        return targets, failures

    def _wait_in_triggerer(self) -> NoReturn:
        from airflow_provider_tingting.triggers.campaign import TingTingCampaignTrigger

        targets, failures = self._wanted()
        deadline = time.time() + float(self.timeout)
        trigger = TingTingCampaignTrigger(
            campaign_id=campaign_id_of(self.campaign_id),
            tingting_conn_id=self.tingting_conn_id,
            until=[status.value for status in (*targets, *failures)],
            poll_interval=float(self.poke_interval),
            deadline=deadline,
            tolerate_outage=float(self.tolerate_outage),
        )
        defer(self, trigger, deadline)

    def _time_is_up(self, seen: Observation) -> NoReturn:
        wanted = " or ".join(map(str, self._wanted()[0]))
        text = f"Campaign {seen.campaign_id} is {seen.status} and has not become {wanted} in {self.timeout:.0f} s."
        if self.soft_fail:
            raise AirflowSkipException(text)
        raise AirflowSensorTimeout(text)
