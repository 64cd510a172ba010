"""Decide whether a failed call is sent again, and when; tenacity runs the loop in both clients.

A read is sent again after every error that may pass. A write is sent again only when its request certainly did not
leave this machine. A write whose outcome is unknown is an error here: the caller reads its effect first.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from tenacity import RetryCallState, retry_base, stop_after_attempt, wait_random_exponential

from airflow_provider_tingting.api.protocol import Call, RetrySafety
from airflow_provider_tingting.errors import (
    TingTingAPIError,
    TingTingNeverSentError,
    TingTingOutcomeUnknownError,
    TingTingRateLimitedError,
    TingTingServerError,
    TingTingUnreadableReplyError,
)

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

    def options(self, call: Call[Any]) -> dict[str, Any]:
        """Return the arguments for tenacity's `Retrying` and `AsyncRetrying` alike.

        :param call: the call.
        """
        jitter = wait_random_exponential(multiplier=self.first_wait, max=self.max_wait)

        def wait(state: RetryCallState) -> float:
            # Not before the time that the server named; the jitter spreads clients that were given the same time.
            return (getattr(_error(state), "retry_after", None) or 0.0) + jitter(state)

        def log_retry(state: RetryCallState) -> None:
            log.warning("Sending %s again in %.1f s: %s", call.name, state.upcoming_sleep, _error(state))

        return {
            "retry": _RetryIf(self, call),
            "wait": wait,
            "stop": stop_after_attempt(self.max_retries + 1),
            "before_sleep": log_retry,
            "reraise": True,
        }


class _RetryIf(retry_base):
    def __init__(self, policy: RetryPolicy, call: Call[Any]) -> None:
        self._policy = policy
        self._call = call

    def __call__(self, retry_state: RetryCallState) -> bool:
        return self._policy.should_retry(self._call, _error(retry_state))


def _error(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome is not None else None
