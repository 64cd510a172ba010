"""Times in the notation of TingTing."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone, tzinfo

from airflow_provider_tingting.timezones import NEPAL

_ISO = re.compile(
    r"(\d{4})-(\d\d?)-(\d\d?)(?:[T ](\d\d?):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?\s?(Z|z|[+-]\d\d(?::?\d\d)?)?)?\Z"
)


def as_text(seconds: float) -> str:
    """Return a time in TingTing's notation: `2025-07-07T14:01:50.508344+05:45`.

    :param seconds: seconds since 1970.
    """
    return datetime.fromtimestamp(seconds, NEPAL).isoformat()


def read_schedule(text: str) -> datetime:
    """Parse an ISO 8601 date or datetime; without an offset it is Nepal time, a date alone is midnight there.

    :param text: the text.
    :raises ValueError: the text is neither.
    """
    found = _ISO.match(text.strip())
    if not found:
        raise ValueError(f"not an ISO 8601 date or datetime: {text!r}")
    year, month, day, hour, minute, second, fraction, offset = found.groups()
    zone: tzinfo = NEPAL
    if offset in ("Z", "z"):
        zone = timezone.utc
    elif offset:
        digits = offset[1:].replace(":", "").ljust(4, "0")
        ahead = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
        zone = timezone(-ahead if offset[0] == "-" else ahead)
    return datetime(
        int(year),
        int(month),
        int(day),
        int(hour or 0),
        int(minute or 0),
        int(second or 0),
        int((fraction or "0").ljust(6, "0")[:6]),
        tzinfo=zone,
    )
