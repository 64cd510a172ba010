"""The contact log: a database table with one row for each contact of each campaign that has ended.

The rows of a campaign are replaced as a whole, as those of its report are, so recording it again changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_tingting.contacts.frequency_cap import FrequencyCap
from airflow_provider_tingting.reports.contact_rows import Rows, contact_rows
from airflow_provider_tingting.reports.rows import ReportBlock, ReportRow
from airflow_provider_tingting.reports.summary import REACHED
from airflow_provider_tingting.reports.table.columns import Kind, TableColumns
from airflow_provider_tingting.reports.table.definition import create_table, existing
from airflow_provider_tingting.reports.table.dialects import lock, require_transactions, transaction
from airflow_provider_tingting.reports.table.inserting import converter
from airflow_provider_tingting.reports.table.loading import explained, load_table
from airflow_provider_tingting.reports.table.naming import TableName

if TYPE_CHECKING:
    from sqlalchemy import Table
    from sqlalchemy.engine import Connection, Engine

COLUMNS: Final = (
    ("campaign", Kind.WORD),
    ("campaign_id", Kind.ID),
    ("number", Kind.WORD),
    ("purpose", Kind.WORD),
    ("occasion", Kind.WORD),
    ("services", Kind.WORD),
    ("outcome", Kind.WORD),
    ("credits", Kind.AMOUNT),
    ("called_at", Kind.MOMENT),
)
_REMEDY: Final = "Name another table in contact_log, or alter this one."
#: The outcome of a contact that TingTing has not tried.
_NOT_TRIED: Final = "not started"
_NUMBER_PLACE: Final = 2


@dataclass(frozen=True)
class LoggedCampaign:
    """What the log has of a campaign beside its contacts.

    :param uri: identifies it among the campaigns of all accounts.
    :param id: its id at TingTing.
    :param services: `PHONE`, `SMS` or `SMS & PHONE`.
    :param ended_at: the time of contacts for which the report has none.
    :param purpose: what it is for, as `frequency_cap` names it.
    :param occasion: which of the campaigns of this purpose it is.
    """

    uri: str
    id: int
    services: str
    ended_at: datetime
    purpose: str | None = None
    occasion: str | None = None


@dataclass(frozen=True)
class ContactLog:
    """The log of the contacts of an account's campaigns.

    :param engine: the database.
    :param table: the table.
    :param key_of: returns how the log has a number: as it is, or as a keyed hash.
    :param create: whether to create the table when it does not exist.
    """

    engine: Engine
    table: TableName
    key_of: Callable[[str], str]
    create: bool = False

    def prepare(self) -> None:
        """Check that campaigns can be recorded, and create the table when that is allowed and it does not exist.

        :raises TingTingConfigError: the table does not exist, or has other columns.
        :raises TingTingReportError: the database refuses or cannot be reached.
        """
        columns = _columns()
        with self._explained("Calls cannot be recorded in"):
            with self.engine.connect() as connection:
                if existing(connection, self.table, columns) is not None:
                    require_transactions(connection, self.table)
                    return
            with transaction(self.engine) as connection:
                lock(connection, self.table)
                if existing(connection, self.table, columns) is None:
                    create_table(connection, self.table, columns, create=self.create)

    def record(self, campaign: LoggedCampaign, rows: Rows, *, repeats: bool) -> int:
        """Replace what the log has of a campaign by the contacts of its report; return how many there are.

        A number that stands more than once in the report is one contact, which the campaign has called once.

        :param campaign: the campaign, which has ended.
        :param rows: returns the rows of its report, which has been checked; may be called again.
        :param repeats: whether a number stands more than once in it.
        :raises TingTingConfigError: the table does not exist, or has other columns; nothing was changed.
        :raises TingTingReportError: the database refuses or cannot be reached; nothing was changed.
        """

        def values_of(row: ReportRow) -> tuple[Any, ...]:
            spent = [one for one in (row.credit_consumed, row.credit_consumed_sms) if one is not None]
            return (
                campaign.uri,
                campaign.id,
                self.key_of(row.number),
                campaign.purpose,
                campaign.occasion,
                campaign.services,
                row.status,
                sum(spent) if spent else None,
                (row.action_date or campaign.ended_at).astimezone(timezone.utc),
            )

        def values(block: ReportBlock) -> list[tuple[Any, ...]]:
            return list(zip(*map(values_of, block.rows()), strict=True))

        contacts = contact_rows(rows, _rank) if repeats else rows
        _, sent = load_table(
            self.engine, self.table, _columns(values), contacts, campaign_id=campaign.uri, create=self.create
        )
        return sent

    def numbers_over(self, cap: FrequencyCap, *, services: str, now: datetime, without: str | None) -> frozenset[str]:
        """Return the numbers, as the log has them, that were contacted as often as a cap allows.

        :param cap: the cap.
        :param services: which contacts count: those of campaigns that share one of these services.
        :param now: the end of the cap's period.
        :param without: the URI of a campaign that does not count; None to count all.
        :raises TingTingConfigError: the table does not exist, or has other columns.
        :raises TingTingReportError: the database refuses or cannot be reached.
        """
        from sqlalchemy import func, or_, select

        since = datetime.fromtimestamp(max(0.0, now.timestamp() - cap.per), timezone.utc)
        with self._reading() as connection:
            table = self._existing(connection)
            if table is None:
                return frozenset()
            column = table.c
            shared = [name for name in ("PHONE", "SMS") if name in services] or [""]
            conditions = [
                column["called_at"] >= _as_stored(connection, table, since),
                column["outcome"] != _NOT_TRIED,
                or_(*(column["services"].like(f"%{name}%") for name in shared)),
            ]
            if cap.purpose is not None:
                conditions.append(column["purpose"] == cap.purpose)
            if without is not None:
                conditions.append(column["campaign"] != without)
            query = (
                select(column["number"]).where(*conditions).group_by(column["number"]).having(func.count() >= cap.calls)
            )
            return frozenset(str(number) for (number,) in connection.execute(query))

    def credits_since(self, moment: datetime) -> float:
        """Return the credits of all contacts since a moment, as far as the log has them.

        :param moment: the moment, with its time zone.
        :raises TingTingConfigError: the table does not exist, or has other columns.
        :raises TingTingReportError: the database refuses or cannot be reached.
        """
        from sqlalchemy import func, select

        with self._reading() as connection:
            table = self._existing(connection)
            if table is None:
                return 0.0
            spent = select(func.sum(table.c["credits"])).where(
                table.c["called_at"] >= _as_stored(connection, table, moment.astimezone(timezone.utc))
            )
            return float(connection.execute(spent).scalar() or 0.0)

    def _existing(self, connection: Connection) -> Table | None:
        """Return the table; None when it may be created and does not exist, so that no contact is in the log yet."""
        table = existing(connection, self.table, _columns())
        if table is None and not self.create:
            create_table(connection, self.table, _columns(), create=False)
        return table

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with self._explained("The contact log cannot be read from"), self.engine.connect() as connection:
            yield connection

    def _explained(self, failed: str) -> AbstractContextManager[None]:
        names = {self.table.name, self.table.schema or "", *(name for name, _ in COLUMNS)}
        return explained(self.engine, self.table, names, failed=failed)


def _rank(status: str) -> int:
    """Return how much a status says of a contact: that it was reached, tried, or neither."""
    return 2 if status in REACHED else int(status != _NOT_TRIED)


def _columns(values: Callable[[ReportBlock], Sequence[Sequence[Any]]] | None = None) -> TableColumns:
    return TableColumns(
        columns=COLUMNS,
        campaign_column="campaign",
        number_place=_NUMBER_PLACE,
        indexed=("called_at",),
        remedy=_REMEDY,
        _values=values or (lambda _: []),
        _picked=None,
    )


def _as_stored(connection: Connection, table: Table, moment: datetime) -> Any:
    convert = converter(connection, table.c["called_at"].type, Kind.MOMENT)
    return moment if convert is None else convert(moment)
