"""The limits of a response's body, of a download and of any other: bytes, expansion, time.

The client sets them, `exchange` measures a body against them.
"""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True)
class BodyLimits:
    """The limits of a response's body.

    :param max_bytes: the most decoded bytes.
    :param max_expansion: the most decoded bytes for each compressed one, once the decoded body is larger than 1 MiB.
    :param total_seconds: the longest time for the whole body; None when the exchange's own deadline ends it.
    :param remedy: what to do when a limit is exceeded.
    """

    max_bytes: int
    max_expansion: float
    total_seconds: float | None = None
    remedy: str | None = None

    def exceeded(self, decoded: int, received: int) -> str | None:
        """Return which limit a body exceeds, as a sentence; None when it exceeds none.

        :param decoded: its decoded bytes so far.
        :param received: its bytes so far, as they came.
        """
        if decoded > self.max_bytes:
            return f"the response is larger than {self.max_bytes / MIB:g} MiB."
        if decoded > max(MIB, self.max_expansion * received):
            return f"the response expands to more than {self.max_expansion:g} times its compressed size."
        return None


#: The limits of a response that is not a download: a list of a hundred rows has far less than a megabyte.
RESPONSE_LIMITS = BodyLimits(max_bytes=64 * MIB, max_expansion=250)


def download_limits(max_mib: float, max_expansion: float, seconds: float) -> BodyLimits:
    """Return the limits of a download, with what the user can change when a report exceeds them.

    :param max_mib: `max_download_mib` of the connection: the most decoded MiB.
    :param max_expansion: `max_expansion`: the most decoded bytes for each compressed one.
    :param seconds: `download_timeout`: the longest time in seconds.
    """
    return BodyLimits(
        int(max_mib * MIB),
        max_expansion,
        seconds,
        "Nothing was changed. If the report is really so large, raise max_download_mib, max_expansion or "
        "download_timeout in the connection's extra.",
    )
