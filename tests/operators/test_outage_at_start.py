"""A task that runs a campaign waits out an outage before its request as it does after it."""

from __future__ import annotations

import pytest
from support.campaigns import a_campaign, dialled_once, reads, writes
from support.task_context import execute

from airflow_provider_tingting.errors import TingTingNeverSentError, TingTingServerError
from airflow_provider_tingting.operators.campaign import TingTingRunCampaignOperator
from airflow_provider_tingting.sandbox import Sandbox

pytestmark = pytest.mark.usefixtures("tingting_conn", "virtual_time")

# Requests for each read: the client sends a failed read four times more.
REQUESTS_PER_READ = 5


def running(campaign: int, **changes: object) -> TingTingRunCampaignOperator:
    return TingTingRunCampaignOperator(task_id="run", campaign_id=campaign, deferrable=False, **changes)


def test_an_outage_before_the_request_is_waited_out_in_one_try(sandbox: Sandbox) -> None:
    campaign = a_campaign(sandbox)
    sandbox.faults.add("503-html", call="get", times=5 * REQUESTS_PER_READ)

    result, _ = execute(running(campaign))

    assert result["status"] == "Completed"
    assert writes(sandbox) == ["run_campaign"]
    assert dialled_once(sandbox)


@pytest.mark.parametrize(("tolerated", "pause"), [(600, 30), (120, 12), (1, 5)], ids=["ten minutes", "two", "a second"])
def test_after_a_read_that_failed_the_status_is_read_again_a_tenth_of_what_is_tolerated_later(
    sandbox: Sandbox, tolerated: int, pause: int
) -> None:
    campaign = a_campaign(sandbox)
    sandbox.faults.add("503-html", call="get", times=REQUESTS_PER_READ)

    execute(running(campaign, tolerate_outage=tolerated, wait_for_completion=False))

    failed, succeeded = (sandbox.requests[index].at for index in (REQUESTS_PER_READ - 1, REQUESTS_PER_READ))
    # Up to a fifth more, at random.
    assert pause <= succeeded - failed <= 1.2 * pause + 1


def test_a_request_that_was_never_sent_is_sent_once_tingting_is_back(sandbox: Sandbox) -> None:
    campaign = a_campaign(sandbox)
    sandbox.faults.add("429", call="run", times=3, value=120)

    execute(running(campaign))

    assert writes(sandbox) == ["run_campaign"] * 4
    assert dialled_once(sandbox)


def test_an_outage_that_lasts_longer_than_tolerated_fails_the_try_without_a_request(sandbox: Sandbox) -> None:
    campaign = a_campaign(sandbox)
    sandbox.faults.add("503-html", call="get", times="*")

    with pytest.raises(TingTingServerError):
        execute(running(campaign, tolerate_outage=120))

    assert 2 * REQUESTS_PER_READ <= reads(sandbox) <= 26 * REQUESTS_PER_READ
    assert writes(sandbox) == []


@pytest.mark.parametrize("limit", ["tolerate_outage", "timeout"])
def test_the_wait_ends_in_time(sandbox: Sandbox, limit: str) -> None:
    campaign = a_campaign(sandbox)

    with sandbox.outage(), pytest.raises(TingTingNeverSentError):
        execute(running(campaign, **{limit: 30}))

    assert writes(sandbox) == []
