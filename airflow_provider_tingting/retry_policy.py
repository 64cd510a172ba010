"""A ready retry policy for Airflow 3.3 and later: what can pass is tried again when it may have passed, the rest not.

On older versions there are no retry policies, and none is needed for the rest: there and here the operators fail a task
without further tries when no retry can cure it.
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

#: No server's wish keeps a task waiting for longer (seconds).
LONGEST_DELAY = 3600.0


def tingting_retry_policy(
    *,
    unreachable: timedelta = timedelta(minutes=1),
    unanswered: timedelta = timedelta(minutes=2),
    rate_limited: timedelta = timedelta(minutes=1),
) -> ExceptionRetryPolicy:
    """Return a `retry_policy` for TingTing's operators and sensors; `retries` still says how often.

    What no retry can cure fails at once. A rate limit waits as long as TingTing asks.

    :param unreachable: how long to wait when nothing could be sent.
    :param unanswered: how long to wait when an answer was lost; the retry looks before it sends.
    :param rate_limited: how long to wait after too many requests, when TingTing names no time.
    :raises TingTingConfigError: this Airflow has no retry policies; they came with 3.3.
    """
    try:
        from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryRule
    except ImportError:
        raise TingTingConfigError(
            "This Airflow has no retry policies; they came with 3.3. Leave retry_policy off: operators fail without "
            "further tries by themselves when no retry can help."
        ) from None

    class _Policy(ExceptionRetryPolicy):
        """Rules by kind of error, but a time that TingTing named goes before the rule's."""

        def evaluate(self, exception: BaseException, *rest: Any, **named: Any) -> Any:
            decision = super().evaluate(exception, *rest, **named)
            asked = getattr(exception, "retry_after", None)
            if decision.action is RetryAction.RETRY and asked:
                return type(decision).retry(
                    delay=timedelta(seconds=min(asked, LONGEST_DELAY)), reason="TingTing asked to wait"
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
            (TingTingOutcomeUnknownError, unanswered, "no answer came; the retry looks before it sends"),
            (TingTingCampaignTimeoutError, unanswered, "the campaign goes on; the retry re-attaches"),
        )
    ]
    return _Policy(rules=[*fail, *again])
