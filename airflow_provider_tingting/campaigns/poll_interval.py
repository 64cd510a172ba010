"""When to look at a campaign next, and how long it may still take. Pure. No Airflow.

Nothing is asked more often than the user allows; what is far from its end is asked less often.
"""

from __future__ import annotations

from airflow_provider_tingting.api.statuses import CampaignStatus

#: A running campaign is looked at again after this share of the time it may still take: so its end is told late by a
#: quarter of the wait at most, and a long one costs few looks.
SHARE_OF_THE_REST = 0.25
#: However far its end seems, a running campaign is looked at after this many intervals: somebody may stop it.
MOST_INTERVALS = 4.0
#: However far its start is, a scheduled campaign is looked at after so many: its schedule may be changed.
MOST_INTERVALS_ASLEEP = 10.0


class PollInterval:
    """What one campaign's looks have shown of its pace; small, since a triggerer keeps thousands."""

    __slots__ = ("_began_at", "_began_with", "_percent", "_starts_at", "seconds_left")

    def __init__(self) -> None:
        self._began_at: float | None = None
        self._began_with = self._percent = 0.0
        self._starts_at: float | None = None
        #: The seconds until its end, by its pace so far; None when that cannot be told.
        self.seconds_left: float | None = None

    def saw(self, status: str | None, percent: float | None, starts_in: float | None, now: float) -> None:
        """Take in what a look has shown.

        :param starts_in: the seconds until a scheduled campaign is to start, if it is scheduled.
        :param now: seconds of a clock that never jumps.
        """
        scheduled = status == CampaignStatus.SCHEDULED.value and starts_in is not None
        self._starts_at = now + (starts_in or 0.0) if scheduled else None
        self.seconds_left = None
        if status != CampaignStatus.RUNNING.value or percent is None:
            self._began_at = None
            return
        if self._began_at is None or percent < self._percent:
            self._began_at, self._began_with = now, percent
        elif percent > self._began_with and now > self._began_at:
            pace = (percent - self._began_with) / (now - self._began_at)
            self.seconds_left = max(0.0, 100.0 - percent) / pace
        self._percent = percent

    def starts_in(self, now: float) -> float | None:
        """Return the seconds until the campaign is to start; None when it is not scheduled."""
        return None if self._starts_at is None else max(0.0, self._starts_at - now)

    def interval(self, shortest: float, now: float) -> float:
        """Return the seconds until the next look: a whole number of intervals, so that those who wait keep step.

        :param shortest: the seconds that two looks are apart at least.
        """
        starts_in = self.starts_in(now)
        if starts_in is not None:
            wanted, most = starts_in, MOST_INTERVALS_ASLEEP
        elif self.seconds_left is not None:
            wanted, most = self.seconds_left * SHARE_OF_THE_REST, MOST_INTERVALS
        else:
            return shortest
        return shortest * min(max(1.0, wanted // shortest), most)


def duration_text(seconds: float) -> str:
    """Return a time in the words of a log line."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return "under a minute"
    if minutes < 60:
        return f"about {minutes} min"
    return f"about {minutes // 60} h {minutes % 60} min"
