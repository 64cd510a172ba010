"""Quiet hours, in Nepal's time. Pure values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from airflow_provider_tingting.errors import TingTingConfigError
from airflow_provider_tingting.timezones import NEPAL


@dataclass(frozen=True)
class QuietHours:
    """The part of each day in which nobody's phone is to ring.

    :param begin: when it begins.
    :param end: when it ends, perhaps on the next day.
    """

    begin: time
    end: time

    @classmethod
    def read(cls, hours: Sequence[str]) -> QuietHours:
        """Read two times of day, such as `("22:00", "06:00")`.

        :raises TingTingConfigError: they are none, or the same.
        """
        try:
            begin, end = (time.fromisoformat(hour) for hour in hours)
            if begin == end or begin.tzinfo or end.tzinfo or isinstance(hours, str):
                raise ValueError
        except (TypeError, ValueError):
            raise TingTingConfigError(
                f'quiet_hours must be two times of day in Nepal, such as ("22:00", "06:00"); it is {hours!r}.'
            ) from None
        return cls(begin, end)

    def __str__(self) -> str:
        return f"{self.begin:%H:%M} and {self.end:%H:%M} in Nepal"

    def end_of(self, moment: float) -> float | None:
        """Return when the quiet hours end that this moment lies in, or None when it lies in none.

        :param moment: in seconds since 1970, as the answer is.
        """
        here = datetime.fromtimestamp(moment, NEPAL)
        clock = here.time()
        over_midnight = self.begin > self.end
        within = (clock >= self.begin or clock < self.end) if over_midnight else self.begin <= clock < self.end
        if not within:
            return None
        day = here.date() + timedelta(days=1 if over_midnight and clock >= self.begin else 0)
        return datetime.combine(day, self.end, NEPAL).timestamp()
