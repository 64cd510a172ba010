"""A task that changes fields of a campaign."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_tingting import api
from airflow_provider_tingting.errors import (
    TingTingConfigError,
)
from airflow_provider_tingting.operators.base import TingTingBaseOperator, TingTingBaseWriteOperator
from airflow_provider_tingting.utils import argument_checks as check
from airflow_provider_tingting.utils.arguments import campaign_id_of, message_of

if TYPE_CHECKING:
    from airflow_provider_tingting._compat import Context


class TingTingUpdateCampaignOperator(TingTingBaseWriteOperator):
    """Change fields of a campaign. Doing it again does no harm, so a retry does.

    XCom: `return_value` is `{campaign_id, updated}` with the names of the fields.

    Source: API page, Update a campaign.

    :param campaign_id: the campaign.
    :param name: its new name.
    :param services: `PHONE`, `SMS` or `SMS & PHONE`.
    :param message: what is spoken.
    :param sms_message: what is sent as SMS.
    :param failover_target: the outcomes of a call after which the contact gets the SMS, as in
        `TingTingCreateCampaignOperator`; an empty list to send none.
    :param schedule: when to start, as in `TingTingCreateCampaignOperator`.
    :param on_clear: what a cleared task does: `reattach` and `send_again` do it again, which does no harm; `fail`.
    :param tingting_conn_id: the Airflow connection.
    :raises AirflowFailException: nothing to change, or TingTing refuses.
    """

    template_fields: Sequence[str] = (
        *TingTingBaseOperator.template_fields,
        "campaign_id",
        "name",
        "services",
        "message",
        "sms_message",
        "schedule",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"message": "text", "sms_message": "text"}
    argument_checks: ClassVar[Mapping[str, check.Check]] = {
        **TingTingBaseWriteOperator.argument_checks,
        "campaign_id": check.an_id,
        "name": check.optional(check.text, may_be_empty=False),
        "services": check.optional(check.is_services, may_be_empty=False),
        "message": check.optional(check.text, may_be_empty=False),
        "sms_message": check.optional(check.text, may_be_empty=False),
        "schedule": check.schedule,
        "failover_target": check.optional(check.failover_target),
    }

    def __init__(
        self,
        *,
        campaign_id: int | str,
        name: str | None = None,
        services: str | None = None,
        message: str | None = None,
        sms_message: str | None = None,
        schedule: str | datetime | None = None,
        failover_target: Sequence[str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.campaign_id = campaign_id
        self.name = name
        self.services = services
        self.message = message
        self.sms_message = sms_message
        self.schedule = schedule
        self.failover_target = failover_target
        self.check_literals()

    def execute(self, context: Context) -> dict[str, Any]:
        """Send the fields that are given."""
        from airflow_provider_tingting.api.idempotent_writes import retry_idempotent
        from airflow_provider_tingting.campaigns.create import set_failover_target
        from airflow_provider_tingting.campaigns.schedule import read_schedule, wire_format

        with self.fail_without_retry():
            self.check_templates()
            self.apply_on_clear(context, "update the campaign")
            number = campaign_id_of(self.campaign_id)
            moment = read_schedule(self.schedule)
            wanted = {
                "name": self.name,
                "services": None if self.services is None else check.services_of(self.services),
                "message": message_of(self.message),
                "sms_message": message_of(self.sms_message),
                "schedule": None if moment is None else wire_format(moment),
            }
            fields = {name: value for name, value in wanted.items() if value is not None}
            if not fields and self.failover_target is None:
                names = ", ".join([*wanted, "failover_target"])
                raise TingTingConfigError(f"There is nothing to change: give at least one of {names}.")
            client, updated = self.hook.get_conn(), sorted(fields)
            if fields:
                api.run_flow(client, retry_idempotent(api.calls.update_campaign(number, **fields)))
            if self.failover_target is not None:
                api.run_flow(client, set_failover_target(number, tuple(self.failover_target)))
                updated.append("failover_target")
            self.push_campaign(context, number)
            return {"campaign_id": number, "updated": updated}
