"""The base of the operators that read an audience: its arguments, and the reading itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_tingting.contacts import HIDDEN_ROWS, NUMBER_POLICIES, ON_INVALID, SEVERAL_NUMBERS
from airflow_provider_tingting.contacts.frequency_cap import FrequencyCap
from airflow_provider_tingting.operators.base import TingTingBaseOperator
from airflow_provider_tingting.utils import argument_checks as check
from airflow_provider_tingting.utils.arguments import check_rendered, storage_path_of
from airflow_provider_tingting.utils.openlineage import (
    Dataset,
    TaskLineage,
    asset_dataset,
    file_dataset,
    query_datasets,
)

if TYPE_CHECKING:
    from airflow_provider_tingting.api.models import Campaign
    from airflow_provider_tingting.contacts.validated_audience import ValidatedAudience
    from airflow_provider_tingting.utils.audience_reader import AudienceReader


class _RowFunction:
    """Hides a function given as `where` from Airflow's templating.

    In a template field Airflow 3 calls whatever can be called. Airflow 2 keeps the function's text, whose address in
    memory would make the DAG look changed at every parse.
    """

    def __init__(self, function: object) -> None:
        self.function = function

    def __repr__(self) -> str:
        return f"<function {getattr(self.function, '__qualname__', type(self.function).__name__)}>"


class TingTingBaseAudienceOperator(TingTingBaseOperator):
    """Base of the two operators that read an audience.

    :param contacts: the contacts: a list of numbers; a list of dicts, either `{"number": …, "other_variables": {…}}` or
        flat with every other key a variable; or the path or URI (`s3://…`) of a `.csv`, `.xlsx`, `.jsonl` or
        `.parquet` file.
    :param sql: instead of `contacts`, a SELECT or the name of a `.sql` file; each column of its result is a column of
        the table. The rows are read in flat memory, with a server-side cursor where the database has one.
    :param sql_conn_id: the Airflow connection of that database.
    :param sql_parameters: the values of the query's placeholders, as the database's driver takes them.
    :param number_column: the column or key of the number; None looks for the usual names.
    :param variables: which column fills which tag, as `{"tags_name": "Customer name"}`; None makes every other
        column a variable of its own name.
    :param constants: variables with one value for all contacts, as `{"tags_city": "Pokhara"}`.
    :param where: which rows belong to the audience: a function that takes a row as a dict and returns true or false, or
        a dict of column and value or values, as `{"Ward": [7, 8]}`. The other rows are only counted.
    :param exclude: contacts that must not be called or texted: a source in any form of `contacts`, a query as
        `{"sql": …, "sql_conn_id": …}`, a file as `{"contacts": …, "number_column": …, "sheet": …}`, or a list of such
        sources. The do-not-call list of the connection always applies beside it.
    :param frequency_cap: how often a contact may be called, as `{"calls": 2, "per": timedelta(days=7), "purpose":
        "reminder"}`: the contacts that the connection's `contact_log` shows as often as that are left out and counted.
        Without `purpose` the campaigns of all purposes count. None for no cap.
    :param on_invalid: what happens to rows that cannot be called: `fail` refuses the whole audience, `skip` leaves
        those rows out.
    :param rejects_path: the `.csv` or `.xlsx` file to which the rows that `skip` and `frequency_cap` leave out are
        written with their reason.
    :param on_invalid_exclude: what happens to entries of `exclude` that cannot be read: `fail` refuses the list,
        because such an entry may name a contact; `skip` counts them.
    :param number_policy: `nepal_mobile` accepts mobile numbers of Nepal, `as_is` accepts numbers as written, for an
        account that reaches others.
    :param several_numbers: what a cell with several numbers gives: `refuse` rejects its row, `first_mobile` takes the
        first mobile, `all` makes a contact of each mobile.
    :param sheet: the sheet of a workbook; None takes the only sheet with data, and is the only value for other sources.
    :param hidden_rows: what happens to rows of a workbook that a filter or a person has hidden: `ask` refuses a sheet
        with such rows, `include` reads them, `skip` leaves them out.
    :param encoding: the encoding of a text file that is neither UTF-8 nor UTF-16, such as `cp1252`.
    :param delimiter: the character between the values of a text file; None finds it, and is the only value for other
        sources.
    """

    template_fields: Sequence[str] = (
        *TingTingBaseOperator.template_fields,
        "contacts",
        "sql",
        "sql_conn_id",
        "sql_parameters",
        "number_column",
        "variables",
        "constants",
        "where",
        "exclude",
        "rejects_path",
        "sheet",
    )
    template_ext: Sequence[str] = (".sql",)
    template_fields_renderers: ClassVar[dict[str, str]] = {
        "contacts": "json",
        "sql": "sql",
        "sql_parameters": "json",
        "variables": "json",
        "constants": "json",
        "where": "json",
        "exclude": "json",
    }
    argument_checks: ClassVar[Mapping[str, check.Check]] = {
        **TingTingBaseOperator.argument_checks,
        "contacts": check.optional(check.contacts),
        "sql": check.optional(check.text),
        "sql_conn_id": check.optional(check.text),
        "sql_parameters": check.optional(check.query_parameters),
        "number_column": check.optional(check.text),
        "variables": check.optional(check.dict_of_texts),
        "constants": check.optional(check.dict_of_values),
        "where": check.optional(check.row_choice),
        "exclude": check.optional(check.exclusion),
        "frequency_cap": lambda value, _: FrequencyCap.read(value),
        "on_invalid": check.choice(*ON_INVALID),
        "rejects_path": check.optional(check.path_ending_in(".csv", ".xlsx")),
        "on_invalid_exclude": check.choice(*ON_INVALID),
        "number_policy": check.choice(*NUMBER_POLICIES),
        "several_numbers": check.choice(*SEVERAL_NUMBERS),
        "sheet": check.optional(check.text_or_number),
        "hidden_rows": check.choice(*HIDDEN_ROWS),
        "encoding": check.optional(check.encoding),
        "delimiter": check.optional(check.separator),
    }

    def __init__(
        self,
        *,
        contacts: object = None,
        sql: str | None = None,
        sql_conn_id: str | None = None,
        sql_parameters: object = None,
        number_column: str | None = None,
        variables: Mapping[str, str] | None = None,
        constants: Mapping[str, Any] | None = None,
        where: object = None,
        exclude: object = None,
        frequency_cap: Mapping[str, Any] | None = None,
        on_invalid: str = "fail",
        rejects_path: str | None = None,
        on_invalid_exclude: str = "fail",
        number_policy: str = "nepal_mobile",
        several_numbers: str = "refuse",
        sheet: str | None = None,
        hidden_rows: str = "ask",
        encoding: str | None = None,
        delimiter: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.contacts = contacts
        self.sql = sql
        self.sql_conn_id = sql_conn_id
        self.sql_parameters = sql_parameters
        self.number_column = number_column
        self.variables = variables
        self.constants = constants
        self.where = _RowFunction(where) if callable(where) else where
        self.exclude = exclude
        self.frequency_cap = frequency_cap
        self.on_invalid = on_invalid
        self.rejects_path = rejects_path
        self.on_invalid_exclude = on_invalid_exclude
        self.number_policy = number_policy
        self.several_numbers = several_numbers
        self.sheet = sheet
        self.hidden_rows = hidden_rows
        self.encoding = encoding
        self.delimiter = delimiter

    @contextmanager
    def validated(
        self, campaign: Campaign | None, *messages: str | None
    ) -> Iterator[tuple[AudienceReader, ValidatedAudience]]:
        """Read and check the audience; an error from before the block names the campaign.

        :param campaign: the campaign whose tags the contacts must fill; None for none.
        """
        from airflow_provider_tingting.utils.audience_reader import AudienceReader, campaign_in_errors

        with ExitStack() as stack:
            with campaign_in_errors(campaign):
                reader = AudienceReader(self, self.hook.settings, self.log)
                audience = stack.enter_context(reader.validated(campaign, *messages))
            yield reader, audience

    def record_lineage(self, campaign_id: int | None, rejects_path: str | None) -> None:
        """Keep for OpenLineage which file or tables were read, which campaign got contacts, where rejected rows are.

        :param campaign_id: the campaign that got contacts, if one did.
        :param rejects_path: the file of rejected rows, if one was written.
        """
        is_path = isinstance(self.contacts, str) or hasattr(self.contacts, "open")
        inputs: tuple[Dataset, ...] = ()
        if is_path:
            inputs = (file_dataset(storage_path_of(self.contacts, "contacts", "people.csv")),)
        elif self.sql:
            inputs = query_datasets(str(self.sql), str(self.sql_conn_id))
        outputs = [] if campaign_id is None else [asset_dataset(self.campaign_uri(campaign_id))]
        if rejects_path:
            outputs.append(file_dataset(storage_path_of(rejects_path, "rejects_path", "rejects.csv")))
        self._lineage = TaskLineage(inputs, tuple(outputs))

    def check_templates(self) -> None:
        """Refuse templated arguments that rendered to nothing, the sources inside `exclude` included."""
        from airflow_provider_tingting.utils.audience_reader import texts_in_sources

        super().check_templates()
        check_rendered({"exclude": texts_in_sources(self.exclude)})
