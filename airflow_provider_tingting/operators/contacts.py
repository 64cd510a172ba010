"""Tasks that bring people into a campaign."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_tingting.errors import TingTingConfigError
from airflow_provider_tingting.operators.arguments import campaign_id_of, storage_path_of
from airflow_provider_tingting.operators.base import TingTingBaseOperator, TingTingBaseWriteOperator

if TYPE_CHECKING:
    from airflow_provider_tingting._compat import Context
    from airflow_provider_tingting.api.models import Campaign
    from airflow_provider_tingting.contacts.audience import AudienceOptions, CheckedAudience

TRANSPORTS = ("json", "xlsx")


class TingTingAddContactsOperator(TingTingBaseWriteOperator):
    """Add people to a campaign, checked before the first one is sent.

    All contacts are read and checked first, each tag of the campaign's message included: with `on_invalid="fail"` one
    bad row means that nothing is sent. TingTing skips numbers that the campaign has, so what is sent again does no
    harm: from Airflow 3.3 on a retry goes on near where the last try came to, before that it sends everybody again. At
    the end the campaign's own count is compared. Once the campaign has begun nothing is sent; the task then only checks
    that everybody is in it.

    XCom: `return_value` is `{campaign_id, total, created, skipped, invalid, duplicates, rejects_path}`; `campaign_id`
    is a key of its own too. Never the contacts.

    Source: API page, Add multiple contacts and Upload bulk contacts.

    :param campaign_id: the campaign.
    :param contacts: who: a list of numbers; of dicts, either `{"number": …, "other_variables": {…}}` or flat with
        every other key a variable; or the path or URI (`s3://…`) of a `.csv`, `.xlsx`, `.jsonl` or `.parquet` file.
    :param number_column: the column or key of the number; None looks for the usual names.
    :param variables: which column fills which tag, as `{"tags_name": "Customer name"}`; None makes every other
        column a variable of its own name.
    :param on_invalid: what to do about rows that cannot be called: `fail`, or `skip` to send the others.
    :param rejects_path: with `skip`, where the rows left out are written with the reason, as `.csv` or `.xlsx`.
    :param batch_size: contacts in a request.
    :param concurrency: requests at the same time.
    :param transport: `json` sends batches, `xlsx` uploads workbooks.
    :param sheet: which sheet of a workbook; None for the only one that is filled.
    :param encoding: of a text file that is neither UTF-8 nor UTF-16, such as `cp1252`.
    :param on_clear: what a cleared task does: `reattach` and `send_again` add whoever is missing; `fail`.
    :param tingting_conn_id: the Airflow connection.
    :raises AirflowFailException: the contacts, an argument, the token or the campaign is refused; no retry would help.
    :raises TingTingCampaignError: the campaign does not hold everybody at the end; numbers are named masked.
    :raises TingTingAPIError: TingTing cannot be reached; a retry goes on.
    """

    template_fields: Sequence[str] = (
        *TingTingBaseOperator.template_fields,
        "campaign_id",
        "contacts",
        "number_column",
        "variables",
        "rejects_path",
        "sheet",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"contacts": "json", "variables": "json"}

    def __init__(
        self,
        *,
        campaign_id: int | str,
        contacts: Any,
        number_column: str | None = None,
        variables: Mapping[str, str] | None = None,
        on_invalid: str = "fail",
        rejects_path: str | None = None,
        batch_size: int = 500,
        concurrency: int = 4,
        transport: str = "json",
        sheet: str | None = None,
        encoding: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.campaign_id = campaign_id
        self.contacts = contacts
        self.number_column = number_column
        self.variables = variables
        self.on_invalid = on_invalid
        self.rejects_path = rejects_path
        self.batch_size = batch_size
        self.concurrency = concurrency
        self.transport = transport
        self.sheet = sheet
        self.encoding = encoding

    def execute(self, context: Context) -> dict[str, Any]:
        """Check everybody, then send everybody, then count."""
        from airflow_provider_tingting.contacts.audience import check_audience
        from airflow_provider_tingting.contacts.loading import load
        from airflow_provider_tingting.contacts.sources import read_rows
        from airflow_provider_tingting.operators.memory import resuming

        with self.told_to_airflow():
            self.heed_clear(context, "add contacts")
            number = campaign_id_of(self.campaign_id)
            source = self._source()
            self._check_arguments()
            campaign = self.hook.get_campaign(number)
            self.leave_campaign(context, number)
            with check_audience(
                read_rows(source, encoding=self.encoding, sheet=self.sheet), self._options(campaign)
            ) as audience:
                audience.raise_if_refused()
                self._tell(audience)
                rejects_path = self._write_rejects(audience)
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
                    "invalid": audience.invalid,
                    "duplicates": audience.duplicates,
                    "rejects_path": rejects_path,
                }

    def _check_arguments(self) -> None:
        if self.transport not in TRANSPORTS:
            raise TingTingConfigError(f"transport must be one of {', '.join(TRANSPORTS)}; it is {self.transport!r}.")
        for argument in ("batch_size", "concurrency"):
            value = getattr(self, argument)
            if not str(value).isdecimal() or int(value) < 1:
                raise TingTingConfigError(f"{argument} must be a whole number of at least 1; it is {value!r}.")

    def _source(self) -> Any:
        if isinstance(self.contacts, str) and self.contacts.lstrip()[:1] in ("[", "{", "("):
            raise TingTingConfigError(
                "contacts is a list that a template has made into text. Pass the task's output itself "
                "(contacts=audience.output), or set render_template_as_native_obj=True on the DAG."
            )
        if self.contacts is None or isinstance(self.contacts, str):
            return storage_path_of(self.contacts, "contacts", "people.xlsx, or a list of numbers or dicts")
        return self.contacts

    def _options(self, campaign: Campaign) -> AudienceOptions:
        from airflow_provider_tingting.contacts.audience import AudienceOptions
        from airflow_provider_tingting.contacts.tags import tags_in

        return AudienceOptions(
            number_column=self.number_column or None,
            variables=self.variables or None,
            on_invalid=self.on_invalid,  # type: ignore[arg-type]
            required_tags=tags_in(campaign.message, campaign.sms_message),
        )

    def _tell(self, audience: CheckedAudience) -> None:
        self.log.info(
            "%s contacts can be called; %s cannot, %s were there twice",
            audience.valid,
            audience.invalid,
            audience.duplicates,
        )
        for example in audience.examples:
            self.log.warning("Left out: %s", example)

    def _write_rejects(self, audience: CheckedAudience) -> str | None:
        if not self.rejects_path or not audience.invalid:
            return None
        audience.write_rejects(storage_path_of(self.rejects_path, "rejects_path", "rejects.csv"))
        self.log.warning("%s rows were left out; they are in %s", audience.invalid, self.rejects_path)
        return self.rejects_path
