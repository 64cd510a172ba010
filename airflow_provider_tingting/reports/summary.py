"""What a campaign came to: how many were reached, by whom it was carried, what it cost. Small enough for XCom.

The same contacts give the same summary, whether they are counted from a report or from the listing of contacts, and
in whatever order. May import the standard library, masking, the error tree and this room.

Source: Campaign API, "Download report" and `campaign-detail/{campaign_id}/`; which statuses count as reached is the
vendor's own reckoning (completed and hungup against failed, unanswered and terminated).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import compress
from math import inf
from operator import itemgetter
from typing import Any, Final

from airflow_provider_tingting.masking import mask_text
from airflow_provider_tingting.reports.cells import (
    CONTACT_STATUSES,
    Remember,
    read_duration,
    read_number,
    read_percent,
    read_status,
)
from airflow_provider_tingting.reports.distinct import DistinctNumbers
from airflow_provider_tingting.reports.parser import Report, ReportRow

REACHED: Final = frozenset({"completed", "hungup"})
NOT_REACHED: Final = frozenset({"failed", "unanswered", "terminated"})
PENDING: Final = frozenset(CONTACT_STATUSES) - REACHED - NOT_REACHED
OTHER: Final = "other"

_MOST_BYTES: Final = 1000
_MOST_GROUPS: Final = 1000
_LONGEST_NAME: Final = 32
_FOLD_AT: Final = 50_000
# Amounts are added as whole numbers, so that the order of the rows cannot change the sum.
_SHARES: Final = 1_000_000
# Few rows differ in these, so they are counted together.
_ALIKE: Final = ("carrier", "credit_consumed", "credit_consumed_sms")
_OF_REACHED: Final = ("duration_seconds", "playback_percent")
_NONE: Final[Counter[Any]] = Counter()


@dataclass(frozen=True, slots=True)
class CampaignSummary:
    """The outcome of a campaign in numbers.

    :param contacts: all contacts; the sum of the next four.
    :param reached: heard the message: completed, hungup.
    :param not_reached: failed, unanswered, terminated.
    :param pending: not started, dialing, ringing, answered: their outcome is still open.
    :param unknown: a status that TingTing does not document; never counted as reached.
    :param by_status: status → contacts, the most frequent first.
    :param by_carrier: carrier → contacts, the most frequent first; contacts without a carrier are not in it.
    :param credits: credits for calls and SMS.
    :param credits_calls: credits for calls (for everything, where the report has one column of credits).
    :param credits_sms: credits for SMS.
    :param seconds_talked: length of the calls that reached somebody, in seconds.
    :param median_playback: half of those reached heard at least this much of the message, 0 to 100; None when nobody
        was reached.
    :param reach_rate: reached of all contacts, 0 to 1; None when there are no contacts.
    :param duplicates: how many of the contacts have a number that another one before them has.
    """

    contacts: int = 0
    reached: int = 0
    not_reached: int = 0
    pending: int = 0
    unknown: int = 0
    by_status: Mapping[str, int] = field(default_factory=dict)
    by_carrier: Mapping[str, int] = field(default_factory=dict)
    credits: float = 0.0
    credits_calls: float = 0.0
    credits_sms: float = 0.0
    seconds_talked: float = 0.0
    median_playback: float | None = None
    reach_rate: float | None = None
    duplicates: int = 0

    def to_json(self) -> dict[str, Any]:
        """Give plain JSON of less than 1 kB; rare statuses and carriers become `other` if they must."""
        plain: dict[str, Any] = {name: getattr(self, name) for name in self.__slots__}
        for most in (12, 9, 6, 4, 2, 1, 0):
            plain["by_status"] = _most_frequent(self.by_status, max(most, 4))
            plain["by_carrier"] = _most_frequent(self.by_carrier, most)
            if len(json.dumps(plain)) < _MOST_BYTES:
                break
        return plain

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> CampaignSummary:
        """Take what `to_json` gave; fields of a later version are ignored, missing ones are zero."""
        return cls(**{name: plain[name] for name in cls.__slots__ if name in plain})


class SummaryBuilder:
    """Counts contacts one by one, in flat memory.

    Feed it rows of a report or of a listing of contacts: amounts may be numbers, or text as TingTing writes it
    (`"10s"`, `"91"`, `""`). An amount that cannot be read counts as nothing.
    """

    def __init__(self) -> None:
        self._statuses: Counter[str] = Counter()
        self._carriers: Counter[str] = Counter()
        self._playback = [0] * 101
        self._talked = self._calls = self._sms = 0
        self._numbers = DistinctNumbers()
        self._status_of = Remember(lambda text: _shorten(read_status(text).lower()) or "unknown")
        self._carrier_of = Remember(lambda text: _shorten(text.strip()))
        self._seconds_of = Remember(lambda text: _amount(read_duration(text)))
        self._percent_of = Remember(lambda text: _amount(read_percent(text)))
        self._credits_of = Remember(lambda text: _amount(read_number(text)))

    def add(
        self,
        status: str,
        *,
        carrier: str | None = None,
        duration_seconds: float | str | None = None,
        playback_percent: float | str | None = None,
        credits_calls: float | str | None = None,
        credits_sms: float | str | None = None,
        number: str | None = None,
        times: int = 1,
    ) -> None:
        """Count one contact, or several that are alike.

        :param status: its status, in any case.
        :param carrier: its carrier, if known.
        :param duration_seconds: length of its call; `call_duration` in a listing.
        :param playback_percent: how much of the message was played; `playback` in a listing.
        :param credits_calls: credits for its call; `credit_consumed` in a listing.
        :param credits_sms: credits for its SMS; `credit_consumed_SMS` in a listing.
        :param number: its phone number, to notice one that comes twice; only a bit of it is kept.
        :param times: how many contacts are like this.
        """
        if number:
            self._numbers.add_all([number] * times)
        status = self._status_of[status]
        _count(self._statuses, status, times)
        if carrier and (name := self._carrier_of[carrier]):
            _count(self._carriers, name, times)
        if credits_calls:
            self._calls += times * _whole(credits_calls, self._credits_of)
        if credits_sms:
            self._sms += times * _whole(credits_sms, self._credits_of)
        if status in REACHED:
            if duration_seconds:
                self._talked += times * _whole(duration_seconds, self._seconds_of)
            if playback_percent is not None and playback_percent != "":
                self._add_playback(playback_percent, times)

    def add_report(self, report: Report, *, watch: Callable[[list[list[str]]], None] | None = None) -> None:
        """Count every row of a report, several times faster than row by row.

        :param report: the report.
        :param watch: is shown every batch of rows, for those who want more than numbers from the same pass.
        :raises TingTingReportError: when the report turns out to be cut or damaged.
        """
        # Texts are counted in C; then every distinct one is read once. The length of a call and the playback count for
        # those reached only, so the other rows are left out before they are counted.
        at = report.positions
        of_number, of_status = itemgetter(at["number"]), itemgetter(at["status"])
        alike = ["status", *(name for name in _ALIKE if name in at)]
        # With one column `itemgetter` gives no tuple.
        of_alike = itemgetter(*(at[name] for name in alike), *([at["status"]] if len(alike) == 1 else []))
        of_reached = {name: itemgetter(at[name]) for name in _OF_REACHED if name in at}
        counts: dict[str, Counter[Any]] = {name: Counter() for name in ("alike", *of_reached)}
        read_status_cell = report.status_reader()
        is_reached = Remember(lambda text: self._status_of[read_status_cell(text)] in REACHED).__getitem__
        for batch in report.batches():
            self._numbers.add_all(list(map(of_number, batch)))
            counts["alike"].update(map(of_alike, batch))
            reached = list(compress(batch, map(is_reached, map(of_status, batch))))
            for name, getter in of_reached.items():
                counts[name].update(map(getter, reached))
            if sum(map(len, counts.values())) > _FOLD_AT:
                self._fold(counts, alike, read_status_cell)
            if watch is not None:
                watch(batch)
        self._fold(counts, alike, read_status_cell)

    def result(self) -> CampaignSummary:
        """Give the summary of what has been added so far."""
        contacts = self._statuses.total()
        reached, not_reached, pending = (
            sum(self._statuses[status] for status in group) for group in (REACHED, NOT_REACHED, PENDING)
        )
        return CampaignSummary(
            contacts=contacts,
            reached=reached,
            not_reached=not_reached,
            pending=pending,
            unknown=contacts - reached - not_reached - pending,
            by_status=_most_frequent(self._statuses, _MOST_GROUPS),
            by_carrier=_most_frequent(self._carriers, _MOST_GROUPS),
            credits=(self._calls + self._sms) / _SHARES,
            credits_calls=self._calls / _SHARES,
            credits_sms=self._sms / _SHARES,
            seconds_talked=self._talked / _SHARES,
            median_playback=self._median(),
            reach_rate=round(reached / contacts, 4) if contacts else None,
            duplicates=self._numbers.duplicates,
        )

    def _fold(
        self, counts: Mapping[str, Counter[Any]], alike: list[str], read_status_cell: Callable[[str], str]
    ) -> None:
        for texts, times in counts["alike"].items():
            cells = dict(zip(alike, texts, strict=False))
            _count(self._statuses, self._status_of[read_status_cell(cells["status"])], times)
            if name := self._carrier_of[cells.get("carrier", "")]:
                _count(self._carriers, name, times)
            self._calls += times * _whole(cells.get("credit_consumed", ""), self._credits_of)
            self._sms += times * _whole(cells.get("credit_consumed_sms", ""), self._credits_of)
        for text, times in counts.get("duration_seconds", _NONE).items():
            self._talked += times * _whole(text, self._seconds_of)
        for text, times in counts.get("playback_percent", _NONE).items():
            self._add_playback(text, times)
        for counter in counts.values():
            counter.clear()

    def _add_playback(self, value: float | str, times: int) -> None:
        percent = self._percent_of[value] if isinstance(value, str) else value
        if percent is not None and 0 <= percent < inf:
            self._playback[min(100, round(percent))] += times

    def _median(self) -> float | None:
        heard = sum(self._playback)
        if not heard:
            return None
        middles: list[int] = []
        seen = 0
        for percent, times in enumerate(self._playback):
            seen += times
            while len(middles) < 2 and seen > (heard - 1 + len(middles)) // 2:
                middles.append(percent)
        return sum(middles) / 2


def summarise_report(report: Report) -> CampaignSummary:
    """Summarise a report from its cells.

    :raises TingTingReportError: when the report turns out to be cut or damaged.
    """
    builder = SummaryBuilder()
    builder.add_report(report)
    return builder.result()


def summarise_rows(rows: Iterable[ReportRow]) -> CampaignSummary:
    """Summarise rows, such as a part of a report."""
    builder = SummaryBuilder()
    for row in rows:
        builder.add(
            row.status,
            carrier=row.carrier,
            duration_seconds=row.duration_seconds,
            playback_percent=row.playback_percent,
            credits_calls=row.credit_consumed,
            credits_sms=row.credit_consumed_sms,
            number=row.number,
        )
    return builder.result()


def _amount(value: object) -> float | None:
    return value if isinstance(value, float) else None


def _whole(value: float | str, reader: Remember[float | None]) -> int:
    amount = reader[value] if isinstance(value, str) else value
    return round(amount * _SHARES) if amount and 0 < amount < inf else 0


def _shorten(name: str) -> str:
    # It goes into XComs and events: what is no status, or stands in the wrong column, may be anybody's number.
    name = mask_text(name)
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"


def _count(counter: Counter[str], name: str, times: int) -> None:
    # A report with a million statuses is no report, but it must not fill the memory either.
    counter[name if name in counter or len(counter) < _MOST_GROUPS else OTHER] += times


def _most_frequent(counts: Mapping[str, int], most: int) -> dict[str, int]:
    """Keep the most frequent names; the rest is added to `other`."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    kept = dict(ordered[:most])
    if rest := sum(times for _, times in ordered[most:]):
        kept[OTHER] = kept.get(OTHER, 0) + rest
    return kept
