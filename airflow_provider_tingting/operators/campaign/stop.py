"""A task that stops a campaign."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_tingting import api
from airflow_provider_tingting.errors import (
    TingTingCampaignError,
    TingTingConfigError,
    TingTingRefusedError,
)
from airflow_provider_tingting.operators.base import TingTingBaseOperator, TingTingBaseWriteOperator
from airflow_provider_tingting.utils import argument_checks as check
from airflow_provider_tingting.utils.arguments import campaign_id_of
from airflow_provider_tingting.utils.clears import is_first_try, was_cleared
from airflow_provider_tingting.utils.task_state import TaskState

if TYPE_CHECKING:
    from airflow_provider_tingting._compat import Context


class TingTingStopCampaignOperator(TingTingBaseWriteOperator):
    """Stop a campaign for good: the remaining contacts stay uncalled. A campaign that has ended is left alone.

    XCom: `return_value` is `{campaign_id, status, stopped}`; `stopped` is false when it had ended by itself.
    A retry of a try that was killed right after TingTing carried out its stop says true.

    Source: the vendor's client; the API page has no such call.

    :param campaign_id: the campaign.
    :param on_clear: what a cleared task does: `reattach` and `send_again` do it again, which does no harm; `fail`.
    :param tingting_conn_id: the Airflow connection.
    :raises AirflowFailException: there is no such campaign, or TingTing cannot stop it.
    """

    template_fields: Sequence[str] = (*TingTingBaseOperator.template_fields, "campaign_id")
    argument_checks: ClassVar[Mapping[str, check.Check]] = {
        **TingTingBaseWriteOperator.argument_checks,
        "campaign_id": check.an_id,
    }

    def __init__(self, *, campaign_id: int | str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.campaign_id = campaign_id
        self.check_literals()

    def execute(self, context: Context) -> dict[str, Any]:
        """Stop the campaign unless it has ended, and read its status again."""
        from airflow_provider_tingting.api.statuses import CampaignStatus
        from airflow_provider_tingting.campaigns.reconcile import request_stop, status_after_stop

        with self.fail_without_retry():
            self.check_templates()
            self.apply_on_clear(context, "stop the campaign")
            number = campaign_id_of(self.campaign_id)
            self.push_campaign(context, number)
            campaign = self.hook.get_campaign(number)
            state = TaskState(context)
            requested = not is_first_try(context)
            if state.is_available and not was_cleared(context):
                # The entry is certain only for a retry: the entry of a task that has succeeded may have been deleted.
                requested = (state.load() or {}).get("campaign_id") == number
            if not campaign.status.is_final:
                state.save({"phase": "stopping", "campaign_id": number})
                requested = True
                try:
                    ended = api.run_flow(self.hook.get_conn(), request_stop(number))
                except TingTingRefusedError as refusal:
                    if refusal.status_code not in (404, 405):
                        raise
                    raise TingTingConfigError(
                        f"Campaign {number} is {campaign.status} and cannot be stopped: TingTing offers no stop for "
                        "it. Stop it in TingTing itself."
                    ) from refusal
                if ended is None:
                    status = api.run_flow(self.hook.get_conn(), status_after_stop(number))
                    if not status.is_final:
                        raise TingTingCampaignError(
                            f"TingTing accepted the request to stop it, but it still is {status}. Check it there.",
                            campaign_id=number,
                            status=status.value,
                        )
                    ended = self.hook.get_campaign(number)
                campaign = ended
            # The status is final although the stop was refused or an earlier try was killed before it returned: either
            # the campaign has ended by itself, or the stop was carried out.
            stopped = requested and campaign.status is not CampaignStatus.COMPLETED
            return {"campaign_id": number, "status": campaign.status.value, "stopped": stopped}
