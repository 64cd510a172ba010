"""The time zone of Nepal, in which TingTing reads and writes each time without an offset."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

#: `NEPAL.key` is its name, for libraries that take a name.
NEPAL: Final = ZoneInfo("Asia/Kathmandu")


def as_nepal_time(moment: datetime) -> datetime:
    """Return a time with an offset: one without gets Nepal's, any other stays as it is.

    :param moment: the time.
    """
    return moment.replace(tzinfo=NEPAL) if moment.tzinfo is None else moment
