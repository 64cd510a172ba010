"""Tasks that check people and bring them into a campaign."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_tingting.contacts.membership import ContactsMissingError
from airflow_provider_tingting.errors import NON_RETRYABLE, TingTingConfigError
from airflow_provider_tingting.operators.audience import TingTingBaseAudienceOperator, named_in_errors
from airflow_provider_tingting.operators.base import TingTingBaseWriteOperator
from airflow_provider_tingting.operators.check_contacts import TingTingCheckContactsOperator
from airflow_provider_tingting.utils.arguments import campaign_id_of

if TYPE_CHECKING:
    from airflow_provider_tingting._compat import Context

__all__ = ["TRANSPORTS", "TingTingAddContactsOperator", "TingTingCheckContactsOperator"]

TRANSPORTS = ("json", "xlsx")


class TingTingAddContactsOperator(TingTingBaseAudienceOperator, TingTingBaseWriteOperator):
    """Add people to a campaign, checked before the first one is sent.

    All contacts are read and checked first, each tag of the campaign's message included: with `on_invalid="fail"` one
    bad row means that nothing is sent. TingTing skips numbers that the campaign has, so what is sent again does no
    harm: from Airflow 3.3 on a retry goes on near where the last try came to, before that it sends everybody again. Who
    is skipped keeps the variables that were sent first. At the end the campaign's own count is compared. Once the
    campaign has begun nothing is sent; the task then only checks that everybody is in it.

    XCom: `return_value` is `{campaign_id, total, created, skipped, in_campaign, invalid, duplicates, conflicting,
    excluded, filtered_out, rejects_path}`; `campaign_id` is a key of its own too. `in_campaign` is the campaign's own
    count at the end: more than `total` when others are in it, who are called too. Never the contacts.

    Source: API page, Add multiple contacts and Upload bulk contacts.

    :param campaign_id: the campaign.
    :param contacts: who: a list of numbers; of dicts, either `{"number": …, "other_variables": {…}}` or flat with
        every other key a variable; or the path or URI (`s3://…`) of a `.csv`, `.xlsx`, `.jsonl` or `.parquet` file.
    :param sql: instead of `contacts`, a SELECT or the name of a `.sql` file; each column of its result is one of the
        table. Rows are read in flat memory, with a cursor on the server's side where the database has one.
    :param sql_conn_id: the Airflow connection of that database.
    :param sql_parameters: what fills the query's placeholders, as the database's driver takes it.
    :param number_column: the column or key of the number; None looks for the usual names.
    :param variables: which column fills which tag, as `{"tags_name": "Customer name"}`; None makes every other
        column a variable of its own name.
    :param constants: variables that are the same for everybody, as `{"tags_city": "Pokhara"}`.
    :param where: which rows are meant: a function that takes a row as a dict and says yes or no, or a dict of column
        and value or values, as `{"Ward": [7, 8]}`. The others are only counted.
    :param exclude: who must not be contacted: a source in any form of `contacts`, a query as
        `{"sql": …, "sql_conn_id": …}`, a file as `{"contacts": …, "number_column": …, "sheet": …}`, or a list of such
        sources.
    :param on_invalid: what to do about rows that cannot be called: `fail`, or `skip` to send the others.
    :param rejects_path: with `skip`, where the rows left out are written with the reason, as `.csv` or `.xlsx`.
    :param number_policy: `nepal_mobile` wants mobiles of Nepal, `as_is` takes numbers as written, for an account that
        reaches others.
    :param batch_size: contacts in a request.
    :param concurrency: requests at the same time.
    :param transport: `json` sends batches, `xlsx` uploads workbooks.
    :param sheet: which sheet of a workbook; None for the only one that is filled.
    :param encoding: of a text file that is neither UTF-8 nor UTF-16, such as `cp1252`.
    :param delimiter: the character between the values of a text file; None finds it.
    :param on_clear: what a cleared task does: `reattach` and `send_again` add whoever is missing; `fail`.
    :param tingting_conn_id: the Airflow connection.
    :raises AirflowFailException: the contacts, an argument, the token or the campaign is refused, or an upload has
        thrown others out of it; no retry would help.
    :raises TingTingSourceError: the database or the storage fails, or the file changed; nothing was sent.
    :raises TingTingCampaignError: the campaign does not hold everybody at the end, or somebody more than once, or
        somebody whom `exclude` names, added by an earlier try or another task; numbers are named masked.
    :raises TingTingAPIError: TingTing cannot be reached; a retry goes on.
    """

    template_fields: Sequence[str] = (*TingTingBaseAudienceOperator.template_fields, "campaign_id")

    # Whoever was there is lost: a retry would find those of this task in the campaign, and be content.
    non_retryable = (*NON_RETRYABLE, ContactsMissingError)

    def __init__(
        self,
        *,
        campaign_id: int | str,
        batch_size: int = 500,
        concurrency: int = 4,
        transport: str = "json",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.campaign_id = campaign_id
        self.batch_size = batch_size
        self.concurrency = concurrency
        self.transport = transport

    def execute(self, context: Context) -> dict[str, Any]:
        """Check everybody, then send everybody, then count."""
        from airflow_provider_tingting.contacts.add import load
        from airflow_provider_tingting.utils.task_state import resuming

        with self.fail_without_retry():
            self.check_templates()
            self.apply_on_clear(context, "add contacts")
            number = campaign_id_of(self.campaign_id)
            self._check_arguments()
            campaign = self.hook.get_campaign(number)
            self.push_campaign(context, number)
            with self.checked(campaign.message, campaign.sms_message, campaign=campaign) as audience:
                with named_in_errors(campaign):
                    audience.raise_if_refused()
                    rejects_path = self.write_rejects(audience)
                memory = self.memory(context)
                resume, keep = resuming(memory, number, audience.valid)
                loaded = load(
                    self.hook.get_conn(),
                    campaign,
                    audience,
                    transport=self.transport,
                    batch_size=int(self.batch_size),
                    concurrency=int(self.concurrency),
                    resume=resume,
                    keep=keep,
                )
                memory.keep({"phase": "sent", "campaign_id": number, "total": audience.valid})
                return {
                    "campaign_id": number,
                    "total": audience.valid,
                    "created": loaded.created,
                    "skipped": loaded.skipped,
                    "in_campaign": loaded.in_campaign,
                    "invalid": audience.invalid,
                    "duplicates": audience.duplicates,
                    "conflicting": audience.conflicting,
                    "excluded": audience.excluded,
                    "filtered_out": audience.filtered_out,
                    "rejects_path": rejects_path,
                }

    def _check_arguments(self) -> None:
        if self.transport not in TRANSPORTS:
            raise TingTingConfigError(f"transport must be one of {', '.join(TRANSPORTS)}; it is {self.transport!r}.")
        for argument in ("batch_size", "concurrency"):
            value = getattr(self, argument)
            if not str(value).isdecimal() or int(value) < 1:
                raise TingTingConfigError(f"{argument} must be a whole number of at least 1; it is {value!r}.")
