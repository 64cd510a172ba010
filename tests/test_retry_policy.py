from __future__ import annotations

from datetime import timedelta

import pytest
from support.airflow_home import AIRFLOW_VERSION

from airflow_provider_tingting.errors import (
    TingTingAuthError,
    TingTingCampaignFailedError,
    TingTingConfigError,
    TingTingError,
    TingTingNeverSentError,
    TingTingOutcomeUnknownError,
    TingTingRateLimitedError,
    TingTingServerError,
)
from airflow_provider_tingting.retry_policy import tingting_retry_policy

newest = pytest.mark.newest


@newest
@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (TingTingAuthError("get_campaign", "No."), "TingTing refuses the token"),
        (TingTingConfigError("No token."), "the connection or an argument is wrong"),
        (TingTingCampaignFailedError("no contact was reached.", campaign_id=79), "the campaign has ended"),
    ],
    ids=["token", "configuration", "campaign failed"],
)
def test_an_error_that_every_retry_would_meet_again_fails_at_once(error: TingTingError, reason: str) -> None:
    decision = tingting_retry_policy().evaluate(error, 1, 4)

    assert decision.action.value == "fail"
    assert decision.reason.startswith(reason)


@newest
@pytest.mark.parametrize(
    ("error", "minutes"),
    [
        (TingTingNeverSentError("get_campaign", "No."), 3),
        (TingTingOutcomeUnknownError("run_campaign", "Lost."), 5),
        (TingTingServerError("run_campaign", "Lost.", status_code=502), 5),
        (TingTingRateLimitedError("get_campaign", "Slow down."), 7),
    ],
)
def test_what_may_pass_is_tried_again_after_the_time_given(error: TingTingError, minutes: int) -> None:
    policy = tingting_retry_policy(
        unreachable=timedelta(minutes=3), unanswered=timedelta(minutes=5), rate_limited=timedelta(minutes=7)
    )
    decision = policy.evaluate(error, 1, 4)

    assert (decision.action.value, decision.retry_delay) == ("retry", timedelta(minutes=minutes))


@newest
def test_the_time_that_tingting_asks_for_goes_before_ours() -> None:
    error = TingTingRateLimitedError("get_campaign", "Slow down.", retry_after=600)

    assert tingting_retry_policy().evaluate(error, 1, 4).retry_delay == timedelta(seconds=600)


@newest
def test_other_errors_are_left_to_airflow() -> None:
    assert tingting_retry_policy().evaluate(RuntimeError("other"), 1, 4).action.value == "default"


@newest
def test_a_dag_that_uses_the_policy_can_be_serialised() -> None:
    from airflow.sdk import ExceptionRetryPolicy

    plain = tingting_retry_policy().serialize()

    assert ExceptionRetryPolicy.deserialize(plain).rules


@pytest.mark.skipif(AIRFLOW_VERSION >= (3, 3), reason="Airflow 3.3 has retry policies")
def test_before_airflow_3_3_a_sentence_says_why_there_is_none() -> None:
    with pytest.raises(TingTingConfigError, match=r"they came with 3\.3"):
        tingting_retry_policy()
