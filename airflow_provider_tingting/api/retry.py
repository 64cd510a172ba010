"""Decides whether a failed call is sent again, and when. Pure: tenacity runs the loop in both clients.

A read is sent again after any fault that may pass. A write is sent again only when it certainly never left this
machine; what to do about a write whose outcome is unknown is decided a floor above, by looking.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from tenacity import RetryCallState, retry_base, stop_after_attempt, wait_random_exponential

from airflow_provider_tingting.api.protocol import Call, Repeat
from airflow_provider_tingting.errors import (
    TingTingAPIError,
    TingTingNeverSentError,
    TingTingOutcomeUnknownError,
    TingTingRateLimitedError,
    TingTingServerError,
    TingTingUnreadableReplyError,
)

log = logging.getLogger(__name__)

PASSING_STATUSES = frozenset({429, 502, 503, 504})


def is_passing(error: BaseException | None) -> bool:
    """Whether the fault may be gone in a moment: connection faults, 408, 429, 502, 503, 504."""
    if isinstance(error, TingTingServerError | TingTingRateLimitedError):
        return error.status_code in PASSING_STATUSES
    if isinstance(error, TingTingUnreadableReplyError):
        return False
    return isinstance(error, TingTingNeverSentError | TingTingOutcomeUnknownError)


@dataclass(frozen=True)
class RetryPolicy:
    """How patient a client is.

    :param max_retries: how many times a call is sent again; 0 for never.
    :param first_wait: seconds, the upper bound of the first random wait; doubles with each attempt.
    :param longest_wait: seconds, the upper bound of any single wait. A longer `Retry-After` is not sat out: the
        error is raised with `retry_after`, so that Airflow can wait without holding a worker.
    """

    max_retries: int = 4
    first_wait: float = 0.5
    longest_wait: float = 60.0

    def may_repeat(self, call: Call[Any], error: BaseException | None) -> bool:
        """Whether this call may be sent again after this error."""
        if not isinstance(error, TingTingAPIError):
            return False
        if (error.retry_after or 0) > self.longest_wait:
            return False
        if call.repeat is Repeat.READ:
            return is_passing(error)
        if call.repeat is Repeat.LOOK_FIRST:
            return False
        return isinstance(error, TingTingNeverSentError)

    def options(self, call: Call[Any]) -> dict[str, Any]:
        """Return the arguments for tenacity's `Retrying` and `AsyncRetrying` alike."""
        jitter = wait_random_exponential(multiplier=self.first_wait, max=self.longest_wait)

        def wait(state: RetryCallState) -> float:
            # Never before the time the server named, and not everybody at that very moment.
            return (getattr(_error(state), "retry_after", None) or 0.0) + jitter(state)

        def tell(state: RetryCallState) -> None:
            log.warning("Sending %s again in %.1f s: %s", call.name, state.upcoming_sleep, _error(state))

        return {
            "retry": _When(self, call),
            "wait": wait,
            "stop": stop_after_attempt(self.max_retries + 1),
            "before_sleep": tell,
            "reraise": True,
        }


class _When(retry_base):
    def __init__(self, policy: RetryPolicy, call: Call[Any]) -> None:
        self._policy = policy
        self._call = call

    def __call__(self, retry_state: RetryCallState) -> bool:
        return self._policy.may_repeat(self._call, _error(retry_state))


def _error(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome is not None else None
