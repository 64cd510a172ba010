"""The rows of a campaign report: one by one, or column by column in blocks, which costs a third."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from operator import attrgetter
from typing import Any, Final, NamedTuple

from airflow_provider_tingting.masking import HIDDEN, mask_number, mask_text

_BLOCK: Final = 512


# Not frozen: setting the fields of a frozen one takes a third of the time of reading a report.
@dataclass(slots=True, repr=False)
class ReportRow:
    """What happened to one contact.

    :param number: the phone number, as text, as it came.
    :param status: `completed`, `unanswered`, … as `values.CONTACT_STATUSES` has them; one that is not known as it came.
    :param duration_seconds: length of the call in seconds.
    :param playback_percent: how much of the message was played, 0 to 100.
    :param credit_consumed: credits for the call (or for all, where the report has one column).
    :param other_info: the contact's variables; text when they cannot be read as a dict.
    :param action_date: when it happened, always with a time zone; Nepal time where the report names none.
    :param carrier: `NTC`, `Ncell`, …
    :param extra: columns that are not known, and cells that cannot be read, as text under the column's name.
    :param credit_consumed_sms: credits for the SMS, where the report has a column of its own for them.
    """

    number: str
    status: str
    duration_seconds: float | None = None
    playback_percent: float | None = None
    credit_consumed: float | None = None
    other_info: Mapping[str, object] | str | None = None
    action_date: datetime | None = None
    carrier: str | None = None
    extra: Mapping[str, str] = field(default_factory=dict)
    credit_consumed_sms: float | None = None

    def __repr__(self) -> str:
        """Show the outcome; hide who it was and what is known about them."""
        hidden = HIDDEN if self.other_info or self.extra else None
        return (
            f"ReportRow(number={mask_number(self.number)!r}, status={mask_text(self.status)!r}, "
            f"duration_seconds={self.duration_seconds}, playback_percent={self.playback_percent}, "
            f"credit_consumed={self.credit_consumed}, action_date={self.action_date}, carrier={self.carrier!r}, "
            f"other_info={hidden!r})"
        )


class ReportBlock(NamedTuple):
    """Some rows column by column: each field is a list with the values of the `ReportRow` field of that name."""

    number: list[str]
    status: list[str]
    duration_seconds: list[float | None]
    playback_percent: list[float | None]
    credit_consumed: list[float | None]
    other_info: list[Mapping[str, object] | str | None]
    action_date: list[datetime | None]
    carrier: list[str | None]
    extra: list[dict[str, str]]
    credit_consumed_sms: list[float | None]

    def size(self) -> int:
        """Return how many rows there are."""
        return len(self.number)

    def rows(self) -> Iterator[ReportRow]:
        """Return the rows one by one."""
        return map(ReportRow, *self)


_VALUES: Final = attrgetter(*ReportBlock._fields)


class ReportRows:
    """The rows of a report; each iteration reads them from the first.

    :param blocks: returns them as blocks, from the first.
    """

    def __init__(self, blocks: Callable[[], Iterator[ReportBlock]]) -> None:
        self.blocks = blocks

    def __iter__(self) -> Iterator[ReportRow]:
        for block in self.blocks():
            yield from block.rows()


def in_blocks(rows: Iterable[ReportRow]) -> Iterator[ReportBlock]:
    """Return rows as blocks; those of a report are read as blocks from the beginning.

    :param rows: the rows.
    """
    if isinstance(rows, ReportRows):
        yield from rows.blocks()
        return
    source = iter(rows)
    while some := list(islice(source, _BLOCK)):
        columns: Any = map(list, zip(*map(_VALUES, some), strict=True))
        yield ReportBlock(*columns)
