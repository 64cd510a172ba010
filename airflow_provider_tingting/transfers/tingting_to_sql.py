"""The operator that loads a report into a database table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar

from airflow_provider_tingting.errors import (
    TingTingNotFoundError,
    TingTingOutcomeUnknownError,
    TingTingReportError,
    TingTingStorageError,
    TingTingValidationError,
)
from airflow_provider_tingting.operators.base import TingTingBaseOperator
from airflow_provider_tingting.reports import NUMBERS, VARIABLE_MODES
from airflow_provider_tingting.utils import argument_checks as check
from airflow_provider_tingting.utils.arguments import campaign_id_of, flag_of
from airflow_provider_tingting.utils.asset_events import emit_asset_events
from airflow_provider_tingting.utils.openlineage import Dataset, TaskLineage, asset_dataset
from airflow_provider_tingting.utils.sql_engine import sql_engine

if TYPE_CHECKING:
    from airflow_provider_tingting._compat import Context
    from airflow_provider_tingting.api.models import Campaign
    from airflow_provider_tingting.campaigns.fetch_report import FetchedReport

_WITHOUT_VARIABLE_MODES = (
    "TingTing's report fails, and the listing of contacts cannot take its place, because it has no variables. The "
    "table is untouched. Try again later, or load without them: variables='none'."
)


class TingTingReportToSqlOperator(TingTingBaseOperator):
    """Load a campaign's report into a database table: all of its rows, or none.

    The operator downloads the report and checks it to its last row and against the campaign's name and count. Then, in
    one transaction, it deletes the rows that the table has of this campaign and inserts those of the report: a retry, a
    clear and a later report of the same campaign replace the rows and never double them. One table holds many
    campaigns, and several tasks may load into it at once. A killed task leaves the table as it was. The operator calls
    no contact.

    XCom: `return_value` is `{campaign_id, table, rows, summary, source, final}`; each is a key of its own too. `source`
    is `report`, or `listing` when TingTing's report fails and the listing of contacts takes its place: only where the
    table takes no variables, which a listing lacks, or the campaign has no contacts. `final` is false while the
    campaign has not ended. An outlet of the task gets the same in its event's `extra`.

    Source: API page, Campaign report and List contacts.

    :param campaign_id: the campaign's id.
    :param table: the table, as `table` or `schema.table`.
    :param sql_conn_id: the Airflow connection of the database; any whose hook is a `DbApiHook` with an SQLAlchemy
        dialect, such as SQLite, PostgreSQL, MySQL or Snowflake.
    :param schema: the table's schema, if it is not in `table`.
    :param create_table: whether to create the table when it does not exist. MySQL and MariaDB tables are created with
        InnoDB and utf8mb4.
    :param numbers: how phone numbers are written: `plain`, `masked` (`98******67`), or `sha256` (a hash keyed with
        the connection's `secret_salt`); with the last two, numbers in the variables are masked too.
    :param variables: where the contacts' variables go: `json` puts them into one column `variables`, and what
        TingTing has added to its report into `extra`; `columns` gives each a column of its own; `none` leaves them out.
    :param columns: which of the report's columns to load, as a list; or what goes where, as a dict of the table's
        columns and the report's. None for all. The campaign's id is always loaded.
    :param batch_size: rows sent at once; all of them are in one transaction. PostgreSQL gets them by COPY.
    :param sql_hook_params: extra arguments of the database's hook.
    :param partition_key: the partition of the outlets' events, on Airflow 3.3 and later; None for that of the DAG run.
    :param tingting_conn_id: the Airflow connection.
    :raises AirflowFailException: an argument, the token or the campaign is refused, or the table has other columns; no
        retry helps. The table is unchanged.
    :raises TingTingReportError: the report is incomplete or cannot be downloaded, or the database refuses it or cannot
        be reached; the table is unchanged.
    """

    template_fields: Sequence[str] = (
        *TingTingBaseOperator.template_fields,
        "campaign_id",
        "table",
        "sql_conn_id",
        "schema",
        "numbers",
        "columns",
        "partition_key",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"columns": "json"}
    argument_checks: ClassVar[Mapping[str, check.Check]] = {
        **TingTingBaseOperator.argument_checks,
        "campaign_id": check.an_id,
        "table": check.text,
        "sql_conn_id": check.text,
        "schema": check.optional(check.text),
        "numbers": check.choice(*NUMBERS),
        "variables": check.choice(*VARIABLE_MODES),
        "columns": check.optional(check.column_choice),
        "batch_size": check.whole_number(1, 1_000_000),
        "sql_hook_params": check.optional(check.a_dict, may_be_empty=False),
        "partition_key": check.optional(check.text),
    }

    def __init__(
        self,
        *,
        campaign_id: int | str,
        table: str,
        sql_conn_id: str,
        schema: str | None = None,
        create_table: bool = True,
        numbers: str = "plain",
        variables: str = "json",
        columns: Sequence[str] | Mapping[str, str] | None = None,
        batch_size: int = 1000,
        sql_hook_params: Mapping[str, Any] | None = None,
        partition_key: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.campaign_id = campaign_id
        self.table = table
        self.sql_conn_id = sql_conn_id
        self.schema = schema
        self.create_table = flag_of(create_table, "create_table")
        self.numbers = numbers
        self.variables = variables
        self.columns = columns
        self.batch_size = batch_size
        self.sql_hook_params = sql_hook_params
        self.partition_key = partition_key
        self.check_literals()

    def execute(self, context: Context) -> dict[str, Any]:
        """Download, check, load."""
        from airflow_provider_tingting.campaigns.fetch_report import check_fetched, spooled
        from airflow_provider_tingting.reports.pseudonyms import check_numbers, pseudonymise, pseudonymise_columns
        from airflow_provider_tingting.reports.table import TableName, check_columns, load_table, table_columns
        from airflow_provider_tingting.reports.tidy import TidyTable

        with self.fail_without_retry():
            self.check_templates()
            number = campaign_id_of(self.campaign_id)
            target = TableName.read(self.table, self.schema)
            check_columns(self.variables, self.columns)
            salt = self.hook.settings.secret_salt
            check_numbers(self.numbers, format="table", salt=salt)
            engine = sql_engine(self.sql_conn_id, self.sql_hook_params)
            campaign = self.hook.get_campaign(number)
            self.push_campaign(context, number)
            with spooled() as spool:
                try:
                    fetched = self._fetch(campaign, spool)
                    check_fetched(fetched, campaign)
                    self.record_contacts(campaign, fetched)
                    read = fetched.read
                    tidy = read.table if self.variables == "columns" else TidyTable()
                    place, rows = load_table(
                        engine,
                        target,
                        table_columns(
                            number,
                            pseudonymise_columns(tidy, self.numbers),
                            variables=self.variables,
                            columns=self.columns,
                            empty=read.summary.contacts == 0,
                        ),
                        lambda: pseudonymise(read.report.rows(), self.numbers, salt),
                        campaign_id=number,
                        create=self.create_table,
                        batch_size=int(self.batch_size),
                    )
                except (TingTingReportError, TingTingStorageError) as error:
                    raise type(error)(f"Campaign {number}: {error}") from error
            self.log.info("Campaign %s: %s rows in table %s", number, rows, target)
            result = {
                "campaign_id": number,
                "table": str(target),
                "rows": rows,
                "summary": read.summary.to_json(),
                "source": fetched.source,
                "final": campaign.status.is_final,
            }
            self.push_values(context, {key: result[key] for key in ("table", "rows", "summary", "source", "final")})
            written = Dataset(place.namespace, place.name, rows=rows)
            self._lineage = TaskLineage((asset_dataset(self.campaign_uri(number)),), (written,), result)
            emit_asset_events(self, context, result, uri=place.uri, partition_key=self.partition_key)
            return result

    def _fetch(self, campaign: Campaign, spool: BinaryIO) -> FetchedReport:
        """Download the report, or the listing of contacts where that has all that the table takes."""
        from airflow_provider_tingting.campaigns.fetch_report import fetch_report, settled
        from airflow_provider_tingting.reports.table import takes_variables

        with_variables = takes_variables(self.variables, self.columns)
        # TingTing's report may always fail for a campaign without contacts, and their empty listing lacks nothing.
        may_list = not with_variables or campaign.campaign_action_count == 0
        try:
            fetch = partial(fetch_report, may_list=may_list)
            fetched = settled(campaign, lambda: fetch(self.hook.get_conn(), campaign, spool))
        except (TingTingNotFoundError, TingTingValidationError, TingTingOutcomeUnknownError) as error:
            if may_list:
                raise
            # The campaign is there, so its report may be there later.
            raise TingTingReportError(f"{_WITHOUT_VARIABLE_MODES} {error}") from error
        if with_variables and fetched.source == "listing" and fetched.read.summary.contacts:
            raise TingTingReportError(f"{_WITHOUT_VARIABLE_MODES} The campaign got its first contacts meanwhile.")
        return fetched
