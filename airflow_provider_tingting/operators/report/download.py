"""Operators that write the reports of campaigns and surveys to files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar

from airflow_provider_tingting import api
from airflow_provider_tingting._compat import AirflowFailException, failed_upstream
from airflow_provider_tingting.assets import file_uri, survey_uri
from airflow_provider_tingting.errors import TingTingConfigError, TingTingReportError, TingTingStorageError
from airflow_provider_tingting.formatting import counted
from airflow_provider_tingting.operators.base import TingTingBaseOperator
from airflow_provider_tingting.reports import FORMATS, NUMBERS
from airflow_provider_tingting.utils import argument_checks as check
from airflow_provider_tingting.utils.arguments import campaign_id_of, flag_of, storage_path_of
from airflow_provider_tingting.utils.asset_events import emit_asset_events
from airflow_provider_tingting.utils.clears import was_cleared
from airflow_provider_tingting.utils.openlineage import TaskLineage, asset_dataset, file_dataset
from airflow_provider_tingting.utils.task_state import checked_estimate

if TYPE_CHECKING:
    from airflow_provider_tingting._compat import Context
    from airflow_provider_tingting.api.models import Campaign
    from airflow_provider_tingting.campaigns.fetch_report import FetchedReport

_EXAMPLE = "reports/{{ run_id }}.csv"


class TingTingDownloadReportOperator(TingTingBaseOperator):
    """Write a campaign's report to a file, which appears complete or not at all.

    The operator downloads the report, checks it to its last row and against the campaign's name and number of
    contacts, and writes the file. A retry or a clear downloads again and replaces the file; it calls no contact. A
    killed task leaves what was at the path. When TingTing's report fails for a campaign that exists, the operator
    writes the listing of its contacts instead, in the same columns; the log and `source` say so.

    With `kept_report` it first looks for the report that the task which ran the campaign has kept. When that is the
    final report of this campaign, with all contacts, the operator writes it, sends no request, and removes the kept
    file. Otherwise, and always after a clear, it logs why and downloads.

    XCom: `return_value` is `{campaign_id, path, rows, summary, source, final, chart_path}`; each is a key of its own
    too. `summary` holds the figures: contacts, reached, not reached, credits and more, in less than a kilobyte.
    `source` is `report` or `listing`. `final` is false while the campaign has not ended: the outcomes may change. An
    outlet of the task gets the same in its event's `extra`.

    Source: API page, Campaign report and List contacts.

    :param campaign_id: the campaign's id.
    :param path: a local path or a URI such as `s3://bucket/report.csv`; a name that ends in `.gz` is compressed.
    :param format: `csv` (one header, one row a contact, variables as columns), `jsonl`, `parquet` (needs the extra
        `parquet`), `xlsx`, or `raw` (the bytes as TingTing sent them; the listing cannot replace them). By default the
        name of the file decides; a format that contradicts the name is refused.
    :param numbers: how phone numbers are written: `plain`, `masked` (`98******67`), or `sha256` (a hash keyed with
        the connection's `secret_salt`); with the last two, numbers in the variables are masked too.
    :param kept_report: the XCom `kept_report` of the task that ran the campaign with `keep_report`: a path or URI. None
        or an empty text to download.
    :param overwrite: whether a file that exists may be replaced.
    :param require_complete: whether a report that lacks contacts is an error; otherwise the log warns.
    :param chart_path: a path or URI that ends in `.html`, for a page with the campaign's charts; by default no page is
        written. Needs the extra `chart`.
    :param download_on_failure: write the report even if an upstream task has failed, such as the one that ran the
        campaign. The task's `trigger_rule` is then `all_done` unless you give another (a mapped task must be given
        it). Once the report is written the task fails too, so that the DAG run stays failed.
    :param partition_key: the partition of the outlets' events, on Airflow 3.3 and later; None for that of the DAG run.
    :param tingting_conn_id: the Airflow connection.
    :raises AirflowFailException: an argument, the path, the token or the campaign is refused, or there is no campaign
        because the task that creates it failed; no retry helps. Also after a download on failure.
    :raises TingTingReportError: the report is incomplete, damaged or another campaign's; the file is unchanged.
    :raises TingTingStorageError: the disk is full or the store fails; the file is unchanged.
    """

    template_fields: Sequence[str] = (
        *TingTingBaseOperator.template_fields,
        "campaign_id",
        "path",
        "format",
        "numbers",
        "kept_report",
        "chart_path",
        "partition_key",
    )
    argument_checks: ClassVar[Mapping[str, check.Check]] = {
        **TingTingBaseOperator.argument_checks,
        # After a failure of the task that creates the campaign there may be none.
        "campaign_id": check.id_or_nothing,
        "path": check.storage_path,
        "format": check.optional(check.choice(*FORMATS)),
        "numbers": check.choice(*NUMBERS),
        "kept_report": check.optional(check.storage_path),
        "chart_path": check.optional(check.path_ending_in(".html")),
        "partition_key": check.optional(check.text),
    }

    def __init__(
        self,
        *,
        campaign_id: int | str,
        path: str,
        format: str | None = None,
        numbers: str = "plain",
        kept_report: str | None = None,
        overwrite: bool = True,
        require_complete: bool = True,
        chart_path: str | None = None,
        download_on_failure: bool = False,
        partition_key: str | None = None,
        **kwargs: Any,
    ) -> None:
        self.download_on_failure = flag_of(download_on_failure, "download_on_failure")
        if self.download_on_failure:
            kwargs.setdefault("trigger_rule", "all_done")
        super().__init__(**kwargs)
        self.campaign_id = campaign_id
        self.path = path
        self.format = format
        self.numbers = numbers
        self.kept_report = kept_report
        self.overwrite = flag_of(overwrite, "overwrite")
        self.require_complete = flag_of(require_complete, "require_complete")
        self.chart_path = chart_path
        self.partition_key = partition_key
        self.check_literals()
        if not self.download_on_failure and not check.is_filled_later(campaign_id):
            campaign_id_of(campaign_id)

    def execute(self, context: Context) -> dict[str, Any]:
        """Download, check and write the report."""
        with self.fail_without_retry():
            self.check_templates()
            result = self._download(context)
        values = ("path", "rows", "summary", "source", "final", "chart_path")
        self.push_values(context, {key: result[key] for key in values})
        failed = failed_upstream(context) if self.download_on_failure else []
        if failed:
            # Airflow does not keep the return value of a task that fails.
            context["ti"].xcom_push(key="return_value", value=result)
            raise AirflowFailException(
                f"The report of campaign {result['campaign_id']} is at {result['path']}. This task fails because "
                f"{', '.join(failed)} failed before it and download_on_failure=True must not turn the DAG run green. A "
                "task that uses this report needs trigger_rule='all_done'."
            )
        emit_asset_events(self, context, result, uri=file_uri(result["path"]), partition_key=self.partition_key)
        return result

    def _download(self, context: Context) -> dict[str, Any]:
        from airflow_provider_tingting.campaigns.fetch_report import check_fetched, fetch_report, settled, spooled
        from airflow_provider_tingting.files.target import ensure_writable, refuse_input
        from airflow_provider_tingting.reports.chart import chart_file, need_chart
        from airflow_provider_tingting.reports.pseudonyms import check_numbers
        from airflow_provider_tingting.reports.writers import format_of, write_read_report

        number = self._campaign_id()
        target = storage_path_of(self.path, "path", _EXAMPLE)
        format = format_of(target, self.format or None)
        salt = self.hook.settings.secret_salt
        check_numbers(self.numbers, format=format, salt=salt)
        chart: Any = None
        if self.chart_path:
            need_chart()
            chart = storage_path_of(self.chart_path, "chart_path", "reports/{{ run_id }}.html")
        with _named_in_errors(f"Campaign {number}"), ExitStack() as open_files:
            ensure_writable(target, overwrite=self.overwrite)
            if chart is not None:
                ensure_writable(chart, overwrite=self.overwrite)
                refuse_input(chart, "chart_path", [("path", target)])
            kept = self._kept(path=target, chart_path=chart)
            spool = open_files.enter_context(spooled())
            taken = None if kept is None else self._take(context, kept, number, spool)
            campaign = self.hook.get_campaign(number) if taken is None else taken[0]
            self.push_campaign(context, number)
            if not campaign.status.is_final:
                self.log.warning("Campaign %s is %s: the outcomes in its report may change", number, campaign.status)
            if taken is None:
                fetch = partial(fetch_report, may_list=format != "raw")
                fetched = settled(campaign, lambda: fetch(self.hook.get_conn(), campaign, spool))
            else:
                fetched = taken[1]
            try:
                check_fetched(fetched, campaign)
            except TingTingReportError as error:
                if self.require_complete:
                    raise
                check_fetched(fetched, campaign, require_complete=False)
                self.log.warning("Campaign %s: %s The file is written, since require_complete=False", number, error)
            else:
                self.record_contacts(campaign, fetched)
            if chart is not None:
                # The page takes its place after the report did: both files appear, or neither.
                title = campaign.name or f"Campaign {number}"
                about = f"Campaign {number} · {campaign.services} · {campaign.status}"
                page = chart_file(
                    fetched.read.report,
                    chart,
                    title=title,
                    subtitle=about,
                    estimate=checked_estimate(context, number),
                    overwrite=self.overwrite,
                )
                open_files.enter_context(page)
            write = partial(write_read_report, format=format, overwrite=self.overwrite)
            written = write(fetched.read, spool, target, numbers=self.numbers, salt=salt)
        if taken is not None:
            self._remove(kept)
        self.log.info("Campaign %s: %s in %s", number, counted(written.rows, "row"), self.path)
        if chart is not None:
            self.log.info("Campaign %s: the page with its charts is %s", number, chart)
        result = {
            "campaign_id": number,
            "path": str(target),
            "rows": written.rows,
            "summary": written.summary.to_json(),
            "source": fetched.source,
            "final": campaign.status.is_final,
            "chart_path": None if chart is None else str(chart),
        }
        output = file_dataset(target, rows=written.rows, size=written.bytes)
        self._lineage = TaskLineage((asset_dataset(self.campaign_uri(number)),), (output,), result)
        return result

    def _kept(self, **targets: Any) -> Any:
        """Return where the run task has kept the report, or None.

        :param targets: the files that this task writes, or None, by argument.
        """
        from airflow_provider_tingting.files.target import refuse_input

        if not str(self.kept_report or "").strip():
            return None
        kept = storage_path_of(self.kept_report, "kept_report", "kept/{{ run_id }}.report")
        for argument, target in targets.items():
            if target is not None:
                refuse_input(target, argument, [("kept_report", kept)])
        return kept

    def _take(self, context: Context, kept: Any, number: int, spool: BinaryIO) -> tuple[Campaign, FetchedReport] | None:
        """Return the campaign and its report as the run task has kept them; None when they must be downloaded."""
        from airflow_provider_tingting.campaigns.kept_report import take_report

        if was_cleared(context):
            self.log.info("Campaign %s: this task was cleared, so the report is downloaded again", number)
            return None
        try:
            taken = take_report(kept, spool, campaign_id=number, server=self.hook.settings.base_url)
        except TingTingReportError as error:
            self.log.warning("Campaign %s: the report is downloaded, the kept one is not used: %s", number, error)
            return None
        self.log.info("Campaign %s: the report is the one in %s, nothing is downloaded", number, kept)
        return taken

    def _remove(self, kept: Any) -> None:
        """Remove the kept report, which this task has written to its own file."""
        from airflow_provider_tingting.campaigns.kept_report import remove_kept

        try:
            remove_kept(kept)
        except Exception as error:
            self.log.warning("%s holds the contacts' numbers and cannot be removed; remove it. %s", kept, error)

    def _campaign_id(self) -> int:
        if self.download_on_failure and self.campaign_id in (None, "", "None"):
            raise TingTingConfigError(
                "There is no campaign_id, so there is no report: the task that creates the campaign has failed, was "
                "skipped, or returned no id. See its log; nothing was downloaded."
            )
        return campaign_id_of(self.campaign_id)


class TingTingDownloadSurveyReportOperator(TingTingBaseOperator):
    """Write a survey's report to a file as it came; the file appears complete or not at all.

    A survey's id is not a campaign's id. The columns are the survey's own and not documented, so the operator writes
    the bytes as they came unless `tidy` asks for a table. A retry or a clear downloads again and replaces the file. A
    killed task leaves what was at the path.

    XCom: `return_value` is `{survey_id, path, rows, format}`; each is a key of its own too. `rows` is None when the
    JSON is not a list. `format` is what the file holds, `csv` or `json`.

    Source: API page, Survey report.

    :param survey_id: the survey's id.
    :param path: a local path or a URI.
    :param format: `csv` or `json`, as TingTing is asked for it.
    :param tidy: turn JSON that is a list of flat objects into CSV with a column for each key; JSON of another shape,
        and CSV, is written as it came.
    :param overwrite: whether a file that exists may be replaced.
    :param tingting_conn_id: the Airflow connection.
    :raises AirflowFailException: an argument, the path, the token or the survey is refused; no retry helps.
    :raises TingTingReportError: the response is not a report; the file is unchanged.
    :raises TingTingStorageError: the disk is full or the store fails; the file is unchanged.
    """

    template_fields: Sequence[str] = (*TingTingBaseOperator.template_fields, "survey_id", "path", "format")
    operator_extra_links = ()
    argument_checks: ClassVar[Mapping[str, check.Check]] = {
        **TingTingBaseOperator.argument_checks,
        "survey_id": check.an_id,
        "path": check.storage_path,
        "format": check.choice("csv", "json"),
    }

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
        self.tidy = flag_of(tidy, "tidy")
        self.overwrite = flag_of(overwrite, "overwrite")
        self.check_literals()

    def execute(self, context: Context) -> dict[str, Any]:
        """Download, check and write the report."""
        from airflow_provider_tingting.campaigns.fetch_report import spooled
        from airflow_provider_tingting.files.target import ensure_writable
        from airflow_provider_tingting.reports.survey import write_survey_report

        with self.fail_without_retry():
            self.check_templates()
            number = campaign_id_of(self.survey_id, "survey_id")
            target = storage_path_of(self.path, "path", _EXAMPLE)
            with _named_in_errors(f"Survey {number}"), spooled() as spool:
                ensure_writable(target, overwrite=self.overwrite)
                self.hook.get_conn().download(api.calls.download_survey_report(number, format=self.format), spool)
                written = write_survey_report(
                    spool, target, format=self.format, tidy=self.tidy, overwrite=self.overwrite
                )
            result = {"survey_id": number, "path": str(target), "rows": written.rows, "format": written.format}
            self.push_values(context, result)
            survey = asset_dataset(survey_uri(self.hook.settings.base_url, number))
            output = file_dataset(target, rows=written.rows, size=written.bytes)
            self._lineage = TaskLineage((survey,), (output,))
            return result


@contextmanager
def _named_in_errors(subject: str) -> Iterator[None]:
    """Name the campaign or survey in an error about its report, and say what a retry does."""
    try:
        yield
    except (TingTingReportError, TingTingStorageError) as error:
        raise type(error)(
            f"{subject}: {error} A retry of this task only downloads the report: no contact is called again."
        ) from error
