"""The operator that splits an audience into several campaigns, each of which ends within one calling window."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_tingting import api
from airflow_provider_tingting.campaigns.calling_window import CallingWindow
from airflow_provider_tingting.clock import wall_time
from airflow_provider_tingting.errors import TingTingConfigError
from airflow_provider_tingting.formatting import amount, counted
from airflow_provider_tingting.operators.audience import TingTingBaseAudienceOperator
from airflow_provider_tingting.utils import argument_checks as check
from airflow_provider_tingting.utils.arguments import message_of, occasion_text, storage_path_of
from airflow_provider_tingting.utils.task_state import OCCASION

if TYPE_CHECKING:
    from airflow_provider_tingting._compat import Context
    from airflow_provider_tingting.campaigns.calling_window import WindowArgument
    from airflow_provider_tingting.contacts.waves import Wave


class TingTingSplitAudienceOperator(TingTingBaseAudienceOperator):
    """Check contacts, and split them into files, each for a campaign that ends within one calling window.

    The first file has as many contacts as the rest of the open window takes, each further one those of a whole window.
    The operator only reads at TingTing. A retry or a clear keeps the split that an earlier try of the DAG run, or
    of the occasion, has made, because its campaigns may have been run; a killed task leaves no split.

    XCom: `return_value` is a list of `{contacts, number}`, the path and the number of each wave, for
    `expand_kwargs`. Never the contacts.

    Source: API page, List campaigns, List contacts.

    :param path: a folder, local or a URI; each task has a folder of its own in it for each DAG run or occasion.
    :param calling_window: the hours in which campaigns may be started.
    :param services: the services of the campaigns, whose pace is read.
    :param message: the message of a call, whose tags the contacts must fill.
    :param sms_message: the text of an SMS, likewise.
    :param expected_pace: how many contacts TingTing calls in a minute; None for the pace of the account's last
        campaigns with the same services.
    :param occasion: what the campaigns are for, as `TingTingCreateCampaignOperator` takes it: all runs of the DAG with
        the same occasion have one split, so that no contact is in two waves of it. None for a split per DAG run.
    :param tingting_conn_id: the Airflow connection.
    :raises AirflowFailException: the contacts or an argument are refused, the pace is unknown, or the contacts fit into
        no window of the next two weeks.
    :raises TingTingStorageError: the disk is full or the store fails; there is no split then.
    """

    template_fields: Sequence[str] = (
        *TingTingBaseAudienceOperator.template_fields,
        "path",
        "message",
        "sms_message",
        "occasion",
    )
    argument_checks: ClassVar[Mapping[str, check.Check]] = {
        **TingTingBaseAudienceOperator.argument_checks,
        "path": check.storage_path,
        "calling_window": lambda value, _: CallingWindow.read(value),
        "services": check.is_services,
        "message": check.optional(check.text),
        "sms_message": check.optional(check.text),
        "expected_pace": check.optional(check.pace, may_be_empty=False),
        "occasion": check.optional(check.an_occasion),
    }
    operator_extra_links = ()

    def __init__(
        self,
        *,
        path: str,
        calling_window: WindowArgument,
        services: str = "PHONE",
        message: str | None = None,
        sms_message: str | None = None,
        expected_pace: float | None = None,
        occasion: str | Sequence[str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.path = path
        self.calling_window = calling_window
        self.services = services
        self.message = message
        self.sms_message = sms_message
        self.expected_pace = expected_pace
        self.occasion = occasion
        if calling_window is None:
            raise TingTingConfigError("calling_window is missing: without one there is nothing to fit waves into.")
        self.check_literals()

    def execute(self, context: Context) -> list[Wave]:
        """Check the contacts and write the waves, or return those of an earlier try."""
        from airflow_provider_tingting.contacts.waves import read_plan, sizes_of, write_waves

        with self.fail_without_retry():
            self.check_templates()
            folder = self._folder(context)
            earlier = read_plan(folder)
            if earlier is not None:
                self.log.warning(
                    "An earlier try has split the contacts into %s, and their campaigns may have been run: the split "
                    "is kept. To split again, delete %s",
                    counted(len(earlier), "wave"),
                    folder,
                )
                return earlier
            messages = message_of(self.message), message_of(self.sms_message)
            with self.validated(None, *messages) as (reader, audience):
                audience.raise_if_refused()
                reader.write_rejects(audience)
                pace = self._pace()
                sizes = sizes_of(audience.valid, self._minutes(), pace)
                self.log.info(
                    "At %s calls a minute %s take %s: %s",
                    amount(round(pace, 1)),
                    counted(audience.valid, "contact"),
                    counted(len(sizes), "wave"),
                    ", ".join(f"{size:,}" for size in sizes),
                )
                return write_waves(folder, audience.contacts(), sizes)

    def _folder(self, context: Context) -> Any:
        ti = context["ti"]
        made_for = ti.run_id if self.occasion is None else f"{OCCASION} {occasion_text(self.occasion)}"
        name = hashlib.sha256("\x1f".join((ti.dag_id, made_for, ti.task_id, str(ti.map_index))).encode()).hexdigest()
        # A path has no `/` at its end here, since `storage_path_of` refuses folders.
        return storage_path_of(str(self.path).rstrip("/"), "path", "audiences") / f"waves_{name[:12]}"

    def _minutes(self) -> list[float]:
        window = CallingWindow.read(self.calling_window)
        assert window is not None
        now = datetime.fromtimestamp(wall_time(), timezone.utc)
        return [(closes - max(opens, now)).total_seconds() / 60 for opens, closes in window.openings(now)]

    def _pace(self) -> float:
        from airflow_provider_tingting.campaigns.history import pace_of, recent_campaigns

        if self.expected_pace is not None:
            return float(self.expected_pace)
        services = check.services_of(self.services)
        pace = pace_of(api.run_flow(self.hook.get_conn(), recent_campaigns(services)))
        if pace is None:
            raise TingTingConfigError(
                f"The account has no completed campaign with the services {services} that shows a pace, so the "
                "contacts cannot be split. Give expected_pace, in calls a minute."
            )
        return pace
