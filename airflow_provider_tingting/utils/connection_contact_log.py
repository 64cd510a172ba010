"""The contact log of a TingTing connection: who was contacted, how often, and what it has cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from airflow_provider_tingting._compat import AirflowException
from airflow_provider_tingting.campaigns.marker import tag_text, tags_in
from airflow_provider_tingting.clock import wall_time
from airflow_provider_tingting.contacts.frequency_cap import FrequencyCap, OverCap
from airflow_provider_tingting.errors import TingTingConfigError, TingTingReportError
from airflow_provider_tingting.formatting import counted
from airflow_provider_tingting.utils.sql_engine import sql_engine

if TYPE_CHECKING:
    from airflow_provider_tingting.api.models import Campaign
    from airflow_provider_tingting.campaigns.fetch_report import FetchedReport
    from airflow_provider_tingting.connection import ConnectionSettings
    from airflow_provider_tingting.reports.contact_log import ContactLog

_KEYS = ("sql_conn_id", "table", "schema", "create_table", "numbers")
_EXAMPLE = '{"sql_conn_id": "crm", "table": "contact_log", "create_table": true}'


class ConnectionContactLog:
    """The contact log of a TingTing connection, opened when it is used.

    :param settings: the connection's fields.
    :param conn_id: the connection's id, for errors.
    :ivar is_set: whether the connection names a contact log.
    """

    def __init__(self, settings: ConnectionSettings, conn_id: str) -> None:
        self._settings = settings
        self._conn_id = conn_id
        self.is_set = settings.contact_log is not None

    def prepare(self) -> None:
        """Check that calls can be recorded; create the table when the connection asks for it.

        :raises TingTingConfigError: the log cannot be used as the connection describes it.
        :raises TingTingReportError: the database refuses or cannot be reached.
        """
        if self.is_set:
            with self._opened() as contact_log:
                contact_log.prepare()

    def record(self, campaign: Campaign, fetched: FetchedReport, log: Any) -> None:
        """Record a campaign that has ended; what the log has of it already is replaced.

        :param campaign: the campaign; one that has not ended is left alone.
        :param fetched: its report, complete.
        :param log: gets a line with the number of contacts.
        :raises TingTingConfigError: the log cannot be used as the connection describes it.
        :raises TingTingReportError: the database refuses or cannot be reached; the log has what it had.
        """
        from airflow_provider_tingting.assets import campaign_uri
        from airflow_provider_tingting.reports.contact_log import LoggedCampaign

        if not self.is_set or not campaign.status.is_final:
            return
        tags = tags_in(campaign.description)
        logged = LoggedCampaign(
            uri=campaign_uri(self._settings.base_url, campaign.id),
            id=campaign.id,
            services=campaign.services.upper(),
            ended_at=campaign.changed_at or datetime.fromtimestamp(wall_time(), timezone.utc),
            purpose=tags.get("purpose"),
            occasion=tags.get("occasion"),
        )
        with self._opened() as contact_log:
            report, repeats = fetched.read.report, fetched.read.summary.duplicates > 0
            recorded = contact_log.record(logged, report.rows, repeats=repeats)
            log.info("Campaign %s: %s in contact log %s", campaign.id, counted(recorded, "contact"), contact_log.table)

    def over_cap(self, cap: FrequencyCap, *, services: str, campaign_id: int | None) -> OverCap:
        """Return the numbers that were contacted as often as a cap allows.

        :param cap: the cap.
        :param services: the services of the campaign; campaigns that share one of them count.
        :param campaign_id: the campaign that the contacts are for, which does not count; None when there is none.
        :raises TingTingConfigError: the connection names no log, or the log cannot be used.
        :raises TingTingReportError: the database refuses or cannot be reached.
        """
        from airflow_provider_tingting.assets import campaign_uri

        self._require("frequency_cap counts the calls of earlier campaigns")
        counted_cap = replace(cap, purpose=cap.purpose and tag_text(cap.purpose))
        with self._opened() as contact_log:
            over = contact_log.numbers_over(
                counted_cap,
                services=services,
                now=datetime.fromtimestamp(wall_time(), timezone.utc),
                without=None if campaign_id is None else campaign_uri(self._settings.base_url, campaign_id),
            )
            return OverCap(cap, over, contact_log.key_of)

    def credits_since(self, moment: float) -> float:
        """Return the credits of all contacts since a moment, as far as they are recorded.

        :param moment: in seconds since 1970.
        :raises TingTingConfigError: the connection names no log, or the log cannot be used.
        :raises TingTingReportError: the database refuses or cannot be reached.
        """
        self._require("daily_credit_limit counts the credits of the day")
        with self._opened() as contact_log:
            return contact_log.credits_since(datetime.fromtimestamp(moment, timezone.utc))

    def _require(self, why: str) -> None:
        if not self.is_set:
            raise TingTingConfigError(
                f"{why} in the contact log, and connection {self._conn_id!r} names none. Put one into "
                f"its field contact_log, such as {_EXAMPLE}."
            )

    @contextmanager
    def _opened(self) -> Iterator[ContactLog]:
        try:
            yield self._open(dict(self._settings.contact_log or {}))
        except (TingTingConfigError, TingTingReportError) as error:
            raise type(error)(f"The contact_log of connection {self._conn_id!r}: {error}") from error

    def _open(self, entry: Mapping[str, Any]) -> ContactLog:
        from airflow_provider_tingting.reports.contact_log import ContactLog
        from airflow_provider_tingting.reports.distinct_numbers import bare_number
        from airflow_provider_tingting.reports.pseudonyms import check_numbers, hasher
        from airflow_provider_tingting.reports.table import TableName

        unknown = sorted(set(entry) - set(_KEYS))
        if unknown:
            raise TingTingConfigError(f"{unknown[0]!r} is not known; use {', '.join(_KEYS)}.")
        create, numbers = entry.get("create_table", False), entry.get("numbers", "sha256")
        if not isinstance(create, bool):
            raise TingTingConfigError("create_table must be true or false.")
        if numbers not in ("sha256", "plain"):
            raise TingTingConfigError("numbers must be sha256 or plain: other ways do not identify a contact.")
        salt = self._settings.secret_salt
        check_numbers(numbers, format="table", salt=salt)
        table = TableName.read(entry.get("table"), entry.get("schema"))
        try:
            engine = sql_engine(entry.get("sql_conn_id"))
        except AirflowException as error:
            # Airflow knows no such connection.
            raise TingTingConfigError(f"sql_conn_id: {error}") from error
        return ContactLog(engine, table, bare_number if numbers == "plain" else hasher(salt or ""), create=create)
