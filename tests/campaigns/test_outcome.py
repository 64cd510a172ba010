"""Whether a campaign is a success is judged by its contacts, not by a rate that was rounded for reading."""

from __future__ import annotations

import pytest

from airflow_provider_tingting.api.models import Campaign
from airflow_provider_tingting.campaigns.outcome import describe, judge
from airflow_provider_tingting.errors import TingTingCampaignFailedError
from airflow_provider_tingting.reports.summary import CampaignSummary

COMPLETED = Campaign.model_validate({"id": 1, "status": "Completed", "progress_percent": 100})


def a_summary(reached: int, contacts: int) -> CampaignSummary:
    return CampaignSummary(contacts=contacts, reached=reached, not_reached=contacts - reached)


@pytest.mark.parametrize(
    ("success_when", "reached", "contacts"),
    [(1.0, 99_996, 100_000), (1, 19_999, 20_000), (0.5, 499_999, 1_000_000), (1 / 3, 333_333, 1_000_000), (0.5, 0, 0)],
)
def test_a_few_contacts_short_of_the_share_are_too_few(success_when, reached, contacts):
    with pytest.raises(TingTingCampaignFailedError, match="success_when asks for"):
        judge(COMPLETED, a_summary(reached, contacts), success_when)


@pytest.mark.parametrize(
    ("success_when", "reached", "contacts"),
    [(1 / 3, 1, 3), (95 / 700, 95, 700), (0.07, 7, 100), (0.29, 290_000, 1_000_000), (1, 3, 3), (0, 0, 5), (0, 0, 0)],
)
def test_exactly_the_share_is_enough(success_when, reached, contacts):
    judge(COMPLETED, a_summary(reached, contacts), success_when)


@pytest.mark.parametrize(
    ("reached", "contacts", "says"),
    [(99_996, 100_000, ">99 %"), (4, 100_000, "<1 %"), (5, 5, "100 %"), (0, 5, "0 %"), (1, 3, "33 %")],
)
def test_a_share_that_is_not_quite_all_or_nobody_is_not_rounded_to_it(reached, contacts, says):
    assert f"{reached} reached ({says})" in describe(a_summary(reached, contacts))
