"""Tasks that bring reports home."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_tingting import api
from airflow_provider_tingting.assets import file_uri, openlineage_name
from airflow_provider_tingting.errors import TingTingConfigError, TingTingReportError
from airflow_provider_tingting.operators.arguments import campaign_id_of, storage_path_of
from airflow_provider_tingting.operators.base import TingTingBaseOperator
from airflow_provider_tingting.operators.outlets import tell_outlets

if TYPE_CHECKING:
    from airflow_provider_tingting._compat import Context

_EXAMPLE = "reports/{{ ds }}.csv"


class TingTingDownloadReportOperator(TingTingBaseOperator):
    """Bring a campaign's report to a file: whole, or not at all.

    The report is downloaded, checked to its last row and against the campaign's own count, and only then appears at
    the path. A retry downloads again and replaces the file.

    XCom: `return_value` is `{campaign_id, path, rows, summary}`; each is a key of its own too. `summary` holds the
    figures: contacts, reached, not reached, credits and more, in less than a kilobyte. An outlet of the task gets the
    same in its event's `extra`.

    Source: API page, Campaign report.

    :param campaign_id: the campaign.
    :param path: where to: a local path or a URI such as `s3://bucket/report.csv`; a name ending in `.gz` is
        compressed.
    :param format: `csv` (one header, one row a contact, variables as columns), `jsonl`, `parquet` (needs the extra
        `parquet`), `xlsx`, or `raw` (the bytes as they came).
    :param overwrite: whether a file that is there may be replaced.
    :param partition_key: the partition of the outlets' events, on Airflow 3.2 and later; None for that of the DAG run.
    :param tingting_conn_id: the Airflow connection.
    :raises AirflowFailException: an argument, the token or the campaign is refused; no retry would help.
    :raises TingTingReportError: the path cannot be written to (found out before anything is downloaded), or the report
        is incomplete or cannot be read; what was at the path is untouched.
    """

    template_fields: Sequence[str] = (
        *TingTingBaseOperator.template_fields,
        "campaign_id",
        "path",
        "format",
        "partition_key",
    )

    def __init__(
        self,
        *,
        campaign_id: int | str,
        path: str,
        format: str = "csv",
        overwrite: bool = True,
        partition_key: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.campaign_id = campaign_id
        self.path = path
        self.format = format
        self.overwrite = overwrite
        self.partition_key = partition_key

    def execute(self, context: Context) -> dict[str, Any]:
        """Download, check, write."""
        from airflow_provider_tingting.outcome import spooled
        from airflow_provider_tingting.reports.writers import ensure_writable, write_report

        with self.told_to_airflow():
            number = campaign_id_of(self.campaign_id)
            target = storage_path_of(self.path, "path", _EXAMPLE)
            ensure_writable(target, format=self.format, overwrite=self.overwrite)
            campaign = self.hook.get_campaign(number)
            self.leave_campaign(context, number)
            with spooled() as spool:
                self.hook.get_conn().download(api.calls.download_campaign_report(number), spool)
                try:
                    written = write_report(
                        spool,
                        target,
                        format=self.format,
                        overwrite=self.overwrite,
                        expected=campaign.campaign_action_count,
                    )
                except TingTingReportError as error:
                    raise TingTingReportError(f"Campaign {number}: {error}") from error
            self.log.info("Campaign %s: %s rows in %s", number, written.rows, self.path)
            result = {
                "campaign_id": number,
                "path": str(target),
                "rows": written.rows,
                "summary": written.summary.to_json(),
            }
            for key in ("path", "rows", "summary"):
                context["ti"].xcom_push(key=key, value=result[key])
            self._outcome = (self.campaign_uri(number), result, written.bytes)
            tell_outlets(self, context, result, uri=file_uri(result["path"]), partition_key=self.partition_key)
            return result

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:
        """Tell OpenLineage of the campaign, the file and the figures."""
        from airflow_provider_tingting.operators.lineage import Written, campaign_lineage

        if self._outcome is None:
            return None
        campaign, result, size = self._outcome
        return campaign_lineage(
            campaign, result, Written(*openlineage_name(file_uri(result["path"])), rows=result["rows"], size=size)
        )


class TingTingDownloadSurveyReportOperator(TingTingBaseOperator):
    """Bring a survey's report to a file as it came: whole, or not at all.

    A survey's id is not a campaign's id. The columns are the survey's own and not documented, so the bytes are passed
    through.

    XCom: `return_value` is `{survey_id, path, rows}`; `rows` is None when the JSON is not a list.

    Source: API page, Survey report.

    :param survey_id: the survey.
    :param path: where to: a local path or a URI.
    :param format: `csv` or `json`.
    :param overwrite: whether a file that is there may be replaced.
    :param tingting_conn_id: the Airflow connection.
    :raises AirflowFailException: an argument, the token or the survey is refused; no retry would help.
    :raises TingTingReportError: the path cannot be written to (found out before anything is downloaded), or the answer
        is no report; what was at the path is untouched.
    """

    template_fields: Sequence[str] = (*TingTingBaseOperator.template_fields, "survey_id", "path", "format")
    operator_extra_links = ()

    def __init__(
        self, *, survey_id: int | str, path: str, format: str = "csv", overwrite: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.survey_id = survey_id
        self.path = path
        self.format = format
        self.overwrite = overwrite

    def execute(self, context: Context) -> dict[str, Any]:
        """Download, check, write."""
        from airflow_provider_tingting.outcome import spooled
        from airflow_provider_tingting.reports.survey import write_survey_report
        from airflow_provider_tingting.reports.writers import ensure_writable

        with self.told_to_airflow():
            number = campaign_id_of(self.survey_id, "survey_id")
            if self.format not in ("csv", "json"):
                raise TingTingConfigError(f"format must be csv or json; it is {self.format!r}.")
            target = storage_path_of(self.path, "path", _EXAMPLE)
            ensure_writable(target, overwrite=self.overwrite)
            with spooled() as spool:
                self.hook.get_conn().download(api.calls.download_survey_report(number, format=self.format), spool)
                written = write_survey_report(spool, target, format=self.format, overwrite=self.overwrite)
            return {"survey_id": number, "path": str(target), "rows": written.rows}
