"""Tasks that make the audience of the next campaign from the report of the last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_tingting._compat import AirflowFailException, AirflowSkipException
from airflow_provider_tingting.errors import TingTingConfigError
from airflow_provider_tingting.operators.base import TingTingBaseOperator
from airflow_provider_tingting.utils.arguments import campaign_id_of, storage_path_of

if TYPE_CHECKING:
    from airflow_provider_tingting._compat import Context
    from airflow_provider_tingting.reports.unreached import Choice, Unreached

_EXAMPLE = "audiences/again.csv"
_TOO_FEW = ("skip", "fail", "continue")


class TingTingUnreachedContactsOperator(TingTingBaseOperator):
    """Write those whom a campaign did not reach to a file: the audience of the next one.

    Each contact keeps its variables, and a count of tries is carried along with them, so that nobody is tried for ever.
    A number that was reached, or that the campaign may still call, is never in the file, nor is one twice. Give the
    file to `TingTingAddContactsOperator(contacts=…)`. When too few are left to be worth a campaign, the task is skipped
    and with it those that come after. Nothing is changed at TingTing; a retry writes the same file again.

    XCom: `return_value` is `{path, contacts, given_up, rows}`; each is a key of its own too, `contacts` and the other
    numbers also when the task is skipped. `given_up` are those who have been tried often enough. Never the contacts.

    Source: API page, Campaign report.

    :param path: where the file goes: a local path or URI that ends in `.csv` or `.jsonl`, each also with `.gz`. A file
        that is there is replaced.
    :param report: the file of a report, in any format that `TingTingDownloadReportOperator` writes. Give this or
        `campaign_id`.
    :param campaign_id: the campaign whose report is to be downloaded and checked. Give this or `report`.
    :param statuses: whom to try again, by the status in the report; None for `unanswered`, `failed` and `terminated`.
    :param max_tries: how many campaigns may try the same contact, the first one included; None for no limit.
    :param tries_column: the variable that says how many campaigns have tried the contact so far; one that comes
        without it has been tried by this campaign only.
    :param minimum_contacts: how many contacts a campaign is worth.
    :param on_too_few: what to do when fewer are left: `skip` this task and those after it, `fail`, or `continue` with
        the file that there is.
    :param tingting_conn_id: the Airflow connection; needed with `campaign_id` only.
    :raises AirflowSkipException: fewer than `minimum_contacts` are left.
    :raises AirflowFailException: an argument, the report, the token or the campaign is refused; no retry would help.
    :raises TingTingReportError: the report is incomplete or cannot be read, or the path cannot be written to.
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

    def execute(self, context: Context) -> dict[str, Any]:
        """Read the report, choose, write."""
        from airflow_provider_tingting.files.target import ensure_writable
        from airflow_provider_tingting.reports.unreached import (
            UNREACHED,
            Choice,
            TooFewContactsError,
            check_audience_name,
        )

        with self.fail_without_retry():
            self.check_templates()
            choice = Choice.read(
                UNREACHED if self.statuses is None else self.statuses, self.max_tries, self.tries_column
            )
            minimum = self._minimum()
            target = storage_path_of(self.path, "path", _EXAMPLE)
            check_audience_name(str(target.name))
            ensure_writable(target)
            try:
                found = self._write(context, target, choice, minimum)
            except TooFewContactsError as few:
                self._leave(context, few.found)
                if self.on_too_few == "fail":
                    raise AirflowFailException(str(few)) from few
                raise AirflowSkipException(str(few)) from few
            self._leave(context, found)
            context["ti"].xcom_push(key="path", value=str(target))
            self.log.info("Of %s contacts %s are tried again: %s", found.rows, found.contacts, self.path)
            return {
                "path": str(target),
                "contacts": found.contacts,
                "given_up": found.given_up,
                "rows": found.rows,
            }

    def _write(self, context: Context, target: Any, choice: Choice, minimum: int) -> Unreached:
        from airflow_provider_tingting.campaigns.fetch_report import check_fetched, fetch_report, spooled
        from airflow_provider_tingting.reports.outcomes import Outcomes
        from airflow_provider_tingting.reports.unreached import write_unreached

        given = [value not in (None, "") for value in (self.report, self.campaign_id)]
        if all(given) or not any(given):
            raise TingTingConfigError("Give either report, the path of a report's file, or campaign_id.")
        if given[0]:
            source = storage_path_of(self.report, "report", "reports/campaign_79.csv")
            return write_unreached(Outcomes(source), target, choice, minimum=minimum)
        number = campaign_id_of(self.campaign_id)
        campaign = self.hook.get_campaign(number)
        self.push_campaign(context, number)
        if not campaign.status.is_final:
            self.log.warning(
                "Campaign %s is %s: whom it has not called yet is not in the file, whatever becomes of them",
                number,
                campaign.status,
            )
        with spooled() as spool:
            # The listing could not take the report's place: it lacks the variables.
            fetched = fetch_report(self.hook.get_conn(), campaign, spool, columns=False, may_list=False)
            check_fetched(fetched, campaign)
            return write_unreached(Outcomes(spool), target, choice, minimum=minimum)

    def _minimum(self) -> int:
        if self.on_too_few not in _TOO_FEW:
            raise TingTingConfigError(f"on_too_few must be one of {', '.join(_TOO_FEW)}; it is {self.on_too_few!r}.")
        if not str(self.minimum_contacts).isdecimal():
            raise TingTingConfigError(
                f"minimum_contacts must be a whole number of at least 0; it is {self.minimum_contacts!r}."
            )
        return 0 if self.on_too_few == "continue" else int(self.minimum_contacts)

    def _leave(self, context: Context, found: Unreached) -> None:
        self.push_values(context, {key: getattr(found, key) for key in ("contacts", "given_up", "rows")})
