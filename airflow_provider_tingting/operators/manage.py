"""Tasks that change a campaign that exists: update, stop, delete."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_tingting import api
from airflow_provider_tingting._compat import AirflowSkipException
from airflow_provider_tingting.errors import (
    TingTingCampaignError,
    TingTingConfigError,
    TingTingNotFoundError,
    TingTingRefusedError,
)
from airflow_provider_tingting.operators.base import TingTingBaseOperator, TingTingBaseWriteOperator
from airflow_provider_tingting.utils import argument_checks as check
from airflow_provider_tingting.utils.arguments import campaign_id_of, message_of
from airflow_provider_tingting.utils.clears import is_first_try, was_cleared
from airflow_provider_tingting.utils.task_state import TaskState

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
        from airflow_provider_tingting.api.idempotent_writes import retry_idempotent
        from airflow_provider_tingting.api.statuses import CampaignStatus
        from airflow_provider_tingting.campaigns.reconcile import status_after_stop

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
                refusal: TingTingRefusedError | None = None
                try:
                    api.run_flow(self.hook.get_conn(), retry_idempotent(api.calls.stop_campaign(number)))
                except TingTingRefusedError as error:
                    refusal = error
                campaign = self.hook.get_campaign(number)
                if refusal is not None and not campaign.status.is_final:
                    if refusal.status_code not in (404, 405):
                        raise refusal
                    raise TingTingConfigError(
                        f"Campaign {number} is {campaign.status} and cannot be stopped: TingTing offers no stop for "
                        "it. Stop it in TingTing itself."
                    ) from refusal
                if refusal is None and not campaign.status.is_final:
                    status = api.run_flow(self.hook.get_conn(), status_after_stop(number))
                    if not status.is_final:
                        raise TingTingCampaignError(
                            f"TingTing accepted the request to stop it, but it still is {status}. Check it there.",
                            campaign_id=number,
                            status=status.value,
                        )
                    campaign = self.hook.get_campaign(number)
            # The status is final although the stop was refused or an earlier try was killed before it returned: either
            # the campaign has ended by itself, or the stop was carried out.
            stopped = requested and campaign.status is not CampaignStatus.COMPLETED
            return {"campaign_id": number, "status": campaign.status.value, "stopped": stopped}


class TingTingDeleteCampaignOperator(TingTingBaseWriteOperator):
    """Delete a campaign with its contacts. A retry that finds it gone succeeds.

    XCom: `return_value` is `{campaign_id, deleted}`; `deleted` is false when it was gone already.

    Source: API page, Delete a campaign.

    :param campaign_id: the campaign.
    :param missing_ok: whether a campaign that does not exist is fine at the first try too; with no id at all, as from a
        template that names a campaign only sometimes, the task is then skipped.
    :param unless_run: leave a campaign alone that was ever run, with its results; the task is then skipped.
    :param on_clear: what a cleared task does: `reattach` and `send_again` do it again, which does no harm; `fail`.
    :param tingting_conn_id: the Airflow connection.
    :raises AirflowFailException: there is no such campaign.
    """

    template_fields: Sequence[str] = (*TingTingBaseOperator.template_fields, "campaign_id")
    argument_checks: ClassVar[Mapping[str, check.Check]] = {
        **TingTingBaseWriteOperator.argument_checks,
        # `missing_ok` allows for none.
        "campaign_id": check.id_or_nothing,
    }

    def __init__(
        self, *, campaign_id: int | str, missing_ok: bool = False, unless_run: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.campaign_id = campaign_id
        self.missing_ok = check.flag_of(missing_ok, "missing_ok")
        self.unless_run = check.flag_of(unless_run, "unless_run")
        self.check_literals()
        if not self.missing_ok and not check.is_filled_later(campaign_id):
            campaign_id_of(campaign_id)

    def execute(self, context: Context) -> dict[str, Any]:
        """Delete the campaign."""
        from airflow_provider_tingting.campaigns.reconcile import delete

        with self.fail_without_retry():
            self.check_templates()
            self.apply_on_clear(context, "delete the campaign")
            if self.missing_ok and self.campaign_id in (None, "", "None"):
                raise AirflowSkipException("There is no campaign to delete.")
            number = campaign_id_of(self.campaign_id)
            try:
                if self.unless_run and (status := self.hook.get_campaign(number).status).has_begun:
                    raise AirflowSkipException(f"Campaign {number} is {status}: it was run, so it is not deleted.")
                api.run_flow(self.hook.get_conn(), delete(number))
            except TingTingNotFoundError:
                # An earlier try may have deleted it and been killed before it could say so.
                if not self.missing_ok and is_first_try(context):
                    raise
                self.log.info("Campaign %s does not exist (any more)", number)
                return {"campaign_id": number, "deleted": False}
            return {"campaign_id": number, "deleted": True}
