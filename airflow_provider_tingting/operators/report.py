"""Tasks that bring reports home."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow_provider_tingting import api
from airflow_provider_tingting._compat import AirflowFailException, failed_upstream
from airflow_provider_tingting.assets import file_uri, openlineage_name
from airflow_provider_tingting.errors import TingTingConfigError, TingTingReportError, TingTingStorageError
from airflow_provider_tingting.formatting import counted
from airflow_provider_tingting.operators.base import TingTingBaseOperator
from airflow_provider_tingting.utils.arguments import campaign_id_of, storage_path_of
from airflow_provider_tingting.utils.asset_events import emit_asset_events

if TYPE_CHECKING:
    from airflow_provider_tingting._compat import Context
    from airflow_provider_tingting.api.models import Campaign
    from airflow_provider_tingting.campaigns.fetch_report import FetchedReport

_EXAMPLE = "reports/{{ ds }}.csv"


class TingTingDownloadReportOperator(TingTingBaseOperator):
    """Bring a campaign's report to a file: whole, or not at all.

    The report is downloaded, checked to its last row, against the campaign's name and its own count of contacts, and
    only then appears at the path. A retry or a clear downloads again and replaces the file; it calls nobody. When
    TingTing's report fails for a campaign that exists, the listing of its contacts is written instead, in the same
    columns; the log and `source` say so.

    XCom: `return_value` is `{campaign_id, path, rows, summary, source, final, chart_path}`; each is a key of its own
    too. `summary` holds the figures: contacts, reached, not reached, credits and more, in less than a kilobyte.
    `source` is `report` or `listing`. `final` is false while the campaign has not ended: the outcomes may change. An
    outlet of the task gets the same in its event's `extra`.

    Source: API page, Campaign report and List contacts.

    :param campaign_id: the campaign.
    :param path: where to: a local path or a URI such as `s3://bucket/report.csv`; a name ending in `.gz` is
        compressed.
    :param format: `csv` (one header, one row a contact, variables as columns), `jsonl`, `parquet` (needs the extra
        `parquet`), `xlsx`, or `raw` (the bytes as they came; the listing cannot take their place).
    :param numbers: how phone numbers are written: `plain`, `masked` (`98******67`), or `sha256` (a hash keyed with
        the connection's `secret_salt`); with the last two, numbers in the variables are masked too.
    :param overwrite: whether a file that is there may be replaced.
    :param require_complete: whether a report that lacks contacts is an error; otherwise the log warns.
    :param chart_path: where to write a page with the campaign's charts, a path or URI ending in `.html`; none for no
        page. Needs the extra `chart`.
    :param download_on_failure: bring the report even if a task before has failed, such as the one that ran the
        campaign. The task's `trigger_rule` is then `all_done` unless you give another (a mapped task must be given
        it). Once the report is there the task fails too, so that the DAG run stays red.
    :param partition_key: the partition of the outlets' events, on Airflow 3.3 and later; None for that of the DAG run.
    :param tingting_conn_id: the Airflow connection.
    :raises AirflowFailException: an argument, the token or the campaign is refused, or there is no campaign because
        the task that creates it failed; no retry would help. Also after a download on failure.
    :raises TingTingReportError: the path cannot be written to (found out before anything is downloaded), or the report
        is incomplete or another campaign's, or cannot be read; what was at the path is untouched.
    """

    template_fields: Sequence[str] = (
        *TingTingBaseOperator.template_fields,
        "campaign_id",
        "path",
        "format",
        "numbers",
        "chart_path",
        "partition_key",
    )

    def __init__(
        self,
        *,
        campaign_id: int | str,
        path: str,
        format: str = "csv",
        numbers: str = "plain",
        overwrite: bool = True,
        require_complete: bool = True,
        chart_path: str | None = None,
        download_on_failure: bool = False,
        partition_key: str | None = None,
        **kwargs: Any,
    ) -> None:
        if download_on_failure:
            kwargs.setdefault("trigger_rule", "all_done")
        super().__init__(**kwargs)
        self.campaign_id = campaign_id
        self.path = path
        self.format = format
        self.numbers = numbers
        self.overwrite = overwrite
        self.require_complete = require_complete
        self.chart_path = chart_path
        self.download_on_failure = download_on_failure
        self.partition_key = partition_key

    def execute(self, context: Context) -> dict[str, Any]:
        """Download, check, write."""
        with self.fail_without_retry():
            self.check_templates()
            result = self._bring(context)
        values = ("path", "rows", "summary", "source", "final", "chart_path")
        self.push_values(context, {key: result[key] for key in values})
        failed = failed_upstream(context) if self.download_on_failure else []
        if failed:
            # What a task that fails returns is not kept.
            context["ti"].xcom_push(key="return_value", value=result)
            raise AirflowFailException(
                f"The report of campaign {result['campaign_id']} is at {result['path']}. This task fails all the same, "
                f"because {', '.join(failed)} failed before it and download_on_failure=True must not turn the DAG run "
                "green. A task that is to use this report needs trigger_rule='all_done'."
            )
        emit_asset_events(self, context, result, uri=file_uri(result["path"]), partition_key=self.partition_key)
        return result

    def _bring(self, context: Context) -> dict[str, Any]:
        from airflow_provider_tingting.campaigns.fetch_report import fetch_report, spooled
        from airflow_provider_tingting.files.target import are_one_file
        from airflow_provider_tingting.reports.pseudonyms import check_numbers
        from airflow_provider_tingting.reports.writers import NEEDS_COLUMNS, ensure_writable, write_read_report

        number = self._campaign_id()
        salt = self.hook.settings.secret_salt
        check_numbers(self.numbers, format=self.format, salt=salt)
        target = storage_path_of(self.path, "path", _EXAMPLE)
        chart = self._chart_target()
        with self._about(number):
            ensure_writable(target, format=self.format, overwrite=self.overwrite)
            if chart is not None:
                ensure_writable(chart, overwrite=self.overwrite)
                if are_one_file(target, chart):
                    raise TingTingConfigError("chart_path and path are the same file. Give the page a name of its own.")
        campaign = self.hook.get_campaign(number)
        self.push_campaign(context, number)
        if not campaign.status.is_final:
            self.log.warning(
                "Campaign %s is %s: its report is not final, and the outcomes in it may change", number, campaign.status
            )
        with self._about(number), spooled() as spool:
            fetched = fetch_report(
                self.hook.get_conn(),
                campaign,
                spool,
                columns=self.format in NEEDS_COLUMNS,
                may_list=self.format != "raw",
            )
            self._check(fetched, campaign)
            with self._page_beside(fetched, campaign, chart):
                written = write_read_report(
                    fetched.read,
                    spool,
                    target,
                    format=self.format,
                    overwrite=self.overwrite,
                    numbers=self.numbers,
                    salt=salt,
                )
        self.log.info("Campaign %s: %s in %s", number, counted(written.rows, "row"), self.path)
        if chart is not None:
            self.log.info("Campaign %s: its page with charts is %s", number, chart)
        result = {
            "campaign_id": number,
            "path": str(target),
            "rows": written.rows,
            "summary": written.summary.to_json(),
            "source": fetched.source,
            "final": campaign.status.is_final,
            "chart_path": None if chart is None else str(chart),
        }
        self._outcome = (self.campaign_uri(number), result, written.bytes)
        return result

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:
        """Tell OpenLineage of the campaign, the file and the figures."""
        from airflow_provider_tingting.utils.openlineage import Written, campaign_lineage

        if self._outcome is None:
            return None
        campaign, result, size = self._outcome
        return campaign_lineage(
            campaign, result, Written(*openlineage_name(file_uri(result["path"])), rows=result["rows"], size=size)
        )

    def _campaign_id(self) -> int:
        if self.download_on_failure and self.campaign_id in (None, "", "None"):
            raise TingTingConfigError(
                "There is no campaign_id, so there is no report to bring: the task that creates the campaign has "
                "failed, was skipped, or left no id. See its log; nothing was downloaded."
            )
        return campaign_id_of(self.campaign_id)

    def _chart_target(self) -> Any:
        if not self.chart_path:
            return None
        from airflow_provider_tingting.reports.chart import need_chart

        need_chart()
        return storage_path_of(self.chart_path, "chart_path", "reports/{{ ds }}.html")

    def _check(self, fetched: FetchedReport, campaign: Campaign) -> None:
        from airflow_provider_tingting.campaigns.fetch_report import check_fetched

        try:
            check_fetched(fetched, campaign)
        except TingTingReportError as error:
            if self.require_complete:
                raise
            check_fetched(fetched, campaign, require_complete=False)
            self.log.warning("Campaign %s: %s It is written all the same: require_complete=False", campaign.id, error)

    @contextmanager
    def _page_beside(self, fetched: FetchedReport, campaign: Campaign, target: Any) -> Iterator[None]:
        """Draw and write the page before the report, and let it appear after: together, or neither."""
        if target is None:
            yield
            return
        from airflow_provider_tingting.files.atomic import whole_file
        from airflow_provider_tingting.reports.chart import draw_page

        page = draw_page(
            fetched.read.report,
            title=campaign.name or f"Campaign {campaign.id}",
            subtitle=f"Campaign {campaign.id} · {campaign.services} · {campaign.status}",
        )
        with whole_file(target, overwrite=self.overwrite) as file:
            file.write(page)
            yield

    @contextmanager
    def _about(self, campaign_id: int) -> Iterator[None]:
        """Say in an error of the report whose it is, and that a retry does no harm."""
        try:
            yield
        except (TingTingReportError, TingTingStorageError) as error:
            raise type(error)(
                f"Campaign {campaign_id}: {error} A retry of this task brings the report only: nobody is called again."
            ) from error


class TingTingDownloadSurveyReportOperator(TingTingBaseOperator):
    """Bring a survey's report to a file as it came: whole, or not at all.

    A survey's id is not a campaign's id. The columns are the survey's own and not documented, so the bytes are passed
    through unless `tidy` asks for a table. A retry or a clear downloads again and replaces the file.

    XCom: `return_value` is `{survey_id, path, rows, format}`; each is a key of its own too. `rows` is None when the
    JSON is not a list. `format` is what the file holds, `csv` or `json`.

    Source: API page, Survey report.

    :param survey_id: the survey.
    :param path: where to: a local path or a URI.
    :param format: `csv` or `json`, as TingTing is asked for it.
    :param tidy: turn JSON that is a list of flat objects into CSV with a column for each key; JSON of another shape,
        and CSV, is passed through.
    :param overwrite: whether a file that is there may be replaced.
    :param tingting_conn_id: the Airflow connection.
    :raises AirflowFailException: an argument, the token or the survey is refused; no retry would help.
    :raises TingTingReportError: the path cannot be written to (found out before anything is downloaded), or the answer
        is no report; what was at the path is untouched.
    """

    template_fields: Sequence[str] = (*TingTingBaseOperator.template_fields, "survey_id", "path", "format")
    operator_extra_links = ()

    def __init__(
        self,
        *,
        survey_id: int | str,
        path: str,
        format: str = "csv",
        tidy: bool = False,
        overwrite: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.survey_id = survey_id
        self.path = path
        self.format = format
        self.tidy = tidy
        self.overwrite = overwrite

    def execute(self, context: Context) -> dict[str, Any]:
        """Download, check, write."""
        from airflow_provider_tingting.campaigns.fetch_report import spooled
        from airflow_provider_tingting.reports.survey import write_survey_report
        from airflow_provider_tingting.reports.writers import ensure_writable

        with self.fail_without_retry():
            self.check_templates()
            number = campaign_id_of(self.survey_id, "survey_id")
            if self.format not in ("csv", "json"):
                raise TingTingConfigError(f"format must be csv or json; it is {self.format!r}.")
            target = storage_path_of(self.path, "path", _EXAMPLE)
            ensure_writable(target, overwrite=self.overwrite)
            with spooled() as spool:
                self.hook.get_conn().download(api.calls.download_survey_report(number, format=self.format), spool)
                try:
                    written = write_survey_report(
                        spool, target, format=self.format, tidy=self.tidy, overwrite=self.overwrite
                    )
                except (TingTingReportError, TingTingStorageError) as error:
                    raise type(error)(f"Survey {number}: {error}") from error
            result = {"survey_id": number, "path": str(target), "rows": written.rows, "format": written.format}
            self.push_values(context, result)
            return result
