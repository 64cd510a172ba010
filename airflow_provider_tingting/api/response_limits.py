"""Puts an answer together from its pieces, within limits of time and size.

A library's time-out counts from piece to piece, so a server that sends a byte now and then would be waited for without
end, and never count as an outage; and a small compressed answer may unpack to more than fits in memory.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from airflow_provider_tingting.api.protocol import Call, RetrySafety
from airflow_provider_tingting.clock import monotonic
from airflow_provider_tingting.errors import TingTingOutcomeUnknownError, TingTingUnreadableReplyError

# Lists of a hundred rows are far below a megabyte.
MAX_BYTES = 64 * 1024 * 1024
# An answer may take this many times as long as one piece of it.
MAX_TIMEOUTS = 3


class Body:
    """The body of one answer, as it comes.

    :param call: the call that is answered.
    :param timeout: seconds for one piece.
    :param clock: seconds, from any start.
    """

    def __init__(self, call: Call[Any], timeout: float, clock: Callable[[], float] = monotonic) -> None:
        self._call = call
        self._clock = clock
        self._ends = clock() + MAX_TIMEOUTS * timeout
        self._pieces: list[bytes] = []
        self._size = 0

    def take(self, piece: bytes) -> None:
        """Take the next piece.

        :raises TingTingOutcomeUnknownError: the answer comes too slowly.
        :raises TingTingUnreadableReplyError: it is too large to be TingTing's.
        """
        self._pieces.append(piece)
        self._size += len(piece)
        remedy = "Nothing was changed." if self._call.retry_safety is RetrySafety.READ else None
        if self._size > MAX_BYTES:
            raise TingTingUnreadableReplyError(
                self._call.name,
                f"the answer is larger than {MAX_BYTES // 1024**2} MiB.",
                remedy=remedy,
                campaign_id=self._call.campaign_id,
            )
        if self._clock() > self._ends:
            raise TingTingOutcomeUnknownError(
                self._call.name,
                f"the answer comes too slowly: {self._size} bytes of it so far.",
                remedy=remedy,
                campaign_id=self._call.campaign_id,
            )

    def whole(self) -> bytes:
        """Return what has come."""
        return b"".join(self._pieces)
