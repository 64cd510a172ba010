"""When a campaign is to start: every time gets its offset, and what is late is noticed before TingTing refuses it."""

from __future__ import annotations

from contextlib import suppress
from datetime import date, datetime, time, timedelta, timezone

from airflow_provider_tingting.clock import wall_time
from airflow_provider_tingting.errors import TingTingConfigError
from airflow_provider_tingting.timezones import NEPAL, as_nepal_time


def read_schedule(schedule: str | datetime | date | None) -> datetime | None:
    """Read a schedule as people write it: a time, or a text in ISO 8601, also a bare date (midnight in Nepal).

    :raises TingTingConfigError: it is no time.
    """
    if schedule is None or (isinstance(schedule, str) and not schedule.strip()):
        return None
    moment: object = schedule
    if isinstance(schedule, str):
        import pendulum

        moment = None
        with suppress(ValueError):
            # `exact` keeps a bare date a date, and a bare time of day from becoming one of today.
            moment = pendulum.parse(schedule.strip(), tz=NEPAL.key, exact=True)
    if isinstance(moment, date) and not isinstance(moment, datetime):
        moment = datetime.combine(moment, time())
    if not isinstance(moment, datetime):
        raise TingTingConfigError(
            f"The schedule {schedule!r} is no time. Write it in ISO 8601, such as 2026-12-01T14:00:00+05:45; "
            "without an offset it is Nepal time."
        )
    return as_nepal_time(moment)


def is_past(moment: datetime, *, now: datetime | None = None) -> bool:
    """Whether TingTing would refuse to schedule this moment."""
    return moment <= (now or datetime.fromtimestamp(wall_time(), timezone.utc))


def wire_format(moment: datetime) -> str:
    """Write a moment as TingTing reads it: ISO 8601 to the second, always with an offset."""
    return (moment - timedelta(microseconds=moment.microsecond)).isoformat()
