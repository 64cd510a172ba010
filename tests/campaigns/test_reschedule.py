"""The schedule and the credit limit of an earlier try's campaign are compared with those that the task wants now."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from support.scripted_server import BEGINS, ScriptedServer

from airflow_provider_tingting.api.models import Campaign
from airflow_provider_tingting.api.stale_reads import READ_INTERVAL
from airflow_provider_tingting.campaigns.marker import CampaignSpec
from airflow_provider_tingting.campaigns.reschedule import apply_schedule
from airflow_provider_tingting.errors import TingTingCampaignError, TingTingValidationError
from airflow_provider_tingting.timezones import NEPAL


def nepal(**after: int) -> str:
    """A moment so long after the script's begin."""
    return (datetime.fromtimestamp(BEGINS, NEPAL) + timedelta(**after)).isoformat()


TEN, ELEVEN, YESTERDAY = nepal(hours=1), nepal(hours=2), nepal(days=-1)


def wanted(schedule: str | None = None, credit_limit: float | None = None) -> CampaignSpec:
    return CampaignSpec(
        name="Water",
        services="PHONE",
        user_phone=(3,),
        message="Namaste",
        schedule=schedule,
        credit_limit=credit_limit,
    )


def existing(schedule: str | None = None, credit_limit: float | None = None) -> Campaign:
    return Campaign(id=7, status="Not Started", schedule=schedule, credit_limit=credit_limit)


def apply(spec: CampaignSpec, campaign: Campaign, **script: Any) -> tuple[Campaign, ScriptedServer]:
    """Apply the task's schedule; return the campaign as it is then, and the server that was asked."""
    server = ScriptedServer(**{"update_campaign": None, "get_campaign": existing(spec.schedule), **script})
    return server.run(apply_schedule(campaign, spec)), server


def test_another_schedule_is_sent_and_read_back(logged: Callable[[], str]) -> None:
    campaign, server = apply(wanted(ELEVEN), existing(TEN))

    assert campaign.schedule == ELEVEN
    assert server.sent() == ["update_campaign", "get_campaign"]
    assert server.calls[0].request.json == {"schedule": ELEVEN}
    assert server.now == BEGINS
    assert f"The task wants {ELEVEN} now, and the campaign has got it" in logged()


def test_a_schedule_that_shows_late_is_read_again() -> None:
    campaign, server = apply(
        wanted(ELEVEN), existing(TEN), get_campaign=[existing(TEN), existing(TEN), existing(ELEVEN)]
    )

    assert campaign.schedule == ELEVEN
    assert server.pauses("get_campaign") == [READ_INTERVAL, READ_INTERVAL]


def test_a_schedule_that_does_not_show_is_an_error() -> None:
    with pytest.raises(
        TingTingCampaignError, match=r"has taken the schedule .* but the campaign keeps its own"
    ) as caught:
        apply(wanted(ELEVEN), existing(TEN), get_campaign=existing(TEN))
    assert (caught.value.campaign_id, caught.value.status) == (7, "Not Started")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (TEN, nepal(hours=1, seconds=59)),
        (nepal(hours=1, seconds=59), TEN),
        (None, None),
        (None, ""),
        (YESTERDAY, YESTERDAY),
        (None, YESTERDAY),
    ],
    ids=["seconds later", "seconds earlier", "none", "an empty one", "both passed", "passed and left out"],
)
def test_the_same_schedule_is_not_sent_and_nothing_is_said(
    before: str | None, after: str | None, logged: Callable[[], str]
) -> None:
    campaign = existing(before)

    same, server = apply(wanted(after), campaign)
    assert same is campaign
    assert server.sent() == []
    assert "Campaign 7" not in logged()


@pytest.mark.parametrize(
    ("before", "after"), [(TEN, nepal(hours=1, minutes=1)), (None, TEN)], ids=["a minute later", "a first one"]
)
def test_a_schedule_that_differs_by_a_minute_is_sent(before: str | None, after: str) -> None:
    assert apply(wanted(after), existing(before))[1].calls[0].request.json == {"schedule": after}


@pytest.mark.parametrize(
    ("campaign", "spec", "says"),
    [
        (existing(TEN), wanted(), f"keeps its schedule: it is {TEN}, though the task says none now"),
        (existing(TEN), wanted(YESTERDAY), f"keeps its schedule: it is {TEN}, though the task says {YESTERDAY} now"),
        (existing(), wanted(credit_limit=5), "keeps its credit limit: it is none, though the task says 5 now"),
        (
            existing(credit_limit=12.5),
            wanted(credit_limit=1234567),
            "keeps its credit limit: it is 12.5, though the task says 1234567 now",
        ),
    ],
    ids=["no schedule any more", "a schedule that has passed", "a credit limit", "another credit limit"],
)
def test_what_tingting_does_not_let_change_is_said_with_both_values(
    campaign: Campaign, spec: CampaignSpec, says: str, logged: Callable[[], str]
) -> None:
    same, server = apply(spec, campaign)

    assert same is campaign
    assert server.sent() == []
    assert f"Campaign 7 was created by an earlier attempt and {says}" in logged()


@pytest.mark.parametrize("limit", [None, 0.0], ids=["none", "zero"])
def test_no_credit_limit_and_one_of_zero_are_the_same(limit: float | None, logged: Callable[[], str]) -> None:
    apply(wanted(credit_limit=limit), existing(credit_limit=0.0 if limit is None else None))

    assert "credit limit" not in logged()


def test_a_refused_schedule_is_an_error_that_names_both_schedules_and_what_tingting_says() -> None:
    refusal = TingTingValidationError("update_campaign", "no.", status_code=400, fields={"schedule": ("no.",)})

    with pytest.raises(TingTingValidationError) as caught:
        apply(wanted(ELEVEN), existing(TEN), update_campaign=refusal)
    assert f"keeps its schedule: it is {TEN}, though the task says {ELEVEN} now" in str(caught.value)
    assert (caught.value.campaign_id, caught.value.status_code) == (7, 400)
    assert caught.value.fields == {"schedule": ("no.",)}


@pytest.mark.parametrize(("before", "kept"), [(TEN, TEN), (None, "none")], ids=["a schedule", "none"])
def test_a_schedule_that_passes_on_its_way_leaves_the_campaign_as_it_is(
    before: str | None, kept: str, logged: Callable[[], str]
) -> None:
    soon = nepal(seconds=90)

    def refuse_late(call: Any) -> Any:
        server.now += 100
        return TingTingValidationError("update_campaign", "no.", status_code=400)

    server = ScriptedServer(update_campaign=refuse_late)
    campaign = existing(before)

    assert server.run(apply_schedule(campaign, wanted(soon))) is campaign
    assert f"keeps its schedule: it is {kept}, though the task says {soon} now" in logged()
