"""What the charts show, counted from the cells of a report in flat memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import repeat
from typing import Any, Final, TypeVar

from airflow_provider_tingting.masking import mask_text
from airflow_provider_tingting.reports.cells import CachedParser, read_date, read_duration, read_number, read_percent
from airflow_provider_tingting.reports.parser import Columns, Report
from airflow_provider_tingting.reports.summary import (
    NOT_REACHED,
    OTHER,
    REACHED,
    CampaignSummary,
    summarise,
)

N = TypeVar("N", int, float)

#: What a contact's status comes to.
OUTCOMES: Final = ("reached", "not_reached", "open")
#: From here on (percent) a message counts as heard to its end: the last words are mostly a farewell.
HEARD_FROM: Final = 90
#: Calls of more seconds than this are counted as this long.
LONGEST_CALL: Final = 3600
_MAX_CARRIERS: Final = 5
_MAX_STATUSES: Final = 6
_MAX_COUNTED: Final = 50_000


@dataclass
class ChartFigures:
    """The figures of a page; made by `ChartFigures.of`.

    :param summary: what the campaign came to.
    :param dialled: contacts whose call (or SMS) was tried.
    :param answered: contacts who took the call.
    :param heard: contacts who heard the message to its end; None when the report says nothing of playback.
    :param carriers: carrier → contacts for each of `OUTCOMES`, the largest first.
    :param playback: contacts reached, by how many percent they heard: 101 counts.
    :param durations: contacts reached, by the seconds of their call: counts up to `LONGEST_CALL`.
    :param statuses: status → contacts, the most frequent first.
    :param credits: status → credits, the most expensive first.
    :param first: when the first call was, if known.
    :param last: when the last one was.
    """

    summary: CampaignSummary = field(default_factory=CampaignSummary)
    dialled: int = 0
    answered: int = 0
    heard: int | None = None
    carriers: Mapping[str, tuple[int, int, int]] = field(default_factory=dict)
    playback: list[int] = field(default_factory=lambda: [0] * 101)
    durations: list[int] = field(default_factory=lambda: [0] * (LONGEST_CALL + 1))
    statuses: Mapping[str, int] = field(default_factory=dict)
    credits: Mapping[str, float] = field(default_factory=dict)
    first: datetime | None = None
    last: datetime | None = None

    @classmethod
    def of(cls, report: Report) -> ChartFigures:
        """Count a report in one pass.

        :param report: the report, as `open_report` gives it.
        :raises TingTingReportError: when the report turns out to be cut or damaged.
        """
        counting = _Counting(report)
        return counting.result(summarise(report, watch=counting.add))


class _Counting:
    def __init__(self, report: Report) -> None:
        self._at = report.positions
        self._status_of = report.status_reader()
        self._counts: dict[str, Counter[Any]] = {
            name: Counter()
            for name in ("carrier", "duration_seconds", "playback_percent", "credit_consumed", "credit_consumed_sms")
        }
        self._figures = ChartFigures()
        self._carriers: dict[str, list[int]] = {}
        self._credits: dict[str, float] = {}
        self._seconds = CachedParser(read_duration)
        self._percent = CachedParser(read_percent)
        self._amount = CachedParser(read_number)

    def add(self, columns: Columns) -> None:
        """Count some rows."""
        at = self._at
        statuses = columns[at["status"]]
        for name, counts in self._counts.items():
            counts.update(zip(statuses, columns[at[name]] if name in at else repeat(""), strict=False))
        if "action_date" in at:
            self._add_dates(set(columns[at["action_date"]]))
        if sum(map(len, self._counts.values())) > _MAX_COUNTED:
            self._add_counted()

    def result(self, summary: CampaignSummary) -> ChartFigures:
        """Return the figures of all rows."""
        self._add_counted()
        figures = self._figures
        figures.summary = summary
        figures.statuses = _largest(summary.by_status)
        figures.credits = _largest(self._credits)
        if any(figures.playback):
            figures.heard = sum(figures.playback[HEARD_FROM:])
        ordered = sorted(self._carriers.items(), key=lambda item: (item[0] == OTHER, -sum(item[1]), item[0]))
        kept = dict(ordered[:_MAX_CARRIERS])
        for _, counts in ordered[_MAX_CARRIERS:]:
            rest = kept.setdefault(OTHER, [0, 0, 0])
            kept[OTHER] = [mine + more for mine, more in zip(rest, counts, strict=True)]
        figures.carriers = {name: (counts[0], counts[1], counts[2]) for name, counts in kept.items()}
        return figures

    def _add_dates(self, texts: set[str]) -> None:
        figures = self._figures
        for text in texts:
            moment = read_date(text)
            if isinstance(moment, datetime):
                figures.first = moment if figures.first is None else min(figures.first, moment)
                figures.last = moment if figures.last is None else max(figures.last, moment)

    def _add_counted(self) -> None:
        figures = self._figures
        for (status, carrier), times in self._counts["carrier"].items():
            name = mask_text(carrier.strip())[:32] or OTHER
            if name not in self._carriers and len(self._carriers) > 1000:
                name = OTHER
            self._carriers.setdefault(name, [0, 0, 0])[self._outcome(status)] += times
        for (text, duration), times in self._counts["duration_seconds"].items():
            status, seconds = self._status(text), self._seconds[duration]
            seconds = seconds if isinstance(seconds, float) else 0.0
            # Of the terminated calls, only those with a duration had begun.
            if status != "not started" and (status != "terminated" or seconds):
                figures.dialled += times
            if status in REACHED or status == "answered":
                figures.answered += times
            if status in REACHED and seconds:
                figures.durations[min(LONGEST_CALL, round(seconds))] += times
        for (text, playback), times in self._counts["playback_percent"].items():
            percent = self._percent[playback]
            if isinstance(percent, float) and self._status(text) in REACHED:
                figures.playback[min(100, round(percent))] += times
        for name in ("credit_consumed", "credit_consumed_sms"):
            for (text, amount), times in self._counts[name].items():
                credits = self._amount[amount]
                if isinstance(credits, float) and credits:
                    status = mask_text(self._status(text))
                    status = status if status in self._credits or len(self._credits) < 1000 else OTHER
                    self._credits[status] = self._credits.get(status, 0.0) + times * credits
        for counts in self._counts.values():
            counts.clear()

    def _status(self, text: str) -> str:
        return self._status_of(text).lower()

    def _outcome(self, text: str) -> int:
        return OUTCOMES.index(outcome_of(self._status(text)))


def outcome_of(status: str) -> str:
    """Return which of `OUTCOMES` a status is; a status that TingTing does not document is open.

    :param status: the status, in lower case.
    """
    return "reached" if status in REACHED else "not_reached" if status in NOT_REACHED else "open"


def _largest(amounts: Mapping[str, N]) -> dict[str, N]:
    """Keep the largest amounts, in their order; the rest becomes `other`."""
    ordered = sorted(amounts.items(), key=lambda item: (-item[1], item[0]))
    kept = dict(ordered[:_MAX_STATUSES])
    for _, amount in ordered[_MAX_STATUSES:]:
        kept[OTHER] = kept.get(OTHER, 0) + amount
    return kept
