"""What counts as a success is judged in the worker, in the same words whether the task had deferred or not."""

from __future__ import annotations

import pytest
from durability.in_process import once
from support.campaigns import NUMBERS, a_campaign, connection
from support.task_context import REFUSED

from airflow_provider_tingting.errors import TingTingCampaignFailedError
from airflow_provider_tingting.operators.campaign import TingTingRunCampaignOperator

pytestmark = pytest.mark.parametrize("deferred", [False, True], ids=["in the worker", "deferred"])


@pytest.fixture(autouse=True)
def _time(virtual_time, monkeypatch, sandbox):
    monkeypatch.setenv("AIRFLOW_CONN_TINGTING_DEFAULT", connection(sandbox))


def ran(sandbox, deferred, *outcomes, **changes):
    campaign = a_campaign(sandbox, outcome=None)
    for number, outcome in zip(NUMBERS, outcomes, strict=True):
        sandbox.world.script_outcome(number, outcome)

    def make():
        return TingTingRunCampaignOperator(
            task_id="run", campaign_id=campaign, poll_interval=20, deferrable=deferred, **changes
        )

    return once(make, store=None, deferred=deferred)


HALF = ("completed", "hungup", "unanswered", "failed")


@pytest.mark.parametrize("success_when", [None, 0, 0.5, 0.25, lambda summary: summary.reached == 2])
def test_a_campaign_that_meets_the_condition_succeeds(sandbox, deferred, success_when):
    result = ran(sandbox, deferred, *HALF, success_when=success_when)

    assert (result["reached"], result["reach_rate"]) == (2, 0.5)


@pytest.mark.parametrize(
    ("success_when", "says"),
    [
        (0.51, r"success_when asks for 51\s?%"),
        (1, "success_when asks for 100"),
        (lambda _: False, "success_when returned False"),
    ],
)
def test_a_campaign_that_does_not_fails_with_the_figures(sandbox, deferred, success_when, says):
    with pytest.raises(TingTingCampaignFailedError, match=says) as raised:
        ran(sandbox, deferred, *HALF, success_when=success_when)

    assert "Of 4 contacts: 2 reached (50 %), 2 not reached" in str(raised.value)
    assert "A retry calls no contact again" in str(raised.value)


def test_a_campaign_that_reached_no_contact_does_not_pass_silently(sandbox, deferred):
    with pytest.raises(TingTingCampaignFailedError, match=r"no contact was reached.*Of 4 contacts: 0 reached"):
        ran(sandbox, deferred, *["unanswered"] * 4)


def test_it_passes_when_that_is_said_to_be_fine(sandbox, deferred):
    assert ran(sandbox, deferred, *["unanswered"] * 4, success_when=0)["reached"] == 0


def test_a_condition_that_breaks_fails_the_task_and_a_retry_says_the_same(sandbox, deferred):
    with pytest.raises(ZeroDivisionError):
        ran(sandbox, deferred, *HALF, success_when=lambda summary: summary.contacts / 0 > 1)


def test_a_condition_that_is_none_is_refused_before_a_contact_is_called(sandbox, deferred):
    with pytest.raises(REFUSED, match="success_when"):
        ran(sandbox, deferred, *HALF, success_when="half")

    assert not sandbox.ledger.dialled


def test_a_terminated_campaign_fails_whatever_the_condition_and_says_how_far_it_got(sandbox, virtual_time, deferred):
    campaign = a_campaign(sandbox)

    # The first call begins after a second; four are begun in each.
    virtual_time.after(1.3, lambda: sandbox.world.stop_campaign(campaign))

    def make():
        return TingTingRunCampaignOperator(
            task_id="run", campaign_id=campaign, poll_interval=20, deferrable=deferred, success_when=0
        )

    with pytest.raises(TingTingCampaignFailedError, match=r"ended as Terminated at \d+ %\. Of 4 contacts") as raised:
        once(make, store=None, deferred=deferred)

    assert "A retry calls no contact again" in str(raised.value)
