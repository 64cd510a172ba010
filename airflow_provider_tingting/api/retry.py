"""Decide whether a failed call is sent again, and when. A flow, so both clients share it.

A read is sent again after every error that may pass. A write is sent again only when its request certainly did not
leave this machine. A write whose outcome is unknown is an error here: the caller reads its effect first.
"""

from __future__ import annotations

import logging
import random
from dataclasses import dataclass
from typing import Any, TypeVar

from airflow_provider_tingting.api.protocol import Call, Pause, RetrySafety
from airflow_provider_tingting.errors import (
    TingTingAPIError,
    TingTingNeverSentError,
    TingTingOutcomeUnknownError,
    TingTingRateLimitedError,
    TingTingServerError,
    TingTingUnreadableReplyError,
)

T = TypeVar("T")

log = logging.getLogger(__name__)

TRANSIENT_STATUSES = frozenset({429, 502, 503, 504})


def is_transient(error: BaseException | None) -> bool:
    """Return whether the error may pass by itself: connection errors, 408, 429, 502, 503, 504.

    :param error: the error, or None.
    """
    if isinstance(error, TingTingServerError | TingTingRateLimitedError):
        return error.status_code in TRANSIENT_STATUSES
    if isinstance(error, TingTingUnreadableReplyError):
        return False
    return isinstance(error, TingTingNeverSentError | TingTingOutcomeUnknownError)


@dataclass(frozen=True)
class RetryPolicy:
    """How often and how soon a client sends a call again.

    :param max_retries: how many times a call is sent again, default 4; 0 for never.
    :param first_wait: the upper bound of the first random wait in seconds, default 0.5; doubles with each attempt.
    :param max_wait: the upper bound of any wait in seconds, default 60. A longer `Retry-After` is not waited for: the
        error is raised with `retry_after`, so that Airflow can wait without occupying a worker.
    """

    max_retries: int = 4
    first_wait: float = 0.5
    max_wait: float = 60.0

    def should_retry(self, call: Call[Any], error: BaseException | None) -> bool:
        """Return whether the client sends this call again after this error.

        :param call: the call.
        :param error: the error, or None.
        """
        if not isinstance(error, TingTingAPIError):
            return False
        if (error.retry_after or 0) > self.max_wait:
            return False
        if call.retry_safety is RetrySafety.READ:
            return is_transient(error)
        if call.retry_safety is RetrySafety.NEVER:
            return False
        return isinstance(error, TingTingNeverSentError)

    async def send(self, call: Call[T]) -> T:
        """Send a call, and again after errors that may pass.

        :param call: the call.
        :raises TingTingAPIError: the last attempt failed.
        """
        attempt = 1
        while True:
            try:
                return await call
            except TingTingAPIError as error:
                if attempt > self.max_retries or not self.should_retry(call, error):
                    raise
                seconds = self.wait(attempt, error)
                log.warning("Sending %s again in %.1f s: %s", call.name, seconds, error)
            await Pause(seconds)
            attempt += 1

    def wait(self, attempt: int, error: TingTingAPIError) -> float:
        """Return the seconds until the next attempt.

        :param attempt: the number of the attempt that failed, from 1.
        :param error: what it raised.
        """
        # Not before the time that the server named; the jitter spreads clients that were given the same time.
        jitter = random.uniform(0.0, min(self.first_wait * 2 ** min(attempt - 1, 30), self.max_wait))
        return (error.retry_after or 0.0) + jitter
