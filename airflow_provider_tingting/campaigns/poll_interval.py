"""Computes when to read a campaign's status next, from its progress and its pace. Pure. No Airflow."""

from __future__ import annotations

import math

from airflow_provider_tingting.api.statuses import CampaignStatus

#: A running campaign is read again after at most this share of its remaining time.
SHARE_OF_TIME_LEFT = 0.33
#: A running campaign is read after at most this many intervals, because a person may stop it.
MAX_INTERVALS_RUNNING = 4
#: A scheduled campaign is read after at most this many intervals, because a person may change its schedule.
MAX_INTERVALS_SCHEDULED = 8
#: A running campaign is also read this many seconds after the first read, because it may be short, ...
EARLY_READS = (2.0, 4.0, 8.0, 16.0)
#: ... and when it should have ended by its pace so far; at most this many reads come sooner than the interval.
MAX_EARLY_READS = 5
# A campaign is slower at its end than its pace says: some seconds and a share are added to the time that is left.
_LATER_BY = 1.0
_SLOWER_BY = 0.05
# The read at the expected end comes after at least this share of the time since the first read.
_MIN_SHARE = 0.125
# A read that comes up to so many seconds early still counts as the planned one.
_PLANNED_WITHIN = 0.25


class PollInterval:
    """The pace of one campaign, as its reads have shown it; small, since a triggerer keeps thousands.

    :param expects_begin: whether TingTing was requested to run the campaign, so that `Not Started` is about to end.
    """

    __slots__ = (
        "_began_at",
        "_began_with",
        "_early_due",
        "_early_reads",
        "_expects_begin",
        "_first_read_at",
        "_percent",
        "_starts_at",
        "seconds_left",
    )

    def __init__(self, *, expects_begin: bool = False) -> None:
        self._expects_begin = expects_begin
        # The first read that showed the campaign at work, the early reads since, and when the next one is due.
        self._first_read_at: float | None = None
        self._early_reads = 0
        self._early_due: float | None = None
        self._began_at: float | None = None
        self._began_with = self._percent = 0.0
        self._starts_at: float | None = None
        #: Seconds until its end, by its pace so far; None when the pace is not known.
        self.seconds_left: float | None = None

    def record(self, status: str | None, percent: float | None, starts_in: float | None, now: float) -> None:
        """Record what a read shows.

        :param status: the status, as TingTing writes it.
        :param percent: the progress, or None when TingTing does not report it.
        :param starts_in: seconds until a scheduled campaign is to start; None when it is not scheduled.
        :param now: monotonic seconds.
        """
        if self._early_due is not None and now >= self._early_due - _PLANNED_WITHIN:
            self._early_reads += 1
        self._early_due = None
        scheduled = status == CampaignStatus.SCHEDULED.value and starts_in is not None
        self._starts_at = now + (starts_in or 0.0) if scheduled else None
        self.seconds_left = None
        is_running = status == CampaignStatus.RUNNING.value
        is_at_work = is_running or (self._expects_begin and status == CampaignStatus.NOT_STARTED.value)
        if not is_at_work:
            self._first_read_at = None
        elif self._first_read_at is None:
            self._first_read_at = now
        if not is_running or percent is None:
            self._began_at = None
            return
        if self._began_at is None or percent < self._percent:
            self._began_at, self._began_with = now, percent
        elif percent > self._began_with and now > self._began_at:
            pace = (percent - self._began_with) / (now - self._began_at)
            self.seconds_left = max(0.0, 100.0 - percent) / pace
        self._percent = percent

    @property
    def ends_in(self) -> float:
        """Return the seconds from the last read until the campaign should have ended; infinity when that is unknown."""
        return math.inf if self.seconds_left is None else self.seconds_left * (1 + _SLOWER_BY) + _LATER_BY

    def starts_in(self, now: float) -> float | None:
        """Return the seconds until the campaign is to start; None when it is not scheduled.

        :param now: monotonic seconds.
        """
        return None if self._starts_at is None else max(0.0, self._starts_at - now)

    def interval(self, shortest: float, now: float) -> float:
        """Return the seconds until the next read.

        They are 1, 2, 4 or 8 times `shortest`, so that waits stay in step; less for a campaign that may be short.

        :param shortest: seconds between two reads, except for the early ones.
        :param now: monotonic seconds.
        """
        starts_in = self.starts_in(now)
        if starts_in is not None:
            return shortest * _power_of_two(starts_in / shortest, MAX_INTERVALS_SCHEDULED)
        regular = shortest
        if self.seconds_left is not None:
            wanted = self.seconds_left * SHARE_OF_TIME_LEFT / shortest
            regular = shortest * _power_of_two(wanted, MAX_INTERVALS_RUNNING)
        early = self._seconds_until_early_read(now)
        if early is None or early >= shortest:
            return regular
        self._early_due = now + early
        return early

    def _seconds_until_early_read(self, now: float) -> float | None:
        if self._first_read_at is None or self._early_reads >= MAX_EARLY_READS:
            return None
        age = now - self._first_read_at
        due = [at - age for at in EARLY_READS if at > age + _PLANNED_WITHIN][:1]
        if self.seconds_left is not None:
            due.append(max(self.ends_in, age * _MIN_SHARE))
        return min(due, default=None)


def _power_of_two(wanted: float, most: int) -> int:
    """Return the largest of 1, 2, 4, … that is neither above `wanted` nor above `most`."""
    power = 1
    while power * 2 <= min(wanted, most):
        power *= 2
    return power


def duration_text(seconds: float) -> str:
    """Return a duration as a log line shows it.

    :param seconds: the duration.
    """
    minutes = round(seconds / 60)
    if minutes < 1:
        return "under a minute"
    if minutes < 60:
        return f"about {minutes} min"
    return f"about {minutes // 60} h {minutes % 60} min"
