"""A retry policy for Airflow 3.3 and later, which retries errors that may pass after a delay and fails on the others.

Airflow before 3.3 has no retry policies. On every version the operators fail without a retry on the errors in
`NON_RETRYABLE`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_tingting.errors import (
    NON_RETRYABLE,
    TingTingCampaignFailedError,
    TingTingCampaignTimeoutError,
    TingTingConfigError,
    TingTingNeverSentError,
    TingTingOutcomeUnknownError,
    TingTingRateLimitedError,
)

if TYPE_CHECKING:
    from airflow.sdk import ExceptionRetryPolicy

#: The longest delay in seconds that a server's `Retry-After` leads to.
MAX_DELAY = 3600.0


def tingting_retry_policy(
    *,
    unreachable: timedelta = timedelta(minutes=1),
    unanswered: timedelta = timedelta(minutes=2),
    rate_limited: timedelta = timedelta(minutes=1),
) -> ExceptionRetryPolicy:
    """Return a `retry_policy` for TingTing's operators and sensors; `retries` still limits their number.

    Errors that every retry would meet again fail at once. After a rate limit the delay is the `Retry-After` of the
    response, at most an hour.

    :param unreachable: the delay when nothing could be sent, default one minute.
    :param unanswered: the delay when a response was lost, default two minutes; the retry checks before it sends.
    :param rate_limited: the delay after too many requests without a `Retry-After`, default one minute.
    :raises TingTingConfigError: this Airflow has no retry policies; they came with 3.3.
    """
    try:
        from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryRule
    except ImportError:
        raise TingTingConfigError(
            "This Airflow has no retry policies; they came with 3.3. Leave retry_policy out: operators fail without a "
            "retry on errors that every retry would meet again."
        ) from None

    class _Policy(ExceptionRetryPolicy):
        """Rules by class of error; a `Retry-After` replaces the delay of a rule."""

        def evaluate(self, exception: BaseException, *rest: Any, **named: Any) -> Any:
            decision = super().evaluate(exception, *rest, **named)
            retry_after = getattr(exception, "retry_after", None)
            if decision.action is RetryAction.RETRY and retry_after:
                return type(decision).retry(
                    delay=timedelta(seconds=min(retry_after, MAX_DELAY)), reason="TingTing asked to wait"
                )
            return decision

    reasons = {
        **NON_RETRYABLE,
        TingTingCampaignFailedError: "the campaign has ended; a retry reports the same outcome and calls no contact",
    }
    fail = [RetryRule(exception=kind, action=RetryAction.FAIL, reason=reason) for kind, reason in reasons.items()]
    again = [
        RetryRule(exception=kind, action=RetryAction.RETRY, retry_delay=delay, reason=reason)
        for kind, delay, reason in (
            (TingTingRateLimitedError, rate_limited, "too many requests"),
            (TingTingNeverSentError, unreachable, "TingTing could not be reached; nothing was sent"),
            (TingTingOutcomeUnknownError, unanswered, "no response came; the retry checks before it sends"),
            (TingTingCampaignTimeoutError, unanswered, "the campaign continues; the retry re-attaches"),
        )
    ]
    return _Policy(rules=[*fail, *again])
