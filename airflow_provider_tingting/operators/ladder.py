"""Operators between and after the campaigns of a ladder, in which each campaign calls the contacts that are left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_tingting._compat import AirflowFailException, AirflowSkipException
from airflow_provider_tingting.assets import file_uri
from airflow_provider_tingting.clock import wall_time
from airflow_provider_tingting.errors import TingTingCampaignFailedError, TingTingConfigError
from airflow_provider_tingting.formatting import counted, share
from airflow_provider_tingting.operators.base import TingTingBaseOperator
from airflow_provider_tingting.operators.report import TingTingUnreachedContactsOperator
from airflow_provider_tingting.utils import argument_checks as check
from airflow_provider_tingting.utils.arguments import campaign_id_of, seconds_of, storage_path_of
from airflow_provider_tingting.utils.asset_events import emit_asset_events
from airflow_provider_tingting.utils.openlineage import TaskLineage, asset_dataset, file_dataset

if TYPE_CHECKING:
    from airflow_provider_tingting._compat import Context
    from airflow_provider_tingting.campaigns.outcome import SuccessWhen

# A share times a count of contacts may be off by this much in floating point.
_ROUNDING = 1e-6


class TingTingNextStepOperator(TingTingUnreachedContactsOperator):
    """Write the contacts that a campaign did not reach to a file, unless enough contacts were reached already.

    The operator does what `TingTingUnreachedContactsOperator` does, and two things more for a ladder of campaigns: it
    skips itself, and the tasks after it, when the campaigns so far have reached the share `stop_when`; and it says
    from when the next campaign may start. A retry or a clear writes the same file again, and counts `after` again.

    XCom: `return_value` is `{path, contacts, given_up, rows, not_before}`; each is a key of its own too.

    Source: API page, Campaign report.

    :param runs: the results of the run tasks so far, the first one first; needed with `stop_when`.
    :param stop_when: the share of the first campaign's contacts, above 0 and up to 1, that is enough; None for never.
    :param after: how long after now the next campaign may start at the earliest, in seconds or as a timedelta; None
        for at once.
    :param tingting_conn_id: the Airflow connection.
    :param path: see `TingTingUnreachedContactsOperator`, as the parameters that follow.
    :param report: the file of a report.
    :param campaign_id: the campaign whose report the operator downloads and checks.
    :param statuses: the statuses in the report to try again.
    :param max_tries: how many campaigns may try the same contact.
    :param tries_column: the variable that counts the campaigns that have tried the contact.
    :param minimum_contacts: the least number of contacts that is worth a campaign.
    :param on_too_few: what to do with fewer.
    :raises AirflowSkipException: enough contacts were reached, or fewer than `minimum_contacts` are left.
    :raises AirflowFailException: an argument, a path, the report, the token or the campaign is refused.
    :raises TingTingReportError: the report is incomplete or damaged.
    :raises TingTingStorageError: the disk is full or the store fails; the file is unchanged.
    """

    template_fields: Sequence[str] = (*TingTingUnreachedContactsOperator.template_fields, "runs")
    argument_checks: ClassVar[Mapping[str, check.Check]] = {
        **TingTingUnreachedContactsOperator.argument_checks,
        "runs": check.optional(check.campaigns, may_be_empty=False),
        "stop_when": check.optional(check.share, may_be_empty=False),
        "after": check.optional(check.seconds_or_zero, may_be_empty=False),
    }

    def __init__(
        self,
        *,
        runs: Sequence[Mapping[str, Any]] = (),
        stop_when: float | None = None,
        after: float | timedelta | None = None,
        **kwargs: Any,
    ) -> None:
        # Before the other arguments, since the base checks all of them.
        self.runs = runs
        self.stop_when = stop_when
        self.after = after
        super().__init__(**kwargs)

    def execute(self, context: Context) -> dict[str, Any]:
        """Skip when enough contacts were reached; otherwise choose the contacts and write them."""
        with self.fail_without_retry():
            self._skip_if_enough()
        result = super().execute(context)
        wait = timedelta() if self.after is None else timedelta(seconds=seconds_of(self.after, "after", zero=True))
        not_before = (datetime.fromtimestamp(wall_time(), timezone.utc) + wait).isoformat()
        self.push_values(context, {"not_before": not_before})
        return {**result, "not_before": not_before}

    def _skip_if_enough(self) -> None:
        if self.stop_when is None:
            return
        runs = [run for run in self.runs or () if isinstance(run, Mapping)]
        if not runs or any(not isinstance(run.get("reached"), int) for run in runs):
            raise TingTingConfigError(
                "stop_when needs runs, the results of the run tasks so far with their figures: give "
                "runs=[run.output], of tasks that wait for the end of their campaigns."
            )
        reached = sum(run["reached"] for run in runs)
        contacts = sum(int(runs[0].get(name) or 0) for name in ("reached", "not_reached", "pending"))
        if contacts and reached >= self.stop_when * contacts - _ROUNDING:
            raise AirflowSkipException(
                f"{reached:,} of {contacts:,} contacts ({share(reached, contacts)}) were reached, and stop_when is "
                f"{share(self.stop_when, 1)}: no further campaign is needed."
            )


class TingTingCombineReportsOperator(TingTingBaseOperator):
    """Judge several campaigns that have called the same contacts as one, and write one report of them.

    The operator downloads and checks the reports. A contact counts once: as reached when one campaign has reached it.
    It only reads, so a retry or a clear does the same again; a killed task leaves what was at the path.

    XCom: `return_value` is `{campaign_ids, contacts, reached, not_reached, pending, reach_rate, credits, path}`; each
    is a key of its own too, also when the task fails because too few contacts were reached.

    Source: API page, Campaign report and List contacts.

    :param campaign_ids: the campaigns in their order, as ids or as the results of their run tasks; None, as of a
        task that was skipped, is left out, and a campaign that is there twice counts once.
    :param path: a local path or URI that ends in `.csv` or `.jsonl`, each also with `.gz`, for one row a contact with
        each try in columns; None for no file.
    :param success_when: the least share of contacts reached, from 0 to 1, or a function from the summary to a bool. By
        default at least one contact must have been reached.
    :param partition_key: the partition of the outlets' events, on Airflow 3.3 and later; None for that of the DAG run.
    :param tingting_conn_id: the Airflow connection.
    :raises AirflowSkipException: there is no campaign.
    :raises AirflowFailException: an argument, the path, the token or a campaign is refused, or the campaigns together
        are not a success; no retry helps.
    :raises TingTingReportError: a report is incomplete or damaged.
    :raises TingTingStorageError: the disk is full or the store fails; the file is unchanged.
    """

    template_fields: Sequence[str] = (*TingTingBaseOperator.template_fields, "campaign_ids", "path", "partition_key")
    argument_checks: ClassVar[Mapping[str, check.Check]] = {
        **TingTingBaseOperator.argument_checks,
        "campaign_ids": check.campaigns,
        "path": check.optional(check.path_ending_in(".csv", ".jsonl", ".csv.gz", ".jsonl.gz")),
        "success_when": check.optional(check.share_or_function, may_be_empty=False),
        "partition_key": check.optional(check.text),
    }
    operator_extra_links = ()

    def __init__(
        self,
        *,
        campaign_ids: Sequence[Any],
        path: str | None = None,
        success_when: SuccessWhen = None,
        partition_key: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.campaign_ids = campaign_ids
        self.path = path
        self.success_when = success_when
        self.partition_key = partition_key
        self.check_literals()

    def execute(self, context: Context) -> dict[str, Any]:
        """Download the reports, write one, and judge the campaigns as one."""
        from airflow_provider_tingting.campaigns.outcome import describe, judge_summary

        with self.fail_without_retry():
            self.check_templates()
            numbers = self._numbers()
            if not numbers:
                raise AirflowSkipException("No campaign was run, so there is nothing to report.")
            result, summary = self._combine(numbers)
            self.push_values(context, result)
            self.log.info("%s: %s", counted(len(numbers), "campaign"), describe(summary))
            try:
                judge_summary(summary, self.success_when, campaign_id=numbers[-1])
            except TingTingCampaignFailedError as error:
                context["ti"].xcom_push(key="return_value", value=result)
                raise AirflowFailException(f"Of {counted(len(numbers), 'campaign')} together: {error}") from None
        uri = None if self.path is None else file_uri(result["path"])
        emit_asset_events(
            self, context, result, uri=uri or self.campaign_uri(numbers[0]), partition_key=self.partition_key
        )
        return result

    def _combine(self, numbers: list[int]) -> tuple[dict[str, Any], Any]:
        from airflow_provider_tingting.campaigns.fetch_report import check_fetched, fetch_report, settled, spooled
        from airflow_provider_tingting.files.target import ensure_writable
        from airflow_provider_tingting.reports.combined import CombinedReport, check_combined_name

        target = None
        if self.path is not None:
            target = storage_path_of(self.path, "path", "reports/{{ run_id }}.csv")
            check_combined_name(str(target.name))
            ensure_writable(target)
        with ExitStack() as spools:
            reports = []
            for number in numbers:
                campaign = self.hook.get_campaign(number)
                if not campaign.status.is_final:
                    self.log.warning("Campaign %s is %s: its outcomes may change", number, campaign.status)
                spool = spools.enter_context(spooled())
                fetch = partial(fetch_report, self.hook.get_conn(), campaign, spool)
                fetched = settled(campaign, fetch)
                check_fetched(fetched, campaign)
                reports.append(fetched.read.report)
            combined = CombinedReport(reports)
            summary = combined.summary()
            if target is not None:
                combined.write(target)
        result = {
            "campaign_ids": numbers,
            "contacts": summary.contacts,
            "reached": summary.reached,
            "not_reached": summary.not_reached,
            "pending": summary.pending + summary.unknown,
            "reach_rate": summary.reach_rate,
            "credits": summary.credits,
            "path": None if target is None else str(target),
        }
        outputs = () if target is None else (file_dataset(target, rows=summary.contacts),)
        self._lineage = TaskLineage(tuple(asset_dataset(self.campaign_uri(number)) for number in numbers), outputs)
        return result, summary

    def _numbers(self) -> list[int]:
        given = [one.get("campaign_id") if isinstance(one, Mapping) else one for one in self.campaign_ids]
        # Tasks that share an occasion return the same campaign, which has called each contact once.
        return list(dict.fromkeys(campaign_id_of(one, "campaign_ids") for one in given if one not in (None, "")))
