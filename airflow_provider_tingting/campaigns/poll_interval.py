"""Computes when to look at a campaign next, from how far it is and how fast it goes. Pure. No Airflow."""

from __future__ import annotations

from airflow_provider_tingting.api.statuses import CampaignStatus

#: A running campaign is looked at again after this share of the time that it still takes by its pace so far.
SHARE_OF_TIME_LEFT = 0.25
#: A running campaign is looked at after at most this many intervals, because a person may stop it.
MAX_INTERVALS_RUNNING = 4.0
#: A scheduled campaign is looked at after at most this many intervals, because a person may change its schedule.
MAX_INTERVALS_SCHEDULED = 10.0


class PollInterval:
    """The pace of one campaign, as its looks have shown it; small, since a triggerer keeps thousands."""

    __slots__ = ("_began_at", "_began_with", "_percent", "_starts_at", "seconds_left")

    def __init__(self) -> None:
        self._began_at: float | None = None
        self._began_with = self._percent = 0.0
        self._starts_at: float | None = None
        #: Seconds until its end, by its pace so far; None when the pace is not known.
        self.seconds_left: float | None = None

    def record(self, status: str | None, percent: float | None, starts_in: float | None, now: float) -> None:
        """Record what a look shows.

        :param status: the status, as TingTing writes it.
        :param percent: the progress, or None when TingTing does not tell.
        :param starts_in: seconds until a scheduled campaign is to start; None when it is not scheduled.
        :param now: monotonic seconds.
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
        """Return the seconds until the campaign is to start; None when it is not scheduled.

        :param now: monotonic seconds.
        """
        return None if self._starts_at is None else max(0.0, self._starts_at - now)

    def interval(self, shortest: float, now: float) -> float:
        """Return the seconds until the next look: a whole number of intervals, so that waits stay in step.

        :param shortest: least seconds between two looks.
        :param now: monotonic seconds.
        """
        starts_in = self.starts_in(now)
        if starts_in is not None:
            wanted, most = starts_in, MAX_INTERVALS_SCHEDULED
        elif self.seconds_left is not None:
            wanted, most = self.seconds_left * SHARE_OF_TIME_LEFT, MAX_INTERVALS_RUNNING
        else:
            return shortest
        return shortest * min(max(1.0, wanted // shortest), most)


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
