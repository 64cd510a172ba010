"""A task that deletes a campaign."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_tingting import api
from airflow_provider_tingting._compat import AirflowSkipException
from airflow_provider_tingting.errors import (
    TingTingNotFoundError,
)
from airflow_provider_tingting.operators.base import TingTingBaseOperator, TingTingBaseWriteOperator
from airflow_provider_tingting.utils import argument_checks as check
from airflow_provider_tingting.utils.arguments import campaign_id_of, flag_of
from airflow_provider_tingting.utils.clears import is_first_try

if TYPE_CHECKING:
    from airflow_provider_tingting._compat import Context


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
        self.missing_ok = flag_of(missing_ok, "missing_ok")
        self.unless_run = flag_of(unless_run, "unless_run")
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
