"""The summary of a campaign: contacts reached, by carrier, and credits. Small enough for XCom.

The same contacts give the same summary, whether they are counted from a report or from the listing of contacts, and
in whatever order.

Source: Campaign API, "Download report" and `campaign-detail/{campaign_id}/`; which statuses count as reached is the
vendor's definition (completed and hungup against failed, unanswered and terminated).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import compress
from typing import Any, Final

from airflow_provider_tingting.masking import mask_text
from airflow_provider_tingting.reports import CONTACT_STATUSES
from airflow_provider_tingting.reports.cells import (
    CachedParser,
    read_duration,
    read_number,
    read_percent,
)
from airflow_provider_tingting.reports.distinct_numbers import DistinctNumbers
from airflow_provider_tingting.reports.header import snake_name
from airflow_provider_tingting.reports.parser import Columns, Report

REACHED: Final = frozenset({"completed", "hungup"})
NOT_REACHED: Final = frozenset({"failed", "unanswered", "terminated"})
PENDING: Final = frozenset(CONTACT_STATUSES) - REACHED - NOT_REACHED
OTHER: Final = "other"

#: The column that says whether the SMS was sent after the call.
FAILOVER_SMS: Final = "failover_sms_sent"
_YES: Final = frozenset({"true", "yes", "1", "sent"})
_MAX_BYTES: Final = 1000
_MAX_GROUPS: Final = 1000
_LONGEST_NAME: Final = 32
_MAX_COUNTED: Final = 50_000
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
    :param reached: contacts that heard the message: completed, hungup.
    :param not_reached: failed, unanswered, terminated.
    :param pending: contacts without an outcome: not started, dialing, ringing, answered.
    :param unknown: a status that TingTing does not document; never counted as reached.
    :param by_status: status → contacts, the most frequent first.
    :param by_carrier: carrier → contacts, the most frequent first; contacts without a carrier are not in it.
    :param credits: credits for calls and SMS.
    :param credits_calls: credits for calls (for everything, where the report has one column of credits).
    :param credits_sms: credits for SMS.
    :param seconds_talked: length of the calls that reached a contact, in seconds.
    :param median_playback: half of the reached contacts heard at least this percentage of the message, 0 to 100; None
        when no contact was reached.
    :param reach_rate: reached of all contacts, 0 to 1; None when there are no contacts.
    :param failover_sms: contacts to whom the SMS was sent after their call (`failover_target`); None where the report
        does not say.
    :param duplicates: contacts whose number is in an earlier row.
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
    failover_sms: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON of less than 1 kB; rare statuses and carriers become `other` if they must."""
        plain: dict[str, Any] = {name: getattr(self, name) for name in self.__slots__}
        if self.failover_sms is None:
            del plain["failover_sms"]
        for most in (12, 9, 6, 4, 2, 1, 0):
            plain["by_status"] = _most_frequent(self.by_status, max(most, 4))
            plain["by_carrier"] = _most_frequent(self.by_carrier, most)
            if len(json.dumps(plain)) < _MAX_BYTES:
                break
        return plain

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> CampaignSummary:
        """Return the summary that `to_json` wrote; unknown fields are ignored, missing ones are zero.

        :param plain: the JSON.
        """
        return cls(**{name: plain[name] for name in cls.__slots__ if name in plain})


def summarise(report: Report, *, watch: Callable[[Columns], None] | None = None) -> CampaignSummary:
    """Return the summary of a report, in one pass and flat memory.

    An amount that cannot be read counts as nothing.

    :param report: the report.
    :param watch: called with each batch of rows, for a caller that wants more than the summary from the same pass.
    :raises TingTingReportError: the report is cut or damaged.
    """
    counting = _Counting(report)
    for batch in report.batches():
        counting.add(batch)
        if watch is not None:
            watch(batch)
    return counting.result()


class _Counting:
    """Counts texts in C; each distinct text is read once.

    The length of a call and the playback count for the contacts reached only, so other rows are left out before they
    are counted.
    """

    def __init__(self, report: Report) -> None:
        self._statuses: Counter[str] = Counter()
        self._carriers: Counter[str] = Counter()
        self._playback = [0] * 101
        self._talked = self._calls = self._sms = 0
        self._numbers = DistinctNumbers()
        read_status_cell = report.status_reader()
        self._status_of = CachedParser(lambda text: _shorten(read_status_cell(text).lower()) or "unknown")
        self._carrier_of = CachedParser(lambda text: _shorten(text.strip()))
        self._seconds_of = CachedParser(lambda text: _in_shares(read_duration(text)))
        self._percent_of = CachedParser(read_percent)
        self._credits_of = CachedParser(lambda text: _in_shares(read_number(text)))
        self._is_reached = CachedParser(lambda text: self._status_of[text] in REACHED).__getitem__
        self._at = at = report.positions
        self._alike = ["status", *(name for name in _ALIKE if name in at)]
        self._of_reached = {name: at[name] for name in _OF_REACHED if name in at}
        failover = [place for name, place in report.unknown_columns if snake_name(name) == FAILOVER_SMS]
        self._failover = failover[0] if failover else None
        self._failover_sms: int | None = None
        self._counts: dict[str, Counter[Any]] = {name: Counter() for name in ("alike", *self._of_reached)}

    def add(self, columns: Columns) -> None:
        """Count some rows."""
        self._numbers.add_all(columns[self._at["number"]])
        self._counts["alike"].update(zip(*(columns[self._at[name]] for name in self._alike), strict=True))
        if self._failover is not None:
            texts = Counter(text.strip().casefold() for text in columns[self._failover])
            if answers := {text: times for text, times in texts.items() if text}:
                sent = sum(times for text, times in answers.items() if text in _YES)
                self._failover_sms = (self._failover_sms or 0) + sent
        reached = list(map(self._is_reached, columns[self._at["status"]]))
        for name, place in self._of_reached.items():
            self._counts[name].update(compress(columns[place], reached))
        if sum(map(len, self._counts.values())) > _MAX_COUNTED:
            self._add_counted()

    def result(self) -> CampaignSummary:
        """Return the summary of all rows that were counted."""
        self._add_counted()
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
            by_status=_most_frequent(self._statuses, _MAX_GROUPS),
            by_carrier=_most_frequent(self._carriers, _MAX_GROUPS),
            credits=(self._calls + self._sms) / _SHARES,
            credits_calls=self._calls / _SHARES,
            credits_sms=self._sms / _SHARES,
            seconds_talked=self._talked / _SHARES,
            median_playback=self._median(),
            reach_rate=round(reached / contacts, 4) if contacts else None,
            duplicates=self._numbers.duplicates,
            failover_sms=self._failover_sms,
        )

    def _add_counted(self) -> None:
        counts = self._counts
        for texts, times in counts["alike"].items():
            cells = dict(zip(self._alike, texts, strict=True))
            _count(self._statuses, self._status_of[cells["status"]], times)
            if name := self._carrier_of[cells.get("carrier", "")]:
                _count(self._carriers, name, times)
            self._calls += times * self._credits_of[cells.get("credit_consumed", "")]
            self._sms += times * self._credits_of[cells.get("credit_consumed_sms", "")]
        for text, times in counts.get("duration_seconds", _NONE).items():
            self._talked += times * self._seconds_of[text]
        for text, times in counts.get("playback_percent", _NONE).items():
            percent = self._percent_of[text]
            if isinstance(percent, float):
                self._playback[min(100, round(percent))] += times
        for counter in counts.values():
            counter.clear()

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


def _in_shares(value: object) -> int:
    return round(value * _SHARES) if isinstance(value, float) else 0


def _shorten(name: str) -> str:
    # It goes into XComs and events: what is not a status, or stands in the wrong column, may be a phone number.
    name = mask_text(name)
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"


def _count(counter: Counter[str], name: str, times: int) -> None:
    # A report with a million statuses is not a report, but it must not fill the memory either.
    counter[name if name in counter or len(counter) < _MAX_GROUPS else OTHER] += times


def _most_frequent(counts: Mapping[str, int], most: int) -> dict[str, int]:
    """Keep the most frequent names; the rest is added to `other`."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    kept = dict(ordered[:most])
    if rest := sum(times for _, times in ordered[most:]):
        kept[OTHER] = kept.get(OTHER, 0) + rest
    return kept
