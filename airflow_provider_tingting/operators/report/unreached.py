"""The operator that makes the audience of the next campaign from the report of the last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_tingting._compat import AirflowFailException, AirflowSkipException
from airflow_provider_tingting.errors import TingTingConfigError
from airflow_provider_tingting.operators.base import TingTingBaseOperator
from airflow_provider_tingting.utils import argument_checks as check
from airflow_provider_tingting.utils.arguments import campaign_id_of, storage_path_of
from airflow_provider_tingting.utils.openlineage import TaskLineage, asset_dataset, file_dataset

if TYPE_CHECKING:
    from airflow_provider_tingting._compat import Context
    from airflow_provider_tingting.reports.unreached import Choice, Unreached


class TingTingUnreachedContactsOperator(TingTingBaseOperator):
    """Write the contacts that a campaign did not reach to a file: the audience of the next campaign.

    Each contact keeps its variables and gets a count of its tries, which ends at `max_tries`. A number that was
    reached, or that the campaign may still call, is never in the file, and no number is in it twice. Give the file to
    `TingTingAddContactsOperator(contacts=…)`. When too few contacts are left, the task is skipped, and with it the
    tasks after it. The operator changes nothing at TingTing; a retry or a clear writes the same file again, and a
    killed task leaves what was at the path.

    XCom: `return_value` is `{path, contacts, given_up, rows}`; each is a key of its own too, the numbers also when the
    task is skipped. `given_up` counts the contacts with `max_tries` tries. No contact is in an XCom.

    Source: API page, Campaign report.

    :param path: a local path or URI that ends in `.csv` or `.jsonl`, each also with `.gz`. A file that exists is
        replaced.
    :param report: the file of a report, in any format that `TingTingDownloadReportOperator` writes. Give this or
        `campaign_id`.
    :param campaign_id: the campaign whose report the operator downloads and checks. Give this or `report`.
    :param statuses: the statuses in the report to try again; None for `unanswered`, `failed` and `terminated`.
    :param max_tries: how many campaigns may try the same contact, the first one included; None for no limit.
    :param tries_column: the variable that counts the campaigns that have tried the contact; a contact without it has
        been tried by this campaign only. A stopped campaign has not tried its `terminated` contacts.
    :param minimum_contacts: the least number of contacts that is worth a campaign.
    :param on_too_few: what to do with fewer: `skip` this task and the tasks after it, `fail`, or `continue` and write
        the file.
    :param tingting_conn_id: the Airflow connection; needed with `campaign_id` only.
    :raises AirflowSkipException: fewer than `minimum_contacts` are left.
    :raises AirflowFailException: an argument, a path, the report, the token or the campaign is refused; no retry helps.
    :raises TingTingReportError: the report is incomplete or damaged.
    :raises TingTingStorageError: the disk is full or the store fails; the file is unchanged.
    """

    template_fields: Sequence[str] = (
        *TingTingBaseOperator.template_fields,
        "path",
        "report",
        "campaign_id",
        "statuses",
        "max_tries",
        "tries_column",
        "minimum_contacts",
    )
    argument_checks: ClassVar[Mapping[str, check.Check]] = {
        **TingTingBaseOperator.argument_checks,
        "path": check.path_ending_in(".csv", ".jsonl", ".csv.gz", ".jsonl.gz"),
        "report": check.optional(check.storage_path),
        "campaign_id": check.optional(check.an_id),
        "statuses": check.optional(check.contact_statuses),
        "max_tries": check.optional(check.whole_number(1)),
        "tries_column": check.text,
        "minimum_contacts": check.whole_number(0),
        "on_too_few": check.choice("skip", "fail", "continue"),
    }

    def __init__(
        self,
        *,
        path: str,
        report: str | None = None,
        campaign_id: int | str | None = None,
        statuses: Sequence[str] | None = None,
        max_tries: int | None = 3,
        tries_column: str = "tries",
        minimum_contacts: int = 1,
        on_too_few: str = "skip",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.path = path
        self.report = report
        self.campaign_id = campaign_id
        self.statuses = statuses
        self.max_tries = max_tries
        self.tries_column = tries_column
        self.minimum_contacts = minimum_contacts
        self.on_too_few = on_too_few
        self.check_literals()
        if not check.is_filled_later([report, campaign_id]):
            self._check_one_source()

    def execute(self, context: Context) -> dict[str, Any]:
        """Read the report, choose the contacts and write them."""
        from airflow_provider_tingting.files.target import ensure_writable, refuse_input
        from airflow_provider_tingting.reports import unreached

        with self.fail_without_retry():
            self.check_templates()
            statuses = unreached.UNREACHED if self.statuses is None else self.statuses
            choice = unreached.Choice.read(statuses, self.max_tries, self.tries_column)
            minimum = 0 if self.on_too_few == "continue" else int(self.minimum_contacts)
            target = storage_path_of(self.path, "path", "audiences/again.csv")
            unreached.check_audience_name(str(target.name))
            if self.report not in (None, ""):
                refuse_input(target, "path", [("report", self._report_file())])
            ensure_writable(target, what="The audience")
            try:
                found = self._write(context, target, choice, minimum)
            except unreached.TooFewContactsError as few:
                self.push_values(context, few.found.to_json())
                if self.on_too_few == "fail":
                    raise AirflowFailException(str(few)) from few
                raise AirflowSkipException(str(few)) from few
            result = {"path": str(target), **found.to_json()}
            self.push_values(context, result)
            self.log.info("Contacts to try again: %s of %s, in %s", found.contacts, found.rows, self.path)
            return result

    def _write(self, context: Context, target: object, choice: Choice, minimum: int) -> Unreached:
        from airflow_provider_tingting.campaigns.fetch_report import check_fetched, fetch_report, settled, spooled
        from airflow_provider_tingting.reports.outcomes import Outcomes
        from airflow_provider_tingting.reports.unreached import write_unreached

        self._check_one_source()
        if self.report not in (None, ""):
            source = self._report_file()
            found = write_unreached(Outcomes(source), target, choice, minimum=minimum)
            self._lineage = TaskLineage((file_dataset(source),), (file_dataset(target, rows=found.contacts),))
            return found
        number = campaign_id_of(self.campaign_id)
        campaign = self.hook.get_campaign(number)
        self.push_campaign(context, number)
        if not campaign.status.is_final:
            self.log.warning(
                "Campaign %s is %s: contacts that it has not called yet are not in the file", number, campaign.status
            )
        with spooled() as spool:
            # The listing cannot replace the report: it lacks the variables.
            fetch = partial(fetch_report, may_list=False)
            fetched = settled(campaign, lambda: fetch(self.hook.get_conn(), campaign, spool))
            check_fetched(fetched, campaign)
            found = write_unreached(Outcomes(spool), target, choice, minimum=minimum)
        read = asset_dataset(self.campaign_uri(number))
        self._lineage = TaskLineage((read,), (file_dataset(target, rows=found.contacts),))
        return found

    def _report_file(self) -> Any:
        return storage_path_of(self.report, "report", "reports/campaign_79.csv")

    def _check_one_source(self) -> None:
        given = [value not in (None, "") for value in (self.report, self.campaign_id)]
        if all(given) or not any(given):
            raise TingTingConfigError("Give either report, the path of a report's file, or campaign_id.")
